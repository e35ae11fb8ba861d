//! Streams to what a machine can reach: brokers, its metadata service.

use std::fmt;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::names::HostName;

/// A stream of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A stream. Dropping it closes it at once, and the last bytes may get lost: to be sure that they
/// arrive, shut it down and read to the end.
pub type Stream = Box<dyn Duplex>;

/// The stage at which a dial failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialStage {
    /// The dialling machine cannot be used.
    Machine,
    /// The machine's sshd does not forward.
    Forwarding,
    /// The name does not resolve there.
    Name,
    /// The connection was refused or timed out.
    Tcp,
}

/// Why a stream could not be opened. Exit code 4.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct DialError {
    /// Where it failed.
    pub stage: DialStage,
    /// The system's message, on one line, with control characters escaped.
    pub message: String,
    /// What helps, if known at this level (the name of an sshd option).
    pub help: Option<String>,
}

/// The name of this machine where it dials itself.
pub const DIRECT: &str = "direct";

/// The machine that dials, after "on"; `via` is a host's name, or [`DIRECT`].
pub fn machine(via: &str) -> String {
    match via {
        DIRECT => "this machine".to_owned(),
        host => format!("`{host}`"),
    }
}

impl DialError {
    /// What helps, if that does not depend on the target; `via` as in [`machine`].
    pub(crate) fn help_for(&self, via: &str) -> Option<String> {
        let machine = machine(via);
        self.help.clone().or(match self.stage {
            DialStage::Machine => Some(format!("look at the connection to {machine}")),
            DialStage::Forwarding => Some(format!(
                "sshd on {machine} has to allow `AllowTcpForwarding yes` (or `local`)"
            )),
            DialStage::Name => Some(format!(
                "the name was looked up on {machine}: check its spelling, and that the VPC's DNS is \
                 used there"
            )),
            DialStage::Tcp => None,
        })
    }
}

/// Stages that succeeded before an error: `, after DNS and TCP were fine`.
pub struct Passed<'a>(pub &'a [&'static str]);

impl fmt::Display for Passed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [stage] => write!(f, ", after {stage} was fine"),
            [stages @ .., last] => write!(f, ", after {} and {last} were fine", stages.join(", ")),
        }
    }
}

/// The machine that dialled: `, direct`, or `, through HOST`.
pub struct Through<'a>(pub &'a str);

impl fmt::Display for Through<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DIRECT => f.write_str(", direct"),
            host => write!(f, ", through {host}"),
        }
    }
}

/// Opens streams from a machine. The name is looked up there, and no port listens for it.
#[async_trait]
pub trait Dial: Send + Sync {
    /// Dials a name (or an address; IPv6 without brackets) and a port. There is no deadline:
    /// dropping the future ends the attempt.
    ///
    /// # Errors
    /// When the stream cannot be opened.
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError>;
}

/// Refuses what is no name, address or port: brokers name other brokers, so these come off the wire.
pub(super) fn check(host: &str, port: u16) -> Result<(), DialError> {
    if let Err(invalid) = HostName::parse(host) {
        return Err(DialError {
            stage: DialStage::Name,
            message: invalid.sentence(),
            help: Some(invalid.help),
        });
    }
    if port == 0 {
        return Err(DialError {
            stage: DialStage::Tcp,
            message: "0 is no port".into(),
            help: Some("ports go from 1 to 65535".into()),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_addresses_are_accepted() {
        let long = "a".repeat(255);
        for host in ["b-1.x_y.kafka.example", "10.0.0.5", "::1", "fe80::1", "h."] {
            assert!(check(host, 9092).is_ok(), "{host}");
        }
        let wrong = [
            "",
            "-W",
            "-oProxyCommand=x",
            "a b",
            "a/b",
            "a:1",
            "[::1]",
            "a\0b",
            "b\u{202e}",
            &long,
            "\u{1b}[2J",
            "a\nb",
            "é",
            "fe80::1%eth0",
        ];
        for host in wrong {
            let error = check(host, 9092).expect_err(host);
            assert_eq!(error.stage, DialStage::Name, "{host:?}");
            assert!(!error.message.chars().any(char::is_control), "{error}");
            assert!(error.message.len() < 300, "{error}");
        }
        assert_eq!(check("h", 0).expect_err("0").stage, DialStage::Tcp);
    }
}
