//! The lock, and the remote process that holds it. A [`Writer`] can be had only from
//! [`Lock::acquire`], so that writing without the lock does not type-check.

use std::{collections::BTreeMap, pin::Pin, sync::LazyLock, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use super::{
    error::{LockError, WriteError},
    request::{LockRequest, Look},
};
use crate::{
    frame::{Frames, Record},
    kinds::KINDS,
    meter::{self, Phase},
    script::Script,
    text::escape_lines,
    transport::{self, Connection, ExitFuture, Input, Output, Stderr, whole_seconds},
};

/// What the holder's steps run: the shared ones, and those that kinds bring along.
pub(crate) static STEPS: LazyLock<String> = LazyLock::new(|| {
    let own: String = KINDS.iter().map(|kind| kind.steps).collect();
    concat!(include_str!("steps.sh"), include_str!("archives.sh")).to_owned() + &own + "\"$@\""
});

/// Ends a step: its whole session, and only when it is one of ours. No `--` in between: dash takes
/// one only after `-s`, busybox nowhere.
const STOP: &str = include_str!("stop.sh");

/// How long the holder waits for a silent client, and how often we send a beat while there is
/// nothing to run: a lock does not outlive a client that has vanished.
pub(super) const SILENCE: Duration = Duration::from_secs(90);
const BEAT: Duration = Duration::from_secs(20);

/// How long a step that was stopped may take to clean up.
const STOPPING: Duration = Duration::from_secs(20);

/// How often Ctrl-C was pressed.
pub type Stop = watch::Receiver<u8>;

/// The lock of a machine; see [`Lock::acquire`].
pub struct Lock;

impl Lock {
    /// See [`Lock::acquire`].
    pub(super) async fn over<'c>(
        connection: &'c dyn Connection,
        request: &LockRequest<'_>,
        stop: &mut Stop,
        mut waiting: impl FnMut(&str),
    ) -> Result<Writer<'c>, LockError> {
        let &LockRequest { wait, answer, .. } = request;
        let (script, looks) = request.script()?;
        let (started, sent) = (Instant::now(), script.exec().bytes());
        let running = tokio::select! {
            running = transport::start(connection, &script, answer) => {
                running.map_err(WriteError::from)?
            }
            _ = stop.wait_for(|&pressed| pressed > 0) => return Err(LockError::Interrupted),
        };
        let Some(input) = running.stdin else {
            unreachable!("the holder's script is constant and short enough for the exec request")
        };
        let mut writer = Writer {
            connection,
            answer,
            input,
            output: running.stdout,
            complaints: Stderr::new(running.stderr),
            exit: running.exit,
            frames: Frames::after_mark(HELLO),
            buffer: vec![0; 16 * 1024],
            got: 0,
            looks: None,
        };
        let greeting = timeout_at(started + answer, writer.greeting());
        let greeted = tokio::select! {
            greeted = greeting => greeted,
            _ = stop.wait_for(|&pressed| pressed > 0) => return Err(LockError::Interrupted),
        };
        match greeted {
            Ok(greeted) => greeted?,
            Err(_) => {
                let printed = writer.printed();
                return Err(LockError::Silent {
                    address: connection.address().to_owned(),
                    seconds: whole_seconds(answer),
                    printed: match printed.is_empty() {
                        true => printed,
                        false => format!("; it printed:\n{printed}"),
                    },
                });
            }
        }
        let limit = Instant::now() + wait + answer;
        loop {
            let record = tokio::select! {
                record = timeout_at(limit, writer.next()) => record.map_err(|_| {
                    let late = transport::Error::timed_out(connection.address(), "lock", wait + answer);
                    WriteError::from(late)
                })??,
                _ = stop.wait_for(|&pressed| pressed > 0) => return Err(LockError::Interrupted),
            };
            let text = escape_lines(&String::from_utf8_lossy(&record.value));
            match record.key.as_str() {
                "locked" => {
                    let place = connection.address();
                    log(Phase::Lock, "lock", place, started, sent, writer.got);
                    writer.looks = looks.then(Look::begun);
                    return Ok(writer);
                }
                "waiting" => waiting(&text),
                "held" => return Err(LockError::Held { holder: text }),
                key => return Err(LockError::cannot(key, text)),
            }
        }
    }
}

/// The line before the holder's first record.
const HELLO: &str = "trueup holder";

/// So much of what is printed before it is shown, in bytes and in lines.
const MOST_PRINTED: usize = 2000;
const LINES_PRINTED: usize = 5;

/// A step to run, as the holder gets it.
#[derive(Debug, Clone)]
pub struct StepRequest {
    name: &'static str,
    arguments: Vec<String>,
    as_root: bool,
}

