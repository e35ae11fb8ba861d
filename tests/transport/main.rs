//! The transports against real parts: an sshd of each test's own, and the shells of this machine.

mod bench;
#[path = "../support/canary.rs"]
mod canary;
mod dial;
#[path = "../support/gate.rs"]
mod gate;
mod host_keys;
mod private_key;
mod reuse;
#[path = "../support/sshd.rs"]
mod sshd;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use bench::{Bench, master_of};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};
use sshd::{PATIENCE, Sshd, free_port, until, user};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trueup::{
    hostkey::PublicKey,
    script::Script,
    transport::{
        Connection, Error, Exit, Running,
        local::Local,
        ssh::{Destination, HostKey, Ssh, SshPaths},
    },
};

fn refusal(result: Result<Ssh, Error>) -> String {
    result.map(|_| ()).expect_err("refused").to_string()
}

async fn finish(mut running: Running) -> (Exit, Vec<u8>, Vec<u8>) {
    drop(running.stdin.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (a, b) = tokio::join!(
        running.stdout.read_to_end(&mut out),
        running.stderr.read_to_end(&mut err)
    );
    a.expect("output");
    b.expect("errors");
    (running.exit.await.expect("an end"), out, err)
}

/// The fingerprint of a server's key.
fn fingerprint(sshd: &Sshd, kind: &str) -> String {
    let key = PublicKey::parse(&sshd.public(kind)).expect("a key");
    key.fingerprint()
}

fn script(text: &'static str) -> Script {
    Script::new("test").text(text)
}

#[tokio::test]
async fn an_unknown_key_is_refused_and_a_known_one_taken() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    bench.user_config(&format!(
        "UserKnownHostsFile {}\n",
        bench.path("theirs").display()
    ));
    let said = refusal(bench.connect(sshd.port, HostKey::Strict).await);
    assert!(said.contains("host key is known"), "{said}");
    assert!(
        said.contains(&format!("ssh-keyscan -p {} 127.0.0.1", sshd.port)),
        "{said}"
    );
    assert!(said.contains("pinned"), "{said}");
    assert_eq!(sshd.count("userauth-request"), 0, "{}", sshd.log());
    bench.assert_clean();

    let line = format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.public("ed25519"));
    fs::write(bench.path("theirs"), line).expect("written");
    let ssh = bench
        .connect(sshd.port, HostKey::Strict)
        .await
        .expect("known now");
    Box::new(ssh).close().await;
    bench.assert_clean();
}

#[tokio::test]
async fn a_pin_lets_in_its_key_alone_and_an_impostor_sees_no_login() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["rsa", "ed25519"]);
    // Either key may be pinned: a server with several is asked for the pinned one.
    for kind in ["rsa", "ed25519"] {
        let pins = HostKey::Pinned(vec![sshd.public(kind)]);
        let ssh = bench.connect(sshd.port, pins).await.expect(kind);
        assert_eq!(ssh.learned(), None);
        Box::new(ssh).close().await;
    }
    let pins = HostKey::Pinned(vec![sshd.public("ed25519")]);
    let port = sshd.port;
    sshd.stop();

    // Whatever the user's files would allow.
    let theirs = bench.path("theirs");
    let impostor = Sshd::start_on(
        port,
        &bench.path("impostor"),
        &["ed25519", "rsa"],
        &bench.public,
    );
    fs::write(&theirs, format!("* {}\n", impostor.public("ed25519"))).expect("written");
    bench.user_config(&format!(
        "StrictHostKeyChecking no\nNoHostAuthenticationForLocalhost yes\nUserKnownHostsFile {0}\n\
         GlobalKnownHostsFile {0}\nKnownHostsCommand /bin/cat {0}\n",
        theirs.display()
    ));
    let said = refusal(bench.connect(port, pins.clone()).await);
    assert!(said.contains("than the spec pins"), "{said}");
    assert!(said.contains("SHA256:"), "{said}");
    assert!(impostor.count("Connection from") >= 1, "{}", impostor.log());
    assert_eq!(impostor.count("userauth-request"), 0, "{}", impostor.log());
    impostor.stop();

    let impostor = Sshd::start_on(port, &bench.path("impostor2"), &["rsa"], &bench.public);
    let said = refusal(bench.connect(port, pins).await);
    assert!(
        said.contains("than the spec pins") && said.contains(&fingerprint(&impostor, "rsa")),
        "{said}"
    );
    assert_eq!(impostor.count("userauth-request"), 0, "{}", impostor.log());
    bench.assert_clean();
}

