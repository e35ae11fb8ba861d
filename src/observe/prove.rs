//! The installed client as the judge: its own list of topics, over a connection that only reads.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::{Error, HOST, LOGIN, PRELUDE, Reader, random_mark};
use crate::{
    meter::{Call, Phase},
    proof::{Output, Stream},
    script::{NulByte, Script},
    transport,
};

const PROVE: &str = include_str!("prove.sh");
/// Bytes that are read of one run, at most: a list of 50,000 topics is 12 MiB.
const MOST: u64 = 64 << 20;

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// `kafka-topics.sh`, symbolic.
    pub tool: &'l str,
    /// The brokers, with commas between.
    pub brokers: &'l str,
    /// The properties file, symbolic; `None`: without one.
    pub properties: Option<&'l str>,
    /// How long start files and client may take. Then the host ends them.
    pub deadline: Duration,
}

impl Reader<'_> {
    /// Has the installed client list the topics. Dropping the future ends it on the host, too.
    ///
    /// # Errors
    /// When the host does not answer; what the client does is in the answer.
    pub async fn prove(&self, list: List<'_>) -> Result<Output, Error> {
        let mark = random_mark()?;
        let script = prove_script(list, &mark)?;
        let started = std::time::Instant::now();
        let running = transport::start(self.connection, &script, self.deadline).await?;
        let limit = list.deadline + self.deadline;
        let (output, got) = tokio::time::timeout(limit, read(running, &mark))
            .await
            .map_err(|_| {
                transport::Error::timed_out(self.connection.address(), script.name(), limit)
            })??;
        Call {
            phase: Phase::Probe,
            name: script.name(),
            place: self.connection.address(),
            took: started.elapsed(),
            round_trips: Some(1),
            sent: script.exec().bytes(),
            got,
            detail: "",
        }
        .log();
        Ok(output)
    }
}

/// The script that runs the client.
///
/// # Errors
/// When a value of the spec contains a NUL byte.
pub(crate) fn prove_script(list: List<'_>, mark: &str) -> Result<Script, NulByte> {
    let seconds = list.deadline.as_secs().max(1).to_string();
    let (tool, brokers) = (list.tool, list.brokers);
    Script::new("prove")
        .text(PRELUDE)
        .text(HOST)
        .text(LOGIN)
        .text(PROVE)
        .text("identify")
        .call("mark", [mark])?
        .call(
            "prove",
            [&seconds, tool, brokers, list.properties.unwrap_or_default()],
        )
}

/// Reads both streams up to their marks. What a start file left behind may hold them open.
async fn read(running: transport::Running, mark: &str) -> Result<(Output, u64), Error> {
    let transport::Running {
        // Kept: the host takes its end for ours.
        stdin: _stdin,
        mut stdout,
        mut stderr,
        exit,
    } = running;
    let mut output = Output::new(mark);
    let (mut out, mut err) = (vec![0; 32 * 1024], vec![0; 32 * 1024]);
    let (mut more_out, mut more_err, mut got) = (true, true, 0);
    while (more_out || more_err) && got < MOST {
        tokio::select! {
            count = stdout.read(&mut out), if more_out => {
                let count = count.unwrap_or(0);
                output.feed(Stream::Out, &out[..count]);
                got += count as u64;
                more_out = count > 0 && !output.ended(Stream::Out);
            }
            count = stderr.read(&mut err), if more_err => {
                let count = count.unwrap_or(0);
                output.feed(Stream::Err, &err[..count]);
                got += count as u64;
                more_err = count > 0 && !output.ended(Stream::Err);
            }
        }
    }
    if output.status.is_none() {
        let ended = match exit.await {
            Ok(exit) => format!("it {exit}"),
            Err(error) => return Err(error.into()),
        };
        return Err(Error::Incomplete { output: ended });
    }
    Ok((output, got))
}
