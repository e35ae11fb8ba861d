//! The supported calls, a file each, and their frames.
//!
//! A call has a key, a name, supported versions, and the format of request and reply. Formats
//! are those of the message definitions in Kafka's sources (`clients/src/main/resources/common/
//! message/*.json`); the tests hold them against the crate `kafka-protocol`, byte by byte.

pub mod alter_configs;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_configs;
pub mod metadata;
pub mod reassignments;
pub mod sasl;
pub mod versions;

use std::{ops::RangeInclusive, time::Duration};

use super::wire::{Decoder, Encoder, Malformed, TooLong};

/// The client id, for brokers' logs and quotas.
pub const CLIENT: &str = "trueup";

/// ResourceType TOPIC of the calls about configs.
const RESOURCE_TOPIC: i8 = 2;

/// One call of the protocol.
pub trait Call {
    /// The API's key.
    const KEY: i16;
    /// The API's name, as Kafka writes it.
    const NAME: &'static str;
    /// The supported versions.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact forms and tagged fields.
    const FLEXIBLE: i16;
    /// The reply.
    type Reply;

    /// Writes the request's body.
    fn write(&self, out: &mut Encoder, version: i16);

    /// Reads the reply's body.
    ///
    /// # Errors
    /// When it is not in this version's format.
    fn read(reply: &mut Decoder<'_>, version: i16) -> Result<Self::Reply, Malformed>;

    /// How long the broker wants no further request on this connection.
    fn throttle(reply: &Self::Reply) -> Duration {
        let _ = reply;
        Duration::ZERO
    }
}

/// A whole request: length, header, body. The header is version 1, or 2 for flexible versions.
///
/// # Errors
/// When a text is too long for the protocol.
pub fn request<C: Call>(call: &C, version: i16, correlation: i32) -> Result<Vec<u8>, TooLong> {
    let flexible = version >= C::FLEXIBLE;
    let mut out = Encoder::new(false);
    // The length is set below.
    out.i32(0);
    out.i16(C::KEY);
    out.i16(version);
    out.i32(correlation);
    // The client id has the old form even in flexible headers.
    out.nullable_string(Some(CLIENT));
    out.set_flexible(flexible);
    out.tags();
    call.write(&mut out, version);
    let mut frame = out.finish()?;
    let length = frame.len() - 4;
    let prefix = i32::try_from(length).map_err(|_| TooLong(length))?;
    frame[..4].copy_from_slice(&prefix.to_be_bytes());
    Ok(frame)
}

/// Reads what follows the correlation id in a reply.
///
/// # Errors
/// When it is not in this version's format.
pub fn reply<C: Call>(body: &[u8], version: i16) -> Result<C::Reply, Malformed> {
    let flexible = version >= C::FLEXIBLE;
    let mut reader = Decoder::new(body, flexible);
    // Replies to ApiVersions never have the flexible header: its reader may not know the version.
    if C::KEY != versions::ApiVersions::KEY {
        reader.tags()?;
    }
    let read = C::read(&mut reader, version)?;
    reader.end()?;
    Ok(read)
}

/// The result of one topic of a call that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The topic.
    pub name: String,
    /// Zero is success.
    pub code: i16,
    /// The broker's message.
    pub message: Option<String>,
    /// What a new topic is, or would be; from version 5 of CreateTopics on.
    pub created: Option<create_topics::CreatedTopic>,
}

/// The reply of a call that writes: a row a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// As [`Call::throttle`].
    pub throttle: Duration,
    /// In the broker's order.
    pub rows: Vec<Row>,
}

/// Milliseconds off the wire; below zero counts as none.
fn milliseconds(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}