#[tokio::test]
async fn accept_new_learns_once_and_is_strict_ever_after() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    bench.user_config(&format!(
        "UserKnownHostsFile {}\n",
        bench.path("theirs").display()
    ));
    let ssh = bench
        .connect(sshd.port, HostKey::AcceptNew)
        .await
        .expect("taken");
    let learned = ssh.learned().expect("learned");
    assert_eq!(learned.key, sshd.public("ed25519"));
    let file = sshd.folder.join("host_ed25519.pub").display().to_string();
    assert!(sshd::run("ssh-keygen", &["-lf", &file]).contains(&learned.fingerprint));
    assert!(learned.spec_line().contains(&learned.key));
    Box::new(ssh).close().await;
    let kept = fs::read_to_string(bench.places().known_hosts).expect("kept");
    assert_eq!(kept, format!("[127.0.0.1]:{} {}\n", sshd.port, learned.key));
    assert!(
        !bench.path("theirs").exists(),
        "the user's own file is theirs"
    );

    // Known now: to accept-new, and to strict.
    for host_key in [HostKey::AcceptNew, HostKey::Strict] {
        let ssh = bench.connect(sshd.port, host_key).await.expect("known");
        assert_eq!(ssh.learned(), None);
        Box::new(ssh).close().await;
    }
    let port = sshd.port;
    sshd.stop();

    // The same type, another key; then another type, which ssh alone would take for new.
    for (n, kind) in ["ed25519", "rsa"].into_iter().enumerate() {
        let folder = bench.path(&format!("impostor{n}"));
        let impostor = Sshd::start_on(port, &folder, &[kind], &bench.public);
        let said = refusal(bench.connect(port, HostKey::AcceptNew).await);
        assert!(
            said.contains("changed") || said.contains("host key is known"),
            "{said}"
        );
        assert_eq!(impostor.count("userauth-request"), 0, "{}", impostor.log());
        impostor.stop();
    }
    assert_eq!(
        fs::read_to_string(bench.places().known_hosts).expect("kept"),
        kept
    );

    // A key in the user's own file counts as well.
    fs::remove_file(bench.places().known_hosts).expect("removed");
    fs::write(bench.path("theirs"), &kept).expect("written");
    let impostor = Sshd::start_on(port, &bench.path("impostor3"), &["rsa"], &bench.public);
    refusal(bench.connect(port, HostKey::AcceptNew).await);
    assert_eq!(impostor.count("userauth-request"), 0, "{}", impostor.log());
    bench.assert_clean();
}

#[tokio::test]
async fn a_jump_host_is_honoured_and_checked_strictly() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let jump = Sshd::start(&bench.path("jump"), &["ed25519"], &bench.public, "");
    let jump_hosts = bench.path("jump_hosts");
    bench.user_config(&format!(
        "StrictHostKeyChecking no\nHost 127.0.0.1\n  ProxyJump bastion\n\
         Host bastion\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}\n  \
         UserKnownHostsFile {}\n",
        jump.port,
        user(),
        bench.path("key").display(),
        jump_hosts.display()
    ));
    // Even accept-new, which is for the machine, takes no unknown bastion.
    let said = refusal(bench.connect(sshd.port, HostKey::AcceptNew).await);
    assert!(said.contains("jump host"), "{said}");
    assert_eq!(jump.count("userauth-request"), 0, "{}", jump.log());
    bench.assert_clean();

    fs::write(
        &jump_hosts,
        format!("[127.0.0.1]:{} {}\n", jump.port, jump.public("ed25519")),
    )
    .expect("written");
    let ssh = bench.connected(&sshd).await;
    let (exit, out, _) = finish(ssh.spawn(&script("echo through")).await.expect("started")).await;
    assert_eq!(
        (exit, out.as_slice()),
        (Exit::Code(0), b"through\n".as_slice())
    );
    assert_eq!(jump.count("Connection from"), 2, "{}", jump.log());
    Box::new(ssh).close().await;
    bench.assert_clean();
}

