//! What one run found, as the history keeps it: a line of its file.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::json;

use super::{Ended, Scope, Since};
use crate::{
    exit::Code,
    kinds::Address,
    plan::{Part, State, Step, StepAction, Subject, salted},
    utc::Utc,
};

/// Version of a line: lines of another are not read.
const VERSION: u32 = 1;

/// What one run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    version: u32,
    /// When it began.
    pub at: Utc,
    /// `drift` or `apply`.
    pub command: String,
    /// How it ended.
    #[serde(rename = "exit_code", with = "number")]
    pub code: Code,
    /// How long it took.
    #[serde(rename = "took_ms", with = "milliseconds")]
    pub took: Duration,
    /// How many hosts and clusters were as the spec says.
    pub in_sync: usize,
    /// How many differed.
    pub drifted: usize,
    /// How many could not be checked, for whatever reason.
    pub unreachable: usize,
    /// The files of its specs, and a salted digest of the variables that the command line set.
    specs: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vars: Option<String>,
    /// What of the specs was looked at, as flags; empty: everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
    /// Some addresses of the hosts were left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_part: bool,
    /// With `--deep`, which sees more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) deep: bool,
    /// What its digests are salted with.
    pub(super) salt: String,
    hosts: Vec<Group>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    clusters: Vec<Group>,
}

/// Hosts, or clusters, of which the same was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    of: Vec<String>,
    #[serde(flatten)]
    entry: Entry,
}

/// What was found of a host or a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Entry {
    pub state: State,
    /// Since when it differs, or could not be checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// The addresses that were as the spec says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_sync: Vec<Address>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differ: Vec<Differs>,
}

/// An address that differed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Differs {
    pub address: Address,
    /// Salted sha256 of how it differed.
    pub digest: String,
    pub since: Since,
}

impl Run {
    /// A run, with what it found.
    pub(super) fn new(scope: &Scope, ended: &Ended<'_>, found: &[(Subject<&str>, Entry)]) -> Self {
        let salt = ended.plan.salt.clone();
        let count = |wanted: fn(State) -> bool| {
            let all = found.iter().filter(|(_, entry)| wanted(entry.state));
            all.count()
        };
        Self {
            version: VERSION,
            at: ended.at,
            command: ended.command.to_owned(),
            code: ended.code,
            took: Duration::from_millis(u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX)),
            in_sync: count(|state| state == State::InSync),
            drifted: count(|state| state == State::Drifted),
            unreachable: count(State::is_unchecked),
            specs: scope.specs.clone(),
            vars: scope.vars(&salt),
            only: scope.only.clone(),
            in_part: ended.plan.selection.is_some(),
            deep: scope.deep,
            hosts: groups(found, true),
            clusters: groups(found, false),
            salt,
        }
    }

    /// Reads a line; nothing where it is none.
    pub(super) fn read(line: &str) -> Option<Self> {
        let run: Self = serde_json::from_str(line).ok()?;
        (run.version == VERSION).then_some(run)
    }

    /// Its line, with the end of it.
    pub(super) fn line(&self) -> String {
        let text = serde_json::to_string(self);
        text.unwrap_or_else(|error| unreachable!("a run is plain data: {error}")) + "\n"
    }

    /// Whether it is of the same specs and variables, whatever of them it looked at.
    pub(super) fn is_of(&self, scope: &Scope) -> bool {
        self.specs == scope.specs && self.vars == scope.vars(&self.salt)
    }

    /// Whether it looked at all that another looked at.
    pub(super) fn covers(&self, other: &Self) -> bool {
        (self.only.is_empty() || self.only == other.only) && self.deep >= other.deep
    }

    /// Whether everything of the specs was looked at.
    pub(super) fn is_whole(&self) -> bool {
        self.only.is_empty() && !self.in_part
    }

    /// What it found of each host and cluster.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Subject<&str>, &Entry)> {
        fn named<'g>(
            groups: &'g [Group],
            subject: fn(&'g str) -> Subject<&'g str>,
        ) -> impl Iterator<Item = (Subject<&'g str>, &'g Entry)> {
            groups.iter().flat_map(move |group| {
                let names = group.of.iter();
                names.map(move |name| (subject(name), &group.entry))
            })
        }
        let hosts = named(&self.hosts, Subject::Host);
        hosts.chain(named(&self.clusters, Subject::Cluster))
    }

    /// The files of its specs.
    pub(super) fn specs(&self) -> &[String] {
        &self.specs
    }
}

/// Hosts, or clusters, with the same entry together, in the order of the first.
fn groups(found: &[(Subject<&str>, Entry)], hosts: bool) -> Vec<Group> {
    let mut groups: IndexMap<&Entry, Vec<String>> = IndexMap::new();
    for (subject, entry) in found
        .iter()
        .filter(|(subject, _)| subject.is_host() == hosts)
    {
        let names = groups.entry(entry).or_default();
        names.push(subject.name().to_owned());
    }
    let group = |(entry, of): (&Entry, Vec<String>)| Group {
        of,
        entry: entry.clone(),
    };
    groups.into_iter().map(group).collect()
}

/// What a run found of a host or a cluster; of an apply, as it was left. Since when is not in it yet.
pub(super) fn entry(part: Part<'_>, ended: &Ended<'_>) -> Entry {
    let outcome = ended.outcomes.iter().find(|one| one.is_of(&part));
    let mut entry = Entry {
        state: part.state(),
        since: None,
        in_sync: vec![],
        differ: vec![],
    };
    // Somebody is changing it, or it was not read: nothing is known of its addresses. A saved plan that no
    // longer holds says what they were.
    if entry.state.is_unchecked() && entry.state != State::Unseen {
        return entry;
    }
    if outcome.is_some_and(|outcome| outcome.is_stale()) {
        entry.state = State::Unseen;
        return entry;
    }
    let mut unseen = false;
    for step in part.steps {
        let has = |list: &[(Address, String)]| list.iter().any(|(one, _)| *one == step.address);
        let lost = outcome.is_some_and(|outcome| {
            let mut failures = outcome.failures();
            has(&outcome.unverified)
                || failures
                    .any(|one| one.outcome_unknown && one.address.as_ref() == Some(&step.address))
        });
        let done = outcome.is_some_and(|outcome| {
            outcome.applied.contains(&step.address) && !has(&outcome.not_converged)
        });
        if lost || step.action == StepAction::Unknown {
            unseen = true;
        } else if done || step.action == StepAction::None {
            entry.in_sync.push(step.address.clone());
        } else {
            entry.differ.push(Differs {
                address: step.address.clone(),
                digest: digest(&ended.plan.salt, step),
                since: Since {
                    at: ended.at,
                    last_in_sync: None,
                },
            });
        }
    }
    entry.state = match (entry.differ.is_empty(), unseen) {
        (false, _) => State::Drifted,
        (true, true) => State::Unseen,
        (true, false) => State::InSync,
    };
    entry
}

/// How an address differs, salted: what reports show of it.
pub(super) fn digest(salt: &str, step: &Step) -> String {
    let changes = step.changes.iter().map(|change| match change.sensitive {
        true => json!(change.path),
        false => json!(change),
    });
    let how = json!([step.action, step.reason, changes.collect::<Vec<_>>()]);
    salted(salt, &how)
}

mod number {
    use super::{Code, Deserialize, Deserializer, Error, Serializer};

    pub(crate) fn serialize<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*code as u8)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Code, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Code::of(number).ok_or_else(|| D::Error::custom("no exit code"))
    }
}

mod milliseconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        took: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
