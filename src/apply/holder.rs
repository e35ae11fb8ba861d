//! The lock, and the remote process that holds it. A [`Writer`] can be had only from
//! [`Lock::acquire`], so that writing without the lock does not type-check.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    frame::{Frames, Garbled, Record},
    meter::{self, Phase},
    script::{NulByte, Script},
    text::escape_lines,
    transport::{self, Connection, Ending, Input, Output},
};

const PRELUDE: &str = include_str!("../observe/prelude.sh");
const HOLDER: &str = include_str!("holder.sh");
/// What the holder's steps run.
pub(crate) const STEPS: &str = include_str!("steps.sh");

/// Ends a step: its whole session, and only when it is one of ours.
const STOP: &str = r#"
stop() {
  case $(tr '\0' ' ' <"/proc/$1/cmdline") in *step_*) kill -TERM -- "-$1" ;; esac
}
"#;

/// How long a step that was stopped may take to clean up.
const STOPPING: Duration = Duration::from_secs(20);

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The connection, or the host's answer.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Somebody else has it, and kept it for as long as we waited. Exit code 7.
    #[error(
        "another apply holds the lock: {holder}\n  help: wait for it, or raise `--lock-timeout`"
    )]
    Held {
        /// Who, as the holder says in its arguments.
        holder: String,
    },
    /// The host cannot lock.
    #[error(
        "the lock cannot be taken: {said}\n  help: `flock` is part of util-linux: install it on the host"
    )]
    Cannot {
        /// What is missing.
        said: String,
    },
    /// The account's shell did not come to our command in time.
    #[error(
        "the account's shell did not run our command within {0} s\n  \
         help: bash reads ~/.bashrc for each command of ssh's: look for what asks, waits or runs \
         another program (`read`, `exec`) without a test for a terminal; `--timeout` gives it longer"
    )]
    NotBegun(u64),
    /// Ctrl-C came while we waited.
    #[error("interrupted while waiting for the lock")]
    Interrupted,
}

/// Why a step's outcome is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The connection.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// The answer is not made of records.
    #[error(transparent)]
    Garbled(#[from] Garbled),
    /// The holder is gone.
    #[error("the connection ended in the middle: {said}")]
    Ended {
        /// What it complained of last.
        said: String,
    },
    /// A value of the spec.
    #[error(transparent)]
    Nul(#[from] NulByte),
    /// The step went beyond its deadline; a package manager is never killed.
    #[error("it is still running after {seconds} s; it goes on by itself")]
    StillRunning {
        /// The deadline.
        seconds: u64,
    },
    /// Ctrl-C came twice: we leave, the host ends the step alone.
    #[error("left behind by Ctrl-C; it goes on by itself")]
    Abandoned,
}

/// How often Ctrl-C was pressed.
pub type Stop = watch::Receiver<u8>;

/// The lock of a machine; see [`Lock::acquire`].
pub struct Lock;

impl Lock {
    /// Takes the machine's lock, waiting for it at most `wait`. `title` says who we are; others
    /// find it in the process list. `waiting` is told who holds the lock, once, if we wait.
    ///
    /// # Errors
    /// When somebody else keeps the lock, or the host cannot be reached.
    pub async fn acquire<'c>(
        connection: &'c dyn Connection,
        title: &str,
        wait: Duration,
        answer: Duration,
        stop: &mut Stop,
        mut waiting: impl FnMut(&str),
    ) -> Result<Writer<'c>, LockError> {
        // Each of the two scripts is complete in itself; the steps travel as one value of the
        // holder's, which hands it to a shell of its own for every step.
        let script = Script::new("lock")
            .titled(title)
            .text(PRELUDE)
            .text(crate::observe::HOST)
            .text(HOLDER)
            .set("STEPS", STEPS)
            .text("identify")
            .call("holder", [wait.as_secs().to_string()])
            .map_err(WriteError::from)?;
        let (started, sent) = (Instant::now(), script.exec().bytes());
        let running = connection.spawn(&script).await.map_err(WriteError::from)?;
        let Some(input) = running.stdin else {
            unreachable!("the holder's script is constant and short enough for the exec request")
        };
        let mut writer = Writer {
            connection,
            input,
            output: running.stdout,
            complaints: running.stderr,
            exit: running.exit,
            frames: Frames::after_mark(HELLO),
            buffer: vec![0; 16 * 1024],
            got: 0,
        };
        // The holder speaks as soon as it runs; only then may somebody else's lock be waited for.
        let mut limit = Instant::now() + answer;
        loop {
            let record = tokio::select! {
                record = timeout_at(limit, writer.next()) => record.map_err(|_| {
                    if !writer.frames.begun() {
                        return LockError::NotBegun(answer.as_secs());
                    }
                    WriteError::from(transport::Error::Deadline {
                        address: connection.address().to_owned(),
                        call: "lock",
                        seconds: (wait + answer).as_secs(),
                    })
                    .into()
                })??,
                _ = stop.wait_for(|&pressed| pressed > 0) => return Err(LockError::Interrupted),
            };
            let said = escape_lines(&String::from_utf8_lossy(&record.value));
            match record.key.as_str() {
                "locked" => {
                    let place = connection.address();
                    tell(Phase::Lock, "lock", place, started, sent, writer.got);
                    return Ok(writer);
                }
                "waiting" => {
                    limit = Instant::now() + wait + answer;
                    waiting(&said);
                }
                "held" => return Err(LockError::Held { holder: said }),
                _ => return Err(LockError::Cannot { said }),
            }
        }
    }
}

