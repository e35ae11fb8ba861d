//! What goes wrong on the way to a broker, and what each symptom means.

use std::io;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use super::{
    Address,
    api::sasl::{Answer, Offered},
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
    transport::dial::{self, DialError, Reach},
};

/// Which broker, on which way.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The way.
    pub way: &'a Route,
    /// The broker.
    pub address: &'a Address,
}

impl At<'_> {
    fn error(self, stage: Stage, said: impl Into<String>, help: impl Into<String>) -> Error {
        Error::new(self.way, self.address, stage, said.into(), help.into())
    }

    /// The machine that dials, after "on".
    fn machine(self) -> String {
        dial::machine(&self.way.via)
    }

    fn deadline(self) -> humantime::FormattedDuration {
        humantime::format_duration(self.way.deadline)
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
pub fn dial(at: At<'_>, error: &DialError) -> Error {
    let said = escape_control(&error.said);
    let stage = match error.reach {
        Reach::Machine => Stage::Machine,
        Reach::Forwarding => Stage::Forwarding,
        Reach::Name => Stage::Name,
        Reach::Tcp => Stage::Tcp,
    };
    let tcp = || match said.to_lowercase().contains("refused") {
        true => format!(
            "nothing listens on port {}: it may be the wrong one ({PORTS}), or the broker is down",
            at.address.port
        ),
        false => at.network(),
    };
    let help = error.way_out(&at.way.via).unwrap_or_else(tcp);
    at.error(stage, said, help)
}

/// The dial took too long.
pub fn dial_late(at: At<'_>) -> Error {
    let said = format!("no connection within {}", at.deadline());
    at.error(Stage::Tcp, said, at.network())
}

/// The broker's name is none that a certificate could be for.
pub fn no_tls_name(at: At<'_>) -> Error {
    at.error(
        Stage::Tls,
        "no certificate can be for this name",
        "write the broker's name as the cluster gives it",
    )
}

/// TLS took too long: most likely the other side waits for us to say something else.
pub fn tls_late(at: At<'_>) -> Error {
    let said = format!("no TLS within {}", at.deadline());
    at.error(
        Stage::Tls,
        said,
        format!("the port may not speak TLS; {PORTS}"),
    )
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What TLS did not like, where it was TLS at all.
pub fn tls(at: At<'_>, error: &io::Error) -> Option<Error> {
    let found = rustls_error(error)?;
    let help = match found {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the broker's certificate is for another name: write the name that the cluster \
                 gives, not an address or an alias"
                    .to_owned()
            }
            // A bad signature: an authority of the same name is trusted, but it is another one.
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
    Some(at.error(Stage::Tls, escape_control(&found.to_string()), help))
}

fn alert_help(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::ProtocolVersion => "the broker speaks a TLS older than 1.2",
        AlertDescription::UnrecognisedName => {
            "the broker has no certificate for this name: write the name that the cluster gives"
        }
        // What brokers with `ssl.client.auth=required` say.
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::HandshakeFailure => {
            "the listener asks for a client's certificate, which we have none of: use another \
             listener"
        }
        _ => "the broker ended TLS: its log says why",
    }
}

/// What came back was no TLS. `plain`: the listener answered in plaintext.
pub fn no_tls(at: At<'_>, error: &io::Error, plain: bool) -> Error {
    if plain {
        return at.error(
            Stage::Tls,
            "the listener speaks plaintext, TLS was asked of it",
            format!("use the cluster's TLS listener, or plaintext here; {PORTS}"),
        );
    }
    let said = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection was closed instead".to_owned(),
        _ => escape_control(&error.to_string()),
    };
    let help = format!("the port may not be a TLS listener of Kafka; {PORTS}");
    at.error(Stage::Tls, said, help)
}

fn is_tls_alert(sample: &[u8]) -> bool {
    sample.starts_with(&[0x15, 0x03])
}

