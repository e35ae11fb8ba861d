//! Several applies of one machine at once: no step of one runs between those of another of its account, two
//! accounts are in nobody's way, who holds the lock keeps it however long it stands still, and a package
//! manager ends before another apply begins.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    process::{Child, Command},
    thread,
    time::Duration,
};

use crate::{
    bench::{Bench, Files},
    here::finish,
    rig::{Host, KAFKA, Said, signal, until},
    sweep::{Random, Sweep, times},
    web::Gate,
};

/// Notes the begin and the end of each step in a file of the host's: who (an apply's own folder), and what.
const NOTING: &str = r#"#!/bin/sh
printf 'begin %s %s\n' "$T" "$4" >>/srv/steps
/usr/bin/setsid "$@"
code=$?
printf 'end %s %s\n' "$T" "$4" >>/srv/steps
exit "$code"
"#;

/// A host that notes its steps.
struct Race {
    bench: Bench,
}

impl Race {
    fn new(kind: &str) -> Self {
        let bench = Bench::start_with_root(kind);
        let program = bench.host.path("usr/local/bin/setsid");
        fs::write(&program, NOTING).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        let race = Self { bench };
        race.reset();
        race
    }

    fn reset(&self) {
        self.bench.reset();
        let steps = self.bench.host.path("srv/steps");
        fs::write(&steps, "").expect("written");
        fs::set_permissions(&steps, fs::Permissions::from_mode(0o666)).expect("set");
    }

    fn steps(&self) -> Vec<String> {
        let text = fs::read_to_string(self.bench.host.path("srv/steps")).expect("readable");
        text.lines().map(str::to_owned).collect()
    }

    fn spec(&self, name: &str, user: &str, client: &str) -> String {
        let way = self.bench.host.way();
        let way = way.replace("user: ec2-user", &format!("user: {user}"));
        self.bench.spec(&way, client, name)
    }