#[tokio::test]
async fn a_refused_key_names_the_account_and_the_key() {
    let bench = Bench::new();
    let sshd = Sshd::start(&bench.path("sshd"), &["ed25519"], "", "");
    let pins = HostKey::Pinned(vec![sshd.public("ed25519")]);
    let said = refusal(bench.connect(sshd.port, pins.clone()).await);
    assert!(said.contains("Permission denied (publickey)"), "{said}");
    assert!(said.contains(&format!("`{}`", user())), "{said}");
    assert!(
        said.contains(&bench.path("key").display().to_string()),
        "{said}"
    );
    bench.assert_clean();

    // What ssh would only find out after it has connected.
    let connections = sshd.count("Connection from");
    fs::set_permissions(bench.path("key"), fs::Permissions::from_mode(0o644)).expect("set");
    let said = refusal(bench.connect(sshd.port, pins.clone()).await);
    assert!(
        said.contains("0644") && said.contains("chmod 400"),
        "{said}"
    );
    fs::remove_file(bench.path("key")).expect("removed");
    let said = refusal(bench.connect(sshd.port, pins).await);
    assert!(said.contains("is not there"), "{said}");
    assert_eq!(sshd.count("Connection from"), connections);
    bench.assert_clean();
}

#[tokio::test]
async fn what_the_network_does_is_told_apart() {
    let bench = Bench::new();
    let said = refusal(bench.connect(free_port(), HostKey::Strict).await);
    assert!(
        said.contains("Connection refused") && said.contains("nothing listens"),
        "{said}"
    );

    let way = Destination {
        address: "no-such-host.invalid".into(),
        ..bench.way(22, HostKey::Strict)
    };
    let said = refusal(Ssh::connect_from(&bench.places(), &way, PATIENCE).await);
    assert!(
        said.contains("Could not resolve") && said.contains("getent hosts"),
        "{said}"
    );

    bench.user_config("ProxyCommand sh -c 'echo the proxy is ill >&2; exit 1'\n");
    let said = refusal(bench.connect(22, HostKey::Strict).await);
    assert!(said.contains("the proxy is ill"), "{said}");
    bench.user_config("NoSuchOption yes\n");
    let said = refusal(bench.connect(22, HostKey::AcceptNew).await);
    assert!(
        said.contains("nosuchoption") && said.contains("user_config"),
        "{said}"
    );
    bench.assert_clean();
}

/// What a server says before it greets, ssh notes: none of it is kept on a disk.
#[tokio::test]
async fn a_flood_before_the_greeting_fills_no_disk() {
    let bench = Bench::new();
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("bound").port();
    let run = bench.path("run");
    let flood = std::thread::spawn(move || {
        let (mut guest, _) = server.accept().expect("a guest");
        let line = format!("{}\r\n", "x".repeat(8000));
        // ssh takes so many lines.
        let lines = (0..1000)
            .take_while(|_| std::io::Write::write_all(&mut guest, line.as_bytes()).is_ok());
        assert!(lines.count() > 900, "ssh reads them");
        let folders = fs::read_dir(run).expect("there");
        let files =
            folders.flat_map(|folder| fs::read_dir(folder.expect("one").path()).expect("a folder"));
        let sizes: Vec<u64> = files
            .map(|file| file.expect("one").metadata().expect("there").len())
            .collect();
        assert!(!sizes.is_empty(), "a configuration is there");
        sizes.iter().sum::<u64>()
    });
    let said = refusal(bench.connect(port, HostKey::Strict).await);
    let bytes = flood.join().expect("sent");
    assert!(bytes < 100_000, "{bytes} bytes");
    assert!(said.len() < 10_000, "{} bytes are said", said.len());
    bench.assert_clean();
}

