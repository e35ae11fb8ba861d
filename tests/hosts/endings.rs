//! How things end: by signals, by start files that never come to an end, by results that cannot be
//! written; and what is left behind then, which is nothing.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    client,
    prompt::Terminal,
    rig::{Host, Said, processes, signal, start_with, trueup, until, wait},
};

/// Processes that name a folder in their arguments.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().expect("text");
    let all = processes().into_iter();
    all.map(|(_, line)| line)
        .filter(|line| line.contains(folder))
        .collect()
}

#[test]
fn every_signal_that_ends_us_leaves_nothing_behind() {
    let host = Host::start("debian", &[]);
    let spec = host.spec(&client("21"));
    let spec = spec.to_str().expect("text");
    let stock = host.read(".bashrc");
    // Debian's bash reads it for sshd's commands, too.
    fs::write(
        host.home(".bashrc"),
        format!("echo waiting for it; sleep 1000\n{stock}"),
    )
    .expect("written");
    let runtime = host.folder.path().join("run");
    fs::create_dir(&runtime).expect("made");
    let run = |arguments: &[&str]| {
        let environment = [("XDG_RUNTIME_DIR", runtime.to_str().expect("text"))];
        start_with(host.folder.path(), arguments, &environment)
    };
    let plan = ["plan", spec];
    let apply = ["apply", spec, "--auto-approve"];
    for (arguments, name) in [
        (&plan[..], "INT"),
        (&plan, "TERM"),
        (&plan, "HUP"),
        (&plan, "QUIT"),
        (&["drift", spec], "TERM"),
        (&apply, "TERM"),
        (&apply, "HUP"),
        (&apply, "QUIT"),
    ] {
        let child = run(arguments);
        until("the start file waits", || {
            host.run_as("root", "pgrep -xf 'sleep 1000'").code == 0
        });
        assert_ne!(processes_of(&runtime), [""; 0], "there is a master");
        signal(child.id(), name);
        wait(child).code(130);
        let left: Vec<_> = fs::read_dir(&runtime).expect("a folder").collect();
        assert!(left.is_empty(), "{arguments:?}, {name}: {left:?}");
        until("the master is gone", || processes_of(&runtime).is_empty());
        host.root("for p in $(pgrep -xf 'sleep 1000'); do kill -9 $p; done");
    }

    // The lock says which shell never came, and what it printed.
    wait(run(&["apply", spec, "--auto-approve", "--timeout", "3s"]))
        .code(4)
        .says("did not come to trueup's command within 3 s")
        .says("waiting for it")
        .says("start files");
}

/// What trueup has for itself: its folders below one, and the processes that name that.
fn left_in(tmp: &Path) -> Vec<String> {
    let folders = fs::read_dir(tmp).expect("a folder");
    let names = folders.map(|entry| entry.expect("an entry").path().display().to_string());
    names.chain(processes_of(tmp)).collect()
}

#[test]
fn a_signal_at_the_prompt_changes_nothing_and_leaves_nothing_behind() {
    let host = Host::start("debian", &[]);
    let spec = host.spec("properties: { path: ~/client.properties, extra: { x: y } }");
    let tmp = host.folder.path().join("tmp");
    fs::create_dir(&tmp).expect("made");
    let environment = [
        ("TMPDIR", tmp.to_str().expect("text")),
        ("XDG_RUNTIME_DIR", tmp.to_str().expect("text")),
    ];
    for name in ["TERM", "HUP", "INT", "QUIT", "a closed terminal", "KILL"] {
        let mut terminal = Terminal::apply_with(
            host.folder.path(),
            spec.to_str().expect("text"),
            &environment,
        );
        asked_again(&host, &mut terminal, &tmp);
        let left = left_in(&tmp);
        assert!(
            left.iter()
                .any(|one| one.contains("/trueup-") && !one.contains(' '))
                && left.iter().any(|one| one.contains("ControlPersist=600")),
            "there are a folder and a master: {left:?}"
        );
        let process = terminal.process();
        if name == "a closed terminal" {
            terminal.close();
        } else if name == "KILL" {
            signal(process, name);
            terminal.end();
        } else {
            signal(process, name);
            let (code, said) = terminal.end();
            assert_eq!(code, 130, "{name}: {said}");
            assert!(said.contains("nothing was changed"), "{name}: {said}");
        }
        until("all is gone", || {
            left_in(&tmp).is_empty() && !Path::new("/proc").join(process.to_string()).exists()
        });
        until("the lock is free", || {
            host.run_as("root", "pgrep -f '[t]rueup: '").code != 0
        });
        assert_eq!(host.read("client.properties"), MOVED, "{name}");
        host.user("rm ~/client.properties");
    }
}

const PROMPT: &str = "Apply this change? [y/N] ";
const MOVED: &str = "other=1\n";

