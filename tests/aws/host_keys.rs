//! Host keys that the console output of an instance vouches for, against real sshds.

use std::{fs, path::PathBuf};

use serde_json::json;
use trueup::hostkey::PublicKey;

use crate::{
    sshd::{Sshd, keygen, user},
    world::{Desk, Front, Said, name},
};

/// An instance of the account, a machine on loopback that may be it, and a desk to ask from.
struct Bench {
    front: Front,
    desk: Desk,
    own: String,
    machine: Sshd,
    id: String,
}

/// What stands on the console of a machine.
type Printed = fn(&Sshd) -> String;

const KINDS: [&str; 3] = ["ed25519", "ecdsa", "rsa"];

/// What stands on the console of an instance with these keys.
fn console(keys: &[String]) -> String {
    let mut text = String::from(
        "[    0.000000] Linux version 5.10.0\r\nci-info: no authorized SSH keys\r\n\
         <14>May 26 00:12:52 ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----\r\n\
         -----BEGIN SSH HOST KEY KEYS-----\r\n",
    );
    for key in keys {
        text.push_str(&format!(
            "{key} root@ip-10-0-0-5\r\n[   21.9] random: crng init done\r\n"
        ));
    }
    text + "-----END SSH HOST KEY KEYS-----\r\n\x1b[2Jip-10-0-0-5 login: "
}

fn keys(sshd: &Sshd, kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(|kind| sshd.public(kind)).collect()
}

fn print(sshd: &Sshd, kind: &str) -> String {
    let key = PublicKey::parse(&sshd.public(kind)).expect("a key");
    key.fingerprint()
}

impl Bench {
    /// `console` makes the console's text of the machine's keys.
    fn new(console: impl Fn(&Sshd) -> String) -> Self {
        let front = Front::new();
        let desk = Desk::new(&front);
        let own = keygen(&desk.folder.path().join("id"), "ed25519");
        let machine = Sshd::start(&desk.folder.path().join("sshd"), &KINDS, &own, "");
        let id = front.instance(json!({ "private_ip": "127.0.0.1", "console": console(&machine) }));
        Self {
            front,
            desk,
            own,
            machine,
            id,
        }
    }

    fn spec(&self, host_key: &str) -> String {
        format!(
            "version: 1\nhosts:\n  client:\n    ec2: {{ instance_id: {}, via: private_ip }}\n    ssh: {{ \
             port: {}, user: {}, key: {{ file: id }}{host_key} }}\n",
            self.id,
            self.machine.port,
            user()
        )
    }

    fn run(&self, host_key: &str, words: &[&str]) -> Said {
        self.desk.run(&self.spec(host_key), words)
    }

    /// Another machine takes the address.
    fn impostor(&mut self, kinds: &[&str]) {
        let folder = tempfile::tempdir_in(self.desk.folder.path()).expect("a folder");
        let port = self.machine.port;
        // The old one ends when it is dropped, and must have ended before.
        let gone = Sshd::start(&folder.path().join("gone"), &["ed25519"], "", "");
        std::mem::replace(&mut self.machine, gone).stop();
        self.machine = Sshd::start_on(port, &folder.keep(), kinds, &self.own);
    }

    fn pins(&self) -> PathBuf {
        self.desk.folder.path().join("state/trueup/known_instances")
    }

    fn consoles_asked(&self) -> usize {
        let calls = self.front.calls();
        calls
            .iter()
            .filter(|call| *call == "ec2:GetConsoleOutput")
            .count()
    }

    #[track_caller]
    fn assert_no_name_came(&self) {
        let log = self.machine.log();
        assert!(self.machine.count("Connection from") > 0, "{log}");
        assert_eq!(self.machine.count("userauth-request"), 0, "{log}");
    }
}

const CONSOLE: &str = ", host_key: { console: true }";

