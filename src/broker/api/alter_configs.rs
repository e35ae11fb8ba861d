//! IncrementalAlterConfigs: single keys of topics, set or reset.

use std::{ops::RangeInclusive, time::Duration};

use super::{Call, RESOURCE_TOPIC, Row, Rows, milliseconds};
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// Keys of one topic: `Some` sets, `None` resets to the broker's default.
pub type Keys = Vec<(String, Option<String>)>;

const SET: i8 = 0;
const DELETE: i8 = 1;

/// Changes keys, or validates that; other keys stay. (The older AlterConfigs resets them.)
#[derive(Debug, Clone)]
pub struct AlterConfigs<'a> {
    /// Topics and their keys.
    pub topics: Vec<(&'a str, &'a Keys)>,
    /// Whether to change nothing.
    pub validate_only: bool,
}

impl Call for AlterConfigs<'_> {
    const KEY: i16 = 44;
    const NAME: &'static str = "IncrementalAlterConfigs";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE: i16 = 1;
    type Reply = Rows;

    fn write(&self, out: &mut Encoder, _: i16) {
        out.array(self.topics.len());
        for (name, keys) in &self.topics {
            out.i8(RESOURCE_TOPIC);
            out.string(name);
            out.array(keys.len());
            for (key, value) in *keys {
                out.string(key);
                out.i8(if value.is_some() { SET } else { DELETE });
                out.nullable_string(value.as_deref());
                out.tags();
            }
            out.tags();
        }
        out.bool(self.validate_only);
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, _: i16) -> Result<Rows, Malformed> {
        let throttle = milliseconds(reply.i32()?);
        let rows = reply.array(|r| {
            let code = r.i16()?;
            let message = r.nullable_string()?;
            let kind = r.i8()?;
            let name = r.string()?;
            r.tags()?;
            let row = Row {
                name,
                code,
                message,
                created: None,
            };
            Ok((kind == RESOURCE_TOPIC).then_some(row))
        })?;
        reply.tags()?;
        Ok(Rows {
            throttle,
            rows: rows.into_iter().flatten().collect(),
        })
    }

    fn throttle(reply: &Rows) -> Duration {
        reply.throttle
    }
}
