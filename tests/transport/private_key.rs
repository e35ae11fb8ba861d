//! A private key that touches no disk: an agent of our own holds it, for the login.

use std::{
    fs,
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use secrecy::SecretString;

use super::*;
use crate::{
    canary::{Canary, finds_what_is_planted},
    gate::Gate,
};

/// Where the child of these tests finds what it connects to; without it the child is no child.
const CHILD: &str = "TRUEUP_TEST_CHILD";

fn way(bench: &Bench, sshd: &Sshd, pem: &str) -> Destination {
    Destination {
        key_file: None,
        private_key: Some(SecretString::from(pem)),
        ..bench.way(sshd.port, HostKey::Pinned(vec![sshd.public("ed25519")]))
    }
}

/// A server that lets the key in.
fn sshd_for(bench: &Bench, public: &str) -> Sshd {
    Sshd::start(&bench.path("sshd"), &["ed25519"], public, "")
}

/// Processes that run an agent in our folder.
fn agents(bench: &Bench) -> Vec<String> {
    let all = bench.processes();
    all.into_iter()
        .filter(|line| line.contains("ssh-agent"))
        .collect()
}

#[tokio::test]
async fn a_key_in_memory_logs_in_whatever_the_users_files_say() {
    let bench = Bench::new();
    let canary = Canary::new();
    let sshd = sshd_for(&bench, &canary.public);
    for config in [
        "",
        "IdentitiesOnly yes\n",
        "IdentityAgent none\nIdentitiesOnly yes\nAddKeysToAgent yes\n",
        "Host 127.0.0.1\n  IdentityAgent /nonexistent/agent\n  IdentityFile /nonexistent/key\n",
    ] {
        bench.user_config(config);
        let way = way(&bench, &sshd, &canary.pem);
        let ssh = Ssh::connect_from(&bench.places(), &way, PATIENCE).await;
        let ssh = ssh.expect(config);
        // The connection is there; the agent, and the key with it, no longer.
        assert_eq!(agents(&bench), Vec::<String>::new());
        let said = finish(ssh.spawn(&script("echo in")).await.expect("started")).await;
        assert_eq!(said.1, b"in\n");
        Box::new(ssh).close().await;
    }
    bench.assert_clean();
}

#[tokio::test]
async fn an_impostor_gets_no_login_and_a_refused_key_is_told() {
    let bench = Bench::new();
    let canary = Canary::new();
    let sshd = sshd_for(&bench, &bench.public);
    let way = way(&bench, &sshd, &canary.pem);
    let said = refusal(Ssh::connect_from(&bench.places(), &way, PATIENCE).await);
    assert!(said.contains("the key from the Parameter Store"), "{said}");
    assert!(sshd.count("userauth-request") > 0, "{}", sshd.log());
    let (port, pinned) = (sshd.port, way);
    sshd.stop();

    let folder = bench.path("impostor");
    let impostor = Sshd::start_on(port, &folder, &["ed25519"], &canary.public);
    let said = refusal(Ssh::connect_from(&bench.places(), &pinned, PATIENCE).await);
    assert!(said.contains("than the spec pins"), "{said}");
    assert!(impostor.count("Connection from") > 0, "{}", impostor.log());
    assert_eq!(impostor.count("userauth-request"), 0, "{}", impostor.log());
    assert_eq!(agents(&bench), Vec::<String>::new());
    bench.assert_clean();

    let bad = Destination {
        private_key: Some(SecretString::from("ssh-rsa AAAA a public key")),
        ..pinned
    };
    let said = refusal(Ssh::connect_from(&bench.places(), &bad, PATIENCE).await);
    assert!(said.contains("it is a public key"), "{said}");
    bench.assert_clean();
}

/// Not a test by itself: what the others run as a process of its own, with the key on stdin.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    // As with `-vv`.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::io::stderr)
        .init();
    let mut pem = String::new();
    std::io::stdin().read_to_string(&mut pem).expect("a key");
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("text");
    let places = SshPaths {
        user_config: folder.join("user_config"),
        system_config: folder.join("none"),
        known_hosts: folder.join("state/trueup/known_hosts"),
        known_instances: folder.join("state/trueup/known_instances"),
        runtime: vec![folder.join("run")],
    };
    let way = Destination {
        name: "client".into(),
        address: "127.0.0.1".into(),
        port: Some(text("port").parse().expect("a number")),
        user: Some(user()),
        private_key: Some(SecretString::from(pem)),
        host_key: HostKey::Pinned(vec![text("pin")]),
        ..Destination::default()
    };
    eprintln!("{way:?}");
    let deadline = Duration::from_secs(text("deadline").parse().expect("a number"));
    match Ssh::connect_from(&places, &way, deadline).await {
        Ok(ssh) => {
            eprintln!("{ssh:?}");
            Box::new(ssh).close().await;
        }
        Err(error) => panic!("{error} {error:?}"),
    }
}

