//! The ssh process that holds a connection, its private folder, and its end.
//!
//! It is started here and not by the crate `openssh`: the crate's start cannot be cancelled (the
//! ssh process goes on, logs in, and then stays for ever, because its control folder is gone), it
//! loses what a ProxyCommand complains of, and its way to end a master waits for open channels.

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
    mux::{Request, ask},
};

/// How long a master stays when nobody uses it: only for the case that we are killed, and long
/// enough for people to think about a plan.
const IDLE: &str = "ControlPersist=600";
/// Longest path of the folder: a socket's path ends at 108 bytes (104 on macOS), ssh adds 17.
const LONGEST: usize = 70;

/// A control folder, and the master in it once it runs. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Master {
    folder: TempDir,
    log: Log,
    watch: Watch,
    pid: Option<u32>,
    /// The socket of a master that is the user's own: it stays.
    users: Option<PathBuf>,
}

impl Master {
    /// Makes the folder, below the first of these that will have it.
    pub(super) fn in_folder_below(candidates: &[&Path]) -> io::Result<Self> {
        let mut refused = io::Error::other("no folder for ssh's control socket");
        for base in candidates {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            // ssh hands the path of the configuration to the shell that runs a jump host's ssh.
            let fit = |text: &str| text.len() < LONGEST && text.chars().all(plain);
            if !base.is_absolute() || !base.to_str().is_some_and(fit) {
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
                        users: None,
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
        let users = self.users.clone();
        users.unwrap_or_else(|| self.file("master"))
    }

    /// Takes a master of the user's at this socket, if one answers there.
    pub(super) fn takes(&mut self, socket: PathBuf) -> bool {
        let answers = ask(&socket, Request::Alive).is_ok();
        self.users = answers.then_some(socket);
        answers
    }

    /// How many bytes ssh and its helpers have said so far, for [`Master::said_since`].
    pub(super) fn said_bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// What they have said, the last of it.
    pub(super) fn said(&self) -> String {
        self.log.since(0)
    }

    /// What was said after the first so many bytes, the last of it.
    pub(super) fn said_since(&self, bytes: u64) -> String {
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

    /// Logs in. ssh goes to the background once that is done, so the answer is its status.
    pub(super) async fn start(&mut self, config: &Path, address: &str) -> io::Result<bool> {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(config).arg("-S").arg(self.socket());
        command.args(["-M", "-f", "-N", "-o", IDLE, "-o", "BatchMode=yes"]);
        // In the background ssh keeps its standard error, and that of a jump host's ssh or a
        // ProxyCommand, only under `-v`. That names the key which the machine shows, too.
        command.args(["-v", "--", address]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log.writer()?);
        let status = Group::spawn(command)?.wait().await?;
        if !status.success() {
            return Ok(false);
        }
        let socket = self.socket();
        let asked = tokio::task::spawn_blocking(move || ask(&socket, Request::Alive)).await;
        self.pid = Some(asked.map_err(io::Error::other)??);
        Ok(true)
    }

    /// Goes as far as the host key and no farther; what it said is in the log.
    pub(super) async fn look(&self, config: &Path, address: &str) -> io::Result<()> {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(config);
        // A connection that a user's file would share has shown its key long ago.
        command.args(["-S", "none", "-N", "-T", "-vv", "--", address]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log.writer()?);
        Group::spawn(command)?.wait().await.map(drop)
    }

    /// Whether its process answers. One that nobody has used for a while has gone, see [`IDLE`].
    pub(super) fn is_alive(&self) -> bool {
        ask(&self.socket(), Request::Alive).is_ok()
    }

    /// Ends the master, whatever channels are open; one of the user's goes on.
    fn end(&self) {
        if self.users.is_some() {
            return;
        }
        let socket = self.socket();
        if ask(&socket, Request::Terminate).is_ok() {
            return;
        }
        // Stopped, or its socket was taken away: by number, if it is still the same process.
        if let Some(pid) = self.pid {
            let script = r#"case "$(ps -o args= -p "$1")" in *"$2"*) kill -9 "$1" ;; esac"#;
            let mut kill = Command::new("sh");
            kill.args(["-c", script, "sh", &pid.to_string()])
                .arg(&socket);
            let quiet = kill
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let _ = quiet.status();
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_dir_all(self.folder.path());
        self.watch.end();
    }
}

/// Ends a master and removes its folder ($1), when our process has gone without doing it: the pipe has
/// an end then. A login that is under way, and the agent of a private key, have the folder's path in
/// their arguments.
const WATCH: &str = r#"
trap '' HUP INT TERM QUIT
if read -r _; then exit 0; fi
ssh -F none -S "$1/master" -O exit -- master >/dev/null 2>&1
ps -A -o pid= -o args= | while read -r process words; do
  case $words in ssh*"$1/"*) kill -9 "$process" ;; esac
done
rm -rf -- "$1"
"#;

/// A shell that outlives us by as long as it takes to clean up, however we end.
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
        // Ctrl-C in the terminal is for us.
        command.process_group(0);
        let shell = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { shell })
    }

    /// All is cleaned up.
    fn end(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            // One that is gone has nothing to do either.
            let _ = pipe.write_all(b"end\n");
        }
        let _ = self.shell.wait();
    }
}

/// A process and the helpers that it starts (a jump host's ssh), in a group of their own: Ctrl-C
/// in the terminal does not reach them, and dropping this before its end kills them all.
struct Group {
    child: tokio::process::Child,
    leader: Option<u32>,
}

impl Group {
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

impl Drop for Group {
    fn drop(&mut self) {
        // Not reaped yet, so the number is still the group's.
        if let Some(leader) = self.leader {
            let mut kill = Command::new("sh");
            // dash takes no `--` here.
            kill.args(["-c", r#"kill -9 "-$1""#, "sh", &leader.to_string()]);
            let quiet = kill
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let _ = quiet.status();
        }
    }
}

/// Runs a helper to its end and gives what it printed; it dies with the caller's deadline.
pub(super) async fn output(
    mut command: tokio::process::Command,
) -> io::Result<std::process::Output> {
    command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
}
