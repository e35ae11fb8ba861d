//! From the symptoms of a failed connection or call to errors with help.

use std::io;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use super::{
    BrokerAddress,
    api::sasl::{AuthenticateReply, HandshakeReply},
    channel::{Fault, LONGEST_FRAME},
    codes,
    error::{Error, Stage},
    refusal::{self, IAM},
    route::Route,
    sasl::SaslError,
};
use crate::{
    proof::shared::{CONNECT_RIGHT, PORTS, TOO_MANY_CONNECTS},
    text::escape_control,
    transport::dial::{self, DialError, DialStage},
};

/// A broker, and the route to it.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    /// The route.
    pub route: &'a Route,
    /// The broker.
    pub address: &'a BrokerAddress,
}

impl Endpoint<'_> {
    fn error(self, stage: Stage, message: impl Into<String>, help: impl Into<String>) -> Error {
        Error::new(self.route, self.address, stage, message.into(), help.into())
    }

    /// The machine that dials, after "on".
    fn machine(self) -> String {
        dial::machine(&self.route.via)
    }

    fn deadline(self) -> humantime::FormattedDuration {
        humantime::format_duration(self.route.deadline)
    }

    fn network(self) -> String {
        format!(
            "the brokers' security group has to let {} in on port {}; look at subnets and routes too",
            self.machine(),
            self.address.port
        )
    }
}

/// The dial failed.
pub fn dial(endpoint: Endpoint<'_>, error: &DialError) -> Error {
    let message = escape_control(&error.message);
    let stage = match error.stage {
        DialStage::Machine => Stage::Machine,
        DialStage::Forwarding => Stage::Forwarding,
        DialStage::Name => Stage::Name,
        DialStage::Tcp => Stage::Tcp,
    };
    let tcp = || match message.to_lowercase().contains("refused") {
        true => format!(
            "nothing listens on port {}: it may be the wrong one ({PORTS}), or the broker is down",
            endpoint.address.port
        ),
        false => endpoint.network(),
    };
    let help = error.help_for(&endpoint.route.via).unwrap_or_else(tcp);
    endpoint.error(stage, message, help)
}

/// The dial timed out.
pub(crate) fn dial_timeout(endpoint: Endpoint<'_>) -> Error {
    let message = format!("no connection within {}", endpoint.deadline());
    endpoint.error(Stage::Tcp, message, endpoint.network())
}

/// No certificate can be for the broker's name.
pub(crate) fn no_tls_name(endpoint: Endpoint<'_>) -> Error {
    endpoint.error(
        Stage::Tls,
        "no certificate can be for this name",
        "write the broker's name as the cluster gives it",
    )
}

/// The TLS handshake timed out: most likely the port does not speak TLS.
pub(crate) fn tls_timeout(endpoint: Endpoint<'_>) -> Error {
    let message = format!("no TLS within {}", endpoint.deadline());
    endpoint.error(
        Stage::Tls,
        message,
        format!("the port may not speak TLS; {PORTS}"),
    )
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// An error of TLS itself; `None` if the peer does not speak TLS.
pub fn tls(endpoint: Endpoint<'_>, error: &io::Error) -> Option<Error> {
    let found = rustls_error(error)?;
    let help = match found {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the broker's certificate is for another name: write the name that the cluster \
                 gives, not an address or an alias"
                    .to_owned()
            }
            // A bad signature: a trusted authority has the same name, and another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the broker's certificate comes from an authority that is not trusted here: name \
                 its file with `ca:`"
                    .to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the broker's certificate has expired, or this machine's clock is wrong".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "this machine's clock is wrong, or the broker's certificate is not valid yet"
                    .to_owned()
            }
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                "the broker shows an authority's certificate (`CA:TRUE`) as its own, which is not \
                 taken: give it a server's certificate"
                    .to_owned()
            }
            _ => "the broker's certificate cannot be trusted: look at how it was made, and at \
                  `ca:`"
                .to_owned(),
        },
        rustls::Error::AlertReceived(alert) => alert_help(*alert).to_owned(),
        _ => return None,
    };
    Some(endpoint.error(Stage::Tls, escape_control(&found.to_string()), help))
}

fn alert_help(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::ProtocolVersion => "the broker speaks a TLS older than 1.2",
        AlertDescription::UnrecognisedName => {
            "the broker has no certificate for this name: write the name that the cluster gives"
        }
        // Sent by brokers with `ssl.client.auth=required`.
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::HandshakeFailure => {
            "the listener asks for a client's certificate, which we have none of: use another \
             listener"
        }
        _ => "the broker ended TLS: its log says why",
    }
}

