//! Errors of a broker for one topic, and what helps.

use std::fmt;

use super::codes;
use crate::text::escape_control;

/// A broker refused a request for one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Kafka's error code.
    pub code: i16,
    /// The code's name in Kafka (`TOPIC_AUTHORIZATION_FAILED`); `UNLISTED` for one not known here.
    pub name: &'static str,
    /// The broker's message, escaped, on one line; ours if it sent none.
    pub message: String,
    /// What helps, if known.
    pub help: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.name, self.code)
    }
}

impl Refusal {
    /// From a reply to `api`, over a connection with this SASL mechanism.
    pub(super) fn new(
        code: i16,
        message: Option<&str>,
        api: &str,
        mechanism: Option<&str>,
    ) -> Self {
        let (name, text) = codes::explain(code);
        let message = message.map(str::trim).filter(|text| !text.is_empty());
        Self {
            code,
            name,
            message: message.map_or_else(|| text.to_owned(), escape_control),
            help: help(code, api, mechanism),
        }
    }

    /// Adds help for a refused name: one that is well-formed collides with another topic.
    pub(super) fn with_name_help(mut self, is_well_formed: bool) -> Self {
        // `Topic.hasCollision`
        if self.code == codes::INVALID_TOPIC && is_well_formed {
            self.help = Some(COLLISION.to_owned());
        }
        self
    }

    /// `None` for code zero.
    pub(super) fn from_code(
        code: i16,
        message: Option<&str>,
        api: &str,
        mechanism: Option<&str>,
    ) -> Option<Self> {
        (code != 0).then(|| Self::new(code, message, api, mechanism))
    }
}

/// Help for a name that collides with another topic's.
const COLLISION: &str = "give it another name, or delete the other topic: Kafka's metrics write `.` \
                         and `_` alike, so it takes no two names that differ in them only";

/// Help for a refused setting.
const SETTINGS: &str = "look up the key's name and range for the broker's version of Kafka; times are \
                        in milliseconds and sizes in bytes, numbers without a unit";

/// The right that a call requires: the IAM action of MSK, the operation of Kafka's ACLs, and on
/// which resource.
fn required_right(api: &str) -> (&'static str, &'static str, &'static str) {
    match api {
        "CreateTopics" => ("CreateTopic", "Create", "topic"),
        "CreatePartitions" => ("AlterTopic", "Alter", "topic"),
        "DescribeConfigs" => (
            "DescribeTopicDynamicConfiguration",
            "DescribeConfigs",
            "topic",
        ),
        "IncrementalAlterConfigs" => ("AlterTopicDynamicConfiguration", "AlterConfigs", "topic"),
        "DeleteTopics" => ("DeleteTopic", "Delete", "topic"),
        "ListPartitionReassignments" => ("DescribeCluster", "Describe", "cluster"),
        _ => ("DescribeTopic", "Describe", "topic"),
    }
}

/// The IAM mechanism of MSK.
pub(super) const IAM: &str = "AWS_MSK_IAM";

/// Help for a missing right.
pub(super) fn missing_right(api: &str, mechanism: Option<&str>) -> String {
    let (action, operation, resource) = required_right(api);
    if mechanism == Some(IAM) {
        let pattern = if resource == "topic" {
            "the topic's name may lie outside of the policy's pattern; "
        } else {
            ""
        };
        return format!(
            "the caller needs `kafka-cluster:{action}` on the {resource}: {pattern}`kafka:*` is the \
             control plane and gives nothing here; an organisation policy can forbid it too"
        );
    }
    let subject = match mechanism {
        Some(_) => "the caller",
        None => "`User:ANONYMOUS`, as a listener without SASL knows us,",
    };
    format!(
        "{subject} needs an ACL that allows `{operation}` on the {resource} (`kafka-acls.sh --add`)"
    )
}

