//! A host and a cluster alike.

use super::{HostPlan, LookedUp, Step, TopicsPlan};

/// A host or a cluster: what both say of themselves.
#[derive(Debug, Clone, Copy)]
pub struct Part<'p> {
    /// The host's name, or the cluster's.
    pub name: &'p str,
    /// What it is: a host, or the topics of a cluster.
    pub is_host: bool,
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
}

impl<'p> From<&'p HostPlan> for Part<'p> {
    fn from(host: &'p HostPlan) -> Self {
        Self {
            name: &host.name,
            is_host: true,
            error: host.error.as_deref(),
            unfit: host.unfit,
            lock_holder: host.lock_holder.as_deref(),
            looked_up: &host.looked_up,
            warnings: &host.warnings,
            steps: &host.steps,
        }
    }
}

impl<'p> From<&'p TopicsPlan> for Part<'p> {
    fn from(topics: &'p TopicsPlan) -> Self {
        Self {
            name: &topics.cluster,
            is_host: false,
            error: topics.error.as_deref(),
            unfit: topics.unfit,
            lock_holder: None,
            looked_up: &topics.looked_up,
            warnings: &topics.warnings,
            steps: &topics.steps,
        }
    }
}
