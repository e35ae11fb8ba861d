//! ApiVersions: the calls and versions that a broker supports.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::{CLIENT, Call};
use crate::broker::wire::{Decoder, Encoder, Malformed};

/// Reads all versions. Brokers that do not know version 3 reply in version 0 with error 35
/// (KIP-511).
#[derive(Debug, Clone, Copy)]
pub struct ApiVersions;

/// What a broker supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportedVersions {
    /// Zero is success.
    pub code: i16,
    /// By the API's key, the oldest and newest version.
    pub versions: BTreeMap<i16, (i16, i16)>,
}

/// UNSUPPORTED_VERSION.
pub const UNSUPPORTED_VERSION: i16 = 35;

impl Call for ApiVersions {
    const KEY: i16 = 18;
    const NAME: &'static str = "ApiVersions";
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const FLEXIBLE: i16 = 3;
    type Reply = SupportedVersions;

    fn write(&self, out: &mut Encoder, version: i16) {
        if version >= 3 {
            out.string(CLIENT);
            out.string(env!("CARGO_PKG_VERSION"));
        }
        out.tags();
    }

    fn read(reply: &mut Decoder<'_>, version: i16) -> Result<SupportedVersions, Malformed> {
        // A reply with error 35 is always in version 0.
        let mut peek = reply.clone();
        let (reply, version) = if peek.i16()? == UNSUPPORTED_VERSION && version > 0 {
            reply.set_flexible(false);
            (reply, 0)
        } else {
            (reply, version)
        };
        let code = reply.i16()?;
        let versions = reply.array(|r| {
            let api = (r.i16()?, (r.i16()?, r.i16()?));
            r.tags()?;
            Ok(api)
        })?;
        // throttle_time_ms
        if version >= 1 {
            reply.i32()?;
        }
        reply.tags()?;
        Ok(SupportedVersions {
            code,
            versions: versions.into_iter().collect(),
        })
    }
}
