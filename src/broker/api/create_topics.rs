//! CreateTopics.

use std::{ops::RangeInclusive, time::Duration};

use super::{Call, Row, Rows, milliseconds};
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; `None` for the broker's default.
    pub partitions: Option<i32>,
    /// How many replicas of each; `None` for the broker's default.
    pub replication_factor: Option<i16>,
    /// Its own settings.
    pub config: Vec<(String, String)>,
}

/// A topic that was created, or would be: the broker's defaults are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    /// How many partitions; below zero if not known.
    pub partitions: i32,
    /// How many replicas of each; likewise.
    pub replication_factor: i16,
    /// All its settings; empty if we may not read them.
    pub config: Vec<(String, Option<String>)>,
}

/// Creates topics, or validates that.
#[derive(Debug, Clone)]
pub struct CreateTopics<'a> {
    /// The topics.
    pub topics: Vec<&'a NewTopic>,
    /// How long the broker may wait for them, in milliseconds.
    pub timeout: i32,
    /// Whether to create nothing.
    pub validate_only: bool,
}

impl Call for CreateTopics<'_> {
    const KEY: i16 = 19;
    const NAME: &'static str = "CreateTopics";
    // Version 4 has the broker's defaults (-1); 6 reports quotas by error 89.
    const VERSIONS: RangeInclusive<i16> = 4..=7;
    const FLEXIBLE: i16 = 5;
    type Reply = Rows;

    fn write(&self, out: &mut Encoder, _: i16) {
        out.array(self.topics.len());
        for topic in &self.topics {
            out.string(&topic.name);
            out.i32(topic.partitions.unwrap_or(-1));
            out.i16(topic.replication_factor.unwrap_or(-1));
            // assignments: the broker's choice
            out.array(0);
            out.array(topic.config.len());
            for (key, value) in &topic.config {
                out.string(key);
                out.nullable_string(Some(value));
                out.tags();
            }
            out.tags();
        }
        out.i32(self.timeout);
        out.bool(self.validate_only);
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, version: i16) -> Result<Rows, Malformed> {
        let throttle = milliseconds(reply.i32()?);
        let rows = reply.array(|r| {
            let name = r.string()?;
            if version >= 7 {
                r.skip_uuid()?;
            }
            let code = r.i16()?;
            let message = r.nullable_string()?;
            let created = match version {
                5.. => Some(created(r)?),
                _ => None,
            };
            r.tags()?;
            Ok(Row {
                name,
                code,
                message,
                created,
            })
        })?;
        reply.tags()?;
        Ok(Rows { throttle, rows })
    }

    fn throttle(reply: &Rows) -> Duration {
        reply.throttle
    }
}

fn created(r: &mut Decoder<'_>) -> Result<CreatedTopic, Malformed> {
    let (partitions, replication_factor) = (r.i32()?, r.i16()?);
    let config = r.nullable_array(|r| {
        let setting = (r.string()?, r.nullable_string()?);
        // read_only, config_source, is_sensitive
        r.bool()?;
        r.i8()?;
        r.bool()?;
        r.tags()?;
        Ok(setting)
    })?;
    Ok(CreatedTopic {
        partitions,
        replication_factor,
        config: config.unwrap_or_default(),
    })
}
