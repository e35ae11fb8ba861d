//! The command line, as hands use it: no host is asked.

mod given;
mod habits;
mod help;
mod init;
mod order;
mod shells;

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// How a command ended and what it said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// The same, when it ended with a code.
    #[track_caller]
    fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// The same, when stdout or stderr has a text; lines are joined, as sentences are wrapped.
    #[track_caller]
    fn says(self, text: &str) -> Self {
        let both = format!("{}{}", self.out, self.err);
        let flat = both.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(text), "no `{text}` in:\n{both}");
        self
    }
}

/// The program in a folder, with nothing but a `HOME` in its environment.
fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, words: &[&str]) -> Said {
    said(command(folder, words))
}

fn said(mut command: Command) -> Said {
    let output = command.output().expect("trueup runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}
