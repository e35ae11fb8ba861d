//! What became of an apply.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    kinds::Address,
    plan::{Moved, Part, Subject},
};

/// What became of one host, or of the topics of one cluster.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "HostOutcome")]
pub struct Outcome {
    /// The host's name in the spec, or the cluster's.
    #[serde(rename = "host", serialize_with = "name")]
    #[schemars(with = "String")]
    pub subject: Subject,
    /// Addresses that were applied, in order.
    pub applied: Vec<Address>,
    /// The step that failed, if one did; the first of several.
    pub failure: Option<Failure>,
    /// Further steps that failed: what a cluster refuses of one topic holds no other back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub also_failed: Vec<Failure>,
    /// Addresses that were not reached because of the failure or of Ctrl-C.
    pub not_reached: Vec<Address>,
    /// Addresses that were applied, and still are not up to date: with the reason.
    #[serde(serialize_with = "address_and_reason")]
    #[schemars(with = "Vec<AddressAndReason>")]
    pub not_converged: Vec<(Address, String)>,
    /// Addresses that were applied, and could not be read again: with the reason. What they are like
    /// now is not known.
    #[serde(serialize_with = "address_and_reason")]
    #[schemars(with = "Vec<AddressAndReason>")]
    pub unverified: Vec<(Address, String)>,
    /// Addresses that a saved plan no longer fits, with how they have moved (an empty address: the
    /// machine itself). Nothing is written then.
    #[serde(serialize_with = "moved")]
    #[schemars(with = "Vec<AddressAndReason>")]
    pub moved: Vec<Moved>,
    /// Lines to paste into the spec: digests of unpinned downloads.
    pub paste: Vec<String>,
    /// Ctrl-C ended it.
    pub interrupted: bool,
    /// How long it took; in JSON `took_ms`, in milliseconds.
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    #[schemars(with = "u64")]
    pub took: Duration,
}

impl Outcome {
    /// Of a host or cluster where nothing has been done yet.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            applied: vec![],
            failure: None,
            also_failed: vec![],
            not_reached: vec![],
            not_converged: vec![],
            unverified: vec![],
            moved: vec![],
            paste: vec![],
            interrupted: false,
            took: Duration::ZERO,
        }
    }

    /// Whether it is what became of a part of a plan.
    pub(crate) fn is_of(&self, part: &Part<'_>) -> bool {
        self.subject.borrowed() == part.subject
    }

    /// With what was done after it on the same host.
    pub fn join(&mut self, after: Self) {
        for address in after.applied {
            if !self.applied.contains(&address) {
                self.applied.push(address);
            }
        }
        self.failure = self.failure.take().or(after.failure);
        self.not_reached.extend(after.not_reached);
        self.paste.extend(after.paste);
        self.interrupted |= after.interrupted;
        self.took += after.took;
    }

    /// All steps that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.failure.iter().chain(&self.also_failed)
    }

    /// Whether something was written, or may have been.
    pub fn wrote(&self) -> bool {
        let in_part = |one: &Failure| one.outcome_unknown || !one.done.is_empty();
        !self.applied.is_empty() || self.failures().any(in_part)
    }

    /// Whether a saved plan no longer fits here.
    pub(crate) fn is_stale(&self) -> bool {
        !self.moved.is_empty()
    }
}

/// Why a step failed, and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The step's address.
    // None, and in JSON empty: the whole host or cluster failed.
    #[serde(with = "or_empty")]
    #[schemars(with = "String")]
    pub address: Option<Address>,
    /// What happened: the first line says it, more may follow.
    pub reasons: Vec<String>,
    /// The way out.
    pub help: Option<String>,
    /// Whether it is unknown what the step did before it was lost.
    pub outcome_unknown: bool,
    /// What of the step had been done before, and stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub done: Vec<String>,
}

impl Failure {
    /// Because of an error, a line of it each.
    pub fn because(error: &impl ToString) -> Self {
        let text = error.to_string();
        let reasons = text.lines().map(|line| line.trim().to_owned());
        Self {
            reasons: reasons.collect(),
            ..Self::default()
        }
    }

    /// What of the step was done before, as a sentence.
    pub fn in_part(&self) -> Option<String> {
        (!self.done.is_empty()).then(|| format!("applied in part: {}", self.done.join(", ")))
    }
}

/// An address, and what is to be said of it.
#[derive(Serialize, JsonSchema)]
struct AddressAndReason<'a> {
    /// The step's address; empty: the whole host or cluster.
    address: &'a str,
    /// What it is like now, or how it has moved.
    reason: &'a str,
}

/// Pairs as objects with names, to which fields can be added later.
fn address_and_reason<S: Serializer>(
    pairs: &[(Address, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let pairs = pairs.iter();
    serializer.collect_seq(pairs.map(|(address, reason)| AddressAndReason { address, reason }))
}

fn moved<S: Serializer>(all: &[Moved], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(|moved| AddressAndReason {
        address: moved.address.as_deref().unwrap_or_default(),
        reason: &moved.how,
    }))
}

/// An address that may be absent is an empty text then.
mod or_empty {
    use super::{Address, Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        address: &Option<Address>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(address.as_deref().unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Address>, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok((!text.is_empty()).then(|| text.into()))
    }
}

fn name<S: Serializer>(subject: &Subject, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(subject.name())
}

fn milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

/// What of an outcome's JSON makes it again: the name alone does not say whether it is of a host.
#[derive(Deserialize)]
pub(crate) struct Record {
    host: String,
    applied: Vec<Address>,
    failure: Option<Failure>,
    #[serde(default)]
    also_failed: Vec<Failure>,
    not_reached: Vec<Address>,
    not_converged: Vec<Pair>,
    unverified: Vec<Pair>,
    moved: Vec<Pair>,
    paste: Vec<String>,
    interrupted: bool,
    took_ms: u64,
}

#[derive(Deserialize)]
struct Pair {
    #[serde(deserialize_with = "or_empty::deserialize")]
    address: Option<Address>,
    reason: String,
}

impl Record {
    /// The outcome of a host or a cluster.
    pub(crate) fn outcome(self, subject: impl Fn(String) -> Subject) -> Outcome {
        let pairs = |all: Vec<Pair>| {
            let all = all.into_iter();
            all.filter_map(|pair| Some((pair.address?, pair.reason)))
                .collect()
        };
        let moved = self.moved.into_iter().map(|pair| Moved {
            address: pair.address,
            how: pair.reason,
        });
        Outcome {
            subject: subject(self.host),
            applied: self.applied,
            failure: self.failure,
            also_failed: self.also_failed,
            not_reached: self.not_reached,
            not_converged: pairs(self.not_converged),
            unverified: pairs(self.unverified),
            moved: moved.collect(),
            paste: self.paste,
            interrupted: self.interrupted,
            took: Duration::from_millis(self.took_ms),
        }
    }
}
