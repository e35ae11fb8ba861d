//! A cluster's metadata and settings, as the rest of the program uses them.

use super::{BrokerAddress, refusal::Refusal};
use crate::names::WrongName;

/// Which topics to read.
#[derive(Debug, Clone, Copy)]
pub enum Topics<'a> {
    /// All that we may see.
    All,
    /// These.
    Named(&'a [String]),
}

/// A cluster's brokers and topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its id.
    pub cluster: Option<String>,
    /// The brokers that are up.
    pub brokers: Vec<Broker>,
    /// The controller's id. Clusters without ZooKeeper name any broker: each hands requests on.
    pub controller: Option<i32>,
    /// The requested topics.
    pub topics: Vec<Topic>,
}

/// A broker that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Its advertised address; an error if that is invalid.
    pub address: Result<BrokerAddress, WrongName>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Whether it is Kafka's own.
    pub internal: bool,
    /// Its partitions, by number; or why they are not known. UNKNOWN_TOPIC_OR_PARTITION
    /// means that there is none of this name.
    pub partitions: Result<Vec<Partition>, Refusal>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from zero.
    pub id: i32,
    /// The leader's id; `None` while there is none.
    pub leader: Option<i32>,
    /// Ids of the brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those that are in sync.
    pub isr: Vec<i32>,
    /// What is wrong with it: the name of Kafka's error code (`LEADER_NOT_AVAILABLE`).
    pub error: Option<&'static str>,
}

/// One setting of a topic. Texts are as the broker sent them: escape them before they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its key.
    pub key: String,
    /// Its value; `None` where it is a secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// Whether it is a secret.
    pub sensitive: bool,
    /// Whether it cannot be set.
    pub read_only: bool,
}

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The topic's own: the only one that is an override.
    Topic,
    /// Set on this broker while it runs.
    DynamicBroker,
    /// Set on all brokers while they run. From Kafka 4 on `min.insync.replicas` may be here.
    DynamicDefaultBroker,
    /// The broker's file.
    StaticBroker,
    /// Kafka's own default.
    Default,
    /// Another, by its number in Kafka (`DescribeConfigsResponse.ConfigSource`).
    Unknown(i8),
}

impl From<i8> for Source {
    fn from(number: i8) -> Self {
        match number {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            other => Self::Unknown(other),
        }
    }
}

/// A partition that is moving between brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reassignment {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// Ids of the brokers that hold it now.
    pub replicas: Vec<i32>,
    /// Those that it moves to.
    pub adding: Vec<i32>,
    /// Those that it moves from.
    pub removing: Vec<i32>,
}