    /// One step at a time, and those of an apply without another's between them, where they are of one
    /// account; how many applies did something.
    #[track_caller]
    fn judge(&self, one_account: bool) -> usize {
        let steps = self.steps();
        let mut order: Vec<&str> = Vec::new();
        let mut running: Vec<&str> = Vec::new();
        for step in &steps {
            let (edge, step) = step.split_once(' ').expect("two words");
            let (who, _) = step.split_once(' ').expect("who, and what");
            if edge == "end" {
                let at = running.iter().position(|begun| *begun == step);
                running.remove(at.unwrap_or_else(|| panic!("an end without a begin: {steps:#?}")));
                continue;
            }
            let of_it = running.iter().filter(|begun| begun.starts_with(who));
            let others = if one_account {
                running.len()
            } else {
                of_it.count()
            };
            assert_eq!(others, 0, "two at once: {steps:#?}");
            running.push(step);
            if order.last() != Some(&who) {
                assert!(
                    !one_account || !order.contains(&who),
                    "in between: {steps:#?}"
                );
                order.push(who);
            }
        }
        assert!(running.is_empty(), "a step without its end: {steps:#?}");
        order.sort_unstable();
        order.dedup();
        order.len()
    }
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    /// Whether the specs differ.
    differ: bool,
    /// Of the second one.
    user: &'static str,
    /// Whether the second waits for its turn.
    waits: bool,
    /// How much later it begins.
    later: Duration,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

fn pair(nth: usize, random: &mut Random) -> Pair {
    Pair {
        differ: nth.is_multiple_of(2),
        user: if nth % 4 < 2 { "ec2-user" } else { "root" },
        waits: random.below(4) > 0,
        later: Duration::from_millis(u64::try_from(random.below(1200)).expect("small")),
    }
}

#[test]
fn pairs() {
    let mut sweep = Sweep::of("raced: pairs of applies, of one account and of two");
    let race = Race::new("amazon");
    let client = Files::of_site().client();
    let named = |name: &str| {
        client.replace(
            "properties: {}",
            &format!("properties: {{ extra: {{ client.id: {name} }} }}"),
        )
    };
    let mut both = 0;
    for nth in 0..times(3, 200) {
        let case = pair(nth, &mut sweep.random);
        sweep.attempt(case, || {
            race.reset();
            let second = if case.differ { "two" } else { "one" };
            let specs = [
                race.spec("one.yaml", "ec2-user", &named("one")),
                race.spec("two.yaml", case.user, &named(second)),
            ];
            let begin = |spec: &str, wait: &str| {
                race.bench
                    .begin(&["apply", spec, "--auto-approve", "--lock-timeout", wait])
            };
            let first = begin(&specs[0], "2m");
            thread::sleep(case.later);
            let second = begin(&specs[1], if case.waits { "2m" } else { "1ms" });
            let codes = [first, second].map(|child| finish(child, || {}).said);
            let told = format!("{codes:?}\n{:#?}", race.steps());
            assert_eq!(codes[0].code, 0, "{told}");
            let one_account = case.user == "ec2-user";
            let may_be_held = one_account && !case.waits;
            assert!(
                codes[1].code == 0 || (may_be_held && codes[1].code == 7),
                "{told}"
            );
            both += race.judge(one_account);
            // What the one that ended last wanted, whole.
            for (spec, said) in specs.iter().zip(&codes) {
                let after = race.bench.run(&["plan", spec, "--detailed-exitcode"]).code;
                let may_differ = case.differ && one_account || said.code == 7;
                assert!(
                    after == 0 || (after == 2 && may_differ),
                    "exit {after}\n{told}"
                );
            }
            let file = format!("{KAFKA}/bin/client.properties");
            let text = race.bench.host.read(&file);
            let wanted = ["client.id=one\n", "client.id=two\n"];
            assert_eq!(
                wanted.iter().filter(|line| text.contains(*line)).count(),
                1,
                "{text}"
            );
            race.bench.nothing_left();
        });
    }
    sweep.end();
    assert!(both > 0, "no step was noted");
}

const STOPPED: [&str; 3] = ["the holder", "the client", "its ssh"];

#[test]
fn stopped() {
    let mut sweep = Sweep::of("raced: who holds the lock and stands still is not robbed");
    let race = Race::new("debian");
    let gate = Gate::new();
    let spec = race.spec(
        "held.yaml",
        "ec2-user",
        &Files::of_site().client_from(&gate.url),
    );
    let other = race.spec(
        "other.yaml",
        "ec2-user",
        "properties: { path: ~/p, extra: { x: y } }",
    );
    let apply = ["apply", &spec, "--auto-approve", "--timeout", "60s"];
    let all: Vec<&str> = STOPPED.into_iter().cycle().take(30).collect();
    for victim in sweep.pick(all, 1) {
        sweep.attempt(victim, || {
            race.reset();
            gate.set(true);
            let first = race.bench.begin(&apply);
            until("a download waits", || gate.waiting() == 1);
            let stopped = match victim {
                "the holder" => race.bench.holder(),
                "the client" => vec![first.id()],
                _ => race.bench.masters(),
            };
            assert!(!stopped.is_empty(), "nothing to stop");
            stopped.iter().for_each(|pid| signal(*pid, "STOP"));
            // The step itself ends.
            gate.set(false);
            until("the step ends", || {
                race.steps()
                    .last()
                    .is_some_and(|step| step.starts_with("end") && step.contains("fetch"))
            });
            let (steps, tree) = (race.steps(), race.bench.tree());
            let said = race
                .bench
                .run(&["apply", &other, "--auto-approve", "--lock-timeout", "1s"]);
            assert_eq!(said.code, 7, "{said:?}");
            assert!(
                said.err.contains("tester from") || said.out.contains("tester from"),
                "{said:?}"
            );
            assert_eq!(race.steps(), steps, "{said:?}");
            assert_eq!(race.bench.tree(), tree, "{said:?}");
            stopped.iter().for_each(|pid| signal(*pid, "CONT"));
            let said = finish(first, || {}).said;
            assert_eq!(said.code, 0, "{said:?}");
            assert_eq!(race.judge(true), 1);
            let said = race.bench.run(&["apply", &other, "--auto-approve"]);
            assert_eq!(said.code, 0, "{said:?}");
            let said = race.bench.run(&["plan", &spec, "--detailed-exitcode"]);
            assert_eq!(said.code, 0, "{said:?}");
            race.bench.nothing_left();
        });
        gate.set(false);
    }
    sweep.end();
}

/// A package whose installation goes on until `/srv/go` is there.
fn slow_package(host: &Host, kind: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let waits = "until [ -e /srv/go ]; do sleep 0.07; done";
    let (text, list, source) = if kind == "debian" {
        (
            format!(
                "mkdir -p w/DEBIAN repo\nprintf 'Package: slow\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@example.com>\\nDescription: x\\n' >w/DEBIAN/control\n\
                 printf '#!/bin/sh\\n{waits}\\n' >w/DEBIAN/postinst; chmod 755 w/DEBIAN/postinst\n\
                 dpkg-deb -b w repo/slow.deb; cd repo; apt-ftparchive packages . >Packages; apt-ftparchive release . >Release"
            ),
            "etc/apt/sources.list.d/x.list",
            "deb [trusted=yes] file:/srv/repo ./\n",
        )
    } else {
        (
            format!(
                "printf 'Name: slow\\nVersion: 1\\nRelease: 1\\nSummary: x\\nLicense: x\\nBuildArch: noarch\\nProvides: /bin/sh\\n%%%%description\\nx\\n%%%%post\\n{waits}\\n%%%%files\\n' >s.spec\n\
                 rpmbuild -bb --quiet --define \"_topdir $PWD/w\" --define \"_rpmdir $PWD/repo\" s.spec; createrepo_c -q repo"
            ),
            "etc/yum.repos.d/x.repo",
            "[x]\nname=x\nbaseurl=file:///srv/repo\nenabled=1\ngpgcheck=0\n",
        )
    };
    let made = Command::new("sh")
        .args(["-ec", &text])
        .current_dir(folder.path())
        .output();
    let made = Said::new(made.expect("sh runs"));
    assert_eq!(made.code, 0, "{made:?}");
    let copied = Command::new("cp")
        .arg("-rT")
        .arg(folder.path().join("repo"))
        .arg(host.path("srv/repo"))
        .status();
    assert!(copied.expect("cp runs").success());
    fs::write(host.path(list), source).expect("written");
    if kind == "debian" {
        host.root("apt-get update -q");
    }
}

/// Reads a child's lines until one has a text.
#[track_caller]
fn says(child: &mut Child, text: &str) {
    let pipe = child.stdout.as_mut().expect("a pipe");
    let mut seen = String::new();
    for line in BufReader::new(pipe).lines() {
        seen.push_str(&line.expect("readable"));
        if seen.contains(text) {
            return;
        }
    }
    panic!("no `{text}` in {seen}");
}

#[test]
fn packages() {
    let mut sweep = Sweep::of("raced: a dead client's package manager ends before another begins");
    let kinds = ["debian", "amazon"];
    let all: Vec<(&str, &str)> = kinds
        .iter()
        .flat_map(|kind| ["the client", "its ssh"].map(|victim| (*kind, victim)))
        .flat_map(|case| [case; 5])
        .collect();
    let picked = sweep.pick(all, 1);
    for kind in kinds {
        if !picked.iter().any(|(of, _)| *of == kind) {
            continue;
        }
        let race = Race::new(kind);
        let host = &race.bench.host;
        slow_package(host, kind);
        let spec = race.spec(
            "slow.yaml",
            "ec2-user",
            "java: { version: 21, package: slow }",
        );
        let other = race.spec(
            "other.yaml",
            "ec2-user",
            "properties: { path: ~/p, extra: { x: y } }",
        );
        for (_, victim) in picked.iter().filter(|(of, _)| *of == kind) {
            sweep.attempt(format!("{kind}, {victim}"), || {
                race.reset();
                let _ = fs::remove_file(host.path("srv/go"));
                let mut first = race.bench.begin(&["apply", &spec, "--auto-approve"]);
                let waits = |(_, line): &(u32, String)| {
                    line.contains("sleep 0.07")
                        || line.contains("slow.postinst")
                        || line.contains("rpm-tmp")
                };
                until("the package's script runs", || {
                    race.bench.guests().iter().any(waits)
                });
                match *victim {
                    "the client" => signal(first.id(), "KILL"),
                    _ => race
                        .bench
                        .masters()
                        .into_iter()
                        .for_each(|pid| signal(pid, "KILL")),
                }
                first.wait().expect("gone");
                let short =
                    race.bench
                        .run(&["apply", &other, "--auto-approve", "--lock-timeout", "1s"]);
                assert_eq!(short.code, 7, "{short:?}");
                let second = [
                    "apply",
                    &other,
                    "--auto-approve",
                    "--lock-timeout",
                    "2m",
                    "--format",
                    "jsonl",
                ];
                let mut second = race.bench.begin(&second);
                says(&mut second, "\"waiting\"");
                assert_eq!(race.steps().len(), 1, "{:?}", race.steps());
                let go = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(host.path("srv/go"));
                go.and_then(|mut go| go.write_all(b"go\n"))
                    .expect("written");
                let said = finish(second, || {}).said;
                assert_eq!(said.code, 0, "{said:?}\n{:#?}", race.steps());
                assert_eq!(race.judge(true), 2);
                race.bench.nothing_left();
                let away = if kind == "debian" {
                    "dpkg --purge slow"
                } else {
                    "rpm -e slow"
                };
                host.root(away);
            });
        }
    }
    sweep.end();
}
