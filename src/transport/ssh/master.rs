//! The ssh master process of a connection, and its private folder.
//!
//! It is not started by the crate `openssh`, because that cannot be cancelled (the ssh process goes on,
//! logs in, and stays for ever, since its control folder is gone), loses a ProxyCommand's stderr, and
//! waits for open channels when it ends a master.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::{
        fs::{OpenOptionsExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{
    log::Log,
    mux::{Request, send_request},
};

/// How long an unused master stays, in case this process is killed; long enough to read a plan.
const IDLE: &str = "ControlPersist=600";
/// Longest path of the folder: a socket's path has at most 108 bytes (104 on macOS), ssh adds 17.
const LONGEST: usize = 70;

/// A control folder, and the master in it once it runs. Dropping it removes both.
#[derive(Debug)]
pub(super) struct Master {
    folder: TempDir,
    log: Log,
    watch: Watch,
    pid: Option<u32>,
    /// The socket of the user's own master, which stays.
    user_socket: Option<PathBuf>,
}

impl Master {
    /// Makes the folder, below the first usable one of these.
    pub(super) fn in_folder_below(candidates: &[&Path]) -> io::Result<Self> {
        let mut refused = io::Error::other("no folder for ssh's control socket");
        for base in candidates {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            // The path of the configuration goes through the shell that runs a jump host's ssh.
            let is_usable = |text: &str| text.len() < LONGEST && text.chars().all(plain);
            if !base.is_absolute() || !base.to_str().is_some_and(is_usable) {
                continue;
            }
            let mut builder = tempfile::Builder::new();
            let builder = builder
                .prefix("trueup-")
                .permissions(Permissions::from_mode(0o700));
            match builder.tempdir_in(base) {
                Ok(folder) => {
                    return Ok(Self {
                        log: Log::new()?,
                        watch: Watch::over(folder.path())?,
                        folder,
                        pid: None,
                        user_socket: None,
                    });
                }
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn socket(&self) -> PathBuf {
        let user_socket = self.user_socket.clone();
        user_socket.unwrap_or_else(|| self.file("master"))
    }

    /// Adopts the user's own master at this socket, if it is alive.
    pub(super) fn adopt(&mut self, socket: PathBuf) -> bool {
        let alive = send_request(&socket, Request::Alive).is_ok();
        self.user_socket = alive.then_some(socket);
        alive
    }

    /// Bytes of stderr so far, for [`Master::log_since`].
    pub(super) fn log_bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// stderr of ssh and its helpers, the last of it.
    pub(super) fn log_text(&self) -> String {
        self.log.since(0)
    }

    /// stderr after the first `bytes`, the last of it.
    pub(super) fn log_since(&self, bytes: u64) -> String {
        self.log.since(bytes)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let file = self.file(name);
        let mut options = OpenOptions::new();
        let mut open = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&file)?;
        open.write_all(text.as_bytes())?;
        Ok(file)
    }

    /// Logs in; whether that succeeded. ssh then goes to the background.
    pub(super) async fn start(&mut self, config: &Path, address: &str) -> io::Result<bool> {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(config).arg("-S").arg(self.socket());
        command.args(["-M", "-f", "-N", "-o", IDLE, "-o", "BatchMode=yes"]);
        // In the background, ssh and its helpers keep stderr open only with `-v`, which also reports the
        // host key.
        command.args(["-v", "--", address]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log.writer()?);
        let status = ProcessGroup::spawn(command)?.wait().await?;
        if !status.success() {
            return Ok(false);
        }
        let socket = self.socket();
        let alive =
            tokio::task::spawn_blocking(move || send_request(&socket, Request::Alive)).await;
        self.pid = Some(alive.map_err(io::Error::other)??);
        Ok(true)
    }

    /// Connects up to the host key only; the output is in the log.
    pub(super) async fn scan(&self, config: &Path, address: &str) -> io::Result<()> {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(config);
        // A shared connection of the user's would not show a key.
        command.args(["-S", "none", "-N", "-T", "-vv", "--", address]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log.writer()?);
        ProcessGroup::spawn(command)?.wait().await.map(drop)
    }

    /// Whether its process responds; an idle one ends, see [`IDLE`].
    pub(super) fn is_alive(&self) -> bool {
        send_request(&self.socket(), Request::Alive).is_ok()
    }

    /// Ends the master and its open channels; the user's own is left alone.
    fn stop(&self) {
        if self.user_socket.is_some() {
            return;
        }
        let socket = self.socket();
        if send_request(&socket, Request::Terminate).is_ok() {
            return;
        }
        // It is stopped, or its socket is gone: kill it by pid, if that is still the same process.
        if let Some(pid) = self.pid {
            let script = r#"case "$(ps -o args= -p "$1")" in *"$2"*) kill -9 "$1" ;; esac"#;
            let mut kill = Command::new("sh");
            kill.args(["-c", script, "sh", &pid.to_string()])
                .arg(&socket);
            let command = kill
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let _ = command.status();
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(self.folder.path());
        self.watch.stop();
    }
}

/// Ends a master and removes its folder ($1) at the end of the pipe, if this process ended without doing
/// so. A login in progress and the agent have the folder's path in their arguments.
const WATCH: &str = r#"
trap '' HUP INT TERM QUIT
if read -r _; then exit 0; fi
ssh -F none -S "$1/master" -O exit -- master >/dev/null 2>&1
ps -A -o pid= -o args= | while read -r process words; do
  case $words in ssh*"$1/"*) kill -9 "$process" ;; esac
done
rm -rf -- "$1"
"#;

/// A shell that cleans up after this process, however that ends.
#[derive(Debug)]
struct Watch {
    shell: std::process::Child,
}

impl Watch {
    fn over(folder: &Path) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "trueup"]).arg(folder);
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // Ctrl-C in the terminal must not reach it.
        command.process_group(0);
        let shell = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { shell })
    }

    /// Ends the shell: nothing is left to clean up.
    fn stop(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            // It may have ended.
            let _ = pipe.write_all(b"end\n");
        }
        let _ = self.shell.wait();
    }
}

/// A process and its helpers (a jump host's ssh) in a process group of their own: Ctrl-C in the terminal
/// does not reach them, and dropping this before the end kills all of them.
struct ProcessGroup {
    child: tokio::process::Child,
    leader: Option<u32>,
}

impl ProcessGroup {
    fn spawn(command: Command) -> io::Result<Self> {
        let mut command = tokio::process::Command::from(command);
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let leader = child.id();
        Ok(Self { child, leader })
    }

    async fn wait(mut self) -> io::Result<std::process::ExitStatus> {
        let status = self.child.wait().await;
        if status.is_ok() {
            self.leader = None;
        }
        status
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // Not reaped yet, so the pid is still the group's.
        if let Some(leader) = self.leader {
            let mut kill = Command::new("sh");
            // dash takes no `--` here.
            kill.args(["-c", r#"kill -9 "-$1""#, "sh", &leader.to_string()]);
            let command = kill
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let _ = command.status();
        }
    }
}

/// Runs a helper and returns its output; it is killed if the future is dropped.
pub(super) async fn output(
    mut command: tokio::process::Command,
) -> io::Result<std::process::Output> {
    command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
}
