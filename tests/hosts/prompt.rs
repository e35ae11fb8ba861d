//! What `apply` asks on a terminal, and what the answers do.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    client,
    rig::{Host, trueup, until},
};

/// trueup on a terminal of 80 columns (the one that `script` makes).
pub struct Terminal {
    child: Child,
    seen: String,
}

impl Terminal {
    /// `trueup apply SPEC`; the user's home is `folder`.
    pub fn apply(folder: &Path, spec: &str) -> Self {
        Self::apply_with(folder, spec, &[])
    }

    /// Likewise, with environment variables.
    pub fn apply_with(folder: &Path, spec: &str, environment: &[(&str, &str)]) -> Self {
        Self::start(folder, &format!("apply {spec}"), environment)
    }

    /// Likewise, with any words, in that folder.
    pub fn start(folder: &Path, words: &str, environment: &[(&str, &str)]) -> Self {
        let command = format!(
            "stty cols 80; exec {} {words}",
            env!("CARGO_BIN_EXE_trueup")
        );
        let child = Command::new("script")
            .args(["-qefc", &command, "/dev/null"])
            .envs(environment.iter().copied())
            .current_dir(folder)
            .env("HOME", folder)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script runs");
        Self {
            child,
            seen: String::new(),
        }
    }

    /// Reads until a text has come; only what comes after the last call counts.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        self.seen.clear();
        let mut byte = [0];
        let stdout = self.child.stdout.as_mut().expect("a pipe");
        while !self.seen.contains(text) {
            let count = stdout.read(&mut byte).expect("readable");
            assert_ne!(count, 0, "no `{text}` in:\n{}", self.seen);
            self.seen.push(char::from(byte[0]));
        }
        self.seen.clone()
    }

    /// trueup itself, which runs in a session of its own below `script`.
    #[track_caller]
    pub fn process(&self) -> u32 {
        let parent = self.child.id();
        let children = format!("/proc/{parent}/task/{parent}/children");
        let children = std::fs::read_to_string(children).expect("a list");
        let mut children = children.split_whitespace();
        let child = children.next().and_then(|pid| pid.parse().ok());
        assert!(children.next().is_none(), "one child");
        child.expect("trueup runs")
    }

    /// Closes the terminal, as a window that is closed does.
    pub fn close(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Types.
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush())
            .expect("written");
    }

    /// The exit code, and what came last.
    pub fn end(mut self) -> (i32, String) {
        let mut rest = String::new();
        let mut bytes = Vec::new();
        self.child
            .stdout
            .take()
            .expect("a pipe")
            .read_to_end(&mut bytes)
            .expect("readable");
        rest.push_str(&String::from_utf8_lossy(&bytes));
        (
            self.child.wait().expect("it ends").code().unwrap_or(-1),
            rest,
        )
    }
}

#[test]
fn yes_no_and_a_machine_that_moves_meanwhile() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");

    for (answer, code) in [("n\n", 1), ("\n", 1), ("\u{3}", 130), ("\u{4}", 1)] {
        let mut terminal = Terminal::apply(host.folder.path(), spec);
        terminal.until("Apply these 5 changes? [y/N] ");
        terminal.type_in(answer);
        let (ended, said) = terminal.end();
        assert_eq!(ended, code, "after {answer:?}: {said}");
        assert!(
            said.contains("nothing was changed"),
            "after {answer:?}: {said}"
        );
    }
    assert!(!host.home("kafka_2.12-2.8.1").exists());

    let mut terminal = Terminal::apply(host.folder.path(), spec);
    let plan = terminal.until("Apply these 5 changes? [y/N] ");
    assert!(plan.contains("\u{1b}["), "a terminal gets colour");
    // Between the plan and the yes somebody makes the folder.
    host.user("mkdir -p ~/kafka_2.12-2.8.1 && touch ~/kafka_2.12-2.8.1/theirs");
    terminal.type_in("y\n");
    let again = terminal.until("Apply this change? [y/N] ");
    assert!(
        again.contains("has changed since the plan was shown"),
        "{again}"
    );
    terminal.type_in("n\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 1, "{said}");
    host.user("rm -r ~/kafka_2.12-2.8.1");

    let mut terminal = Terminal::apply(host.folder.path(), spec);
    terminal.until("Apply these 5 changes? [y/N] ");
    terminal.type_in("y\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("5 changes applied and verified"), "{said}");
    trueup(&host, &["drift", spec]).code(0);
}

#[test]
fn who_is_asked_sees_the_plan_whatever_goes_to_stdout() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec("java: { version: 1.8.0 }");
    let file = host.folder.path().join("plan.txt");
    let (spec, file) = (spec.display(), file.display());
    let words = format!("{spec} --format json --format human={file}");
    let mut terminal = Terminal::apply(host.folder.path(), &words);
    let seen = terminal.until("Apply this change? [y/N] ");
    assert!(
        seen.contains("client/java") && !seen.contains("format_version"),
        "{seen}"
    );
    terminal.type_in("n\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("\"exit_code\": 1"), "{said}");
    let text = std::fs::read_to_string(file.to_string()).expect("written");
    assert!(
        text.contains("+ client/java") && !text.contains('\u{1b}'),
        "{text}"
    );
}

#[test]
fn what_people_take_to_answer_is_not_counted() {
    let host = Host::start("debian", &[]);
    let spec = host.spec("").display().to_string();
    let text = std::fs::read_to_string(&spec).expect("a spec");
    let (before, _) = text.split_once("\nclient:").expect("a client");
    let files = "files:\n  note: { path: ~/note, content: a }\n";
    std::fs::write(&spec, before.to_owned() + "\n" + files).expect("written");
    let began = Instant::now();
    let mut terminal = Terminal::apply(host.folder.path(), &spec);
    terminal.until("[y/N]");
    let asked = Instant::now();
    until("somebody has thought about it", || {
        asked.elapsed() > Duration::from_secs(2)
    });
    let thought = asked.elapsed();
    terminal.type_in("y\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    let (_, took) = said.split_once("verified in ").expect(&said);
    let (took, _) = took.split_once(" s").expect("seconds");
    let took: f64 = took.parse().expect("a number");
    // It is rounded to a tenth.
    let most = began.elapsed().as_secs_f64() - thought.as_secs_f64() + 0.05;
    assert!(took <= most, "{took} of {most}: {said}");
}
