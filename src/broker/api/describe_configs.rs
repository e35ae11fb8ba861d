//! DescribeConfigs: all settings of topics, and where each comes from.

use std::{ops::RangeInclusive, time::Duration};

use super::{Call, RESOURCE_TOPIC, milliseconds};
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// Reads all keys of these topics.
#[derive(Debug, Clone, Copy)]
pub struct DescribeConfigs<'a> {
    /// Topics.
    pub topics: &'a [String],
}

/// The reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// As [`Call::throttle`].
    pub throttle: Duration,
    /// A result a topic.
    pub results: Vec<Described>,
}

/// One topic's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Zero is success.
    pub code: i16,
    /// The broker's message.
    pub message: Option<String>,
    /// The topic.
    pub name: String,
    /// Its settings.
    pub entries: Vec<Entry>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its value; nothing where it is sensitive.
    pub value: Option<String>,
    /// Whether it cannot be set.
    pub read_only: bool,
    /// Where it comes from.
    pub source: i8,
    /// Whether it is a secret.
    pub sensitive: bool,
}

impl Call for DescribeConfigs<'_> {
    const KEY: i16 = 32;
    const NAME: &'static str = "DescribeConfigs";
    // Version 0 has no sources.
    const VERSIONS: RangeInclusive<i16> = 1..=4;
    const FLEXIBLE: i16 = 4;
    type Reply = Reply;

    fn write(&self, out: &mut Encoder, version: i16) {
        out.array(self.topics.len());
        for topic in self.topics {
            out.i8(RESOURCE_TOPIC);
            out.string(topic);
            // No list means all keys; unknown keys of a list are silently left out.
            out.null_array();
            out.tags();
        }
        // include_synonyms
        out.bool(false);
        if version >= 3 {
            // include_documentation
            out.bool(false);
        }
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, version: i16) -> Result<Reply, Malformed> {
        let throttle = milliseconds(reply.i32()?);
        let results = reply.array(|r| {
            let code = r.i16()?;
            let message = r.nullable_string()?;
            let kind = r.i8()?;
            let name = r.string()?;
            let entries = r.array(|r| entry(r, version))?;
            r.tags()?;
            let described = Described {
                code,
                message,
                name,
                entries,
            };
            Ok((kind == RESOURCE_TOPIC).then_some(described))
        })?;
        reply.tags()?;
        Ok(Reply {
            throttle,
            results: results.into_iter().flatten().collect(),
        })
    }

    fn throttle(reply: &Reply) -> Duration {
        reply.throttle
    }
}

fn entry(r: &mut Decoder<'_>, version: i16) -> Result<Entry, Malformed> {
    let entry = Entry {
        key: r.string()?,
        value: r.nullable_string()?,
        read_only: r.bool()?,
        source: r.i8()?,
        sensitive: r.bool()?,
    };
    // synonyms
    r.array(|r| {
        r.string()?;
        r.nullable_string()?;
        r.i8()?;
        r.tags()
    })?;
    if version >= 3 {
        // config_type, documentation
        r.i8()?;
        r.nullable_string()?;
    }
    r.tags()?;
    Ok(entry)
}
