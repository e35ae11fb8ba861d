//! What a look costs a host, counted: programs and forks are the same on every machine, time is not.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use trueup::{
    facts::{Host, Reply},
    frame::Frames,
    observe::{probe_script, random_mark},
    plan::{HostPlan, StepAction},
};

use crate::probe::{SHELLS, home, resources, write};

/// Most programs that a look at the five resources of `client` may start, and most forks, when all is in place.
const MOST: (usize, usize) = (12, 20);
/// Most bytes of its exec request. It was 45,900 when there were five kinds.
const MOST_BYTES: u64 = 37_500;

/// How often a command that is traced, and what it starts, executes a program and forks; and what it prints.
fn traced(home: &Path, command: &[&str]) -> (Vec<String>, usize, Vec<u8>) {
    let traces = tempfile::tempdir().expect("a folder");
    let output = Command::new("strace")
        .args(["-ff", "-e", "trace=execve,clone,clone3,fork,vfork", "-o"])
        .arg(traces.path().join("of"))
        .args(command)
        .env_clear()
        .env("HOME", home)
        .env("SHELL", "/bin/bash")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!("strace cannot be run, `tests/rig/rig install` brings it: {error}")
        });
    let (mut programs, mut forks) = (Vec::new(), 0);
    for file in fs::read_dir(traces.path()).expect("a folder") {
        let trace = fs::read(file.expect("a file").path()).expect("a trace");
        for line in String::from_utf8_lossy(&trace).lines() {
            let (call, rest) = line.split_once('(').unwrap_or_default();
            match call {
                "execve" if line.ends_with("= 0") => programs.push(rest.chars().take(60).collect()),
                "clone" | "clone3" | "fork" | "vfork"
                    if !rest.contains("= -1") && !rest.contains("CLONE_THREAD") =>
                {
                    forks += 1;
                }
                _ => {}
            }
        }
    }
    (programs, forks, output.stdout)
}

/// A home where nothing is left to do.
pub fn in_place() -> tempfile::TempDir {
    let home = home();
    let kafka = "kafka_2.12-2.8.1";
    let zip = "PK\u{5}\u{6}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let sum = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
    let mut manifest = String::from("# trueup manifest 1: kafka_2.12-2.8.1.tgz sha512:unpinned\n");
    for name in [
        "bin/kafka-run-class.sh",
        "bin/kafka-topics.sh",
        "bin/windows/kafka-topics.bat",
        "config/kraft/server.properties",
        "libs/kafka_2.12-2.8.1.jar",
        "libs/kafka-clients-2.8.1.jar",
        "libs/scala-library-2.12.13.jar",
        "libs/slf4j-api-1.7.30.jar",
        "libs/jopt-simple-5.0.4.jar",
    ] {
        write(home.path(), &format!("{kafka}/{name}"), zip);
        manifest.push_str(&format!("{sum} {} {name}\n", zip.len()));
    }
    let jar = format!("{kafka}/libs/aws-msk-iam-auth-1.1.5-all.jar");
    write(home.path(), &jar, zip);
    write(home.path(), &format!("{kafka}/.trueup/manifest"), &manifest);
    write(
        home.path(),
        &format!("{kafka}/bin/client.properties"),
        "security.protocol=SASL_SSL\n",
    );
    write(home.path(), "jvm/release", "JAVA_VERSION=\"1.8.0_504\"\n");
    write(home.path(), "jvm/bin/java", "\u{7f}ELF, never started\n");
    write(home.path(), ".ssh/authorized_keys", "");
    write(home.path(), ".bash_profile", ". ~/.bashrc\n");
    let login = format!("export JAVA_HOME=~/jvm\nexport CLASSPATH=~/{jar}:\n");
    write(home.path(), ".bashrc", &login);
    for (name, mode) in [
        (&*format!("{kafka}/bin/kafka-run-class.sh"), "755"),
        (&*format!("{kafka}/bin/kafka-topics.sh"), "755"),
        (&*format!("{kafka}/bin/client.properties"), "600"),
        ("jvm/bin/java", "755"),
        (".ssh", "700"),
    ] {
        let done = Command::new("chmod")
            .arg(mode)
            .arg(home.path().join(name))
            .status();
        assert!(done.expect("chmod runs").success());
    }
    home
}

#[test]
fn a_look_where_nothing_is_to_do_starts_few_programs() {
    let home = in_place();
    // What the machine's own start files start is not ours.
    let (start_files, their_forks, _) = traced(home.path(), &["bash", "-l", "-i", "-c", ":"]);
    for shell in SHELLS {
        let mark = random_mark().expect("random bytes");
        let script =
            probe_script(&resources(), false, &mark, Duration::from_secs(60)).expect("no NUL");
        let command = [shell, &["-c", script.as_text()]].concat();
        let (mut programs, forks, stdout) = traced(home.path(), &command);
        let mut frames = Frames::after_mark(&mark);
        frames.feed(&stdout).expect("small");
        let records = std::iter::from_fn(|| frames.next_record().expect("well formed")).collect();
        let reply = Reply::new(records);
        let host = Host::read(&reply.section("host"));
        let plan = HostPlan::new("client", "local", &resources(), &host, &reply, "salt");
        for step in &plan.steps {
            assert_eq!(
                step.action,
                StepAction::None,
                "{shell:?} {}: {}",
                step.address,
                step.reason
            );
        }
        programs.sort();
        // Neither the shell that runs the look.
        let (started, forks) = (programs.len() - start_files.len(), forks - their_forks);
        let bytes = script.exec().bytes();
        println!("{shell:?}: {started} programs, {forks} forks, {bytes} bytes");
        assert!(
            started <= MOST.0 && forks <= MOST.1 && bytes <= MOST_BYTES,
            "{shell:?} {started} {forks} {bytes}: {programs:#?}"
        );
    }
}
