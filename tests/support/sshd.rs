//! An sshd of a test's own: its port, its host keys, its log; it dies with the value.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long anything here may take before a test gives up: generous, because nothing is measured.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Sshd {
    pub port: u16,
    pub folder: PathBuf,
    child: Child,
}

/// Runs a command that has to work.
pub fn run(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).output();
    let out = out.unwrap_or_else(|e| panic!("{program}: {e}: install openssh-server and -client"));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr),
    );
    assert!(out.status.success(), "{program} {args:?}: {stdout}{stderr}");
    stdout.into_owned()
}

/// Polls until it is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn user() -> String {
    run("id", &["-un"]).trim().to_owned()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound")
        .port()
}

/// Makes a key pair; gives the public half, without the comment.
pub fn keygen(file: &Path, kind: &str) -> String {
    run(
        "ssh-keygen",
        &[
            "-q",
            "-t",
            kind,
            "-N",
            "",
            "-C",
            "",
            "-f",
            file.to_str().expect("text"),
        ],
    );
    fs::read_to_string(file.with_extension("pub"))
        .expect("a public key")
        .trim()
        .to_owned()
}

impl Sshd {
    /// Starts one with host keys of these types; `authorized` may log in; `more` is configuration
    /// that wins over what stands here.
    pub fn start(folder: &Path, kinds: &[&str], authorized: &str, more: &str) -> Self {
        // Ports are found, then bound by another process: somebody may be quicker.
        for _ in 0..5 {
            if let Some(sshd) = Self::try_start(folder, kinds, authorized, more, free_port()) {
                return sshd;
            }
        }
        panic!(
            "sshd did not start: {}",
            fs::read_to_string(folder.join("sshd.log")).unwrap_or_default()
        );
    }

    /// Another one, on a port of one's choice: an impostor, or the machine made anew.
    pub fn start_on(port: u16, folder: &Path, kinds: &[&str], authorized: &str) -> Self {
        Self::try_start(folder, kinds, authorized, "", port).expect("sshd on the same port")
    }

    fn try_start(
        folder: &Path,
        kinds: &[&str],
        authorized: &str,
        more: &str,
        port: u16,
    ) -> Option<Self> {
        if user() == "root" {
            // sshd wants its empty folder; only the machine's own service makes it.
            fs::create_dir_all("/run/sshd").expect("/run/sshd");
        }
        fs::create_dir_all(folder).expect("a folder");
        let path = |name: &str| folder.join(name).display().to_string();
        let mut config = format!(
            "{more}\nListenAddress 127.0.0.1\nPort {port}\nUsePAM no\nStrictModes no\nUseDNS no\n\
             PidFile none\nLogLevel DEBUG1\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             AllowTcpForwarding yes\nKexAlgorithms curve25519-sha256\nAuthorizedKeysFile {}\n",
            path("authorized_keys")
        );
        for kind in kinds {
            let key = folder.join(format!("host_{kind}"));
            if !key.exists() {
                keygen(&key, kind);
            }
            config.push_str(&format!("HostKey {}\n", key.display()));
        }
        fs::write(folder.join("authorized_keys"), authorized).expect("written");
        fs::write(folder.join("sshd_config"), config).expect("written");
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("no sshd here: install openssh-server (its service need not run)");
        let mut command = Command::new(program);
        command.args(["-D", "-f", &path("sshd_config"), "-E", &path("sshd.log")]);
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .expect("install openssh-server");
        let mut sshd = Self {
            port,
            folder: folder.to_owned(),
            child,
        };
        let start = Instant::now();
        while !sshd
            .log()
            .contains(&format!("Server listening on 127.0.0.1 port {port}"))
        {
            if sshd.child.try_wait().expect("a child").is_some() || start.elapsed() > PATIENCE {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Read to its end: closing with sshd's banner unread would be a reset, which is logged
        // in other words.
        let mut knock = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        knock
            .shutdown(std::net::Shutdown::Write)
            .expect("half closed");
        std::io::Read::read_to_end(&mut knock, &mut Vec::new()).expect("sshd ends it");
        // That knock is in the log, too; from here on only what the test does.
        until("the knock's end", || {
            sshd.log().contains("Connection closed by")
        });
        fs::write(folder.join("sshd.log"), "").expect("emptied");
        Some(sshd)
    }

    pub fn public(&self, kind: &str) -> String {
        let file = self.folder.join(format!("host_{kind}.pub"));
        fs::read_to_string(file)
            .expect("a public key")
            .trim()
            .to_owned()
    }

    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.join("sshd.log")).unwrap_or_default();
        // A file that was emptied under a writer without O_APPEND would start with zeros.
        String::from_utf8_lossy(&bytes)
            .trim_start_matches('\0')
            .to_owned()
    }

    pub fn count(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Its children serve connections and would live on.
        let pid = self.child.id();
        let children = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &pid.to_string()])
            .output();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Ok(children) = children {
            for child in String::from_utf8_lossy(&children.stdout).split_whitespace() {
                let _ = Command::new("kill").arg(child).status();
            }
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.end();
    }
}
