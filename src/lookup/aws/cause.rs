//! From what the SDK says of a failed call to its cause: a word of AWS's, or one of ours.
//!
//! The texts of the SDK's errors are not for people: their `Display` holds the `Debug` of parsers,
//! answers and, of a request, its headers with tokens. So nothing here asks for either: only for the
//! kind of an error, and for what [`heard`](super::heard) noted: AWS's code and message among it.
//! Of an operation's error nothing is known here, so that nothing of it can be shown.

use std::time::Duration;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};

use super::{heard::Heard, network::Network};
use crate::text::escape_control;

/// What came of a call that failed: a word of AWS's, or one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The service answered with an error.
    Aws {
        /// Such as `AccessDenied`, or `HTTP 403` where it has none.
        code: String,
        /// What it says, escaped.
        words: String,
    },
    /// An HTTP error that is no AWS service's.
    Foreign(u16, String),
    /// A good answer that cannot be read.
    Unreadable(u16, String),
    /// No answer in time; with what came of the try before, which says more.
    Late(Option<Box<Cause>>),
    /// No answer.
    Network(Network),
    /// No request could be made of it.
    NotMade,
}

impl Cause {
    /// Of an error of an operation.
    pub fn of<E>(error: &SdkError<E, HttpResponse>, heard: &Heard) -> Self {
        match error {
            // Not by what the SDK read of it, which takes the rest of a torn answer for a code.
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
                let answer = heard.answer.clone().unwrap_or_default();
                Self::answered(answer.code, answer.words.as_deref(), heard)
            }
            SdkError::TimeoutError(_) => Self::late(heard),
            SdkError::DispatchFailure(_) => match &heard.failed {
                Some(Network::Late) => Self::late(heard),
                failed => Self::Network(failed.clone().unwrap_or(Network::Failed)),
            },
            _ => Self::NotMade,
        }
    }

    /// Of the last request, if there was any.
    pub fn heard(heard: &Heard) -> Option<Self> {
        match Self::came(heard) {
            // It was cut short by a deadline of the SDK's own.
            None | Some(Self::Network(Network::Late)) if heard.tries > 0 => Some(Self::late(heard)),
            came => came,
        }
    }

    /// What came of a try that has come to an end.
    fn came(heard: &Heard) -> Option<Self> {
        match (&heard.answer, &heard.failed) {
            (Some(answer), _) => {
                let (code, words) = (answer.code.clone(), answer.words.as_deref());
                Some(Self::answered(code, words, heard))
            }
            (None, failed) => failed.clone().map(Self::Network),
        }
    }

    /// The deadline came first.
    pub fn late(heard: &Heard) -> Self {
        let all = [Some(heard), heard.before.as_deref()];
        let mut came = all.into_iter().flatten().filter_map(Self::came);
        // A good answer was that of another page.
        let says =
            |cause: &Self| !matches!(cause, Self::Unreadable(..) | Self::Network(Network::Late));
        Self::Late(came.find(says).map(Box::new))
    }

    fn answered(code: Option<String>, words: Option<&str>, heard: &Heard) -> Self {
        let answer = heard.answer.clone().unwrap_or_default();
        let kind = media_type(&answer.kind);
        let is_good = (200..300).contains(&answer.status);
        let words = words.map(line).filter(|words| !words.is_empty());
        match (code, words) {
            (Some(code), words) => Self::Aws {
                code,
                words: words.unwrap_or_default(),
            },
            (None, _) if is_good => Self::Unreadable(answer.status, kind),
            (None, Some(words)) => Self::Aws {
                code: format!("HTTP {}", answer.status),
                words,
            },
            (None, None) => Self::Foreign(answer.status, kind),
        }
    }

    /// In words, to follow a colon.
    pub fn words(&self, deadline: Duration) -> String {
        match self {
            Self::Aws { code, words } if words.is_empty() => code.clone(),
            Self::Aws { code, words } => format!("{code}: {words}"),
            Self::Foreign(status, kind) => {
                format!("HTTP {status}{kind}, with no word of AWS's in it")
            }
            Self::Unreadable(status, kind) => {
                format!("HTTP {status}{kind}, with an answer that cannot be read")
            }
            Self::Late(None) => format!("none within {} s", deadline.as_secs_f64()),
            Self::Late(Some(before)) => format!(
                "none within {} s, and before that: {}",
                deadline.as_secs_f64(),
                before.words(deadline)
            ),
            Self::Network(network) => network.words(),
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
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut start: String = words.chars().take(MOST).collect();
    if start.len() < words.len() {
        start.push('…');
    }
    escape_control(&start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::aws::heard::Answer;

    #[test]
    fn answers_of_others_are_told_apart_from_those_of_aws() {
        let of = |status, kind: &str, code: Option<&str>, words: Option<&str>| {
            let heard = Heard {
                answer: Some(Answer {
                    status,
                    kind: kind.into(),
                    ..Answer::default()
                }),
                ..Heard::default()
            };
            Cause::answered(code.map(str::to_owned), words, &heard).words(Duration::from_secs(1))
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
