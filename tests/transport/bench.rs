//! A client's side of a test.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;
use trueup::transport::{
    Error,
    ssh::{Destination, HostKey, Ssh, SshPaths},
};

use crate::sshd::{self, PATIENCE, Sshd, keygen, until, user};

/// A client's side: a key, places of its own, and an sshd that lets the key in.
pub struct Bench {
    folder: TempDir,
    pub public: String,
}

impl Bench {
    pub fn new() -> Self {
        // Short, because control sockets will live below.
        let folder = tempfile::Builder::new()
            .prefix("tt")
            .tempdir_in("/tmp")
            .expect("a folder");
        let public = keygen(&folder.path().join("key"), "ed25519");
        fs::create_dir(folder.path().join("run")).expect("a folder");
        Self { folder, public }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn sshd(&self, kinds: &[&str]) -> Sshd {
        Sshd::start(&self.path("sshd"), kinds, &self.public, "")
    }

    pub fn places(&self) -> SshPaths {
        SshPaths {
            user_config: self.path("user_config"),
            system_config: self.path("none"),
            known_hosts: self.path("state/trueup/known_hosts"),
            known_instances: self.path("state/trueup/known_instances"),
            runtime: vec![self.path("run")],
        }
    }

    pub fn way(&self, port: u16, host_key: HostKey) -> Destination {
        Destination {
            name: "client".into(),
            address: "127.0.0.1".into(),
            port: Some(port),
            user: Some(user()),
            key_file: Some(self.path("key")),
            private_key: None,
            instance: None,
            host_key,
            reuse_master: false,
        }
    }

    pub async fn connect(&self, port: u16, host_key: HostKey) -> Result<Ssh, Error> {
        Ssh::connect_from(&self.places(), &self.way(port, host_key), PATIENCE).await
    }

    /// Connected, with the host key pinned.
    pub async fn connected(&self, sshd: &Sshd) -> Ssh {
        let pins = HostKey::Pinned(vec![sshd.public("ed25519")]);
        self.connect(sshd.port, pins).await.expect("connected")
    }

    pub fn user_config(&self, text: &str) {
        fs::write(self.path("user_config"), text).expect("written");
    }

    /// Command lines of the processes that hold on to our folder, sshd and zombies aside.
    pub fn processes(&self) -> Vec<String> {
        let run = self.path("run").display().to_string();
        let all = sshd::run("ps", &["-eo", "stat=,args="]);
        let ours = all
            .lines()
            .filter(|line| line.contains(&run) && !line.starts_with('Z'));
        ours.map(str::to_owned).collect()
    }

    /// No process, no folder.
    pub fn assert_clean(&self) {
        until("the end of every ssh", || self.processes().is_empty());
        let left: Vec<_> = fs::read_dir(self.path("run")).expect("there").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// The master's process id, by its control socket.
pub fn master_of(ssh: &Ssh) -> String {
    let socket = ssh.control_socket();
    let mut check = Command::new("ssh");
    let out = check
        .arg("-S")
        .arg(socket)
        .args(["-O", "check", "127.0.0.1"])
        .output()
        .expect("ssh");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let (_, pid) = said.split_once("pid=").expect("a pid");
    pid.chars().take_while(char::is_ascii_digit).collect()
}
