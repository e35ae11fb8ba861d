//! Private keys out of the Parameter Store: a login, a canary that is found nowhere, `key --save`.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::{
    canary::{Canary, finds_what_is_planted},
    gate::Gate,
    sshd::{Sshd, keygen, run, until, user},
    world::{Desk, Front, Said, name, nobody_applies, text},
};

/// A canary in the Parameter Store, an instance that was launched with it, and a machine that lets
/// it in.
struct Bench {
    gate: Gate,
    front: Front,
    desk: Desk,
    canary: Canary,
    machine: Sshd,
    id: String,
    parameter: String,
}

impl Bench {
    fn new(gated: bool) -> Self {
        let front = Front::new();
        let mut desk = Desk::new(&front);
        let canary = Canary::new();
        let folder = desk.folder.path().to_owned();
        // What the login leaves there is in reach of the search.
        fs::create_dir(folder.join("far-home")).expect("made");
        fs::create_dir(folder.join("run")).expect("made");
        desk.set("XDG_RUNTIME_DIR", &folder.join("run").display().to_string());
        let more = format!("SetEnv HOME={}", folder.join("far-home").display());
        let gate = Gate::new(&folder);
        let machine = match gated {
            true => gate.sshd(&canary.public, &more),
            false => Sshd::start(&folder.join("sshd"), &["ed25519"], &canary.public, &more),
        };
        let console = format!(
            "-----BEGIN SSH HOST KEY KEYS-----\r\n{} root@ip\r\n-----END SSH HOST KEY KEYS-----\r\n",
            machine.public("ed25519")
        );
        let made = front.make(json!({ "instances": [{
            "private_ip": "127.0.0.1", "console": console, "key": name("pair"), "key_text": canary.pem,
        }] }));
        Self {
            id: text(&made["instances"][0]["id"]),
            parameter: text(&made["instances"][0]["key_parameter"]),
            gate,
            front,
            desk,
            canary,
            machine,
        }
    }

    fn spec(&self, key: &str) -> String {
        format!(
            "version: 1\nhosts:\n  client:\n    ec2: {{ instance_id: {}, via: private_ip }}\n    ssh: {{ \
             port: {}, user: {}, key: {key}, host_key: {{ console: true }} }}\nclient:\n  properties:\n    \
             path: ~/p.properties\n    extra: {{ client.id: loader }}\n",
            self.id,
            self.machine.port,
            user()
        )
    }

    /// Nowhere below the desk, nor where files lie about; in no process.
    #[track_caller]
    fn assert_nowhere(&self) {
        let (found, seen) = self.canary.found_in_processes();
        assert!(found.is_empty() && seen > 4, "{found:?} in {seen}");
        let mut found = self.canary.found_below(self.desk.folder.path());
        found.extend(self.canary.found_lying_about());
        assert!(found.is_empty(), "{found:?}");
    }

    #[track_caller]
    fn assert_unsaid(&self, said: &Said) {
        assert_eq!(self.canary.found_in(said.out.as_bytes()), None);
        assert_eq!(self.canary.found_in(said.err.as_bytes()), None);
    }

    /// Processes that run an agent of ours, each with its number.
    fn agents(&self) -> Vec<String> {
        let run_folder = self.desk.folder.path().join("run").display().to_string();
        let all = run("ps", &["-eo", "pid=,args="]);
        let ours = |line: &&str| line.contains("ssh-agent") && line.contains(&run_folder);
        all.lines().filter(ours).map(str::to_owned).collect()
    }

    /// The program in the middle of its login.
    fn held(&self, words: &[&str]) -> Child {
        let mut command = self.desk.command(words);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        self.gate.until_held();
        child.expect("trueup runs")
    }
}

const FROM_INSTANCE: &str = "{ from_instance: true }";