#[tokio::test]
async fn silence_ends_by_the_deadline_and_leaves_nothing() {
    let bench = Bench::new();
    let hole = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = hole.local_addr().expect("bound").port();
    for seconds in [1, 3] {
        let way = bench.way(port, HostKey::Strict);
        let places = bench.places();
        let connect = Ssh::connect_from(&places, &way, Duration::from_secs(seconds));
        let result = tokio::time::timeout(PATIENCE, connect)
            .await
            .expect("within the deadline");
        let said = refusal(result);
        assert!(
            said.contains("timed out") || said.contains("no answer"),
            "{said}"
        );
        bench.assert_clean();
    }

    // A caller that gives up: the future is dropped while ssh still waits.
    let way = Destination {
        address: "127.0.0.1".into(),
        ..bench.way(port, HostKey::Strict)
    };
    let places = bench.places();
    let connect = Ssh::connect_from(&places, &way, PATIENCE);
    let mut connect = Box::pin(connect);
    let accepted = tokio::task::spawn_blocking(move || {
        // Two were there before; the third is this one.
        (0..3)
            .map(|_| hole.accept().expect("a guest"))
            .collect::<Vec<_>>()
    });
    let _guests = tokio::select! {
        _ = &mut connect => panic!("nobody answered"),
        guests = accepted => guests.expect("accepted"),
    };
    assert!(!bench.processes().is_empty());
    drop(connect);
    bench.assert_clean();
}

#[tokio::test]
async fn one_connection_and_one_session_for_one_script() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    assert_eq!(ssh.address(), "127.0.0.1");
    let mut running = ssh
        .spawn(&script(
            "read -r line; echo \"got $line\"; echo oops >&2; exit 255",
        ))
        .await
        .expect("started");
    let mut stdin = running.stdin.take().expect("a pipe");
    stdin.write_all(b"something\n").await.expect("written");
    drop(stdin);
    let (exit, out, err) = finish(running).await;
    assert_eq!(exit, Exit::Code(255));
    assert_eq!(
        (out.as_slice(), err.as_slice()),
        (b"got something\n".as_slice(), b"oops\n".as_slice())
    );
    Box::new(ssh).close().await;
    bench.assert_clean();
    until("the connection's end", || {
        sshd.count("Disconnected from") + sshd.count("Connection closed") > 0
    });
    assert_eq!(sshd.count("Connection from"), 1, "{}", sshd.log());
    assert_eq!(sshd.count("Starting session: command"), 1, "{}", sshd.log());
}