#[test]
fn what_the_console_vouches_for_is_pinned_once_and_an_impostor_sees_no_login() {
    let mut bench = Bench::new(|machine| console(&keys(machine, &KINDS)));
    let said = bench.run(CONSOLE, &["facts"]);
    said.says(
        0,
        &[
            "note: host `client`",
            &format!("console output of {}", bench.id),
        ],
    );
    let pins = fs::read_to_string(bench.pins()).expect("pinned");
    for kind in KINDS {
        let line = format!("{} {} console\n", bench.id, bench.machine.public(kind));
        assert!(pins.contains(&line), "{pins}");
    }
    assert_eq!(bench.consoles_asked(), 1);
    // From here on the pin counts, and nobody asks the console.
    for host_key in [CONSOLE, "", ", host_key: accept-new"] {
        let said = bench.run(host_key, &["facts"]);
        said.says(0, &[]);
        said.never_says(&["note: host", "warning"]);
    }
    assert_eq!(bench.consoles_asked(), 1);

    let ours = KINDS.map(|kind| print(&bench.machine, kind));
    for kinds in [&["ed25519", "rsa"][..], &["rsa"]] {
        bench.impostor(kinds);
        let theirs = print(&bench.machine, kinds[0]);
        for host_key in [CONSOLE, "", ", host_key: accept-new"] {
            let said = bench.run(host_key, &["plan"]);
            said.says(4, &[&theirs, &ours[0], &ours[2], "trueup trust", &bench.id]);
        }
        bench.assert_no_name_came();
        // Nor is it trusted when somebody is careless.
        let said = bench.run(CONSOLE, &["trust", "--yes"]);
        said.says(4, &["printed other keys to its console", &theirs, &ours[0]]);
        bench.assert_no_name_came();
    }
    assert_eq!(fs::read_to_string(bench.pins()).expect("pinned"), pins);
}

#[test]
fn an_impostor_at_the_first_meeting_sees_no_login_either() {
    let mut bench = Bench::new(|machine| console(&keys(machine, &KINDS)));
    let ours = print(&bench.machine, "ed25519");
    bench.impostor(&["ed25519"]);
    let theirs = print(&bench.machine, "ed25519");
    bench.run(CONSOLE, &["plan"]).says(4, &[&ours, &theirs]);
    bench.assert_no_name_came();
}

#[test]
fn a_console_that_vouches_for_nothing_is_no_reason_to_connect() {
    let cases: [(&str, Printed); 4] = [
        ("still empty", |_| String::new()),
        ("holds no host keys", |_| "[ 0.0] Linux\r\n".into()),
        ("two sets of host keys", |machine| {
            console(&keys(machine, &["ed25519"])) + "\r\n" + &console(&keys(machine, &["rsa"]))
        }),
        ("damaged host key", |machine| {
            console(&keys(machine, &KINDS)).replace("AAAAC3", "AAAAC4")
        }),
    ];
    for (why, console) in cases {
        let bench = Bench::new(console);
        let said = bench.run(CONSOLE, &["plan"]);
        said.says(4, &[why, &bench.id, "trueup trust SPEC", "pinned: ["]);
        assert_eq!(
            bench.machine.count("Connection from"),
            0,
            "{}",
            bench.machine.log()
        );
        assert!(!bench.pins().exists());
        // Without the console's word only a person's is left.
        for flag in [&["trust"][..], &["trust", "--yes"]] {
            let said = bench.run(CONSOLE, flag);
            said.says(
                4,
                &[why, "nothing vouches for it", "somebody at a terminal"],
            );
        }
        assert!(!bench.pins().exists());
        bench.assert_no_name_came();
    }
    let bench = Bench::new(|machine| console(&keys(machine, &KINDS)));
    bench.front.fault("ec2:GetConsoleOutput", "denied", 1 << 20);
    let said = bench.run(CONSOLE, &["plan"]);
    said.says(4, &["ec2:GetConsoleOutput"]);
    assert_eq!(bench.machine.count("Connection from"), 0);
    // Strict, with nothing known: the ways out.
    let said = bench.run("", &["plan"]);
    said.says(4, &["trueup trust SPEC", "console: true", "pinned: ["]);
    bench.assert_no_name_came();
}

#[test]
fn trust_pins_what_the_console_vouches_for_and_nothing_that_was_mixed_in() {
    // The console knows two of the three keys.
    let bench = Bench::new(|machine| console(&keys(machine, &["ed25519", "ecdsa"])));
    let said = bench.run("", &["trust"]);
    said.says(3, &["`--yes`", "console output", "nothing vouches for it"]);
    assert!(!bench.pins().exists());
    let said = bench.run("", &["trust", "--yes"]);
    said.says(0, &["pinned to", &bench.id]);
    let line = said.out.lines().find(|line| line.contains("pinned: ["));
    let line = line.expect("the line for CI").trim();
    let (ed, rsa) = (bench.machine.public("ed25519"), bench.machine.public("rsa"));
    assert!(line.contains(&ed) && !line.contains(&rsa), "{line}");
    let pins = fs::read_to_string(bench.pins()).expect("pinned");
    assert!(pins.contains(&ed) && !pins.contains(&rsa), "{pins}");
    bench.assert_no_name_came();
    bench.run("", &["facts"]).says(0, &[]);
    bench
        .run("", &["trust"])
        .says(0, &["pinned, console output", line]);
    // Where nothing is pinned, the line is enough.
    fs::remove_file(bench.pins()).expect("removed");
    bench.run(&format!(", {line}"), &["facts"]).says(0, &[]);
    assert!(!bench.pins().exists());
    // No private key, role or parameter was asked for.
    let calls = bench.front.calls();
    let known = [
        "ec2:DescribeInstances",
        "ec2:GetConsoleOutput",
        "sts:GetCallerIdentity",
    ];
    assert!(
        calls.iter().all(|call| known.contains(&call.as_str())),
        "{calls:?}"
    );
}

