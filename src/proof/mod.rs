//! A proof: whether the installed client can list the topics, in a fresh login shell of the account; and
//! the cause if it cannot.

mod cause;
mod output;
mod secrets;
pub mod shared;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use cause::{Cause, ClientRun, cause};
pub use output::{Output, Stream};
pub use secrets::Secrets;

use crate::exit::Code;

/// What came of asking one host's client for the topics of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The host's name in the spec.
    pub host: String,
    /// The cluster, as the spec names it; absent where `--bootstrap-server` named the brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The brokers that were asked, with commas between; empty when they are not known.
    pub bootstrap: String,
    /// What it came to.
    pub result: ProofResult,
    /// How many topics the client lists; absent unless it is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<usize>,
    /// The role that the client takes; absent where the spec names none, where the machine's file
    /// has another, and unless it is proven.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Why it is not proven, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The client's own last words, a line each: without stack frames, secrets masked.
    #[serde(rename = "said", default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What people should know beside it: that an apply is running, what differs from the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How long the client took; in JSON `took_ms`, in milliseconds.
    #[serde(
        rename = "took_ms",
        serialize_with = "milliseconds",
        deserialize_with = "of_milliseconds"
    )]
    #[schemars(with = "u64")]
    pub took: Duration,
}

/// What a proof came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofResult {
    /// The client listed the topics.
    Proven,
    /// The client failed.
    Failed,
    /// The client could not be asked: the host, or what the spec refers to, was not reached.
    #[default]
    Unread,
    /// The client was not asked, because its host is not as the spec says after the apply.
    Skipped,
}

impl Proof {
    /// The exit code that follows.
    pub fn code(&self) -> Code {
        match self.result {
            // What kept the client from being asked has a code of its own.
            ProofResult::Proven | ProofResult::Skipped => Code::Done,
            ProofResult::Failed => Code::Partial,
            ProofResult::Unread => Code::Unreachable,
        }
    }

    /// What it came to, in one sentence.
    pub(crate) fn in_words(&self) -> String {
        let cause = self.cause.as_deref().unwrap_or("the reason is not known");
        match self.result {
            ProofResult::Proven => {
                let topics = match self.topics.unwrap_or_default() {
                    0 => "no topics".to_owned(),
                    1 => "1 topic".to_owned(),
                    count => format!("{count} topics"),
                };
                let role = self.role.as_ref().map(|role| format!(" as {role}"));
                format!(
                    "proven: the client lists {topics}{}",
                    role.unwrap_or_default()
                )
            }
            ProofResult::Failed => format!("not proven: {cause}"),
            ProofResult::Unread => format!("could not be asked: {cause}"),
            ProofResult::Skipped => format!("not asked: {cause}"),
        }
    }
}

fn milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

fn of_milliseconds<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}
