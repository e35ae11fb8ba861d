//! Streams to what a machine can reach: brokers, its metadata service.

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A stream; dropping it closes it.
pub type Stream = Box<dyn Duplex>;

/// How far a dial came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The machine that dials could not be asked.
    Machine,
    /// The machine's sshd does not forward.
    Forwarding,
    /// The name means nothing where it was looked up.
    Name,
    /// Nothing took the connection.
    Tcp,
}

/// Why a stream could not be opened. Exit code 4.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{said}")]
pub struct DialError {
    /// How far it came.
    pub reach: Reach,
    /// What was said of it, on one line, with control characters escaped.
    pub said: String,
    /// What helps, where it is known at this level (the name of an sshd option).
    pub help: Option<String>,
}

/// Opens streams from a machine. The name is looked up there, and no port listens for it.
#[async_trait]
pub trait Dial: Send + Sync {
    /// Dials a name (or an address; IPv6 without brackets) and a port.
    ///
    /// # Errors
    /// When the stream cannot be opened.
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError>;
}