/// The peer does not speak TLS. `is_plaintext`: it speaks Kafka in plaintext.
pub(crate) fn no_tls(endpoint: Endpoint<'_>, error: &io::Error, is_plaintext: bool) -> Error {
    if is_plaintext {
        return endpoint.error(
            Stage::Tls,
            "the listener speaks plaintext, TLS was asked of it",
            format!("use the cluster's TLS listener, or plaintext here; {PORTS}"),
        );
    }
    let message = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection was closed instead".to_owned(),
        _ => escape_control(&error.to_string()),
    };
    let help = format!("the port may not be a TLS listener of Kafka; {PORTS}");
    endpoint.error(Stage::Tls, message, help)
}

fn is_tls_alert(sample: &[u8]) -> bool {
    sample.starts_with(&[0x15, 0x03])
}

/// What happened, for messages.
fn describe(endpoint: Endpoint<'_>, api: &str, fault: &Fault) -> String {
    match fault {
        Fault::UnsupportedVersion { theirs, ours } => {
            let ours = format!("we speak versions {} to {}", ours.0, ours.1);
            match theirs {
                Some((oldest, newest)) => {
                    format!("the broker speaks `{api}` in versions {oldest} to {newest}, {ours}")
                }
                None => format!("the broker does not speak `{api}`, {ours}"),
            }
        }
        Fault::Code(code) => {
            let (name, message) = codes::explain(*code);
            format!("{message} ({name}, {code})")
        }
        Fault::TooLong(problem) => problem.to_string(),
        Fault::Closed => format!("the broker closed the connection instead of answering `{api}`"),
        Fault::Broken(error) => {
            format!(
                "the connection broke: {}",
                escape_control(&error.to_string())
            )
        }
        Fault::NotKafka(sample) if is_tls_alert(sample) => {
            format!("a TLS alert came instead of an answer to `{api}`")
        }
        Fault::NotKafka(sample) => format!(
            "this came instead of an answer to `{api}`: `{}`",
            escape_control(String::from_utf8_lossy(sample).trim_end())
        ),
        Fault::Malformed(problem) => format!("{problem} (`{api}`)"),
        Fault::Correlation => format!("an answer came to another request than `{api}`"),
        Fault::Deadline => format!("no answer to `{api}` within {}", endpoint.deadline()),
    }
}

/// What helps against a fault in general.
fn general_help(endpoint: Endpoint<'_>, fault: &Fault) -> String {
    match fault {
        Fault::UnsupportedVersion {
            theirs: Some(theirs),
            ours,
        } if theirs.0 > ours.1 => {
            "the broker is newer than this program: get a newer one".to_owned()
        }
        Fault::UnsupportedVersion { .. } => {
            "the broker is too old: 2.8 is the oldest that was tried".to_owned()
        }
        Fault::TooLong(_) => "shorten the setting".to_owned(),
        Fault::Closed | Fault::Broken(_) => {
            "a broker that restarts does this: try again, and look at its log".to_owned()
        }
        Fault::NotKafka(sample) if is_tls_alert(sample) => {
            format!("this port speaks TLS, we spoke plaintext: use TLS here; {PORTS}")
        }
        Fault::NotKafka(_) => format!(
            "no Kafka is behind {}: another service listens there, or something prints a banner \
             into the stream (frames are {} MiB at most)",
            endpoint.address,
            LONGEST_FRAME >> 20
        ),
        Fault::Malformed(_) | Fault::Correlation | Fault::Code(_) => {
            "this is no answer of a Kafka that we know: look at what stands between, or report it"
                .to_owned()
        }
        Fault::Deadline => "raise `--timeout`, or look at the broker's load".to_owned(),
    }
}

/// The first request (ApiVersions) failed.
pub fn greeting(endpoint: Endpoint<'_>, fault: &Fault) -> Error {
    if let Fault::Broken(error) = fault
        && let Some(known) = tls(endpoint, error)
    {
        return known;
    }
    let message = describe(endpoint, "ApiVersions", fault);
    let help = match (fault, endpoint.route.security.roots()) {
        // A listener with TLS may also close the connection, or wait for more.
        (Fault::Closed | Fault::Broken(_) | Fault::Deadline, None) => {
            format!("the port may speak TLS, we spoke plaintext: use TLS here; {PORTS}")
        }
        _ => general_help(endpoint, fault),
    };
    endpoint.error(Stage::Protocol, message, help)
}

