//! CreatePartitions: more partitions for existing topics.

use std::{ops::RangeInclusive, time::Duration};

use super::{Call, Row, Rows, milliseconds};
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// Raises the number of partitions, or validates that.
#[derive(Debug, Clone)]
pub struct CreatePartitions<'a> {
    /// Topics and the new total of each.
    pub topics: Vec<(&'a str, i32)>,
    /// How long the broker may wait for them, in milliseconds.
    pub timeout: i32,
    /// Whether to change nothing.
    pub validate_only: bool,
}

impl Call for CreatePartitions<'_> {
    const KEY: i16 = 37;
    const NAME: &'static str = "CreatePartitions";
    // Version 3 reports quotas by error 89.
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const FLEXIBLE: i16 = 2;
    type Reply = Rows;

    fn write(&self, out: &mut Encoder, _: i16) {
        out.array(self.topics.len());
        for (name, total) in &self.topics {
            out.string(name);
            out.i32(*total);
            // assignments: an empty list would be error 39
            out.null_array();
            out.tags();
        }
        out.i32(self.timeout);
        out.bool(self.validate_only);
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, _: i16) -> Result<Rows, Malformed> {
        let throttle = milliseconds(reply.i32()?);
        let rows = reply.array(|r| {
            let row = Row {
                name: r.string()?,
                code: r.i16()?,
                message: r.nullable_string()?,
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