#[test]
fn a_canary_is_found_nowhere_in_a_run_at_its_most_verbose() {
    let bench = Bench::new(true);
    finds_what_is_planted(&bench.canary);
    bench.desk.write("spec.yaml", &bench.spec(FROM_INSTANCE));
    let alone = nobody_applies();
    let child = bench.held(&["plan", "spec.yaml", "-vv", "--out", "plan.json"]);
    assert_eq!(
        bench.agents().len(),
        2,
        "the agent and its watch: {:?}",
        bench.agents()
    );
    bench.assert_nowhere();
    bench.gate.open();
    let said = Said::of(child.wait_with_output().expect("it ends"));
    drop(alone);
    said.says(0, &["p.properties"]);
    assert!(said.err.contains("DEBUG"), "{}", said.err);
    bench.assert_unsaid(&said);
    assert_eq!(bench.agents(), Vec::<String>::new());
    assert!(bench.desk.read("plan.json").contains("from_instance"));

    let parameter = format!("{{ ssm_parameter: {} }}", bench.parameter);
    for words in [
        &["facts", "-vv"][..],
        &["facts", "-vv", "--format", "json"],
        &["plan", "-vv", "--format", "json"],
        &["apply", "-vv", "--auto-approve"],
        &["drift", "-vv"],
    ] {
        let said = bench.desk.run(&bench.spec(&parameter), words);
        assert_eq!(said.code, 0, "{words:?}: {}\n{}", said.out, said.err);
        bench.assert_unsaid(&said);
        bench.assert_nowhere();
    }
    let said = bench.desk.trueup(&["show", "plan.json"]);
    bench.assert_unsaid(&said);
    let written = bench.desk.folder.path().join("far-home/p.properties");
    assert!(
        written.is_file(),
        "the account's home was looked through, too"
    );
    assert_eq!(bench.agents(), Vec::<String>::new());
}

#[test]
fn killed_in_the_middle_no_agent_holds_the_key() {
    let bench = Bench::new(true);
    bench.desk.write("spec.yaml", &bench.spec(FROM_INSTANCE));
    let mut child = bench.held(&["plan", "spec.yaml", "--timeout", "10min"]);
    assert_eq!(bench.agents().len(), 2, "{:?}", bench.agents());
    child.kill().expect("killed");
    let out = child.wait_with_output().expect("it ends");
    assert_eq!(out.status.signal(), Some(9));
    until("the agent's end", || bench.agents().is_empty());
    bench.gate.open();
    bench.assert_nowhere();
}

#[test]
fn a_signal_in_the_middle_of_the_login_ends_the_agent() {
    let bench = Bench::new(true);
    bench.desk.write("spec.yaml", &bench.spec(FROM_INSTANCE));
    let apply = ["apply", "spec.yaml", "--auto-approve"];
    for (words, signal) in [
        (&["plan", "spec.yaml"][..], "-TERM"),
        (&apply, "-INT"),
        (&apply, "-TERM"),
        (&apply, "-HUP"),
        (&apply, "-QUIT"),
    ] {
        let words = [words, &["--timeout", "10min"]].concat();
        let child = bench.held(&words);
        assert_eq!(bench.agents().len(), 2, "{:?}", bench.agents());
        run("kill", &[signal, &child.id().to_string()]);
        let said = Said::of(child.wait_with_output().expect("it ends"));
        assert_eq!(said.code, 130, "{signal}: {}\n{}", said.out, said.err);
        until("the agent's end", || bench.agents().is_empty());
        let run = bench.desk.folder.path().join("run");
        let left: Vec<_> = fs::read_dir(run).expect("a folder").collect();
        assert!(left.is_empty(), "{signal}: {left:?}");
        // Whom the machine itself still holds is let go, and the next is held.
        bench.gate.release();
    }
    bench.gate.open();
    bench.assert_nowhere();
}

#[test]
fn no_core_dump_has_the_key() {
    // What would be dumped if nothing were done about it.
    let folder = tempfile::tempdir().expect("a folder");
    let control = Command::new("sh")
        .args(["-c", "ulimit -c unlimited && kill -ABRT $$"])
        .current_dir(folder.path())
        .status()
        .expect("sh");
    assert_eq!(control.signal(), Some(6), "a limit that may be raised");
    assert!(control.core_dumped(), "this machine dumps no core at all");

    let bench = Bench::new(true);
    bench.desk.write("spec.yaml", &bench.spec(FROM_INSTANCE));
    let child = bench.held(&["plan", "spec.yaml"]);
    let pid = child.id().to_string();
    run("prlimit", &["--core=unlimited", "--pid", &pid]);
    let agents = bench.agents();
    assert_eq!(agents.len(), 2, "{agents:?}");
    for agent in agents {
        let pid = agent.split_whitespace().next().expect("a pid");
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
        let core = limits.lines().find(|line| line.contains("core file size"));
        let words: Vec<&str> = core.expect("a limit").split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{agent}: {limits}");
    }
    run("kill", &["-ABRT", &pid]);
    let out = child.wait_with_output().expect("it ends");
    assert_eq!(out.status.signal(), Some(6));
    assert!(!out.status.core_dumped());
    until("the agent's end", || bench.agents().is_empty());
    bench.gate.open();
    bench.assert_nowhere();
}

