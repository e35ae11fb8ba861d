//! What runs on a host over SSH, seen call by call, and spoiled at one of them: `rig host watch`.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::rig::{Host, rig_command};

/// Longer than any try takes: what never comes is a failure, and no hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// A call of a process that is not sshd's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Call {
    /// `file`: it changes one; `exec`: a command begins.
    pub kind: String,
    /// Process, call and path.
    pub key: String,
    /// Which of those with that key.
    pub nth: usize,
    /// The system call.
    #[serde(rename = "call")]
    pub name: String,
    /// The file.
    pub path: String,
    /// Something is there already.
    pub there: bool,
    /// It is the one that was spoiled.
    pub hit: bool,
}

impl Call {
    /// What is to be done when it comes again.
    pub fn fault(&self, what: &str) -> Value {
        json!({ "key": self.key, "nth": self.nth, "do": what })
    }
}

/// A host's sshd is below this.
pub struct Watch {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
}

impl Watch {
    /// Starts the host's sshd anew.
    pub fn over(host: &Host) -> Self {
        let mut child = rig_command(&["host", "watch", host.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the rig runs");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let line = serde_json::from_str(&line.expect("text")).expect("JSON");
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take().expect("a pipe");
        let watch = Self {
            child,
            stdin,
            lines,
        };
        watch.until_ready();
        watch
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE);
        line.expect("the watch goes on: does this kernel know seccomp's listeners?")
    }

    /// The calls up to the answer to our last word.
    fn until_ready(&self) -> Vec<Call> {
        let mut calls = vec![];
        loop {
            let line = self.next();
            if line["ready"] == true {
                return calls;
            }
            calls.push(serde_json::from_value(line).expect("a call"));
        }
    }

    fn say(&mut self, word: &Value) -> Vec<Call> {
        let line = format!("{word}\n");
        self.stdin.write_all(line.as_bytes()).expect("it reads");
        self.until_ready()
    }

    /// From now on this happens; the calls that came since the last time.
    pub fn spoil(&mut self, fault: &Value) -> Vec<Call> {
        self.say(fault)
    }

    /// Nothing happens any more; the calls that came since something was to.
    pub fn leave(&mut self) -> Vec<Call> {
        self.spoil(&json!({}))
    }

    /// Waits until the call that is to pause has come, as long as somebody is at work: whether it has.
    pub fn paused(&self, mut at_work: impl FnMut() -> bool) -> bool {
        loop {
            let Ok(line) = self.lines.recv_timeout(Duration::from_millis(20)) else {
                if at_work() {
                    continue;
                }
                // What it did last may not have been read yet.
                return self.lines.try_iter().any(|line| line["hit"] == true);
            };
            if line["hit"] == true {
                return true;
            }
        }
    }

    /// Lets the call that paused go on.
    pub fn go(&mut self) {
        self.say(&json!({ "go": true }));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended with its host.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