#[test]
fn each_of_a_fleet_has_pins_of_its_own() {
    let front = Front::new();
    let desk = Desk::new(&front);
    let own = keygen(&desk.folder.path().join("id"), "ed25519");
    let of = name("fleet");
    let more = "ListenAddress 127.0.0.5";
    let machine = Sshd::start(&desk.folder.path().join("sshd"), &["ed25519"], &own, more);
    let make = |address: &str, key: &str| {
        front.instance(json!({
            "tags": { "fleet": of }, "private_ip": address, "console": console(&[key.to_owned()]),
        }))
    };
    // The same machine answers at both addresses; one instance's console says otherwise.
    let good = make("127.0.0.5", &machine.public("ed25519"));
    let other = keygen(&desk.folder.path().join("other"), "ed25519");
    let bad = make("127.0.0.1", &other);
    let spec = format!(
        "version: 1\nhosts:\n  client:\n    ec2: {{ tags: {{ fleet: {of} }}, all: true, via: private_ip \
         }}\n    ssh: {{ port: {}, user: {}, key: {{ file: id }}, host_key: {{ console: true }} }}\n",
        machine.port,
        user()
    );
    let said = desk.run(&spec, &["facts"]);
    said.says(4, &[&format!("pinned to {bad}"), &format!("client/{good}")]);
    let pins = fs::read_to_string(desk.folder.path().join("state/trueup/known_instances"));
    let pins = pins.expect("pinned");
    assert!(
        pins.contains(&format!("{good} {}", machine.public("ed25519"))),
        "{pins}"
    );
    assert!(pins.contains(&format!("{bad} {other}")), "{pins}");
}

#[test]
fn on_a_terminal_a_letter_pins_what_is_vouched_for_and_a_whole_word_what_has_changed() {
    let mut bench = Bench::new(|machine| console(&keys(machine, &["ed25519"])));
    bench.desk.write("spec.yaml", &bench.spec(""));
    let trust = |bench: &Bench, question: &str, answer: &str| {
        let mut terminal = bench.desk.on_terminal("trust spec.yaml");
        let seen = terminal.until(question);
        let answered = terminal.answer(answer);
        (answered.code, seen + &answered.out)
    };
    let (old, old_print) = (
        bench.machine.public("ed25519"),
        print(&bench.machine, "ed25519"),
    );
    for no in ["n\n", "\n"] {
        let (code, said) = trust(&bench, "[y/N] ", no);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(&old_print), "{said}");
        assert!(said.contains("console output"), "{said}");
        assert!(!bench.pins().exists());
    }
    let (code, said) = trust(&bench, "[y/N] ", "y\n");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("pinned: [\"{old}\"]")), "{said}");
    let pins = || fs::read_to_string(bench.pins()).expect("pinned");
    assert_eq!(pins().matches(&old).count(), 1);

    // Its keys are made anew, and the console says so: that is for somebody to decide.
    bench.impostor(&["ed25519"]);
    let new = bench.machine.public("ed25519");
    let printed = console(&keys(&bench.machine, &["ed25519"]));
    bench
        .front
        .make(json!({ "consoles": { bench.id.clone(): printed } }));
    let new_print = print(&bench.machine, "ed25519");
    bench
        .run(CONSOLE, &["plan"])
        .says(4, &[&old_print, &new_print]);
    bench
        .run(CONSOLE, &["trust", "--yes"])
        .says(4, &["somebody at a terminal"]);
    let pins = || fs::read_to_string(bench.pins()).expect("pinned");
    for no in ["y\n", "no\n"] {
        let (code, said) = trust(&bench, "Type `yes`: ", no);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(&old_print), "{said}");
        assert!(said.contains(&new_print), "{said}");
    }
    assert!(
        pins().contains(&old) && !pins().contains(&new),
        "{}",
        pins()
    );
    bench.assert_no_name_came();
    let (code, said) = trust(&bench, "Type `yes`: ", "yes\n");
    assert_eq!(code, 0, "{said}");
    assert!(
        pins().contains(&new) && !pins().contains(&old),
        "{}",
        pins()
    );
    bench.assert_no_name_came();
    bench.run("", &["facts"]).says(0, &[]);
}
