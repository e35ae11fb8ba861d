//! Error codes of the protocol: Kafka's names, and messages for replies without one.
//!
//! The list is `Errors.java` of Kafka's sources, without codes that these calls cannot return.

/// UNKNOWN_TOPIC_OR_PARTITION.
pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
/// REQUEST_TIMED_OUT.
pub const REQUEST_TIMED_OUT: i16 = 7;
/// INVALID_TOPIC_EXCEPTION.
pub(crate) const INVALID_TOPIC: i16 = 17;
/// TOPIC_AUTHORIZATION_FAILED.
pub const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
/// CLUSTER_AUTHORIZATION_FAILED.
pub const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
/// UNSUPPORTED_SASL_MECHANISM.
pub const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
/// ILLEGAL_SASL_STATE.
pub const ILLEGAL_SASL_STATE: i16 = 34;
/// TOPIC_ALREADY_EXISTS.
pub const TOPIC_ALREADY_EXISTS: i16 = 36;
/// NOT_CONTROLLER.
pub const NOT_CONTROLLER: i16 = 41;
/// THROTTLING_QUOTA_EXCEEDED.
pub const THROTTLING_QUOTA_EXCEEDED: i16 = 89;

/// Code, name, message.
const CODES: &[(i16, &str, &str)] = &[
    (
        -1,
        "UNKNOWN_SERVER_ERROR",
        "the broker failed in a way it has no code for",
    ),
    (
        3,
        "UNKNOWN_TOPIC_OR_PARTITION",
        "there is no such topic, or we may not know of it",
    ),
    (5, "LEADER_NOT_AVAILABLE", "the topic has no leader yet"),
    (
        6,
        "NOT_LEADER_OR_FOLLOWER",
        "the broker does not hold the partition",
    ),
    (7, "REQUEST_TIMED_OUT", "the broker did not finish in time"),
    (8, "BROKER_NOT_AVAILABLE", "a broker is not available"),
    (9, "REPLICA_NOT_AVAILABLE", "a replica is not available"),
    (10, "MESSAGE_TOO_LARGE", "the request is too large"),
    (11, "STALE_CONTROLLER_EPOCH", "the controller has moved"),
    (
        13,
        "NETWORK_EXCEPTION",
        "the broker lost its own connection",
    ),
    (
        17,
        "INVALID_TOPIC_EXCEPTION",
        "the topic's name is not one that Kafka takes",
    ),
    (
        29,
        "TOPIC_AUTHORIZATION_FAILED",
        "we are not allowed to do this to the topic",
    ),
    (
        31,
        "CLUSTER_AUTHORIZATION_FAILED",
        "we are not allowed to do this to the cluster",
    ),
    (
        33,
        "UNSUPPORTED_SASL_MECHANISM",
        "the listener does not take this mechanism",
    ),
    (
        34,
        "ILLEGAL_SASL_STATE",
        "the listener does not expect SASL now",
    ),
    (
        35,
        "UNSUPPORTED_VERSION",
        "the broker does not speak this version of the call",
    ),
    (36, "TOPIC_ALREADY_EXISTS", "the topic is there already"),
    (
        37,
        "INVALID_PARTITIONS",
        "the number of partitions is not one that Kafka takes",
    ),
    (
        38,
        "INVALID_REPLICATION_FACTOR",
        "there are more replicas than brokers, or none",
    ),
    (
        39,
        "INVALID_REPLICA_ASSIGNMENT",
        "the replicas' places are not possible",
    ),
    (
        40,
        "INVALID_CONFIG",
        "a setting is not one that the broker takes",
    ),
    (
        41,
        "NOT_CONTROLLER",
        "the broker is not the cluster's controller",
    ),
    (
        42,
        "INVALID_REQUEST",
        "the broker takes the request for wrong",
    ),
    (44, "POLICY_VIOLATION", "a policy of the cluster forbids it"),
    (55, "OPERATION_NOT_ATTEMPTED", "the broker did not try it"),
    (56, "KAFKA_STORAGE_ERROR", "the broker's disk failed"),
    (
        58,
        "SASL_AUTHENTICATION_FAILED",
        "the broker did not believe us",
    ),
    (
        60,
        "REASSIGNMENT_IN_PROGRESS",
        "partitions of the topic are moving",
    ),
    (
        72,
        "LISTENER_NOT_FOUND",
        "the leader has no listener of this name",
    ),
    (
        73,
        "TOPIC_DELETION_DISABLED",
        "the cluster does not delete topics",
    ),
    (
        77,
        "STALE_BROKER_EPOCH",
        "the broker has just been restarted",
    ),
    (87, "INVALID_RECORD", "the broker could not store it"),
    (
        89,
        "THROTTLING_QUOTA_EXCEEDED",
        "the quota for changes is used up",
    ),
    (
        92,
        "DUPLICATE_RESOURCE",
        "the request names one thing twice",
    ),
];

/// The name of a code, and a message.
pub fn explain(code: i16) -> (&'static str, &'static str) {
    CODES.iter().find(|(known, ..)| *known == code).map_or(
        (
            "UNLISTED",
            "the broker answered with a code that is not known here",
        ),
        |(_, name, text)| (*name, *text),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::{ResponseError, error::ParseResponseErrorCode};

    #[test]
    fn names_are_kafkas_own() {
        for (code, name, text) in CODES {
            let known = code.err().expect("an error");
            assert!(!matches!(known, ResponseError::Unknown(_)), "{code}");
            let camel = format!("{known:?}");
            let mut snake = String::new();
            for (index, c) in camel.chars().enumerate() {
                if index > 0 && c.is_uppercase() {
                    snake.push('_');
                }
                snake.extend(c.to_uppercase());
            }
            assert_eq!(&snake, name, "{code}");
            assert!(text.starts_with(char::is_lowercase), "{text}");
        }
    }
}
