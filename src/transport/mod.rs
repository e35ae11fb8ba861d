//! Ways to a machine: `ssh` and `local`. Everything above sees a [`Connection`].

mod account;
mod complaints;
pub mod dial;
pub mod direct;
pub mod local;
pub mod ssh;

use std::{future::Future, pin::Pin, time::Duration};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

pub use self::complaints::Complaints;
use self::dial::Dial;
use crate::script::Script;

/// Standard input of a remote process.
pub type Input = Pin<Box<dyn AsyncWrite + Send>>;
/// Standard output or error of a remote process.
pub type Output = Pin<Box<dyn AsyncRead + Send>>;

/// The end of a remote process.
pub type Ending = Pin<Box<dyn Future<Output = Result<Exit, Error>> + Send>>;

/// A running remote process. Dropping it closes its pipes; it does not end the process.
///
/// `exit` carries the channel: while output is still wanted, keep it, awaited or not.
pub struct Running {
    /// What the process reads; `None` when the script itself went there.
    pub stdin: Option<Input>,
    /// What it writes.
    pub stdout: Output,
    /// What it complains of.
    pub stderr: Output,
    /// Resolves when it has ended.
    pub exit: Ending,
}

/// How a remote process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By a signal, or together with the connection: ssh cannot tell, so the outcome is unknown.
    Lost,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(status) => write!(f, "ended with status {status}"),
            Self::Lost => f.write_str("was ended by a signal, or with the connection"),
        }
    }
}

/// Why a machine could not be reached or would not have us. Each is exit code 4.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The spec's way to the machine cannot be used here (a missing key file, …).
    #[error("{what}\n  help: {help}")]
    Setup {
        /// What is wrong, naming the thing.
        what: String,
        /// The way out.
        help: String,
    },
    /// What the spec refers to was not found, so there is no way to the machine.
    #[error("{0}")]
    LookUp(String),
    /// No connection: name, network, host key or login.
    #[error("{address}: {said}\n  help: {help}")]
    Connect {
        /// The address as the spec has it.
        address: String,
        /// What ssh said, on one line or more, with control characters escaped.
        said: String,
        /// The way out.
        help: String,
    },
    /// The connection was there and went.
    #[error("{address}: the connection was lost: {source}")]
    Lost {
        /// The address as the spec has it.
        address: String,
        /// What the transport said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A call took longer than its deadline.
    #[error(
        "{address}: no answer to `{call}` within {seconds} s\n  help: raise `--timeout`, or look at the machine's load"
    )]
    Deadline {
        /// The address as the spec has it.
        address: String,
        /// Which call.
        call: &'static str,
        /// The deadline.
        seconds: u64,
    },
}

impl Error {
    /// A call that was not answered in time. Less than a second counts as one.
    pub fn late(address: &str, call: &'static str, deadline: Duration) -> Self {
        Self::Deadline {
            address: address.to_owned(),
            call,
            seconds: whole_seconds(deadline),
        }
    }
}

/// Seconds, rounded up: what waits at least so long.
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Starts a script on a machine, unless that takes longer than `deadline`. Nobody calls
/// [`Connection::spawn`] without one.
///
/// # Errors
/// When the connection is gone, and past the deadline.
pub async fn start(
    connection: &dyn Connection,
    script: &Script,
    deadline: Duration,
) -> Result<Running, Error> {
    tokio::time::timeout(deadline, connection.spawn(script))
        .await
        .map_err(|_| Error::late(connection.address(), script.name(), deadline))?
}

/// A way to one machine. [`Connection::spawn`] is the one method that a transport implements for
/// work on it; everything else is built on that. Streams to what the machine can reach are dialled.
#[async_trait]
pub trait Connection: Dial {
    /// The address as the spec has it (`local` for this machine), for messages.
    fn address(&self) -> &str;

    /// Starts a script on the machine, as the account, without a terminal.
    ///
    /// # Errors
    /// When the connection is gone.
    async fn spawn(&self, script: &Script) -> Result<Running, Error>;

    /// Whether it may still be used, as far as this machine can tell without asking the other one.
    async fn is_alive(&self) -> bool {
        true
    }

    /// Ends the connection and removes what it left on this machine.
    async fn close(self: Box<Self>);
}

/// Sends a script that was too long for the command line, in the background: the other side may
/// write before it has read all. Gives the pipe back where it is still the caller's.
fn feed(mut stdin: Input, script: Option<Vec<u8>>) -> Option<Input> {
    let Some(script) = script else {
        return Some(stdin);
    };
    tokio::spawn(async move {
        // A process that ends early says why by itself; a broken pipe here adds nothing.
        let _ = stdin.write_all(&script).await;
        let _ = stdin.shutdown().await;
    });
    None
}