/// A request of the SASL conversation had no reply.
pub(crate) fn sasl_fault(endpoint: Endpoint<'_>, api: &str, fault: &Fault) -> Error {
    let help = if fault.is_cut() {
        format!(
            "the broker hung up during authentication: look at its log, and at the listener \
             ({PORTS}); MSK does this, too, to callers that connect too often"
        )
    } else {
        general_help(endpoint, fault)
    };
    endpoint.error(Stage::Sasl, describe(endpoint, api, fault), help)
}

/// SaslHandshake returned an error.
pub fn handshake(endpoint: Endpoint<'_>, mechanism: &str, reply: &HandshakeReply) -> Error {
    let (_, text) = codes::explain(reply.code);
    let (message, help) = match reply.code {
        codes::UNSUPPORTED_SASL_MECHANISM => {
            let mut names: Vec<String> = reply
                .mechanisms
                .iter()
                .take(12)
                .map(|m| escape_control(&m.chars().take(40).collect::<String>()))
                .collect();
            names.sort();
            let names = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            (
                format!("the listener does not take {mechanism}; it takes {names}"),
                format!("use one of these, or another port; {PORTS}"),
            )
        }
        codes::ILLEGAL_SASL_STATE => (
            "the listener does not use SASL".to_owned(),
            format!("connect without credentials here, or use another port; {PORTS}"),
        ),
        _ => (
            text.to_owned(),
            format!("look at the broker's settings for {mechanism}"),
        ),
    };
    endpoint
        .error(Stage::Sasl, message, help)
        .with_code(reply.code)
}

/// The SASL conversation failed on our side.
pub fn conversation(endpoint: Endpoint<'_>, error: &SaslError) -> Error {
    endpoint.error(
        Stage::Sasl,
        escape_control(&error.message),
        error.help.clone(),
    )
}

/// The broker refused the authentication.
pub fn refused(endpoint: Endpoint<'_>, mechanism: &str, reply: &AuthenticateReply) -> Error {
    let (_, text) = codes::explain(reply.code);
    let message = reply
        .message
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map_or_else(|| text.to_owned(), escape_control);
    let lower = message.to_lowercase();
    let help = if lower.contains("too many connects") {
        TOO_MANY_CONNECTS
    } else if mechanism == IAM {
        if lower.contains("signature") || lower.contains("expired") || lower.contains("token") {
            "the credentials are wrong or out of date, or a clock is: a skew of more than 5 minutes \
             is refused"
        } else {
            CONNECT_RIGHT
        }
    } else {
        "the cluster does not know this user name and password: check both, and that they were made \
         for this mechanism"
    };
    endpoint
        .error(Stage::Sasl, message, help)
        .with_code(reply.code)
}

/// A call failed on an open connection.
pub fn request(
    endpoint: Endpoint<'_>,
    api: &'static str,
    fault: &Fault,
    was_answered: bool,
) -> Error {
    if let Fault::Broken(error) = fault
        && let Some(known) = tls(endpoint, error)
    {
        return known;
    }
    // A listener with SASL answers ApiVersions, and closes the connection at the first other call.
    let unknown =
        fault.is_cut() && !was_answered && endpoint.route.security.authenticator().is_none();
    let help = if unknown {
        format!("the listener may ask for SASL, and we came without credentials; {PORTS}")
    } else {
        general_help(endpoint, fault)
    };
    endpoint.error(Stage::Request(api), describe(endpoint, api, fault), help)
}

/// A call returned an error as a whole.
pub(crate) fn refused_call(
    endpoint: Endpoint<'_>,
    api: &'static str,
    code: i16,
    message: Option<&str>,
    mechanism: Option<&str>,
) -> Error {
    let refusal = refusal::Refusal::new(code, message, api, mechanism);
    let help = refusal
        .help
        .clone()
        .unwrap_or_else(|| "look at the broker's log".to_owned());
    endpoint
        .error(Stage::Request(api), refusal.to_string(), help)
        .with_code(code)
}

/// A reply lacks a requested topic, or has an impossible name.
pub(crate) fn wrong_reply(endpoint: Endpoint<'_>, api: &'static str, message: String) -> Error {
    endpoint.error(
        Stage::Request(api),
        message,
        "this is no answer of a Kafka that we know: look at what stands between, or report it",
    )
}