impl StepRequest {
    /// A function of `steps.sh`, without its `step_`.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            arguments: vec![],
            as_root: false,
        }
    }

    /// Has root run it, by `sudo -n`, where the account is another.
    pub(crate) fn by_root(mut self, as_root: bool) -> Self {
        self.as_root = as_root;
        self
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
        // What root runs is not the account's to stop.
        !self.as_root && matches!(self.name, "fetch" | "unpack" | "extract")
    }

    fn line(&self) -> String {
        let as_root = if self.as_root { "as_root " } else { "" };
        let mut line = format!("{as_root}{}", self.name);
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(argument);
        }
        line.push('\n');
        line
    }
}

/// The outcome of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepReply {
    /// Why it failed, in the step's own words; `None`: it did not.
    pub failed: Option<String>,
    /// Its records: `bytes`, `digest`, `fetcher`, …
    pub records: BTreeMap<String, String>,
    /// The last lines of its output, fit for a terminal.
    pub log: String,
    /// It was stopped because of Ctrl-C or its deadline.
    pub stopped: bool,
}

/// Reported by a step that is running.
#[derive(Debug)]
pub(crate) enum StepProgress<'a> {
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
    /// How long an answer to a call may take.
    answer: Duration,
    input: Input,
    output: Output,
    complaints: Stderr,
    /// Kept, because over SSH a process whose end nobody waits for loses its pipes.
    exit: ExitFuture,
    frames: Frames,
    buffer: Vec<u8>,
    /// How many bytes have come.
    got: u64,
    /// The look that is under way, until it has been read.
    looks: Option<Look>,
}

/// Logs a request that took one round trip.
fn log(phase: Phase, name: &str, place: &str, started: Instant, sent: u64, got: u64) {
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
    .log();
}

