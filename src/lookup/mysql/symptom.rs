//! The errors of a connection to a database, from their symptoms.

use std::{io, time::Duration};

use tokio_rustls::rustls::{self, CertificateError};

use super::{
    Server,
    error::{Error, Stage},
    packets::PacketError,
};
use crate::{
    spec::is_of_rds,
    transport::dial::{self, DialError, DialStage},
};

/// The connection that an error is about.
#[derive(Clone, Copy)]
pub struct ErrorContext<'a> {
    /// The server.
    pub server: &'a Server,
    /// How the machine that dials is called: a host's name, or `direct`.
    pub via: &'a str,
    /// For the dial with its login, and for the question.
    pub deadline: Duration,
}

/// Amazon's own bundle of RDS's authorities.
const BUNDLE: &str = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem";

impl ErrorContext<'_> {
    fn error(self, stage: Stage, message: &str, help: impl Into<String>) -> Error {
        Error::new((self.server, self.via), stage, message, help.into())
    }

    fn machine(self) -> String {
        dial::machine(self.via)
    }

    fn network(self) -> String {
        format!(
            "the database's security group has to let {} in on port {}; look at subnets and routes too",
            self.machine(),
            self.server.port
        )
    }

    /// The dial failed.
    pub fn dial(self, error: &DialError) -> Error {
        let stage = match error.stage {
            DialStage::Machine => Stage::Machine,
            DialStage::Forwarding => Stage::Forwarding,
            DialStage::Name => Stage::Name,
            DialStage::Tcp => Stage::Tcp,
        };
        let tcp = || match error.message.to_lowercase().contains("refused") {
            true => format!(
                "nothing listens on port {}: look at `port`, and whether the database runs",
                self.server.port
            ),
            false => self.network(),
        };
        let help = error.help_for(self.via).unwrap_or_else(tcp);
        self.error(stage, &error.message, help)
    }

    /// Nothing came in time.
    pub fn late(self, stage: Stage) -> Error {
        let within = humantime::format_duration(self.deadline);
        let (message, help) = match stage {
            Stage::Tcp => (format!("no connection within {within}"), self.network()),
            Stage::Greeting => (
                format!("connected, and no greeting within {within}"),
                format!(
                    "the server on port {} may not be MySQL, which speaks first; or it is overloaded",
                    self.server.port
                ),
            ),
            _ => (
                format!("no answer within {within}"),
                "look at the server's load, or raise `--timeout`".into(),
            ),
        };
        self.error(stage, &message, help)
    }

    /// The server offers no TLS.
    pub(crate) fn no_tls(self) -> Error {
        self.error(
            Stage::Tls,
            "the server offers no TLS",
            "set up TLS on the server (RDS always has it); `tls: false` goes without, and takes the \
             server for whoever answers",
        )
    }

    /// No certificate could be for the server's name.
    pub(crate) fn no_tls_name(self) -> Error {
        let message = "no certificate can be for this name";
        self.error(
            Stage::Tls,
            message,
            "write the name that the database's endpoint has",
        )
    }

    /// TLS came to nothing.
    pub fn tls(self, error: &io::Error) -> Error {
        let found = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let help = match found {
            Some(rustls::Error::InvalidCertificate(problem)) => match problem {
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "the certificate is for another name: write the database's own endpoint, not an \
                     address or an alias"
                        .to_owned()
                }
                // The second where the wrong authority has the right one's name.
                CertificateError::UnknownIssuer | CertificateError::BadSignature
                    if is_of_rds(&self.server.host) =>
                {
                    format!("RDS has authorities of its own: fetch {BUNDLE} and name it with `ca:`")
                }
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "the certificate comes from an authority that is not trusted here: name its file \
                     with `ca:`"
                        .to_owned()
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "the certificate has expired, or this machine's clock is wrong".to_owned()
                }
                _ => "the certificate cannot be trusted: look at how it was made, and at `ca:`"
                    .to_owned(),
            },
            Some(rustls::Error::AlertReceived(_)) => "the server ended TLS: its log says why; TLS 1.2 is \
                 the oldest that is spoken here"
                .to_owned(),
            _ => "the server ended TLS: its log says why".to_owned(),
        };
        let message = match (found, error.kind()) {
            (Some(found), _) => found.to_string(),
            (None, io::ErrorKind::UnexpectedEof) => "the connection was closed instead".into(),
            (None, _) => error.to_string(),
        };
        self.error(Stage::Tls, &message, help)
    }

    /// An authentication plugin that is not supported.
    pub fn plugin(self, name: &str) -> Error {
        self.error(
            Stage::Login,
            &format!("the user logs in by `{name}`, which is not spoken here"),
            "give trueup a user with `mysql_native_password`, `caching_sha2_password` or an IAM token",
        )
    }

    /// An authentication plugin that sends the password itself.
    pub(crate) fn needs_tls(self, name: &str) -> Error {
        self.error(
            Stage::Login,
            &format!("`{name}` wants the password itself, and there is no TLS to hide it"),
            "take `tls: false` out",
        )
    }

    /// No packet, or an error in it.
    pub fn packet(self, stage: Stage, error: PacketError) -> Error {
        let (message, help) = match error {
            PacketError::Late => return self.late(stage),
            PacketError::Refused(code, message) => {
                let message = format!("{message} ({code})");
                return self
                    .error(stage, &message, self.refusal(code))
                    .with_code(code);
            }
            PacketError::Closed => (
                "the connection was closed".to_owned(),
                match stage {
                    Stage::Greeting => format!(
                        "the server on port {} may not be MySQL, or it let {} in no further",
                        self.server.port,
                        self.machine()
                    ),
                    _ => "the server's log says why".to_owned(),
                },
            ),
            PacketError::Odd(message) => (
                message.to_owned(),
                format!(
                    "look at `host` and `port`: is {} a MySQL server?",
                    self.server
                ),
            ),
            PacketError::Io(error) => (
                error.to_string(),
                format!("look at the connection from {} to it", self.machine()),
            ),
        };
        self.error(stage, &message, help)
    }

    /// The help for MySQL's error numbers.
    fn refusal(self, code: u16) -> String {
        let Server { user, database, .. } = self.server;
        match code {
            1045 | 1698 => {
                let tls = match self.server.roots {
                    Some(_) => "",
                    None => "; a user may be one that must speak TLS",
                };
                format!(
                    "look at `user` and `password`; the user's host must fit, too: the server is \
                     dialled from {}{tls}",
                    self.machine()
                )
            }
            1044 | 1142 => {
                format!("let the user in: GRANT SELECT ON `{database}`.* TO '{user}'@'%'")
            }
            1049 => "look at `database`: capitals matter in its name on most servers".into(),
            1040 | 1203 | 1226 => {
                "the server has as many connections as it takes: try again later".into()
            }
            1129 | 1130 => format!(
                "the server takes no connection from {}: look at the user's host",
                self.machine()
            ),
            1820 | 1862 => "the user's password has expired: give it a new one".into(),
            3159 | 4031 | 4151 => "the server wants TLS: take `tls: false` out".into(),
            _ => "the number is MySQL's: its manual says what helps".into(),
        }
    }
}