/// The line before the holder's first record.
const HELLO: &str = "trueup holder";

/// One step for the holder.
#[derive(Debug, Clone)]
pub struct Call {
    name: &'static str,
    arguments: Vec<String>,
}

impl Call {
    /// A function of `steps.sh`, without its `step_`.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            arguments: vec![],
        }
    }

    /// Appends a value.
    pub fn value(mut self, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        self.arguments.push(if value.is_empty() {
            "-".into()
        } else {
            STANDARD.encode(value)
        });
        self
    }

    /// Appends bytes that go into a private file, whose path the step gets: they are in no
    /// process's arguments.
    pub fn payload(mut self, bytes: &[u8]) -> Self {
        self.arguments.push(format!("={}", STANDARD.encode(bytes)));
        self
    }

    /// Only what takes long and leaves nothing half done: never a package manager.
    fn may_be_stopped(&self) -> bool {
        matches!(self.name, "fetch" | "unpack")
    }

    fn line(&self) -> String {
        let mut line = self.name.to_owned();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(argument);
        }
        line.push('\n');
        line
    }
}

/// What a step said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Why it failed, in the step's own words; `None`: it did not.
    pub failed: Option<String>,
    /// What it told: `bytes`, `digest`, `fetcher`, …
    pub told: BTreeMap<String, String>,
    /// The last lines of its output, fit for a terminal.
    pub log: String,
    /// It was stopped because of Ctrl-C or its deadline.
    pub stopped: bool,
}

/// What a running step tells meanwhile.
#[derive(Debug)]
pub enum Meanwhile<'a> {
    /// Bytes of a download, and how many there will be.
    Bytes(u64, Option<u64>),
    /// The last line of its output, fit for a terminal.
    Line(&'a str),
    /// Ctrl-C came; true: the step is being stopped, false: it is waited for.
    Interrupted(bool),
}

/// The right to write to one machine: the lock is held as long as this lives.
pub struct Writer<'c> {
    connection: &'c dyn Connection,
    input: Input,
    output: Output,
    complaints: Output,
    /// Kept, because over SSH a process whose end nobody waits for loses its pipes.
    exit: Ending,
    frames: Frames,
    buffer: Vec<u8>,
    /// How many bytes have come.
    got: u64,
}

/// Tells of a call that was answered once.
fn tell(phase: Phase, name: &str, place: &str, started: Instant, sent: u64, got: u64) {
    meter::Call {
        phase,
        name,
        place,
        took: started.elapsed(),
        round_trips: Some(1),
        sent,
        got,
        detail: "",
    }
    .tell();
}