/// Starts the child, and waits until its login is held.
fn held_child(bench: &Bench, gate: &Gate, sshd: &Sshd, canary: &Canary, deadline: &str) -> Child {
    for (name, text) in [
        ("port", sshd.port.to_string()),
        ("pin", sshd.public("ed25519")),
        ("deadline", deadline.into()),
        ("user_config", String::new()),
    ] {
        fs::write(bench.path(name), text).expect("written");
    }
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "private_key::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, bench.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test again");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(canary.pem.as_bytes()).expect("written");
    drop(pipe);
    gate.until_held();
    child
}

/// What the agent in our folder holds, as `ssh-add -l` says it.
fn held(bench: &Bench) -> String {
    let folders = fs::read_dir(bench.path("run")).expect("there");
    let socket = folders
        .flatten()
        .map(|folder| folder.path().join("agent"))
        .find(|socket| socket.exists());
    let Some(socket) = socket else {
        return "no agent".into();
    };
    let mut list = Command::new("ssh-add");
    let out = list.arg("-l").env("SSH_AUTH_SOCK", socket).output();
    let out = out.expect("ssh-add");
    format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

#[test]
fn a_canary_is_found_nowhere() {
    let bench = Bench::new();
    let canary = Canary::new();
    finds_what_is_planted(&canary);
    let gate = Gate::new(&bench.path(""));
    let sshd = gate.sshd(&canary.public, "");
    let child = held_child(&bench, &gate, &sshd, &canary, "60");
    assert!(held(&bench).contains("RSA"), "{}", held(&bench));

    // While it is held: processes and files.
    let (found, seen) = canary.found_in_processes();
    assert!(found.is_empty() && seen > 4, "{found:?} in {seen}");
    let found = canary.found_below(&bench.path(""));
    assert!(found.is_empty(), "{found:?}");

    gate.open();
    let out = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert!(
        said.contains("connected") && said.contains("REDACTED"),
        "{said}"
    );
    assert_eq!(canary.found_in(&out.stdout), None);
    assert_eq!(canary.found_in(&out.stderr), None);
    let found = canary.found_below(&bench.path(""));
    assert!(found.is_empty(), "{found:?}");
    bench.assert_clean();
}

#[test]
fn killed_in_the_middle_it_leaves_no_agent() {
    let bench = Bench::new();
    let canary = Canary::new();
    let gate = Gate::new(&bench.path(""));
    let sshd = gate.sshd(&canary.public, "");
    let mut child = held_child(&bench, &gate, &sshd, &canary, "600");
    assert!(held(&bench).contains("RSA"), "{}", held(&bench));
    child.kill().expect("killed");
    assert_eq!(child.wait().expect("ended").signal(), Some(9));
    // Long before its lifetime.
    until("the agent's end", || {
        agents(&bench).is_empty() && held(&bench) == "no agent"
    });
    gate.open();
}

#[test]
fn where_all_that_watches_is_killed_too_the_agent_forgets_the_key() {
    let bench = Bench::new();
    let canary = Canary::new();
    let gate = Gate::new(&bench.path(""));
    let sshd = gate.sshd(&canary.public, "");
    let mut child = held_child(&bench, &gate, &sshd, &canary, "2");
    assert!(held(&bench).contains("RSA"), "{}", held(&bench));
    let run = bench.path("run").display().to_string();
    let all = sshd::run("ps", &["-eo", "pid=,args="]);
    let pid = |line: &str| line.split_whitespace().next().expect("a pid").to_owned();
    // The agent's, and that of the connection; other tests have theirs.
    for watched in ["ulimit -c 0", "trap '' HUP"] {
        let watch = all
            .lines()
            .find(|line| line.contains(watched) && line.contains(&run));
        let watch = pid(watch.unwrap_or_else(|| panic!("no watch in {all}")));
        let killed = Command::new("kill").args(["-9", &watch]).status();
        assert!(killed.expect("kill").success());
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(!agents(&bench).is_empty(), "nobody ends the agent now");
    until("the end of the lifetime", || {
        held(&bench).contains("no identities")
    });
    gate.open();
    let all = sshd::run("ps", &["-eo", "pid=,args="]);
    for line in all
        .lines()
        .filter(|line| line.contains("ssh-agent -D") && line.contains(&run))
    {
        assert!(
            Command::new("kill")
                .arg(pid(line))
                .status()
                .expect("kill")
                .success()
        );
    }
}
