//! Connections to machines: `ssh` and `local`. Everything above uses [`Connection`].

mod account;
pub mod dial;
pub mod direct;
pub mod local;
pub mod ssh;
mod stderr;

use std::{future::Future, pin::Pin, time::Duration};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use self::dial::Dial;
pub use self::stderr::Stderr;
use crate::script::Script;

/// Standard input of a remote process.
pub type Input = Pin<Box<dyn AsyncWrite + Send>>;
/// Standard output or error of a remote process.
pub type Output = Pin<Box<dyn AsyncRead + Send>>;

/// Resolves when a remote process has ended.
pub(crate) type ExitFuture = Pin<Box<dyn Future<Output = Result<Exit, Error>> + Send>>;

/// A running remote process. Dropping it closes its pipes, and does not end the process.
///
/// `exit` owns the channel: keep it, awaited or not, as long as output is read.
pub struct Running {
    /// Its input; `None` if the script itself was sent there.
    pub stdin: Option<Input>,
    /// Its output.
    pub stdout: Output,
    /// Its errors.
    pub stderr: Output,
    /// Resolves when it has ended.
    pub exit: ExitFuture,
}

/// How a remote process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By a signal, or with the connection: ssh does not distinguish them, so the outcome is unknown.
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

/// Why a machine is unreachable or refused the login. Exit code 4.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection cannot be set up here (a missing key file, …).
    #[error("{problem}\n  help: {help}")]
    Setup {
        /// What is wrong, naming the thing.
        problem: String,
        /// What helps.
        help: String,
    },
    /// A reference of the spec was not found.
    #[error("{0}")]
    LookUp(String),
    /// No connection: name, network, host key or login.
    #[error("{address}: {message}\n  help: {help}")]
    Connect {
        /// The address as the spec has it.
        address: String,
        /// ssh's message, on one line or more, with control characters escaped.
        message: String,
        /// What helps.
        help: String,
    },
    /// An open connection was lost.
    #[error("{address}: the connection was lost: {source}")]
    Lost {
        /// The address as the spec has it.
        address: String,
        /// The transport's error.
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
    /// A call without a reply in time. Less than a second counts as one.
    pub(crate) fn timed_out(address: &str, call: &'static str, deadline: Duration) -> Self {
        Self::Deadline {
            address: address.to_owned(),
            call,
            seconds: whole_seconds(deadline),
        }
    }
}

/// Seconds, rounded up.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Starts a script on a machine with a deadline, which [`Connection::spawn`] does not have.
///
/// # Errors
/// When the connection is lost, or the deadline has passed.
pub async fn start(
    connection: &dyn Connection,
    script: &Script,
    deadline: Duration,
) -> Result<Running, Error> {
    tokio::time::timeout(deadline, connection.spawn(script))
        .await
        .map_err(|_| Error::timed_out(connection.address(), script.name(), deadline))?
}

/// A connection to one machine: runs scripts on it, and dials from it.
#[async_trait]
pub trait Connection: Dial {
    /// The address as the spec has it (`local` for this machine), for messages.
    fn address(&self) -> &str;

    /// Starts a script on the machine, as the account, without a terminal.
    ///
    /// # Errors
    /// When the connection is lost.
    async fn spawn(&self, script: &Script) -> Result<Running, Error>;

    /// Whether it can still be used, as far as this machine knows.
    async fn is_alive(&self) -> bool {
        true
    }

    /// Ends the connection and removes what it left on this machine.
    async fn close(self: Box<Self>);
}

/// Sends a script that was too long for the command line, in the background, since the process may
/// write before it has read all of it. Without such a script, returns the pipe.
fn feed(mut stdin: Input, script: Option<Vec<u8>>) -> Option<Input> {
    let Some(script) = script else {
        return Some(stdin);
    };
    tokio::spawn(async move {
        // The exit status of a process that ends early says more than a broken pipe.
        let _ = stdin.write_all(&script).await;
        let _ = stdin.shutdown().await;
    });
    None
}