#[tokio::test]
async fn the_private_folder_is_private_and_the_config_is_ours() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let socket = ssh.control_socket();
    let folder = socket.parent().expect("a folder");
    assert_eq!(
        fs::metadata(folder).expect("there").permissions().mode() & 0o777,
        0o700
    );
    // The socket serves others of ours, such as a stream to a broker.
    sshd::run(
        "ssh",
        &[
            "-S",
            socket.to_str().expect("text"),
            "-O",
            "check",
            "127.0.0.1",
        ],
    );
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn twelve_scripts_at_once_stay_within_what_sshd_takes() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let mut tasks = tokio::task::JoinSet::new();
    let ssh = std::sync::Arc::new(ssh);
    for _ in 0..12 {
        let ssh = std::sync::Arc::clone(&ssh);
        tasks.spawn(async move {
            finish(
                ssh.spawn(&script("sleep 0.2; echo here"))
                    .await
                    .expect("a session"),
            )
            .await
        });
    }
    while let Some(ended) = tasks.join_next().await {
        assert_eq!(ended.expect("ended").0, Exit::Code(0));
    }
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn a_server_without_sessions_says_so() {
    let bench = Bench::new();
    let sshd = Sshd::start(
        &bench.path("sshd"),
        &["ed25519"],
        &bench.public,
        "MaxSessions 1",
    );
    let ssh = bench.connected(&sshd).await;
    let first = ssh.spawn(&script("read -r line")).await.expect("the first");
    let refused = ssh
        .spawn(&script("echo no"))
        .await
        .map(|_| ())
        .expect_err("the second");
    assert!(refused.to_string().contains("MaxSessions"), "{refused}");
    finish(first).await;
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn a_long_script_goes_through_stdin() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let local = Local::new().expect("an account");
    let ways: [&dyn Connection; 2] = [&ssh, &local];
    for size in [64 * 1024, 90 * 1024, 200 * 1024, 2 * 1024 * 1024] {
        let value = "0123456789abcde\n".repeat(size / 16);
        let long = script("f() { printf '%s' \"$1\"; }")
            .call("f", [&value])
            .expect("no NUL");
        for way in ways {
            let running = way.spawn(&long).await.expect("started");
            let (exit, out, err) = finish(running).await;
            assert_eq!(exit, Exit::Code(0), "{}", String::from_utf8_lossy(&err));
            assert!(
                out == value.as_bytes(),
                "{size} bytes over {}",
                way.address()
            );
        }
    }
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn a_death_by_signal_is_lost() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let local = Local::new().expect("an account");
    let ways: [&dyn Connection; 2] = [&ssh, &local];
    for way in ways {
        let (exit, _, _) = finish(way.spawn(&script("kill -9 $$")).await.expect("started")).await;
        assert_eq!(exit, Exit::Lost, "{}", way.address());
        let (exit, _, _) = finish(
            way.spawn(&script("exec no-such-command"))
                .await
                .expect("started"),
        )
        .await;
        assert_eq!(exit, Exit::Code(127), "{}", way.address());
        let (exit, _, _) = finish(way.spawn(&script("exit 7")).await.expect("started")).await;
        assert_eq!(exit, Exit::Code(7), "{}", way.address());
    }
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn a_killed_master_is_lost_at_once() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    let ssh = bench.connected(&sshd).await;
    let mut running = ssh
        .spawn(&script("echo up; read -r line"))
        .await
        .expect("started");
    let mut up = [0; 3];
    running.stdout.read_exact(&mut up).await.expect("up");
    sshd::run("kill", &["-9", &master_of(&ssh)]);
    let exit = tokio::time::timeout(PATIENCE, &mut running.exit)
        .await
        .expect("not for ever");
    assert_eq!(exit.expect("an end"), Exit::Lost);
    let lost = ssh
        .spawn(&script("echo"))
        .await
        .map(|_| ())
        .expect_err("gone");
    assert!(matches!(lost, Error::Lost { .. }), "{lost:?}");
    assert!(lost.to_string().contains("127.0.0.1"), "{lost}");
    Box::new(ssh).close().await;
    bench.assert_clean();
}

#[tokio::test]
async fn a_close_ends_what_will_not_end_by_itself() {
    let bench = Bench::new();
    let sshd = bench.sshd(&["ed25519"]);
    // A channel is open and its process goes on: the master would wait for it.
    let ssh = bench.connected(&sshd).await;
    assert!(
        !bench.processes().is_empty(),
        "what is looked for can be seen"
    );
    let running = ssh
        .spawn(&script("exec sleep 1000"))
        .await
        .expect("started");
    Box::new(ssh).close().await;
    bench.assert_clean();
    let exit = tokio::time::timeout(PATIENCE, running.exit)
        .await
        .expect("not for ever");
    assert_eq!(exit.expect("an end"), Exit::Lost);

    // A master that is stopped answers nobody.
    let ssh = bench.connected(&sshd).await;
    let pid = master_of(&ssh);
    sshd::run("kill", &["-STOP", &pid]);
    Box::new(ssh).close().await;
    bench.assert_clean();

    // One whose socket somebody took away cannot be asked.
    let ssh = bench.connected(&sshd).await;
    fs::remove_file(ssh.control_socket()).expect("removed");
    drop(ssh);
    bench.assert_clean();
}

