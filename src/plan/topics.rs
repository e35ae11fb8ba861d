//! The part of a plan that is about a cluster's topics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LookedUp, Step};
use crate::{
    action::{Action, TopicAction},
    facts::cluster::Cluster,
    history::Since,
    kinds::topic,
    spec::ResolvedTopic,
};

/// So many topics are named in a warning about several.
const MOST_NAMED: usize = 3;

/// One cluster's part.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TopicsPlan {
    /// The cluster, as the spec names it.
    pub cluster: String,
    /// The host through which its brokers are reached, or `direct`.
    pub via: String,
    /// As whom the brokers know us; absent where nobody logs in, or they were not reached.
    pub caller: Option<String>,
    /// Why it could not be read, if so.
    pub error: Option<String>,
    /// All its addresses: what is deleted first, then in the order of the spec.
    pub steps: Vec<Step>,
    /// Topics like the spec's that no table of it names. They are left alone.
    pub unmanaged: Vec<String>,
    /// Whether `error` is the spec's: it asks for topics that cannot be.
    #[serde(skip)]
    pub unfit: bool,
    /// What the spec's references became.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked_up: Vec<LookedUp>,
    /// What people should know of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Since when it differs, or could not be checked; in reports of `drift`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
}

impl TopicsPlan {
    /// A cluster that could not be read.
    pub fn unreached(cluster: &str, via: &str, error: String) -> Self {
        Self {
            cluster: cluster.to_owned(),
            via: via.to_owned(),
            caller: None,
            error: Some(error),
            steps: vec![],
            unmanaged: vec![],
            unfit: false,
            looked_up: vec![],
            warnings: vec![],
            since: None,
        }
    }

    /// Compares what a cluster has with what it must have. `deletable` are names that
    /// `--allow-delete` gives; those that are no leftovers of the spec's pattern are not touched.
    pub fn new(
        cluster: &str,
        via: &str,
        wanted: &[&ResolvedTopic],
        deletable: &[String],
        facts: &Cluster,
        salt: &str,
    ) -> Self {
        let step =
            |name: &str, assessment| Step::new(topic::address(name), vec![], assessment, salt);
        let going: Vec<&String> = deletable
            .iter()
            .filter(|name| facts.unmanaged.contains(name))
            .collect();
        let gone = going
            .iter()
            .filter_map(|name| Some(step(name, topic::removal(name, facts)?)));
        let steps = gone
            .chain(
                wanted
                    .iter()
                    .map(|topic| step(&topic.name, topic::assess(topic, facts))),
            )
            .collect();
        Self {
            cluster: cluster.to_owned(),
            via: via.to_owned(),
            caller: facts.caller.clone(),
            error: None,
            steps,
            unmanaged: facts
                .unmanaged
                .iter()
                .filter(|name| !going.contains(name))
                .cloned()
                .collect(),
            unfit: false,
            looked_up: vec![],
            warnings: tight(wanted, facts),
            since: None,
        }
    }

    /// Likewise, where it is the spec that asks for what cannot be.
    #[must_use]
    pub fn unfit(mut self) -> Self {
        self.unfit = true;
        self
    }

    /// With something that people should know of it.
    #[must_use]
    pub fn warned(mut self, warning: String) -> Self {
        self.warnings.push(warning);
        self
    }

    /// With what the spec's references became, and what people should know of it.
    #[must_use]
    pub fn with_lookups(mut self, looked_up: &[LookedUp], warnings: &[String]) -> Self {
        self.looked_up.extend_from_slice(looked_up);
        self.warnings.extend_from_slice(warnings);
        self
    }

    /// What an apply would ask of the cluster, but for the ends of topics.
    pub fn requests(&self) -> impl Iterator<Item = &TopicAction> {
        let actions = self.steps.iter().flat_map(|step| &step.actions);
        actions.filter_map(|action| match action {
            Action::Topic(TopicAction::Delete { .. }) => None,
            Action::Topic(action) => Some(action),
            _ => None,
        })
    }

    /// Whether an apply would do something here.
    pub fn has_work(&self) -> bool {
        self.steps.iter().any(|step| step.action.changes())
    }
}

/// A warning for each kind of topics whose replicas leave no room.
fn tight(wanted: &[&ResolvedTopic], facts: &Cluster) -> Vec<String> {
    let mut kinds: Vec<(topic::Tight, Vec<&str>)> = Vec::new();
    for one in wanted {
        let Some(tight) = topic::tight(one, facts) else {
            continue;
        };
        match kinds.iter_mut().find(|(kind, _)| *kind == tight) {
            Some((_, names)) => names.push(&one.name),
            None => kinds.push((tight, vec![&one.name])),
        }
    }
    let warning = |(kind, names): (topic::Tight, Vec<&str>)| {
        let mut text = names[..names.len().min(MOST_NAMED)].join(", ");
        if let Some(more @ 1..) = names.len().checked_sub(MOST_NAMED) {
            text.push_str(&format!(" and {more} more"));
        }
        kind.warning(&text, facts.brokers)
    };
    kinds.into_iter().map(warning).collect()
}
