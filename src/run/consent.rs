//! Why an apply may write: `--auto-approve`, a yes to the plan that was shown, or a saved plan.

use super::{Target, Targets, topics::ClusterTarget, visit::Visit};
use crate::{
    apply::outcome::Outcome,
    facts::Identity,
    plan::{
        HostPlan, Moved, Plan, Step, StepAction, Subject, TopicsPlan, moved_on_host, moved_topics,
    },
};

/// Why a visit may write.
#[derive(Clone, Copy)]
pub(super) enum Consent<'c> {
    /// `--auto-approve`: whatever the plan is by then.
    Given,
    /// This was shown and approved; it asks again where something has changed since.
    Shown(&'c Shown),
    /// A saved plan: exactly this, or nothing.
    Saved(&'c Shown),
}

impl Consent<'_> {
    /// Outcomes of the clusters that have moved since the plan was saved.
    pub(super) fn stale_clusters(self, now: &[TopicsPlan]) -> Vec<Outcome> {
        let moved = |(at, topics)| stale_cluster(topics, self.moved(at, topics));
        now.iter().enumerate().filter_map(moved).collect()
    }

    /// Whether the cluster of this index has moved since the plan was saved.
    pub(super) fn is_stale(self, at: usize, now: &TopicsPlan) -> bool {
        !self.moved(at, now).is_empty()
    }

    fn moved(self, at: usize, now: &TopicsPlan) -> Vec<Moved> {
        match self {
            Self::Saved(planned) => moved_topics(&planned.topics[at], now),
            Self::Given | Self::Shown(_) => vec![],
        }
    }
}

fn stale_cluster(now: &TopicsPlan, moved: Vec<Moved>) -> Option<Outcome> {
    (!moved.is_empty()).then(|| Outcome {
        moved,
        ..Outcome::new(Subject::Cluster(now.cluster.clone()))
    })
}

/// What was shown, or saved, of one host and of the clusters that are reached through it.
pub(super) struct Shown {
    pub host: Option<HostPlan>,
    pub topics: Vec<TopicsPlan>,
}

impl Shown {
    /// The part of a saved plan for a host and clusters.
    pub(super) fn of(
        plan: &Plan,
        targets: &Targets,
        target: Option<&Target>,
        clusters: &[&ClusterTarget],
    ) -> Self {
        let own = |host: &&HostPlan| target.is_some_and(|target| target.host.name == host.name);
        let topics = clusters.iter().map(|cluster| targets.index_of(cluster));
        Self {
            host: plan.hosts.iter().find(own).cloned(),
            topics: topics.map(|at| plan.topics[at].clone()).collect(),
        }
    }

    /// The visit that ends here because all that this plan would write has moved. Where the host has moved,
    /// its clusters are not reached.
    pub(super) fn refusal(&self, now: &Self) -> Option<Visit> {
        let of_host = match (&self.host, &now.host) {
            (Some(planned), Some(now)) => moved_on_host(planned, now),
            _ => vec![],
        };
        let consent = Consent::Saved(self);
        let mut outcomes = Vec::new();
        if let (false, Some(host)) = (of_host.is_empty(), &now.host) {
            outcomes.push(Outcome {
                moved: of_host,
                ..Outcome::new(Subject::Host(host.name.clone()))
            });
            outcomes.extend(now.topics.iter().enumerate().filter_map(|(at, topics)| {
                let stale = stale_cluster(topics, consent.moved(at, topics));
                stale.or_else(|| topics.has_work().then(|| not_reached(topics)))
            }));
        } else if !self.fresh(now).has_work() {
            outcomes = consent.stale_clusters(&now.topics);
        }
        (!outcomes.is_empty()).then(|| {
            let (host, topics) = (now.host.clone(), now.topics.clone());
            Visit::applied(host, topics, outcomes)
        })
    }

    /// What was read now, without the clusters that have moved.
    pub(super) fn fresh(&self, now: &Self) -> Self {
        let topics = now.topics.iter().enumerate();
        let fresh = topics.filter(|(at, topics)| !Consent::Saved(self).is_stale(*at, topics));
        Self {
            host: now.host.clone(),
            topics: fresh.map(|(_, topics)| topics.clone()).collect(),
        }
    }

    pub(super) fn has_work(&self) -> bool {
        self.host.as_ref().is_some_and(HostPlan::has_work)
            || self.topics.iter().any(TopicsPlan::has_work)
    }

    /// What has changed since it was shown: `machine` or `cluster`.
    pub(super) fn changed(&self, now: &Self) -> Option<&'static str> {
        let machine = self.host_steps().eq(now.host_steps()) && self.identity() == now.identity();
        match (machine, self.steps().eq(now.steps())) {
            (false, _) => Some("machine"),
            (true, false) => Some("cluster"),
            (true, true) => None,
        }
    }

    fn identity(&self) -> Option<&Identity> {
        self.host.as_ref()?.identity.as_ref()
    }

    /// What identifies the steps, of the host first.
    fn steps(&self) -> impl Iterator<Item = StepKey<'_>> {
        let topics = self.topics.iter().flat_map(|topics| &topics.steps);
        self.host_steps().chain(topics.map(step_key))
    }

    fn host_steps(&self) -> impl Iterator<Item = StepKey<'_>> {
        let host = self.host.iter().flat_map(|host| &host.steps);
        host.map(step_key)
    }
}

/// What identifies a step that was shown: address, action, digests.
type StepKey<'s> = (&'s str, StepAction, &'s str, &'s str);

fn step_key(step: &Step) -> StepKey<'_> {
    let (observed, actions) = (&step.observed_digest, &step.actions_digest);
    (&step.address, step.action, observed, actions)
}

/// The outcome of a cluster that the apply did not get to.
pub(super) fn not_reached(plan: &TopicsPlan) -> Outcome {
    let steps = plan.steps.iter().filter(|step| step.action.changes());
    Outcome {
        not_reached: steps.map(|step| step.address.clone()).collect(),
        ..Outcome::new(Subject::Cluster(plan.cluster.clone()))
    }
}
