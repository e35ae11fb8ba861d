//! A host and a cluster alike.

use serde::{Deserialize, Serialize};

use super::{HostPlan, LookedUp, Step, StepAction, Subject, TopicsPlan};
use crate::history::Since;

/// What is the case with a host or a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Something differs.
    Drifted,
    /// What could be seen is as the spec says, and not all could be.
    Unseen,
    /// An apply holds its lock.
    Locked,
    /// It could not be read.
    Unreachable,
    /// The spec asks for what cannot be.
    Refused,
    /// Everything is as the spec says.
    InSync,
}

impl State {
    /// All of them, as reports are ordered.
    pub const ALL: [Self; 6] = [
        Self::Drifted,
        Self::Unseen,
        Self::Locked,
        Self::Unreachable,
        Self::Refused,
        Self::InSync,
    ];

    /// Whether nobody can say that it is in sync, nor that it is not.
    pub(crate) fn is_unchecked(self) -> bool {
        !matches!(self, Self::Drifted | Self::InSync)
    }

    /// In words for people.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Drifted => "drifted",
            Self::Unseen => "not seen",
            Self::Locked => "locked",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::InSync => "in sync",
        }
    }
}

/// A host or a cluster: what both say of themselves.
#[derive(Debug, Clone, Copy)]
pub struct Part<'p> {
    /// Whose it is.
    pub subject: Subject<&'p str>,
    /// Why it could not be read, if so.
    pub error: Option<&'p str>,
    /// Whether that is the spec's: it asks for what cannot be.
    pub unfit: bool,
    /// Who holds the lock of an apply on the host, if anybody does.
    pub lock_holder: Option<&'p str>,
    /// What the spec's references became.
    pub looked_up: &'p [LookedUp],
    /// What people should know of it; lines after a warning's first are its way out.
    pub warnings: &'p [String],
    /// Its addresses.
    pub steps: &'p [Step],
    /// Since when it differs, or could not be checked, as far as that is known.
    pub since: Option<Since>,
}

impl<'p> Part<'p> {
    /// The host's name, or the cluster's.
    pub fn name(self) -> &'p str {
        match self.subject {
            Subject::Host(name) | Subject::Cluster(name) => name,
        }
    }

    /// Whether it is a host.
    pub fn is_host(&self) -> bool {
        self.subject.is_host()
    }

    /// What is the case with it.
    pub fn state(&self) -> State {
        let any = |wanted: fn(StepAction) -> bool| self.steps.iter().any(|s| wanted(s.action));
        if self.unfit {
            State::Refused
        } else if self.error.is_some() {
            State::Unreachable
        } else if self.lock_holder.is_some() {
            State::Locked
        } else if any(|action| action.changes() || action == StepAction::Blocked) {
            State::Drifted
        } else if any(|action| action == StepAction::Unknown) {
            State::Unseen
        } else {
            State::InSync
        }
    }
}

impl<'p> From<&'p HostPlan> for Part<'p> {
    fn from(host: &'p HostPlan) -> Self {
        Self {
            subject: Subject::Host(&host.name),
            error: host.error.as_deref(),
            unfit: host.unfit,
            lock_holder: host.lock_holder.as_deref(),
            looked_up: &host.looked_up,
            warnings: &host.warnings,
            steps: &host.steps,
            since: host.since,
        }
    }
}

impl<'p> From<&'p TopicsPlan> for Part<'p> {
    fn from(topics: &'p TopicsPlan) -> Self {
        Self {
            subject: Subject::Cluster(&topics.cluster),
            error: topics.error.as_deref(),
            unfit: topics.unfit,
            lock_holder: None,
            looked_up: &topics.looked_up,
            warnings: &topics.warnings,
            steps: &topics.steps,
            since: topics.since,
        }
    }
}