#[test]
fn a_key_that_is_none_is_one_clear_error() {
    let bench = Bench::new(false);
    let folder = tempfile::tempdir().expect("a folder");
    let protected = folder.path().join("protected");
    let args = ["-q", "-t", "ed25519", "-N", "secret", "-C", "", "-f"];
    run(
        "ssh-keygen",
        &[&args[..], &[protected.to_str().expect("text")]].concat(),
    );
    let protected = fs::read_to_string(protected).expect("a key");
    let public = keygen(&folder.path().join("public"), "ed25519");
    let body = protected.lines().nth(2).expect("a line").to_owned();
    for (content, why) in [
        (protected.clone(), "protected by a passphrase"),
        (public, "it is a public key"),
        (format!("not a key {body}"), "no private key in PEM"),
        (bench.canary.pem.replace('\n', " "), "without its line ends"),
        (
            format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"),
            "`ssh-add` does not take it",
        ),
    ] {
        bench
            .front
            .make(json!({ "parameters": { bench.parameter.clone(): content } }));
        let said = bench.desk.run(&bench.spec(FROM_INSTANCE), &["plan", "-vv"]);
        said.says(4, &[why, "help:"]);
        bench.assert_unsaid(&said);
        said.never_says(&[&body]);
        assert_eq!(
            bench.machine.count("userauth-request"),
            0,
            "{}",
            bench.machine.log()
        );
    }
    assert_eq!(bench.agents(), Vec::<String>::new());
}

#[test]
fn key_saves_the_file_for_its_owner_alone() {
    let bench = Bench::new(false);
    let at = bench.desk.folder.path().join("client.pem");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    let spec = bench.spec(FROM_INSTANCE);
    let said = bench
        .desk
        .run(&spec, &["key", "--save", "client.pem", "-vv"]);
    said.says(0, &["client.pem", "0400"]);
    bench.assert_unsaid(&said);
    assert_eq!(
        (fs::read_to_string(&at).expect("saved"), mode(&at)),
        (bench.canary.pem.clone(), 0o400)
    );
    assert_eq!(
        bench.machine.count("Connection from"),
        0,
        "nobody is reached for it"
    );
    // ssh takes it.
    let by_hand = format!("{{ file: {} }}", at.display());
    bench
        .desk
        .run(&bench.spec(&by_hand), &["facts"])
        .says(0, &[]);

    let said = bench.desk.run(&spec, &["key", "--save", "client.pem"]);
    said.says(1, &["not overwritten"]);
    std::os::unix::fs::symlink("nowhere.pem", bench.desk.folder.path().join("link"))
        .expect("a link");
    bench
        .desk
        .run(&spec, &["key", "--save", "link"])
        .says(1, &["not overwritten"]);
    assert!(!bench.desk.folder.path().join("nowhere.pem").exists());

    // Of several hosts, one by its name.
    let two = spec.replace(
        "client:\n  properties",
        "  other: { ssh: { address: 127.0.0.1 } }\nclient:\n  properties",
    );
    let said = bench.desk.run(&two, &["key", "--save", "two.pem"]);
    said.says(3, &["--host", "client, other"]);
    let said = bench
        .desk
        .run(&two, &["key", "--save", "two.pem", "--host", "other"]);
    said.says(3, &["refers to no private key"]);
    assert!(!bench.desk.folder.path().join("two.pem").exists());
    let said = bench
        .desk
        .run(&two, &["key", "--save", "two.pem", "--host", "client"]);
    said.says(0, &[]);
    assert_eq!(mode(&bench.desk.folder.path().join("two.pem")), 0o400);
}
