//! `ssh.reuse_master`: the connection that the user's own ssh holds open.

use std::{
    fs,
    process::{Command, Output},
};

use trueup::transport::{
    Connection, Exit,
    dial::Dial,
    ssh::{Destination, HostKey, Ssh},
};

use crate::{
    bench::Bench,
    finish, script,
    sshd::{PATIENCE, Sshd, run, user},
};

/// A master as people have it: by their own configuration, with the one login.
struct Users<'b> {
    bench: &'b Bench,
    port: String,
}

impl<'b> Users<'b> {
    fn of(bench: &'b Bench, sshd: &Sshd) -> Self {
        let line = format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.public("ed25519"));
        fs::write(bench.path("theirs"), line).expect("written");
        bench.user_config(&format!(
            "UserKnownHostsFile {}\nControlPath {}/cm-%C\nIdentityFile {}\n",
            bench.path("theirs").display(),
            bench.path("").display(),
            bench.path("key").display(),
        ));
        let port = sshd.port.to_string();
        Self { bench, port }
    }

    fn ssh(&self, words: &[&str]) -> Output {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.bench.path("user_config"));
        ssh.args(["-p", &self.port, "-l", &user()]).args(words);
        ssh.arg("127.0.0.1").output().expect("ssh")
    }

    fn says(&self, words: &[&str]) -> String {
        String::from_utf8_lossy(&self.ssh(words).stderr).into_owned()
    }

    fn start(&self) {
        let master = self.ssh(&[
            "-o",
            "ControlMaster=yes",
            "-o",
            "ControlPersist=yes",
            "-f",
            "-N",
        ]);
        assert!(master.status.success(), "{master:?}");
    }

    fn runs(&self) -> bool {
        self.ssh(&["-O", "check"]).status.success()
    }
}

impl Drop for Users<'_> {
    fn drop(&mut self) {
        self.ssh(&["-O", "exit"]);
    }
}

async fn connect(bench: &Bench, sshd: &Sshd, host_key: HostKey) -> Ssh {
    let way = Destination {
        reuse_master: true,
        ..bench.way(sshd.port, host_key)
    };
    let connected = Ssh::connect_from(&bench.places(), &way, PATIENCE).await;
    connected.expect("connected")
}

async fn works(ssh: &Ssh, port: u16) {
    let running = ssh.spawn(&script("echo here")).await.expect("started");
    let (exit, out, _) = finish(running).await;
    assert_eq!((exit, out.as_slice()), (Exit::Code(0), &b"here\n"[..]));
    ssh.dial("127.0.0.1", port)
        .await
        .map(drop)
        .expect("dialled");
    assert!(ssh.is_alive().await);
}

#[tokio::test]
async fn the_users_own_connection_is_taken_and_left_open() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let users = Users::of(&bench, &sshd);
    let logins = || sshd.count("Accepted publickey");

    // None runs yet.
    let own = connect(&bench, &sshd, HostKey::Strict).await;
    works(&own, sshd.port).await;
    Box::new(own).close().await;
    assert_eq!(logins(), 1, "{}", sshd.log());
    assert!(!users.runs(), "ours is no master of theirs");

    users.start();
    assert_eq!(logins(), 2, "{}", sshd.log());
    for _ in 0..2 {
        let taken = connect(&bench, &sshd, HostKey::Strict).await;
        works(&taken, sshd.port).await;
        Box::new(taken).close().await;
        assert_eq!(logins(), 2, "{}", sshd.log());
        assert!(users.runs(), "it was not ours to end");
    }
    bench.assert_clean();

    // A dead one leaves its socket behind.
    let said = users.says(&["-O", "check"]);
    let (_, pid) = said.split_once("pid=").expect("a number");
    let pid = pid.trim_end().trim_end_matches(')');
    run("kill", &["-9", pid]);
    let own = connect(&bench, &sshd, HostKey::Strict).await;
    works(&own, sshd.port).await;
    Box::new(own).close().await;
    assert_eq!(logins(), 3, "{}", sshd.log());
    bench.assert_clean();
}

#[tokio::test]
async fn where_the_key_is_pinned_it_is_asked_for() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let users = Users::of(&bench, &sshd);
    users.start();
    let pins = HostKey::Pinned(vec![sshd.public("ed25519")]);
    let own = connect(&bench, &sshd, pins).await;
    works(&own, sshd.port).await;
    Box::new(own).close().await;
    assert_eq!(sshd.count("Accepted publickey"), 2, "{}", sshd.log());
    assert!(users.runs());
    bench.assert_clean();
}
