//! The program on a terminal, which `script` makes, and somebody who answers it.

use std::{
    io::{Read, Write},
    process::{Child, Command, Stdio},
};

pub struct Terminal {
    child: Child,
}

/// What came of it.
pub struct Answered {
    pub code: i32,
    pub out: String,
}

impl Terminal {
    /// Starts the program; `script` is that command, with an environment and a folder.
    pub fn start(mut script: Command, args: &str) -> Self {
        let command = format!(
            "stty cols 200; exec {} {args}",
            env!("CARGO_BIN_EXE_trueup")
        );
        let child = script
            .args(["-qefc", &command, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Self {
            child: child.expect("script runs"),
        }
    }

    /// Reads until it shows a text.
    pub fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        let stdout = self.child.stdout.as_mut().expect("a pipe");
        let mut byte = [0];
        while !seen.contains(text) {
            let count = stdout.read(&mut byte).expect("readable");
            assert_ne!(count, 0, "no `{text}` in:\n{seen}");
            seen.push(char::from(byte[0]));
        }
        seen
    }

    /// Types.
    #[allow(dead_code, reason = "some tests answer once")]
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush())
            .expect("typed");
    }

    /// Types a line, and waits for the end.
    pub fn answer(mut self, line: &str) -> Answered {
        let mut stdin = self.child.stdin.take().expect("a pipe");
        stdin.write_all(line.as_bytes()).expect("typed");
        let out = self.child.wait_with_output().expect("it ends");
        Answered {
            code: out.status.code().expect("a code"),
            out: String::from_utf8_lossy(&out.stdout).into_owned(),
        }
    }
}
