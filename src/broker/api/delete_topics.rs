//! DeleteTopics.

use std::{ops::RangeInclusive, time::Duration};

use super::{Call, Row, Rows, milliseconds};
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// Deletes topics by name.
#[derive(Debug, Clone)]
pub struct DeleteTopics<'a> {
    /// The topics.
    pub topics: Vec<&'a str>,
    /// How long the broker may wait for them, in milliseconds.
    pub timeout: i32,
}

impl Call for DeleteTopics<'_> {
    const KEY: i16 = 20;
    const NAME: &'static str = "DeleteTopics";
    // Version 5 has messages, and reports quotas by error 89; 6 could name topics by id.
    const VERSIONS: RangeInclusive<i16> = 1..=5;
    const FLEXIBLE: i16 = 4;
    type Reply = Rows;

    fn write(&self, out: &mut Encoder, _: i16) {
        out.array(self.topics.len());
        for name in &self.topics {
            out.string(name);
        }
        out.i32(self.timeout);
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, version: i16) -> Result<Rows, Malformed> {
        let throttle = milliseconds(reply.i32()?);
        let rows = reply.array(|r| {
            let row = Row {
                name: r.string()?,
                code: r.i16()?,
                message: if version >= 5 {
                    r.nullable_string()?
                } else {
                    None
                },
                created: None,
            };
            r.tags()?;
            Ok(row)
        })?;
        reply.tags()?;
        Ok(Rows { throttle, rows })
    }

    fn throttle(reply: &Rows) -> Duration {
        reply.throttle
    }
}