impl Writer<'_> {
    /// Runs one step to its end. Ctrl-C (`stop`) or the deadline stops it; a package manager is
    /// waited for, and past its deadline left alone.
    ///
    /// # Errors
    /// When it is not known how the step ended. What it left has to be observed.
    pub(super) async fn run(
        &mut self,
        call: &StepRequest,
        deadline: Duration,
        stop: &mut Stop,
        mut meanwhile: impl FnMut(StepProgress<'_>),
    ) -> Result<StepReply, WriteError> {
        let started = Instant::now();
        let mut answer = StepReply::default();
        let pressed = *stop.borrow_and_update();
        if pressed > 1 || (pressed > 0 && call.may_be_stopped()) {
            answer.stopped = true;
            answer.failed = Some("not begun".into());
            return Ok(answer);
        }
        let line = call.line();
        let got = self.got;
        self.frames.begin_anew();
        tokio::select! {
            sent = self.send(call.name, line.as_bytes()) => sent?,
            // A line that is not whole is not run.
            _ = stop.wait_for(|&pressed| pressed > 1) => return Err(WriteError::Abandoned),
        }
        let (connection, patience) = (self.connection, self.answer);
        let end = |process: &str| Box::pin(end_step(connection, process.to_owned(), patience));
        // It goes through a channel of its own, beside the step's answers.
        let mut ending: Option<Pin<Box<_>>> = None;
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
                ended = either(&mut ending) => {
                    ending = None;
                    // The step may still end; if not, its limit applies.
                    if let Err(error) = ended {
                        tracing::debug!(%error, "the step could not be told to stop");
                    }
                    continue;
                }
            };
            match happened {
                Happened::Pressed(times) => {
                    if times > 1 {
                        return Err(WriteError::Abandoned);
                    }
                    meanwhile(StepProgress::Interrupted(call.may_be_stopped()));
                    if call.may_be_stopped() {
                        answer.stopped = true;
                        limit = Instant::now() + STOPPING;
                        ending = process.as_deref().map(end);
                    }
                }
                Happened::Late => {
                    if answer.stopped || !call.may_be_stopped() {
                        return Err(WriteError::StillRunning {
                            seconds: whole_seconds(started.elapsed()),
                        });
                    }
                    answer.stopped = true;
                    answer.failed =
                        Some(format!("it took longer than {} s", whole_seconds(deadline)));
                    limit = Instant::now() + STOPPING;
                    ending = process.as_deref().map(end);
                }
                Happened::Record(record) => {
                    let text = String::from_utf8_lossy(&record.value).into_owned();
                    match record.key.as_str() {
                        "started" => {
                            if answer.stopped {
                                ending = Some(end(&text));
                            }
                            process = Some(text);
                        }
                        "progress" => {
                            let mut words = text.split(' ').map(|word| word.parse().ok());
                            if let Some(have) = words.next().flatten() {
                                meanwhile(StepProgress::Bytes(have, words.next().flatten()));
                            }
                        }
                        "line" if text.trim().is_empty() => {}
                        "line" => meanwhile(StepProgress::Line(&escape_lines(&text))),
                        "log" => answer.log = escape_lines(text.trim()),
                        "failed" => answer.failed = answer.failed.or(Some(escape_lines(&text))),
                        "done" => {
                            if text != "0" && answer.failed.is_none() {
                                answer.failed = Some(format!("it ended with status {text}"));
                            }
                            let (place, got) = (self.connection.address(), self.got - got);
                            let sent = line.len() as u64;
                            log(Phase::Step, call.name, place, started, sent, got);
                            return Ok(answer);
                        }
                        _ => {
                            answer.records.insert(record.key, escape_lines(&text));
                        }
                    }
                }
            }
        }
    }

    /// Does something else than steps, and keeps the lock meanwhile.
    pub async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(done) = timeout(BEAT, &mut work).await {
                return done;
            }
            let beat = async {
                self.input.write_all(b"beat\n").await?;
                self.input.flush().await
            };
            // If the connection is broken, the next step reports it.
            let _ = timeout(self.answer, beat).await;
        }
    }

    /// Gives the lock back, and waits until the holder is gone, at most for `patience`, and not at all
    /// after a second Ctrl-C.
    pub async fn release(self, patience: Duration, stop: &mut Stop) {
        let Self { input, exit, .. } = self;
        // End of file on the holder's input ends it.
        drop(input);
        tokio::select! {
            biased;
            _ = stop.wait_for(|&pressed| pressed > 1) => {}
            // That it does not end, or is gone already, is not our loss.
            _ = timeout(patience, exit) => {}
        }
    }

    async fn send(&mut self, name: &'static str, bytes: &[u8]) -> Result<(), WriteError> {
        let sent = async {
            self.input.write_all(bytes).await?;
            self.input.flush().await
        };
        match timeout(self.answer, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.ended().await),
            Err(_) => {
                let late =
                    transport::Error::timed_out(self.connection.address(), name, self.answer);
                Err(late.into())
            }
        }
    }

    /// Waits for the line before the holder's first record.
    async fn greeting(&mut self) -> Result<(), WriteError> {
        while !self.frames.begun() {
            self.read_some().await?;
        }
        Ok(())
    }

    /// The last that was printed before that line, fit for a terminal.
    fn printed(&self) -> String {
        let printed = self.frames.before_mark();
        let printed = &printed[printed.len().saturating_sub(MOST_PRINTED)..];
        let printed = escape_lines(String::from_utf8_lossy(printed).trim());
        let lines: Vec<&str> = printed.lines().collect();
        lines[lines.len().saturating_sub(LINES_PRINTED)..].join("\n")
    }

    async fn next(&mut self) -> Result<Record, WriteError> {
        loop {
            if let Some(record) = self.frames.next_record()? {
                return Ok(record);
            }
            self.read_some().await?;
        }
    }

    async fn read_some(&mut self) -> Result<(), WriteError> {
        let count = tokio::select! {
            count = self.output.read(&mut self.buffer) => count,
            never = self.complaints.drain() => match never {},
        };
        match count {
            Ok(0) | Err(_) => Err(self.ended().await),
            Ok(count) => {
                self.got += count as u64;
                self.frames.feed(&self.buffer[..count])?;
                Ok(())
            }
        }
    }

    async fn ended(&mut self) -> WriteError {
        let stderr = self.complaints.text(Duration::from_secs(2)).await;
        // nologin and forced commands speak on stdout.
        let mut parts = vec![self.printed(), stderr];
        parts.retain(|text| !text.is_empty());
        if parts.is_empty() {
            parts.push("no reason was given".into());
        }
        let output = parts.join("\n");
        match self.frames.begun() {
            true => WriteError::Ended { output },
            false => WriteError::NotBegun { output },
        }
    }
}

/// The result of what is there to wait for; never, where nothing is.
async fn either<T>(work: &mut Option<Pin<Box<impl Future<Output = T>>>>) -> T {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Ends a running step from a channel of its own: the holder waits and cannot listen.
async fn end_step(
    connection: &dyn Connection,
    process: String,
    patience: Duration,
) -> Result<(), WriteError> {
    let script = Script::new("stop").text(STOP).call("stop", [process])?;
    let running = transport::start(connection, &script, patience).await?;
    let late = |_| transport::Error::timed_out(connection.address(), script.name(), patience);
    timeout(patience, running.exit).await.map_err(late)??;
    Ok(())
}

mod seen;

#[cfg(test)]
#[path = "holder_tests.rs"]
pub(super) mod tests;