#[tokio::test]
async fn a_banner_cannot_reach_the_terminal() {
    let bench = Bench::new();
    let banner = bench.path("banner");
    fs::write(&banner, "\u{1b}[2J::error::owned\r\n\u{9b}31m\u{202e}x\n").expect("written");
    let more = format!("Banner {}", banner.display());
    let sshd = Sshd::start(&bench.path("sshd"), &["ed25519"], "", &more);
    let pins = HostKey::Pinned(vec![sshd.public("ed25519")]);
    let said = refusal(bench.connect(sshd.port, pins).await);
    assert!(said.contains("Permission denied"), "{said}");
    assert!(
        !said
            .chars()
            .any(|c| c.is_control() && c != '\n' || c == '\u{202e}'),
        "{said:?}"
    );
    assert!(
        !said.lines().any(|line| line.trim_start().starts_with("::")),
        "{said:?}"
    );
}

#[tokio::test]
async fn local_has_a_clean_environment_and_a_session_of_its_own() {
    let local = Local::new().expect("an account");
    let probe = script("pwd; env | sort; ps -o sid= -p $$; ps -o tty= -p $$; echo $$");
    let (exit, out, err) = finish(local.spawn(&probe).await.expect("started")).await;
    assert_eq!(exit, Exit::Code(0), "{}", String::from_utf8_lossy(&err));
    let out = String::from_utf8(out).expect("text");
    let entry = sshd::run("getent", &["passwd", &user()]);
    let fields: Vec<&str> = entry.trim().split(':').collect();
    let lines: Vec<&str> = out.lines().map(str::trim).collect();
    assert_eq!(lines[0], fields[5]);
    for wanted in [
        format!("HOME={}", fields[5]),
        format!("LOGNAME={}", fields[0]),
        format!("USER={}", fields[0]),
        format!("SHELL={}", fields[6]),
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
    ] {
        assert!(lines.contains(&wanted.as_str()), "{wanted}: {out}");
    }
    for line in lines.iter().filter(|line| line.contains('=')) {
        let (name, _) = line.split_once('=').expect("a value");
        let shells_own = ["PWD", "OLDPWD", "SHLVL", "_"];
        let ours = ["HOME", "LOGNAME", "USER", "SHELL", "PATH"];
        assert!(shells_own.contains(&name) || ours.contains(&name), "{line}");
    }
    let tail = &lines[lines.len() - 3..];
    assert_eq!(
        (tail[0], tail[1]),
        (tail[2], "?"),
        "its own session leader, no terminal: {out}"
    );
}

