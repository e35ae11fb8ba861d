//! Errors from far away: they name the stage, the broker, the caller, and what helps.

use std::{fmt, ops::Deref};

use super::{Address, route::Route};
use crate::transport::dial::{Fine, Through};

/// How far we came with a broker. Later is further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The machine that was to dial could not be asked.
    Machine,
    /// The machine's sshd does not forward.
    Forwarding,
    /// The broker's name means nothing there.
    Name,
    /// Nothing took the connection.
    Tcp,
    /// TLS was not agreed on.
    Tls,
    /// The first words of the protocol (ApiVersions) had no sensible answer.
    Protocol,
    /// The broker did not take us for who we are.
    Sasl,
    /// A call, by its name in Kafka.
    Request(&'static str),
}

/// A cluster could not be reached, refused us, or answered what no Kafka answers. Exit code 4; 5
/// where [`Trouble::sent`] says that something may have been written.
#[derive(Debug, Clone)]
pub struct Error(Box<Trouble>);

/// What an [`Error`] holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Trouble {
    /// How far we came.
    pub stage: Stage,
    /// Which broker.
    pub broker: Address,
    /// How the machine that dialled is called: a host's name, or `direct`.
    pub via: String,
    /// Who we are to the broker; `None` without SASL.
    pub caller: Option<String>,
    /// What was said, escaped, on one line.
    pub said: String,
    /// The way out.
    pub help: String,
    /// Whether a request that writes went out in the call that failed. What came of it is then
    /// unknown, and it was not sent again: read the topics anew.
    pub sent: bool,
    /// Kafka's error code, where the broker answered with one.
    pub code: Option<i16>,
    /// How many brokers were tried; this one came furthest.
    pub tried: usize,
    /// What was fine before: `DNS`, `TCP`, ….
    pub passed: Vec<&'static str>,
}

impl Error {
    pub(super) fn new(
        way: &Route,
        broker: &Address,
        stage: Stage,
        said: String,
        help: String,
    ) -> Self {
        let mut passed = Vec::new();
        for (at, name, applies) in [
            // An address needs no looking up.
            (Stage::Name, "DNS", broker.is_name()),
            (Stage::Tcp, "TCP", true),
            (Stage::Tls, "TLS", way.security.roots().is_some()),
            (Stage::Sasl, "SASL", way.security.authenticator().is_some()),
        ] {
            if at < stage && applies {
                passed.push(name);
            }
        }
        Self(Box::new(Trouble {
            stage,
            broker: broker.clone(),
            via: way.via.clone(),
            caller: way.security.authenticator().map(|a| a.caller()),
            said,
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
    type Target = Trouble;

    fn deref(&self) -> &Trouble {
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
        let (fine, through) = (Fine(&self.passed), Through(&self.via));
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
        write!(f, "\n  said    {}", self.said)?;
        if self.sent {
            write!(
                f,
                "\n  note    the request had been sent: what came of it is unknown"
            )?;
        }
        write!(f, "\n  help: {}", self.help)
    }
}
