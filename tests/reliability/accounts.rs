//! Another account of the machine, which means harm: what it plants at a path that we write, and a
//! process of its that swaps whatever appears. It never gets a secret, nothing of the account's is written
//! through what it planted, and without it a plain apply converges.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use crate::{
    rig::{Host, Said, start_with, wait, without_java},
    sweep::{Sweep, times},
};

const CANARY: &str = "canary-7be1c0ffee";
/// For `grep`, whose own arguments do not have it.
const PATTERN: &str = "canary-7be1[c]0ffee";
const FOLDER: &str = "/srv/sticky";

/// A machine with a folder that all may write in, as /tmp, where the spec has everything; and mallory.
fn machine() -> (Host, String) {
    let host = Host::start("amazon", &[]);
    host.add_account("mallory", 1001);
    host.root(&format!("mkdir {FOLDER} && chmod 1777 {FOLDER}"));
    host.user("chmod 755 ~; echo precious >~/precious; cp ~/.bashrc ~/stock");
    let spec = without_java()
        .replace("  version: 2.8.1\n", &format!("  version: 2.8.1\n  home: {FOLDER}/kafka\n"))
        .replace(
            "properties: {}",
            &format!(
                "properties: {{ path: {FOLDER}/c.properties, extra: {{ ssl.key.password: {{ env: CANARY }} }} }}"
            ),
        );
    let spec = host.spec(&spec).display().to_string();
    (host, spec)
}

fn apply(host: &Host, spec: &str) -> Said {
    let words = ["apply", spec, "--auto-approve", "-v"];
    wait(start_with(
        host.folder.path(),
        &words,
        &[("CANARY", CANARY)],
    ))
}

/// What has to be so whatever mallory did, and then without it.
#[track_caller]
fn judge(host: &Host, spec: &str, said: &Said) {
    assert!([0, 5].contains(&said.code), "{} {}", said.out, said.err);
    let read = host.run_as(
        "mallory",
        &format!("grep -rsl {PATTERN} /home /srv /tmp /dev/shm /var/tmp /proc/[0-9]*/cmdline /proc/[0-9]*/environ"),
    );
    assert_eq!(read.out, "", "mallory has the secret");
    assert_eq!(host.read("precious"), "precious\n");
    host.root(&format!(
        "rm -rf /home/mallory/* && find {FOLDER} /tmp /dev/shm -mindepth 1 -uid 1001 -delete"
    ));
    let said = apply(host, spec);
    assert_eq!(said.code, 0, "without mallory: {} {}", said.out, said.err);
    let plan = ["plan", spec, "--detailed-exitcode"];
    let plan = wait(start_with(host.folder.path(), &plan, &[("CANARY", CANARY)]));
    assert_eq!(plan.code, 0, "{} {}", plan.out, plan.err);
    let left = host.root(&format!("find {FOLDER} /tmp /dev/shm -name '.trueup-*'"));
    assert_eq!(left, "");
    host.user(&format!(
        "rm -rf {FOLDER}/kafka {FOLDER}/c.properties && cp ~/stock ~/.bashrc"
    ));
}

#[test]
fn what_is_planted_is_not_written_through() {
    let mut sweep =
        Sweep::of("other accounts: links, files, folders, pipes planted where we write");
    let (host, spec) = machine();
    host.run_as("mallory", "ln ~ec2-user/precious /tmp/hard")
        .code(1);
    let mut plants = Vec::new();
    for path in [
        "kafka",
        "c.properties",
        ".trueup-kafka",
        ".trueup-c.properties",
        "kafka_2.12-2.8.1.tgz",
    ] {
        for (what, plant) in [
            ("a file", ": >P; chmod 666 P"),
            ("a folder", "mkdir P; chmod 777 P"),
            ("a link to the account's file", "ln -s ~ec2-user/precious P"),
            (
                "a link to a file of its own",
                ": >~/taken; chmod 666 ~/taken; ln -s ~/taken P",
            ),
            (
                "a link to a folder of its own",
                "mkdir ~/folder; chmod 777 ~/folder; ln -s ~/folder P",
            ),
            ("a link to nothing", "ln -s ~/nothing P"),
            ("a pipe", "mkfifo P; chmod 666 P"),
            (
                "a hard link to its own file",
                ": >~/taken; chmod 666 ~/taken; ln ~/taken P",
            ),
        ] {
            plants.push((
                format!("{what} at {path}"),
                plant.replace('P', &format!("{FOLDER}/{path}")),
            ));
        }
    }
    for (what, plant) in [
        (
            "folders of steps",
            "mkdir -m 777 /tmp/.trueup-step-AAAAAA; ln -s ~ec2-user /tmp/.trueup-step-BBBBBB",
        ),
        ("a lock", "ln -s ~ec2-user/precious /tmp/.trueup.1000.lock"),
    ] {
        plants.push((what.to_owned(), plant.to_owned()));
    }
    for (what, plant) in sweep.pick(plants, 2) {
        sweep.attempt(what, || {
            host.run_as("mallory", &plant).code(0);
            let said = apply(&host, &spec);
            judge(&host, &spec, &said);
        });
    }
    sweep.end();
}

