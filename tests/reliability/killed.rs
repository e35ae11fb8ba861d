//! Killed at any point: a plain apply then makes what an undisturbed one makes, the next plan is empty,
//! and nothing is left on either side.

use std::{
    io::{BufRead, BufReader},
    process::Child,
};

use serde_json::Value;

use crate::{
    machine::{APPLY, Ended, Machine, State, at_call, only_some},
    rig::{Host, start, trueup},
    sweep::{Sweep, times},
    watch::{Call, Watch},
};

/// How an apply may end whose remote side was killed somewhere.
const CODES: [i32; 3] = [0, 4, 5];

/// What is documented for it: a code, the step that failed, and where all is said to be well, it is.
#[track_caller]
fn ended_as_documented(machine: &Machine, ended: &Ended) {
    let (code, words) = (ended.said.code, ended.words());
    assert!(CODES.contains(&code), "exit {code}: {words}");
    if let Some(failure) = ended.failure() {
        assert_eq!(code, 5, "{failure}");
        let address = failure["address"].as_str().unwrap_or_default();
        assert!(
            address.starts_with("client/"),
            "no step is named: {failure}"
        );
    } else if code != 0 {
        assert!(!words.trim().is_empty(), "exit {code} without a word");
    }
    if code == 0 {
        machine.is_as_wanted_but_for_leftovers();
    }
}

fn kills(fault: &'static str, kind: &str, state: State, calls: &str, what: &str, few: usize) {
    let mut sweep = Sweep::of(fault);
    let mut machine = Machine::of(kind, state);
    for call in sweep.pick(machine.calls_of(calls), few) {
        sweep.attempt(format!("{what} at {}, {}", call.key, call.nth), || {
            let ended = machine.spoilt(&call.fault(what));
            ended_as_documented(&machine, &ended);
            machine.converges();
        });
    }
    sweep.end();
}

#[test]
fn remote_processes_at_each_change_of_a_file_on_a_fresh_host() {
    kills(
        "killed: a remote process at each call that changes a file, fresh host",
        "amazon",
        State::Fresh,
        "file",
        "kill",
        4,
    );
}

#[test]
fn remote_processes_at_each_change_of_a_file_on_an_older_host() {
    kills(
        "killed: a remote process at each call that changes a file, older host",
        "debian",
        State::Older,
        "file",
        "kill",
        4,
    );
}

#[test]
fn shells_at_each_command() {
    kills(
        "killed: the shell at each command that it runs, fresh host",
        "debian",
        State::Fresh,
        "exec",
        "parent",
        4,
    );
}

#[test]
fn what_sshd_started_at_each_command() {
    kills(
        "killed: the shell that sshd started at each command, older host",
        "amazon",
        State::Older,
        "exec",
        "top",
        4,
    );
}

/// Reads a client's events until one is the nth that starts or ends a step, and kills it there: whether
/// there are so many.
fn kill_at_boundary(client: &mut Child, nth: usize) -> bool {
    let lines = BufReader::new(client.stdout.take().expect("a pipe")).lines();
    let boundary = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        ["started", "done"].contains(&line["event"].as_str().unwrap_or_default())
    };
    let at = lines
        .map(|line| line.expect("text"))
        .filter(|line| boundary(line))
        .nth(nth);
    // The events come through a pipe: a client that is quick may have ended.
    client.kill().expect("it is ours");
    client.wait().expect("it ends");
    at.is_some()
}

#[test]
fn clients_at_each_step_boundary() {
    let mut sweep = Sweep::of("killed: the client at each step boundary");
    for (kind, state) in sweep.pick(vec![("amazon", State::Fresh), ("debian", State::Older)], 1) {
        let mut machine = Machine::of(kind, state);
        machine.reset();
        let lines = machine.apply(&[]).said.code(0).out;
        let count = lines
            .lines()
            .filter(|line| {
                line.contains("\"event\":\"started\"") || line.contains("\"event\":\"done\"")
            })
            .count();
        assert!(count >= 9, "{count} boundaries in {lines}");
        for nth in sweep.pick((0..count).collect(), 1) {
            sweep.attempt(format!("{kind}, {state:?}, boundary {nth}"), || {
                machine.reset();
                let mut client = machine.client(&APPLY);
                assert!(kill_at_boundary(&mut client, nth), "there are not so many");
                machine.converges();
            });
        }
    }
    sweep.end();
}

