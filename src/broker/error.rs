//! Errors of brokers: they name the stage, the broker, the caller, and what helps.

use std::{fmt, ops::Deref};

use super::{BrokerAddress, route::Route};
use crate::transport::dial::{Passed, Through};

/// How far a connection came, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The dialling machine cannot be used.
    Machine,
    /// The machine's sshd does not forward.
    Forwarding,
    /// The broker's name does not resolve there.
    Name,
    /// The connection was refused or timed out.
    Tcp,
    /// The TLS handshake failed.
    Tls,
    /// The first request (ApiVersions) had no valid response.
    Protocol,
    /// Authentication failed.
    Sasl,
    /// A call, by its name in Kafka.
    Request(&'static str),
}

/// A cluster is unreachable, refused a request, or does not speak Kafka. Exit code 4; 5 where
/// [`ErrorDetails::sent`] says that something may have been written.
#[derive(Debug, Clone)]
pub struct Error(Box<ErrorDetails>);

/// The contents of an [`Error`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ErrorDetails {
    /// How far the connection came.
    pub stage: Stage,
    /// The broker.
    pub broker: BrokerAddress,
    /// The machine that dialled: a host's name, or `direct`.
    pub via: String,
    /// The authenticated caller; `None` without SASL.
    pub caller: Option<String>,
    /// What happened, escaped, on one line.
    pub message: String,
    /// What helps.
    pub help: String,
    /// Whether the failed call sent a request that writes. Its outcome is unknown, and it was not
    /// sent again: read the topics anew.
    pub sent: bool,
    /// The broker's error code, if it returned one.
    pub code: Option<i16>,
    /// How many brokers were tried; this one got furthest.
    pub tried: usize,
    /// Stages that succeeded before: `DNS`, `TCP`, ….
    pub passed: Vec<&'static str>,
}

impl Error {
    pub(super) fn new(
        route: &Route,
        broker: &BrokerAddress,
        stage: Stage,
        message: String,
        help: String,
    ) -> Self {
        let mut passed = Vec::new();
        for (at, name, applies) in [
            // An IP address needs no DNS.
            (Stage::Name, "DNS", broker.is_name()),
            (Stage::Tcp, "TCP", true),
            (Stage::Tls, "TLS", route.security.roots().is_some()),
            (
                Stage::Sasl,
                "SASL",
                route.security.authenticator().is_some(),
            ),
        ] {
            if at < stage && applies {
                passed.push(name);
            }
        }
        Self(Box::new(ErrorDetails {
            stage,
            broker: broker.clone(),
            via: route.via.clone(),
            caller: route.security.authenticator().map(|a| a.caller()),
            message,
            help,
            sent: false,
            code: None,
            tried: 1,
            passed,
        }))
    }

    pub(super) fn with_code(mut self, code: i16) -> Self {
        self.0.code = Some(code);
        self
    }

    pub(super) fn with_sent(mut self, sent: bool) -> Self {
        self.0.sent |= sent;
        self
    }

    pub(super) fn with_tried(mut self, tried: usize) -> Self {
        self.0.tried = tried;
        self
    }
}

impl Deref for Error {
    type Target = ErrorDetails;

    fn deref(&self) -> &ErrorDetails {
        &self.0
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.code.is_some();
        match self.stage {
            Stage::Machine => write!(f, "no broker could be dialled")?,
            Stage::Forwarding => write!(f, "the cluster was not reached: no way through the host")?,
            Stage::Name => write!(f, "the cluster was not reached at DNS")?,
            Stage::Tcp => write!(f, "the cluster was not reached at TCP")?,
            Stage::Tls => write!(f, "the cluster was not reached at TLS")?,
            Stage::Protocol => write!(f, "the cluster did not answer as Kafka does")?,
            Stage::Sasl if refused => write!(f, "the cluster refused us at SASL")?,
            Stage::Sasl => write!(f, "we came no further than SASL")?,
            Stage::Request(api) if refused => write!(f, "the cluster refused `{api}`")?,
            Stage::Request(api) => write!(f, "the cluster did not serve `{api}`")?,
        }
        let (fine, through) = (Passed(&self.passed), Through(&self.via));
        write!(f, "{fine}\n  broker  {}{through}", self.broker)?;
        if self.tried > 1 {
            write!(
                f,
                "; {} brokers were tried, this one came furthest",
                self.tried
            )?;
        }
        if let Some(caller) = &self.caller {
            write!(f, "\n  as      {caller}")?;
        }
        write!(f, "\n  said    {}", self.message)?;
        if self.sent {
            write!(
                f,
                "\n  note    the request had been sent: what came of it is unknown"
            )?;
        }
        write!(f, "\n  help: {}", self.help)
    }
}
