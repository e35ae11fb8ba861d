//! Metadata: brokers, the controller, topics and their partitions.

use std::{ops::RangeInclusive, time::Duration};

use super::{Call, milliseconds};
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// Reads topics; the broker must not create them.
#[derive(Debug, Clone, Copy)]
pub struct Metadata<'a> {
    /// The topics; `None` for all (an empty list is none).
    pub topics: Option<&'a [String]>,
}

/// The reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// As [`Call::throttle`].
    pub throttle: Duration,
    /// The brokers that are up.
    pub brokers: Vec<Broker>,
    /// The cluster's id.
    pub cluster: Option<String>,
    /// The controller's id, -1 for none.
    pub controller: i32,
    /// The requested topics.
    pub topics: Vec<Topic>,
}

/// A broker that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Its name, unchecked.
    pub host: String,
    /// Its port, unchecked.
    pub port: i32,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Zero is success.
    pub code: i16,
    /// Its name, unchecked.
    pub name: String,
    /// Whether it is Kafka's own.
    pub internal: bool,
    /// Its partitions.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Zero is success.
    pub code: i16,
    /// Its number, from zero.
    pub id: i32,
    /// The leader's id, -1 for none.
    pub leader: i32,
    /// Ids of the brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those that are in sync.
    pub isr: Vec<i32>,
}

impl Call for Metadata<'_> {
    const KEY: i16 = 3;
    const NAME: &'static str = "Metadata";
    // Version 4 can forbid that topics are created.
    const VERSIONS: RangeInclusive<i16> = 4..=9;
    const FLEXIBLE: i16 = 9;
    type Reply = Reply;

    fn write(&self, out: &mut Encoder, version: i16) {
        match self.topics {
            None => out.null_array(),
            Some(topics) => {
                out.array(topics.len());
                for topic in topics {
                    out.string(topic);
                    out.tags();
                }
            }
        }
        // allow_auto_topic_creation
        out.bool(false);
        if version >= 8 {
            // include_cluster_authorized_operations, include_topic_authorized_operations
            out.bool(false);
            out.bool(false);
        }
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, version: i16) -> Result<Reply, Malformed> {
        let throttle = milliseconds(reply.i32()?);
        let brokers = reply.array(|r| {
            let broker = Broker {
                id: r.i32()?,
                host: r.string()?,
                port: r.i32()?,
            };
            // rack
            r.nullable_string()?;
            r.tags()?;
            Ok(broker)
        })?;
        let cluster = reply.nullable_string()?;
        let controller = reply.i32()?;
        let topics = reply.array(|r| {
            let topic = Topic {
                code: r.i16()?,
                name: r.string()?,
                internal: r.bool()?,
                partitions: r.array(|r| partition(r, version))?,
            };
            if version >= 8 {
                // topic_authorized_operations
                r.i32()?;
            }
            r.tags()?;
            Ok(topic)
        })?;
        if version >= 8 {
            // cluster_authorized_operations
            reply.i32()?;
        }
        reply.tags()?;
        Ok(Reply {
            throttle,
            brokers,
            cluster,
            controller,
            topics,
        })
    }

    fn throttle(reply: &Reply) -> Duration {
        reply.throttle
    }
}

fn partition(r: &mut Decoder<'_>, version: i16) -> Result<Partition, Malformed> {
    let code = r.i16()?;
    let id = r.i32()?;
    let leader = r.i32()?;
    if version >= 7 {
        // leader_epoch
        r.i32()?;
    }
    let replicas = r.array(Decoder::i32)?;
    let isr = r.array(Decoder::i32)?;
    if version >= 5 {
        // offline_replicas
        r.array(Decoder::i32)?;
    }
    r.tags()?;
    Ok(Partition {
        code,
        id,
        leader,
        replicas,
        isr,
    })
}
