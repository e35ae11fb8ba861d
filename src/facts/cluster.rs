//! What was read of a Kafka cluster: plain data, whoever read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Observation;

/// What was read of a cluster, of the topics that a spec names, and of names like theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// As whom the brokers know us; absent where nobody logs in.
    pub caller: Option<String>,
    /// How many brokers are alive.
    pub brokers: usize,
    /// The topics that were asked for; one that is not in here is not on the cluster.
    pub topics: BTreeMap<String, Observation<Topic>>,
    /// Names on the cluster that the spec's pattern makes and no table does.
    pub unmanaged: Vec<String>,
    /// The cluster's verdicts on the changes, by topic, from a validation that changes nothing. Empty
    /// before that.
    pub rehearsed: BTreeMap<String, Rehearsed>,
}

/// A cluster's verdict on a change that it only validated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rehearsed {
    /// It would make it.
    Accepted {
        /// How many replicas a new topic would have, where the cluster tells.
        #[serde(default)]
        replicas: Option<u32>,
        /// The new topic's `min.insync.replicas`, where the cluster tells.
        #[serde(default)]
        min_insync_replicas: Option<u32>,
    },
    /// It would not.
    Refused {
        /// The cluster's message, with the error's name.
        #[serde(rename = "said")]
        message: String,
        /// The help, where there is any.
        help: Option<String>,
    },
    /// It gave no verdict.
    #[serde(rename = "unsaid")]
    Undecided {
        /// Why.
        why: String,
        /// The help, where there is any.
        help: Option<String>,
    },
}

/// One topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// How many partitions it has.
    pub partitions: u32,
    /// Replicas of a partition, the fewest and the most over all of them; what a running
    /// reassignment leads to, where there is one.
    pub replicas: (u32, u32),
    /// Partitions are being moved.
    pub reassigning: bool,
    /// Its own settings, and the brokers' for the rest.
    pub config: BTreeMap<String, Setting>,
}

/// One setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// What holds; `None` where the broker does not show it.
    pub value: Option<String>,
    /// It is the topic's own (source `DYNAMIC_TOPIC_CONFIG`), and not the brokers'.
    pub own: bool,
}