/// Says yes, where the machine has moved meanwhile: then people are asked again, with the lock held.
fn asked_again(host: &Host, terminal: &mut Terminal, tmp: &Path) {
    terminal.until(PROMPT);
    until("nothing is held", || {
        let left = left_in(tmp);
        !left
            .iter()
            .any(|one| one.contains("/trueup-") || one.contains("ControlPersist"))
    });
    host.user(&format!("printf '{MOVED}' >~/client.properties"));
    terminal.type_in("y\n");
    terminal.until(PROMPT);
    host.run_as("root", "pgrep -f '[t]rueup: '").code(0);
}

/// A key from the Parameter Store is held by an agent of trueup's own, for the login.
#[cfg(feature = "aws")]
#[test]
fn no_agent_stays_when_a_signal_comes_at_the_prompt() {
    use crate::{canary::Canary, cloud::Front};
    let host = Host::start("debian", &[]);
    let canary = Canary::new();
    let keys = host.home(".ssh/authorized_keys");
    fs::write(keys, format!("{}\n", canary.public)).expect("written");
    let front = Front::new();
    front.make(serde_json::json!({ "parameters": { "/trueup/at-the-prompt": canary.pem } }));
    let way = host.way().replace(
        &format!("file: {}", host.get("key")),
        "ssm_parameter: /trueup/at-the-prompt",
    );
    let spec = host.spec_with(
        &way,
        "properties: { path: ~/client.properties, extra: { x: y } }",
    );
    let tmp = host.folder.path().join("tmp");
    fs::create_dir(&tmp).expect("made");
    let environment = [
        ("TMPDIR", tmp.to_str().expect("text")),
        ("XDG_RUNTIME_DIR", tmp.to_str().expect("text")),
        ("AWS_ENDPOINT_URL", front.url.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIATESTER"),
        ("AWS_SECRET_ACCESS_KEY", "tester"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    for name in ["TERM", "HUP"] {
        let mut terminal = Terminal::apply_with(
            host.folder.path(),
            spec.to_str().expect("text"),
            &environment,
        );
        asked_again(&host, &mut terminal, &tmp);
        // It was for the login alone.
        let left = left_in(&tmp);
        assert!(
            left.iter().any(|one| one.contains("ControlPersist=600"))
                && !left.iter().any(|one| one.contains("agent")),
            "{left:?}"
        );
        signal(terminal.process(), name);
        let (code, said) = terminal.end();
        assert_eq!(code, 130, "{name}: {said}");
        assert!(said.contains("nothing was changed"), "{name}: {said}");
        until("all is gone", || left_in(&tmp).is_empty());
        assert_eq!(host.read("client.properties"), MOVED);
        host.user("rm ~/client.properties");
    }
}

#[test]
fn results_that_are_not_written_are_an_error() {
    let host = Host::start("debian", &[]);
    let spec = host.spec("properties: { path: ~/client.properties, extra: { x: y } }");
    let spec = spec.to_str().expect("text");
    let run = |arguments: &[&str], stdout: Stdio| {
        let child = Command::new(env!("CARGO_BIN_EXE_trueup"))
            .args(arguments)
            .env("HOME", host.folder.path())
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn();
        Said::new(
            child
                .expect("trueup runs")
                .wait_with_output()
                .expect("it ends"),
        )
    };
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("full"));
    let gone = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    for format in ["human", "json", "jsonl", "markdown", "junit", "html"] {
        run(&["plan", spec, "--format", format], full())
            .code(1)
            .says("stdout was not written: No space left on device");
        let quiet = run(&["plan", spec, "--format", format], gone()).code(1);
        assert_eq!(quiet.err, "", "{format}");
        run(
            &["plan", spec, "--format", &format!("{format}=/dev/full")],
            Stdio::null(),
        )
        .code(1)
        .says("`/dev/full` was not written: No space left on device");
    }
    run(&["schema"], full()).code(1);
    run(&["facts", spec], full()).code(1);
    // What was asked for is done all the same.
    run(&["apply", spec, "--auto-approve"], full())
        .code(1)
        .says("stdout was not written");
    trueup(&host, &["drift", spec]).code(0);
}

#[test]
fn no_connection_is_held_at_the_prompt() {
    let host = Host::start("debian", &[]);
    let spec = host.spec("properties: { path: ~/client.properties, extra: { x: y } }");
    let mut terminal = Terminal::apply(host.folder.path(), spec.to_str().expect("text"));
    terminal.until(PROMPT);
    until("nobody is logged in", || {
        host.run_as("root", "pgrep -u ec2-user sshd").code != 0
    });
    let key = host.get("address");
    let mut masters = processes();
    masters.retain(|(_, line)| line.contains("ControlPersist=600") && line.contains(key));
    assert_eq!(masters, []);
    assert_eq!(host.seen_by_sshd().0, 1);
    terminal.type_in("y\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 change applied and verified"), "{said}");
    assert_eq!(host.seen_by_sshd().0, 2);
}