fn help(code: i16, api: &str, mechanism: Option<&str>) -> Option<String> {
    let text = match code {
        codes::TOPIC_AUTHORIZATION_FAILED | codes::CLUSTER_AUTHORIZATION_FAILED => {
            return Some(missing_right(api, mechanism));
        }
        codes::UNKNOWN_TOPIC_OR_PARTITION if api == "DeleteTopics" => {
            "it is gone already, or we may not see it: look at the caller's rights"
        }
        codes::UNKNOWN_TOPIC_OR_PARTITION => {
            "read the topics again: it may have been deleted, or not be known to every broker yet"
        }
        5 => "the topic is new, or the brokers that hold it are down: try again",
        codes::REQUEST_TIMED_OUT => {
            "what came of it is unknown: read the topics again before it is tried again"
        }
        codes::INVALID_TOPIC => {
            "use at most 249 of letters, digits, `.`, `_` and `-`, and not `.` or `..`"
        }
        36 => "another run or program made it meanwhile: plan again, and compare its settings",
        37 => "ask for more partitions than the topic has; Kafka cannot take any away",
        38 => {
            "lower `replication_factor` to the number of brokers, or leave it out for the \
             cluster's default"
        }
        40 => SETTINGS,
        // Kafka 2 returns this for settings of an existing topic.
        42 if api == "IncrementalAlterConfigs" => SETTINGS,
        codes::NOT_CONTROLLER => "the cluster is choosing a controller: try again when it has one",
        44 => {
            "the cluster has a policy of what is allowed: leave out what it refuses, or ask who runs \
             it (MSK's Express brokers fix the number of replicas and most settings)"
        }
        60 => "wait until the partitions have moved (`kafka-reassign-partitions.sh --list`)",
        73 => "the cluster has `delete.topic.enable=false`",
        codes::THROTTLING_QUOTA_EXCEEDED => {
            "the quota `controller_mutation_rate` of this user is used up: try again later"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_action_is_named_for_each_call() {
        for (api, action) in [
            ("Metadata", "kafka-cluster:DescribeTopic`"),
            ("CreateTopics", "kafka-cluster:CreateTopic`"),
            ("CreatePartitions", "kafka-cluster:AlterTopic`"),
            (
                "IncrementalAlterConfigs",
                "kafka-cluster:AlterTopicDynamicConfiguration`",
            ),
            (
                "DescribeConfigs",
                "kafka-cluster:DescribeTopicDynamicConfiguration`",
            ),
            ("DeleteTopics", "kafka-cluster:DeleteTopic`"),
        ] {
            let refusal = Refusal::new(29, None, api, Some(IAM));
            let help = refusal.help.expect("help");
            assert!(help.contains(action), "{help}");
            assert!(help.contains("control plane"), "{help}");
            assert!(help.contains("pattern"), "{help}");
        }
    }

    #[test]
    fn a_listener_without_iam_has_acls() {
        let plain = Refusal::new(29, Some(""), "CreateTopics", None);
        assert!(plain.help.expect("help").contains("User:ANONYMOUS"));
        let scram = Refusal::new(
            31,
            None,
            "ListPartitionReassignments",
            Some("SCRAM-SHA-512"),
        );
        let help = scram.help.expect("help");
        assert!(help.contains("`Describe` on the cluster"), "{help}");
    }

    #[test]
    fn the_brokers_message_is_escaped_and_a_missing_one_filled_in() {
        let refusal = Refusal::new(40, Some("no\n\x1b[2Jkey"), "CreateTopics", None);
        assert_eq!(refusal.message, "no\\u{a}\\u{1b}[2Jkey");
        let silent = Refusal::new(41, Some(" "), "CreateTopics", None);
        assert_eq!(
            silent.to_string(),
            "the broker is not the cluster's controller (NOT_CONTROLLER, 41)"
        );
        assert_eq!(Refusal::new(999, None, "Metadata", None).name, "UNLISTED");
    }
}
