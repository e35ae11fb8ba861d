//! A desk from which the program asks AWS, or what stands in for it.

use std::{
    fs,
    process::{Command, Output, Stdio},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

pub use crate::cloud::{Front, name, text};
use crate::terminal::Terminal;

/// All tests are on one machine, which takes one apply at a time; who plans meanwhile says so.
static MACHINE: RwLock<()> = RwLock::new(());

/// No test of this run applies anything while this is held.
pub fn nobody_applies() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// A home with a spec in it.
pub struct Desk {
    pub folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What came of a run.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Desk {
    /// One that asks a front, with keys in its environment.
    pub fn new(front: &Front) -> Self {
        let mut desk = Self::without_keys(front);
        desk.set("AWS_ACCESS_KEY_ID", "AKIATESTER");
        desk.set("AWS_SECRET_ACCESS_KEY", "tester");
        desk
    }

    pub fn without_keys(front: &Front) -> Self {
        let mut desk = Self {
            folder: tempfile::tempdir().expect("a folder"),
            environment: vec![],
        };
        desk.set("AWS_ENDPOINT_URL", &front.url);
        desk.set("AWS_REGION", "us-east-1");
        // No test may ask the metadata service of the machine that it runs on.
        desk.set("AWS_EC2_METADATA_DISABLED", "true");
        desk
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("read")
    }

    /// Writes `spec.yaml` and runs the program on it.
    pub fn run(&self, spec: &str, words: &[&str]) -> Said {
        self.write("spec.yaml", spec);
        let (verb, rest) = words.split_first().expect("a verb");
        let mut all = vec![*verb, "spec.yaml"];
        all.extend(rest);
        self.trueup(&all)
    }

    pub fn trueup(&self, words: &[&str]) -> Said {
        let applies = words.first() == Some(&"apply");
        // A test that failed leaves the machine as it is.
        let _writes = applies.then(|| MACHINE.write().unwrap_or_else(PoisonError::into_inner));
        let _reads = (!applies).then(nobody_applies);
        Said::of(self.command(words).output().expect("trueup runs"))
    }

    /// The program, which is not yet run.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.other(env!("CARGO_BIN_EXE_trueup"));
        command.args(words);
        command
    }

    /// The program on a terminal.
    pub fn on_terminal(&self, words: &str) -> Terminal {
        let mut script = self.other("script");
        script.env("TERM", "xterm").env("NO_COLOR", "1");
        Terminal::start(script, words)
    }

    /// Another program at this desk.
    pub fn other(&self, program: &str) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("SHELL", "/bin/sh")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }
}

impl Said {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It ended so, and said this, whatever the line breaks.
    #[track_caller]
    pub fn says(&self, code: i32, words: &[&str]) {
        let flat = self.flat();
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        for word in words {
            assert!(
                flat.contains(word),
                "no `{word}` in\n{}\n{}",
                self.out,
                self.err
            );
        }
    }

    #[track_caller]
    pub fn never_says(&self, words: &[&str]) {
        let flat = self.flat();
        for word in words {
            assert!(
                !flat.contains(word),
                "`{word}` in\n{}\n{}",
                self.out,
                self.err
            );
        }
    }

    pub fn flat(&self) -> String {
        let all = format!("{}\n{}", self.out, self.err);
        all.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
