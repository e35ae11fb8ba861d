//! `trueup trust` and `trueup key` as users run them, against an sshd of each test's own.

#[path = "../support/sshd.rs"]
mod sshd;
#[path = "../support/terminal.rs"]
mod terminal;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sshd::{Sshd, keygen, user};
use tempfile::TempDir;
use terminal::Terminal;
use trueup::hostkey::PublicKey;

struct Bench {
    folder: TempDir,
    public: String,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let public = keygen(&folder.path().join("key"), "ed25519");
        Self { folder, public }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sshd(&self, name: &str, kinds: &[&str]) -> Sshd {
        Sshd::start(&self.path(name), kinds, &self.public, "")
    }

    /// A spec with one host at a port.
    fn spec(&self, port: u16, more: &str) -> String {
        let file = self.path("spec.yaml");
        let text = format!(
            "version: 1\nhosts:\n  client:\n    ssh: {{ address: 127.0.0.1, port: {port}, user: {}, \
             key: {{ file: key }}{more} }}\n",
            user()
        );
        fs::write(&file, text).expect("written");
        file.display().to_string()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("HOME", self.path(""))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env_remove("SSH_AUTH_SOCK");
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        let mut command = self.command(env!("CARGO_BIN_EXE_trueup"));
        let out = command.args(args).stdin(Stdio::null()).output();
        let out = out.expect("trueup runs");
        Said {
            code: out.status.code().expect("a code"),
            out: String::from_utf8(out.stdout).expect("text"),
            err: String::from_utf8(out.stderr).expect("text"),
        }
    }

    /// On a terminal.
    fn on_terminal(&self, args: &str) -> Terminal {
        Terminal::start(self.command("script"), args)
    }

    fn known_hosts(&self) -> PathBuf {
        self.path("state/trueup/known_hosts")
    }
}

fn fingerprint(sshd: &Sshd, kind: &str) -> String {
    let key = PublicKey::parse(&sshd.public(kind)).expect("a key");
    key.fingerprint()
}

fn assert_no_name_came(sshd: &Sshd) {
    assert!(sshd.count("Connection from") > 0, "{}", sshd.log());
    assert_eq!(sshd.count("userauth-request"), 0, "{}", sshd.log());
    assert_eq!(sshd.count(&format!("user {}", user())), 0, "{}", sshd.log());
}