/// What a fault is in words.
fn words(at: At<'_>, api: &str, fault: &Fault) -> String {
    match fault {
        Fault::Unspoken { theirs, ours } => {
            let ours = format!("we speak versions {} to {}", ours.0, ours.1);
            match theirs {
                Some((oldest, newest)) => {
                    format!("the broker speaks `{api}` in versions {oldest} to {newest}, {ours}")
                }
                None => format!("the broker does not speak `{api}`, {ours}"),
            }
        }
        Fault::Code(code) => {
            let (name, said) = codes::explain(*code);
            format!("{said} ({name}, {code})")
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
        Fault::Deadline => format!("no answer to `{api}` within {}", at.deadline()),
    }
}

/// What helps where nothing more is known of a fault.
fn generally(at: At<'_>, fault: &Fault) -> String {
    match fault {
        Fault::Unspoken {
            theirs: Some(theirs),
            ours,
        } if theirs.0 > ours.1 => {
            "the broker is newer than this program: get a newer one".to_owned()
        }
        Fault::Unspoken { .. } => {
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
            at.address,
            LONGEST_FRAME >> 20
        ),
        Fault::Malformed(_) | Fault::Correlation | Fault::Code(_) => {
            "this is no answer of a Kafka that we know: look at what stands between, or report it"
                .to_owned()
        }
        Fault::Deadline => "raise `--timeout`, or look at the broker's load".to_owned(),
    }
}

/// The greeting (ApiVersions) failed.
pub fn greeting(at: At<'_>, fault: &Fault) -> Error {
    if let Fault::Broken(error) = fault
        && let Some(known) = tls(at, error)
    {
        return known;
    }
    let said = words(at, "ApiVersions", fault);
    let help = match (fault, at.way.security.roots()) {
        // A listener with TLS may also just hang up, or wait for more of what it takes for TLS.
        (Fault::Closed | Fault::Broken(_) | Fault::Deadline, None) => {
            format!("the port may speak TLS, we spoke plaintext: use TLS here; {PORTS}")
        }
        _ => generally(at, fault),
    };
    at.error(Stage::Protocol, said, help)
}

/// A request of the SASL conversation had no answer.
pub fn sasl_fault(at: At<'_>, api: &str, fault: &Fault) -> Error {
    let help = if fault.is_cut() {
        format!(
            "the broker hung up during authentication: look at its log, and at the listener \
             ({PORTS}); MSK does this, too, to callers that connect too often"
        )
    } else {
        generally(at, fault)
    };
    at.error(Stage::Sasl, words(at, api, fault), help)
}

/// SaslHandshake was answered with an error.
pub fn handshake(at: At<'_>, mechanism: &str, offered: &Offered) -> Error {
    let (_, explained) = codes::explain(offered.code);
    let (said, help) = match offered.code {
        codes::UNSUPPORTED_SASL_MECHANISM => {
            let mut names: Vec<String> = offered
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
            explained.to_owned(),
            format!("look at the broker's settings for {mechanism}"),
        ),
    };
    at.error(Stage::Sasl, said, help).with_code(offered.code)
}

/// Our side of the conversation cannot go on.
pub fn conversation(at: At<'_>, error: &SaslError) -> Error {
    at.error(Stage::Sasl, escape_control(&error.said), error.help.clone())
}

/// The broker does not take us.
pub fn refused(at: At<'_>, mechanism: &str, answer: &Answer) -> Error {
    let (_, explained) = codes::explain(answer.code);
    let said = answer
        .message
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map_or_else(|| explained.to_owned(), escape_control);
    let lower = said.to_lowercase();
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
    at.error(Stage::Sasl, said, help).with_code(answer.code)
}

/// A call failed on a connection that had been opened.
pub fn request(at: At<'_>, api: &'static str, fault: &Fault, answered: bool) -> Error {
    if let Fault::Broken(error) = fault
        && let Some(known) = tls(at, error)
    {
        return known;
    }
    // A listener with SASL greets everybody, and hangs up on the first real call.
    let unknown = fault.is_cut() && !answered && at.way.security.authenticator().is_none();
    let help = if unknown {
        format!("the listener may ask for SASL, and we came without credentials; {PORTS}")
    } else {
        generally(at, fault)
    };
    at.error(Stage::Request(api), words(at, api, fault), help)
}

/// A call was answered with an error for all of it.
pub fn refused_call(
    at: At<'_>,
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
    at.error(Stage::Request(api), refusal.to_string(), help)
        .with_code(code)
}

/// A reply leaves out something that was asked, or names what cannot be.
pub fn wrong_reply(at: At<'_>, api: &'static str, said: String) -> Error {
    at.error(
        Stage::Request(api),
        said,
        "this is no answer of a Kafka that we know: look at what stands between, or report it",
    )
}
