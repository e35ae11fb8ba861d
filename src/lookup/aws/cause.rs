//! The cause of a failed call of the SDK: an error of AWS, or one of the network or this machine.
//!
//! The texts of the SDK's errors are not for people: their `Display` holds the `Debug` of parsers,
//! answers and, of a request, its headers with tokens. So nothing here asks for either: only for the
//! kind of an error, and for what [`exchange`](super::exchange) noted: AWS's code and message among it.
//! Of an operation's error nothing is known here, so that nothing of it can be shown.

use std::time::Duration;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};

use super::{exchange::Exchange, network::Network};
use crate::text::escape_control;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The service answered with an error.
    Aws {
        /// Such as `AccessDenied`, or `HTTP 403` where it has none.
        code: String,
        /// Its message, escaped.
        message: String,
    },
    /// An HTTP error that is no AWS service's.
    Foreign(u16, String),
    /// A good answer that cannot be read.
    Unreadable(u16, String),
    /// No answer in time; with the cause of the previous try, which is clearer.
    Late(Option<Box<Cause>>),
    /// No answer.
    Network(Network),
    /// No request could be made of it.
    NotMade,
}

impl Cause {
    /// Of an error of an operation.
    pub fn of<E>(error: &SdkError<E, HttpResponse>, exchange: &Exchange) -> Self {
        match error {
            // Not by what the SDK read of it, which takes the rest of a torn answer for a code.
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
                let response = exchange.response.clone().unwrap_or_default();
                Self::of_response(response.code, response.message.as_deref(), exchange)
            }
            SdkError::TimeoutError(_) => Self::late(exchange),
            SdkError::DispatchFailure(_) => match &exchange.failure {
                Some(Network::Late) => Self::late(exchange),
                failed => Self::Network(failed.clone().unwrap_or(Network::Failed)),
            },
            _ => Self::NotMade,
        }
    }

    /// Of the last request, if there was any.
    pub fn of_exchange(exchange: &Exchange) -> Option<Self> {
        match Self::outcome(exchange) {
            // It was cut short by a deadline of the SDK's own.
            None | Some(Self::Network(Network::Late)) if exchange.tries > 0 => {
                Some(Self::late(exchange))
            }
            outcome => outcome,
        }
    }

    /// The cause of a try that has ended.
    fn outcome(exchange: &Exchange) -> Option<Self> {
        match (&exchange.response, &exchange.failure) {
            (Some(response), _) => {
                let (code, message) = (response.code.clone(), response.message.as_deref());
                Some(Self::of_response(code, message, exchange))
            }
            (None, failed) => failed.clone().map(Self::Network),
        }
    }

    /// The deadline came first.
    pub fn late(exchange: &Exchange) -> Self {
        let all = [Some(exchange), exchange.previous.as_deref()];
        let mut outcomes = all.into_iter().flatten().filter_map(Self::outcome);
        // A good answer was that of another page.
        let says =
            |cause: &Self| !matches!(cause, Self::Unreadable(..) | Self::Network(Network::Late));
        Self::Late(outcomes.find(says).map(Box::new))
    }

    fn of_response(code: Option<String>, message: Option<&str>, exchange: &Exchange) -> Self {
        let response = exchange.response.clone().unwrap_or_default();
        let kind = media_type(&response.media_type);
        let is_good = (200..300).contains(&response.status);
        let message = message.map(line).filter(|message| !message.is_empty());
        match (code, message) {
            (Some(code), message) => Self::Aws {
                code,
                message: message.unwrap_or_default(),
            },
            (None, _) if is_good => Self::Unreadable(response.status, kind),
            (None, Some(message)) => Self::Aws {
                code: format!("HTTP {}", response.status),
                message,
            },
            (None, None) => Self::Foreign(response.status, kind),
        }
    }

    /// In words, to follow a colon.
    pub fn message(&self, deadline: Duration) -> String {
        match self {
            Self::Aws { code, message } if message.is_empty() => code.clone(),
            Self::Aws { code, message } => format!("{code}: {message}"),
            Self::Foreign(status, kind) => {
                format!("HTTP {status}{kind}, with no word of AWS's in it")
            }
            Self::Unreadable(status, kind) => {
                format!("HTTP {status}{kind}, with an answer that cannot be read")
            }
            Self::Late(None) => format!("none within {} s", deadline.as_secs_f64()),
            Self::Late(Some(previous)) => format!(
                "none within {} s, and before that: {}",
                deadline.as_secs_f64(),
                previous.message(deadline)
            ),
            Self::Network(network) => network.message(),
            Self::NotMade => "no request could be made".into(),
        }
    }
}

/// ` (text/html)`, where it is such a type.
fn media_type(kind: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.+-".contains(c);
    match kind {
        kind if kind.is_empty() || kind.len() > 60 || !kind.chars().all(plain) => String::new(),
        kind => format!(" ({kind})"),
    }
}

/// The words of others: one line, escaped, and not without end.
pub fn line(text: &str) -> String {
    const MOST: usize = 600;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut start: String = line.chars().take(MOST).collect();
    if start.len() < line.len() {
        start.push('…');
    }
    escape_control(&start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::aws::exchange::ResponseSummary;

    #[test]
    fn errors_of_aws_and_of_others() {
        let of = |status, kind: &str, code: Option<&str>, message: Option<&str>| {
            let exchange = Exchange {
                response: Some(ResponseSummary {
                    status,
                    media_type: kind.into(),
                    ..ResponseSummary::default()
                }),
                ..Exchange::default()
            };
            Cause::of_response(code.map(str::to_owned), message, &exchange)
                .message(Duration::from_secs(1))
        };
        assert_eq!(
            of(403, "", Some("AccessDenied"), Some("a\nb")),
            "AccessDenied: a b"
        );
        assert_eq!(of(403, "", None, Some("No access")), "HTTP 403: No access");
        assert_eq!(
            of(502, "text/html", None, None),
            "HTTP 502 (text/html), with no word of AWS's in it"
        );
        assert_eq!(
            of(200, "x{}", None, None),
            "HTTP 200, with an answer that cannot be read"
        );
    }
}
