//! A plan without what could not be read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Desired, HostPlan, Part, Plan, StepAction, TopicsPlan};

/// A host or a cluster that a saved plan leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// The host's name in the spec; absent for a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The cluster, as the spec names it; absent for a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The host's address, or the host through which the cluster's brokers are reached.
    pub at: String,
    /// Why it could not be read.
    pub why: String,
}

impl Missing {
    /// What it is called.
    pub fn name(&self) -> String {
        match (&self.host, &self.cluster) {
            (Some(host), _) => host.clone(),
            (None, Some(cluster)) => format!("the topics of {cluster}"),
            (None, None) => String::new(),
        }
    }
}

/// Why a part cannot be kept, if so. What the spec is to blame for is not left out: it is refused.
fn why(part: &Part<'_>) -> Option<String> {
    let mut steps = part.steps.iter();
    let unknown = steps.find(|step| step.action == StepAction::Unknown);
    let unseen =
        unknown.map(|step| format!("`{}` could not be seen: {}", step.address, step.reason));
    let held = part
        .lock_holder
        .map(|holder| format!("an apply was running: {holder}"));
    let why = part.error.map(str::to_owned).or(held).or(unseen);
    why.filter(|_| !part.unfit)
}

impl Plan {
    /// Without the hosts and clusters that could not be read, nor is a host's or cluster's that was
    /// being changed; `desired` goes with them.
    #[must_use]
    pub fn without_unread(mut self, desired: &mut Desired) -> Self {
        let mut missing = Vec::new();
        let hosts = std::mem::take(&mut self.hosts).into_iter();
        let wanted = std::mem::take(&mut desired.hosts).into_iter();
        for (host, wanted) in hosts.zip(wanted) {
            match why(&Part::from(&host)) {
                Some(why) => missing.push(Missing {
                    host: Some(host.name),
                    cluster: None,
                    at: host.address,
                    why,
                }),
                None => {
                    self.hosts.push(host);
                    desired.hosts.push(wanted);
                }
            }
        }
        let topics = std::mem::take(&mut self.topics).into_iter();
        let wanted = std::mem::take(&mut desired.clusters).into_iter();
        for (topics, wanted) in topics.zip(wanted) {
            match why(&Part::from(&topics)) {
                Some(why) => missing.push(Missing {
                    host: None,
                    cluster: Some(topics.cluster),
                    at: topics.via,
                    why,
                }),
                None => {
                    self.topics.push(topics);
                    desired.clusters.push(wanted);
                }
            }
        }
        self.summary = self.counted();
        self.missing = missing;
        self
    }

    /// What was left out, as what could not be read.
    pub fn left_out(&self) -> (Vec<HostPlan>, Vec<TopicsPlan>) {
        let (mut hosts, mut topics) = (Vec::new(), Vec::new());
        for Missing {
            host,
            cluster,
            at,
            why,
        } in &self.missing
        {
            let why = format!("not in the plan: when it was made, it could not be read\n{why}");
            if let Some(host) = host {
                hosts.push(HostPlan::unreached(host, at, why));
            } else if let Some(cluster) = cluster {
                topics.push(TopicsPlan::unreached(cluster, at, why));
            }
        }
        (hosts, topics)
    }

    /// With what was left out, as people see it.
    #[must_use]
    pub fn with_left_out(mut self) -> Self {
        let (hosts, topics) = self.left_out();
        self.hosts.extend(hosts);
        self.topics.extend(topics);
        self.missing.clear();
        self
    }
}