impl Writer<'_> {
    /// Runs one step to its end. Ctrl-C (`stop`) or the deadline stops it; a package manager is
    /// waited for, and past its deadline left alone.
    ///
    /// # Errors
    /// When it is not known how the step ended. What it left has to be observed.
    pub(super) async fn run(
        &mut self,
        call: &Call,
        deadline: Duration,
        stop: &mut Stop,
        mut meanwhile: impl FnMut(Meanwhile<'_>),
    ) -> Result<Answer, WriteError> {
        let started = Instant::now();
        let mut answer = Answer::default();
        if *stop.borrow_and_update() > 0 && call.may_be_stopped() {
            answer.stopped = true;
            answer.failed = Some("not begun".into());
            return Ok(answer);
        }
        let line = call.line();
        let got = self.got;
        self.send(line.as_bytes()).await?;
        let mut process: Option<String> = None;
        let mut limit = started + deadline;
        loop {
            enum Happened {
                Record(Record),
                Pressed(u8),
                Late,
            }
            let happened = tokio::select! {
                record = self.next() => Happened::Record(record?),
                Ok(()) = stop.changed() => Happened::Pressed(*stop.borrow_and_update()),
                () = tokio::time::sleep_until(limit) => Happened::Late,
            };
            match happened {
                Happened::Pressed(times) => {
                    if times > 1 {
                        return Err(WriteError::Abandoned);
                    }
                    meanwhile(Meanwhile::Interrupted(call.may_be_stopped()));
                    if call.may_be_stopped() {
                        answer.stopped = true;
                        limit = Instant::now() + STOPPING;
                        self.kill(process.as_deref()).await?;
                    }
                }
                Happened::Late => {
                    if answer.stopped || !call.may_be_stopped() {
                        return Err(WriteError::StillRunning {
                            seconds: started.elapsed().as_secs(),
                        });
                    }
                    answer.stopped = true;
                    answer.failed = Some(format!("it took longer than {} s", deadline.as_secs()));
                    limit = Instant::now() + STOPPING;
                    self.kill(process.as_deref()).await?;
                }
                Happened::Record(record) => {
                    let text = String::from_utf8_lossy(&record.value).into_owned();
                    match record.key.as_str() {
                        "started" => {
                            process = Some(text);
                            if answer.stopped {
                                self.kill(process.as_deref()).await?;
                            }
                        }
                        "progress" => {
                            let mut words = text.split(' ').map(|word| word.parse().ok());
                            if let Some(have) = words.next().flatten() {
                                meanwhile(Meanwhile::Bytes(have, words.next().flatten()));
                            }
                        }
                        "line" if text.trim().is_empty() => {}
                        "line" => meanwhile(Meanwhile::Line(&escape_lines(&text))),
                        "log" => answer.log = escape_lines(text.trim()),
                        "failed" => answer.failed = answer.failed.or(Some(escape_lines(&text))),
                        "done" => {
                            if text != "0" && answer.failed.is_none() {
                                answer.failed = Some(format!("it ended with status {text}"));
                            }
                            let (place, got) = (self.connection.address(), self.got - got);
                            let sent = line.len() as u64;
                            tell(Phase::Step, call.name, place, started, sent, got);
                            return Ok(answer);
                        }
                        _ => {
                            answer.told.insert(record.key, escape_lines(&text));
                        }
                    }
                }
            }
        }
    }

    /// Gives the lock back, and waits until the holder is gone.
    pub async fn release(self, patience: Duration) {
        let Self { input, exit, .. } = self;
        // End of file on the holder's input ends it.
        drop(input);
        // That it does not end, or is gone already, is not our loss.
        let _ = timeout(patience, exit).await;
    }

    /// Ends a running step from a channel of its own: the holder waits and cannot listen.
    async fn kill(&self, process: Option<&str>) -> Result<(), WriteError> {
        let Some(process) = process else {
            return Ok(());
        };
        let script = Script::new("stop").text(STOP).call("stop", [process])?;
        let running = self.connection.spawn(&script).await?;
        running.exit.await?;
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let sent = async {
            self.input.write_all(bytes).await?;
            self.input.flush().await
        };
        match sent.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    async fn next(&mut self) -> Result<Record, WriteError> {
        loop {
            if let Some(record) = self.frames.next_record()? {
                return Ok(record);
            }
            match self.output.read(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(self.ended().await),
                Ok(count) => {
                    self.got += count as u64;
                    self.frames.feed(&self.buffer[..count])?;
                }
            }
        }
    }

    async fn ended(&mut self) -> WriteError {
        let mut bytes = Vec::new();
        let mut complaints = (&mut self.complaints).take(4096);
        // A pipe that somebody else holds open says nothing more.
        let _ = timeout(Duration::from_secs(2), complaints.read_to_end(&mut bytes)).await;
        let said = escape_lines(String::from_utf8_lossy(&bytes).trim());
        WriteError::Ended {
            said: if said.is_empty() {
                "no reason was given".into()
            } else {
                said
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_value_that_could_end_it() {
        let call = Call::new("write")
            .value("a b\nc")
            .value("")
            .payload(b"\n\0");
        assert_eq!(call.line(), "write YSBiCmM= - =CgA=\n");
    }
}