/// Runs a program on a script's text or line and gives its output.
fn output_of(program: &str, args: &[&str], stdin: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect(program);
    let mut pipe = child.stdin.take().expect("a pipe");
    let stdin = stdin.to_owned();
    let writer = std::thread::spawn(move || {
        let _ = pipe.write_all(&stdin);
    });
    let out = child.wait_with_output().expect("an end");
    writer.join().expect("written");
    assert!(
        out.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}

/// The shells of this machine that are there; those that are not are named.
fn shells<'a>(wanted: &[&'a [&'a str]]) -> Vec<&'a [&'a str]> {
    let there: Vec<_> = wanted
        .iter()
        .copied()
        .filter(|words| installed(words[0]))
        .collect();
    for missing in wanted.iter().filter(|words| !installed(words[0])) {
        println!("not here, not tried: {}", missing.join(" "));
    }
    there
}

/// What a seed makes is printed when it fails: run again with `TRUEUP_SEED=N`.
fn seeded(cases: u32) -> TestRunner {
    let seed = std::env::var("TRUEUP_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) << 16 | 0x5eed);
    println!("TRUEUP_SEED={seed}");
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    TestRunner::new(config)
}

/// Values that shells trip over more often than chance would make them.
fn value() -> impl Strategy<Value = String> {
    let awkward = prop::sample::select(vec![
        "",
        " ",
        "'",
        "''",
        "\\",
        "\\'",
        "\"",
        "$HOME",
        "$(id)",
        "`id`",
        "\n",
        "\r\n",
        "-n",
        "--",
        "!",
        "!!",
        "*",
        "~",
        "~root",
        "%s",
        "\\c",
        "{a,b}",
        "a\tb",
        ";",
        "&",
        "#",
        "\u{1b}[0m",
        "é表",
        "\u{7f}",
        "=",
        "a=b",
        "[",
        "?",
        "<>|",
    ]);
    prop_oneof![
        awkward.clone().prop_map(str::to_owned),
        prop::collection::vec(awkward, 0..6).prop_map(|parts| parts.concat()),
        "[^\\x00]{0,40}",
        "[ -~]{0,40}",
    ]
}

#[test]
fn ten_thousand_values_come_back_byte_for_byte() {
    let shells = shells(&[&["sh"], &["dash"], &["bash"], &["busybox", "sh"]]);
    assert!(!shells.is_empty());
    let many = prop::collection::vec(value(), 500);
    let outcome = seeded(20).run(&many, |values| {
        let script = Script::new("values")
            .text("f() { printf '%s\\0' \"$#\" \"$@\"; }")
            .call("f", &values)
            .expect("no NUL");
        let mut wanted = format!("{}\0", values.len()).into_bytes();
        for value in &values {
            wanted.extend_from_slice(value.as_bytes());
            wanted.push(0);
        }
        let exec = script.exec();
        for shell in &shells {
            // As a login shell gets it, and the text itself in this very shell.
            let mut line = shell[1..].to_vec();
            line.extend(["-c", &exec.command]);
            let out = output_of(shell[0], &line, exec.stdin.as_deref().unwrap_or_default());
            prop_assert!(out == wanted, "{shell:?} -c COMMAND");
            let mut text = shell[1..].to_vec();
            text.extend(["-c", script.as_text()]);
            prop_assert!(
                output_of(shell[0], &text, b"") == wanted,
                "{shell:?} -c TEXT"
            );
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn login_shells_of_every_kind_hand_the_command_on() {
    let shells = shells(&[
        &["sh"],
        &["dash"],
        &["bash"],
        &["bash", "-l"],
        &["busybox", "sh"],
        &["zsh"],
        &["zsh", "-o", "interactive"],
        &["ksh"],
        &["csh"],
        &["tcsh"],
        &["fish"],
    ]);
    let value = "it's $HOME `id` !! \"q\" \\ * ~ %s\nend";
    let short = Script::new("short").titled("trueup: me@my-host since 10:00");
    let short = short
        .text("f() { printf '%s|' \"$0\" \"$@\"; }")
        .call("f", [value])
        .expect("no NUL");
    let long = Script::new("long").text("f() { printf '%s|' \"$0\" \"$1\"; }");
    let padding = "x".repeat(200 * 1024);
    let long = long.call("f", [value, &padding]).expect("no NUL");
    for shell in shells {
        for (script, title) in [
            (&short, "trueup: me@my-host since 10:00"),
            (&long, "trueup"),
        ] {
            let exec = script.exec();
            let mut args = shell[1..].to_vec();
            args.extend(["-c", &exec.command]);
            let out = output_of(shell[0], &args, exec.stdin.as_deref().unwrap_or_default());
            let out = String::from_utf8_lossy(&out);
            assert_eq!(out, format!("{title}|{value}|"), "{shell:?}");
        }
    }
}

#[test]
fn the_user_s_places_are_absolute() {
    let places = SshPaths::of_user();
    assert!(places.user_config.ends_with(".ssh/config"));
    assert!(places.known_hosts.ends_with("trueup/known_hosts"));
    assert!(places.runtime.contains(&Path::new("/tmp").to_owned()));
}