#[test]
fn what_nothing_vouches_for_is_pinned_by_the_whole_word_alone() {
    let bench = Bench::new();
    let sshd = bench.sshd("sshd", &["ed25519", "rsa"]);
    let spec = bench.spec(sshd.port, "");

    // Refused, with the way out.
    let said = bench.run(&["facts", &spec]);
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!(said.err.contains("trueup trust"), "{}", said.err);

    // Nobody to ask, with a flag or without: nothing is pinned.
    for args in [&["trust", &spec][..], &["trust", &spec, "--yes"]] {
        let said = bench.run(args);
        assert_eq!(said.code, 4, "{}{}", said.out, said.err);
        assert!(said.out.contains("nothing vouches for it"), "{}", said.out);
        for kind in ["ed25519", "rsa"] {
            assert!(said.out.contains(&fingerprint(&sshd, kind)), "{}", said.out);
        }
        assert!(said.err.contains("somebody at a terminal"), "{}", said.err);
        assert!(!said.out.contains("pinned: ["), "{}", said.out);
    }
    for answer in ["y\n", "\n", "no\n", "YES\n"] {
        let mut terminal = bench.on_terminal(&format!("trust {spec}"));
        let seen = terminal.until("Type `yes`: ");
        assert!(seen.contains("ssh-keygen -lf"), "{seen}");
        let said = terminal.answer(answer);
        assert_eq!(said.code, 1, "{answer:?}: {}", said.out);
        assert!(said.out.contains("nothing was pinned"), "{}", said.out);
    }
    assert!(!bench.known_hosts().exists());
    assert_no_name_came(&sshd);

    let mut terminal = bench.on_terminal(&format!("trust {spec}"));
    terminal.until("Type `yes`: ");
    let said = terminal.answer("yes\n");
    assert_eq!(said.code, 0, "{}", said.out);
    let line = said.out.lines().find(|line| line.contains("pinned: ["));
    let line = line.expect("the line for CI").trim();
    for kind in ["ed25519", "rsa"] {
        assert!(line.contains(&sshd.public(kind)), "{line}");
    }
    assert_no_name_came(&sshd);

    // Known from now on; the line for CI is what lets in a machine that knows nothing.
    let said = bench.run(&["facts", &spec]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let said = bench.run(&["trust", &spec]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("known_hosts") && said.out.contains(line),
        "{}",
        said.out
    );
    fs::remove_file(bench.known_hosts()).expect("removed");
    let pinned = bench.spec(sshd.port, &format!(", {line}"));
    let said = bench.run(&["facts", &pinned]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn an_impostor_is_not_talked_into_trust() {
    let bench = Bench::new();
    let sshd = bench.sshd("sshd", &["ed25519"]);
    let port = sshd.port;
    let known = format!("[127.0.0.1]:{port} {}\n", sshd.public("ed25519"));
    fs::create_dir_all(bench.known_hosts().parent().expect("a folder")).expect("made");
    fs::write(bench.known_hosts(), &known).expect("written");
    let (ours, pin) = (fingerprint(&sshd, "ed25519"), sshd.public("ed25519"));
    sshd.stop();
    for (n, kind) in ["ed25519", "rsa"].into_iter().enumerate() {
        let folder = bench.path(&format!("impostor{n}"));
        let impostor = Sshd::start_on(port, &folder, &[kind], &bench.public);
        let theirs = fingerprint(&impostor, kind);
        let by_hosts = bench.run(&["trust", &bench.spec(port, ""), "--yes"]);
        assert!(
            by_hosts.err.contains("known_hosts has other keys"),
            "{}",
            by_hosts.err
        );
        let more = format!(", host_key: {{ pinned: [\"{pin}\"] }}");
        let by_spec = bench.run(&["trust", &bench.spec(port, &more), "--yes"]);
        assert!(
            by_spec.err.contains("the spec pins other keys"),
            "{}",
            by_spec.err
        );
        for said in [by_hosts, by_spec] {
            assert_eq!(said.code, 4, "{}{}", said.out, said.err);
            assert!(
                said.err.contains(&ours) && said.out.contains(&theirs),
                "{}",
                said.err
            );
            assert!(!said.out.contains("pinned: ["), "{}", said.out);
        }
        assert_no_name_came(&impostor);
        impostor.stop();
    }
    let kept = fs::read_to_string(bench.known_hosts()).expect("there");
    assert_eq!(kept, known);
}

#[test]
fn only_what_is_asked_for_is_looked_at() {
    let bench = Bench::new();
    let one = bench.sshd("one", &["ed25519"]);
    let two = bench.sshd("two", &["ed25519"]);
    let file = bench.path("fleet.yaml");
    // What the client must be, and whether its secrets are here, is of no concern.
    let text = format!(
        "version: 1\nhosts:\n  one: {{ ssh: {{ address: 127.0.0.1, port: {} }} }}\n  two: {{ ssh: {{ \
         address: 127.0.0.1, port: {}, host_key: {{ pinned: [\"{}\"] }} }} }}\n  here: {{ local: {{}} }}\n\
         client:\n  properties:\n    path: ~/p\n    extra: {{ ssl.truststore.password: {{ env: NOT_SET }} }}\n",
        one.port,
        two.port,
        two.public("ed25519")
    );
    fs::write(&file, text).expect("written");
    let file = file.display().to_string();
    let said = bench.run(&["trust", &file, "--host", "two", "--host", "here"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("the spec") && said.out.contains("this machine"),
        "{}",
        said.out
    );
    assert_eq!(one.count("Connection from"), 0, "{}", one.log());
    let said = bench.run(&["trust", &file]);
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!(said.out.contains("nothing vouches"), "{}", said.out);
    let said = bench.run(&["trust", &file, "--host", "three"]);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    for (name, sshd) in [("one", one), ("two", two)] {
        sshd.stop();
        let said = bench.run(&["trust", &file, "--host", name]);
        assert_eq!(said.code, 4, "{}{}", said.out, said.err);
        assert!(said.err.contains("nothing listens"), "{}", said.err);
    }
}

#[test]
fn key_saves_nothing_where_there_is_nothing_or_something() {
    let bench = Bench::new();
    let spec = bench.spec(22, "");
    let at = bench.path("saved.pem").display().to_string();
    let said = bench.run(&["key", &spec, "--save", &at]);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    assert!(said.err.contains("in a file already: key"), "{}", said.err);
    assert!(!Path::new(&at).exists());
    fs::write(&at, "mine").expect("written");
    let said = bench.run(&["key", &spec, "--save", &at]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.err.contains("is not overwritten"), "{}", said.err);
    assert_eq!(fs::read_to_string(&at).expect("there"), "mine");
}
