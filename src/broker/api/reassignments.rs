//! ListPartitionReassignments: partitions that are moving between brokers.

use std::{ops::RangeInclusive, time::Duration};

use super::{Call, milliseconds};
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// Reads which of these partitions are moving.
#[derive(Debug, Clone, Copy)]
pub struct Reassignments<'a> {
    /// Topics and the numbers of their partitions.
    pub topics: &'a [(String, Vec<i32>)],
    /// How long the broker may take, in milliseconds.
    pub timeout: i32,
}

/// A partition that is moving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    /// The partition's number.
    pub partition: i32,
    /// Ids of the brokers that hold it now.
    pub replicas: Vec<i32>,
    /// Those that it moves to.
    pub adding: Vec<i32>,
    /// Those that it moves from.
    pub removing: Vec<i32>,
}

/// The reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// As [`Call::throttle`].
    pub throttle: Duration,
    /// Zero is success.
    pub code: i16,
    /// The broker's message.
    pub message: Option<String>,
    /// Topics and their moving partitions.
    pub topics: Vec<(String, Vec<Moving>)>,
}

impl Call for Reassignments<'_> {
    const KEY: i16 = 46;
    const NAME: &'static str = "ListPartitionReassignments";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE: i16 = 0;
    type Reply = Reply;

    fn write(&self, out: &mut Encoder, _: i16) {
        out.i32(self.timeout);
        out.array(self.topics.len());
        for (name, partitions) in self.topics {
            out.string(name);
            out.array(partitions.len());
            for partition in partitions {
                out.i32(*partition);
            }
            out.tags();
        }
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, _: i16) -> Result<Reply, Malformed> {
        let throttle = milliseconds(reply.i32()?);
        let code = reply.i16()?;
        let message = reply.nullable_string()?;
        let topics = reply.array(|r| {
            let topic = r.string()?;
            let moving = r.array(|r| {
                let moving = Moving {
                    partition: r.i32()?,
                    replicas: r.array(Decoder::i32)?,
                    adding: r.array(Decoder::i32)?,
                    removing: r.array(Decoder::i32)?,
                };
                r.tags()?;
                Ok(moving)
            })?;
            r.tags()?;
            Ok((topic, moving))
        })?;
        reply.tags()?;
        Ok(Reply {
            throttle,
            code,
            message,
            topics,
        })
    }

    fn throttle(reply: &Reply) -> Duration {
        reply.throttle
    }
}