#[test]
fn clients_at_random_instants() {
    let mut sweep = Sweep::of("killed: the client at random calls of the host");
    for (kind, state) in sweep.pick(vec![("debian", State::Fresh), ("amazon", State::Older)], 1) {
        let mut machine = Machine::of(kind, state);
        for _ in 0..times(2, 100) {
            let call = machine.calls[sweep.random.below(machine.calls.len())].clone();
            sweep.attempt(format!("at {}, {}", call.key, call.nth), || {
                at_call(
                    &mut machine,
                    &call,
                    |_| (),
                    |machine, mut client| {
                        client.kill().expect("it is ours");
                        client.wait().expect("it ends");
                        machine.watch().go();
                    },
                );
                machine.converges();
            });
        }
    }
    sweep.end();
}

#[test]
fn hosts_at_random_instants() {
    let mut sweep = Sweep::of(
        "killed: the host, by a power cut at random calls; every second time the client too",
    );
    for (kind, state) in sweep.pick(vec![("amazon", State::Fresh), ("debian", State::Older)], 1) {
        let mut machine = Machine::of(kind, state);
        let luck = sweep.random.below(2);
        for turn in 0..times(1, 50) {
            let call = machine.calls[sweep.random.below(machine.calls.len())].clone();
            sweep.attempt(format!("at {}, {}", call.key, call.nth), || {
                at_call(
                    &mut machine,
                    &call,
                    |_| (),
                    |machine, mut client| {
                        if (turn + luck) % 2 == 1 {
                            client.kill().expect("it is ours");
                        }
                        machine.reboot();
                        let code = client.wait().expect("it ends").code();
                        // It may have come after the last word that the client needed.
                        assert!(
                            code.is_none_or(|code| CODES.contains(&code)),
                            "exit {code:?}"
                        );
                    },
                );
                machine.converges();
            });
        }
    }
    sweep.end();
}

/// A host that lacks a Java, and the watch over it.
fn without_java(kind: &str) -> (Host, Watch, String) {
    let host = Host::start(kind, &[]);
    let version = if kind == "amazon" { "1.8.0" } else { "21" };
    let spec = host.spec(&format!("java: {{ version: {version} }}"));
    let watch = Watch::over(&host);
    (host, watch, spec.to_str().expect("text").to_owned())
}

#[test]
fn hosts_and_clients_while_a_package_is_installed() {
    let mut sweep = Sweep::of(
        "killed: the host in a package manager's transaction; every second time the client too",
    );
    let kinds = vec![
        // Packages that have nothing to do with Java may go on waiting for a trigger.
        (
            "debian",
            "dpkg --verify && dpkg-query -W -f '${Package} ${db:Status-Status}\\n' \
             | sed '/java\\|jre/!s/triggers-pending/installed/' && ls /etc/ssl/certs/java/cacerts",
        ),
        (
            "amazon",
            "rpm -qa | sort | uniq -d && rpm -qa | xargs rpm -V --nodeps",
        ),
    ];
    for (kind, whole) in sweep.pick(kinds, 1) {
        let (host, mut watch, spec) = without_java(kind);
        watch.leave();
        trueup(&host, &["apply", &spec, "--auto-approve"]).code(0);
        let calls: Vec<Call> = watch.leave();
        let wanted = host.root(whole);
        // The package manager's own, from where it begins to write.
        let own = |call: &Call| {
            ["dpkg", "apt-get", "dnf", "yum"]
                .iter()
                .any(|name| call.key.starts_with(name))
        };
        let calls: Vec<Call> = calls.into_iter().filter(own).collect();
        assert!(
            calls.len() > 50,
            "{} calls of a package manager",
            calls.len()
        );
        let calls = only_some(calls);
        if calls.is_empty() {
            continue;
        }
        drop((watch, host));
        let luck = sweep.random.below(2);
        for turn in 0..times(1, 50) {
            let call = calls[sweep.random.below(calls.len())].clone();
            sweep.attempt(format!("{kind}, at {}, {}", call.key, call.nth), || {
                let (mut host, mut watch, spec) = without_java(kind);
                watch.spoil(&call.fault("pause"));
                let mut client = start(host.folder.path(), &["apply", &spec, "--auto-approve"]);
                let came = watch.paused(|| client.try_wait().expect("it is ours").is_none());
                // A call more or less: then it is the undisturbed one that is judged.
                if came && (turn + luck) % 2 == 1 {
                    client.kill().expect("it is ours");
                }
                drop(watch);
                host.restart();
                client.wait().expect("it ends");
                let host = &host;
                trueup(host, &["apply", &spec, "--auto-approve"]).code(0);
                trueup(host, &["plan", &spec, "--detailed-exitcode"]).code(0);
                assert_eq!(host.root(whole), wanted, "packages are not whole");
                let start_file = host.read(".bashrc");
                assert!(
                    !start_file.contains("JAVA_HOME"),
                    "it was not needed: {start_file}"
                );
                let left = host.root("ls -A /tmp /dev/shm | grep trueup || true");
                assert_eq!(left, "", "left on the host");
            });
        }
    }
    sweep.end();
}
