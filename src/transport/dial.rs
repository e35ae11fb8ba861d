//! Streams to what a machine can reach: brokers, its metadata service.

use std::fmt;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::names::HostName;

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A stream. Dropping it closes it at once, so that what was written last may not arrive: to be
/// sure that it did, shut it down and read to the end.
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

/// How this machine is called where it dials itself.
pub const DIRECT: &str = "direct";

/// The machine that dials, after "on"; `via` is a host's name, or [`DIRECT`].
pub fn machine(via: &str) -> String {
    match via {
        DIRECT => "this machine".to_owned(),
        host => format!("`{host}`"),
    }
}

impl DialError {
    /// What helps, as far as that does not depend on what was dialled; `via` as in [`machine`].
    pub fn way_out(&self, via: &str) -> Option<String> {
        let machine = machine(via);
        self.help.clone().or(match self.reach {
            Reach::Machine => Some(format!("look at the connection to {machine}")),
            Reach::Forwarding => Some(format!(
                "sshd on {machine} has to allow `AllowTcpForwarding yes` (or `local`)"
            )),
            Reach::Name => Some(format!(
                "the name was looked up on {machine}: check its spelling, and that the VPC's DNS is \
                 used there"
            )),
            Reach::Tcp => None,
        })
    }
}

/// For errors from far away, what was fine before: `, after DNS and TCP were fine`.
pub struct Fine<'a>(pub &'a [&'static str]);

impl fmt::Display for Fine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [one] => write!(f, ", after {one} was fine"),
            [most @ .., last] => write!(f, ", after {} and {last} were fine", most.join(", ")),
        }
    }
}

/// For errors from far away, who dialled: `, direct`, or `, through HOST`.
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
    /// Dials a name (or an address; IPv6 without brackets) and a port. There is no deadline: that
    /// is the caller's, and dropping the future ends the attempt.
    ///
    /// # Errors
    /// When the stream cannot be opened.
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError>;
}

/// Refuses what is no name, no address or no port. Brokers say where the others are, so these come
/// off the wire.
pub(super) fn check(host: &str, port: u16) -> Result<(), DialError> {
    if let Err(wrong) = HostName::parse(host) {
        return Err(DialError {
            reach: Reach::Name,
            said: wrong.sentence(),
            help: Some(wrong.help),
        });
    }
    if port == 0 {
        return Err(DialError {
            reach: Reach::Tcp,
            said: "0 is no port".into(),
            help: Some("ports go from 1 to 65535".into()),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_pass_and_nothing_else() {
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
            assert_eq!(error.reach, Reach::Name, "{host:?}");
            assert!(!error.said.chars().any(char::is_control), "{error}");
            assert!(error.said.len() < 300, "{error}");
        }
        assert_eq!(check("h", 0).expect_err("0").reach, Reach::Tcp);
    }
}