/// Ends with the try.
struct Racer<'h>(Child, &'h Host);

impl Drop for Racer<'_> {
    fn drop(&mut self) {
        self.1.run_as("root", "pkill -KILL -u mallory");
        let _ = self.0.wait();
    }
}

/// Reads, moves, links and writes whatever appears in the folders that all may write in, and puts things
/// where we are about to write; `nth` is what it is most eager to do.
fn racer(host: &Host, nth: usize) -> Racer<'_> {
    let text = r#"import os, shutil, sys
canary, folder, nth = sys.argv[1].replace("[c]", "c").encode(), sys.argv[2], int(sys.argv[3])
home = "/home/mallory"
open(f"{home}/taken", "w").close()
os.chmod(f"{home}/taken", 0o666)
print("ready", flush=True)
def steal(path):
    for way in [lambda: open(path, "rb").read(), lambda: os.listdir(path)]:
        try:
            got = way()
        except OSError:
            continue
        if isinstance(got, bytes) and canary in got:
            with open(f"{home}/stolen", "wb") as file:
                file.write(got)
        if isinstance(got, list):
            for name in got:
                steal(f"{path}/{name}")
def swap(path, target):
    try:
        os.rename(path, f"{home}/moved")
    except OSError:
        pass
    try:
        os.symlink(target, path)
    except OSError:
        pass
while os.path.isdir(folder):
    for top in [folder, "/tmp", "/dev/shm"]:
        for name in os.listdir(top):
            path = f"{top}/{name}"
            steal(path)
            if nth % 3 == 0:
                swap(path, f"{home}/taken")
            try:
                with open(path, "ab") as file:
                    file.write(b"evil")
            except OSError:
                pass
    for name in ["kafka", "c.properties"]:
        path = f"{folder}/{name}"
        try:
            if nth % 3 == 1:
                os.symlink(["/home/ec2-user/precious", f"{home}/taken", home][nth % 2], path)
            if nth % 3 == 2:
                os.mkdir(path)
                os.chmod(path, 0o777)
        except OSError:
            pass
        try:
            if nth % 3 == 2:
                shutil.rmtree(path)
            else:
                os.lstat(path).st_uid == os.getuid() and os.unlink(path)
        except OSError:
            pass
"#;
    let words = ["python3", "-c", text, PATTERN, FOLDER, &nth.to_string()];
    let mut command = host.command_as("mallory", &words);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the rig runs");
    let mut line = String::new();
    let said = child.stdout.take().expect("a pipe");
    BufReader::new(said)
        .read_line(&mut line)
        .expect("it says so");
    assert_eq!(line, "ready\n");
    Racer(child, host)
}

#[test]
fn what_swaps_gets_nothing() {
    let mut sweep =
        Sweep::of("other accounts: a process that swaps, reads and writes whatever appears");
    let (host, spec) = machine();
    for nth in 0..times(3, 60) {
        sweep.attempt(nth, || {
            let racer = racer(&host, nth);
            let said = apply(&host, &spec);
            drop(racer);
            assert!(
                !host.path("home/mallory/stolen").exists(),
                "mallory has the secret"
            );
            judge(&host, &spec, &said);
        });
    }
    sweep.end();
}
