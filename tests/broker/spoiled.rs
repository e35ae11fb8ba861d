//! Replies that are not what they should be: nothing panics, and no more memory is taken than the
//! bytes at hand justify.

use allocation_counter::measure;
use proptest::{collection::vec, prelude::*, sample::Index};
use trueup::broker::api::{
    self, Call,
    alter_configs::AlterConfigs,
    create_partitions::CreatePartitions,
    create_topics::CreateTopics,
    delete_topics::DeleteTopics,
    describe_configs::DescribeConfigs,
    metadata::Metadata,
    reassignments::Reassignments,
    sasl::{Authenticate, Handshake},
    versions::ApiVersions,
};

use crate::{samples, sweep::Sweep};

/// What is done to a good reply.
#[derive(Debug, Clone)]
enum Spoil {
    Flip(Vec<(Index, u8)>),
    Cut(Index),
    Overwrite(Index, Vec<u8>),
    Insert(Index, Vec<u8>),
    Replace(Vec<u8>),
}

fn spoils() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        vec((any::<Index>(), 0u8..8), 1..4).prop_map(Spoil::Flip),
        any::<Index>().prop_map(Spoil::Cut),
        (
            any::<Index>(),
            vec(prop_oneof![Just(0xffu8), Just(0x7f), any::<u8>()], 1..6)
        )
            .prop_map(|(at, bytes)| Spoil::Overwrite(at, bytes)),
        (any::<Index>(), any::<Vec<u8>>()).prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        any::<Vec<u8>>().prop_map(Spoil::Replace),
    ]
}

fn spoil(mut body: Vec<u8>, spoil: &Spoil) -> Vec<u8> {
    match spoil {
        Spoil::Flip(bits) => {
            for (at, bit) in bits {
                if !body.is_empty() {
                    let at = at.index(body.len());
                    body[at] ^= 1 << bit;
                }
            }
        }
        Spoil::Cut(at) => body.truncate(at.index(body.len() + 1)),
        Spoil::Overwrite(at, bytes) => {
            let at = at.index(body.len() + 1);
            let end = body.len().min(at + bytes.len());
            body.splice(at..end, bytes.iter().copied());
        }
        Spoil::Insert(at, bytes) => {
            let at = at.index(body.len() + 1);
            body.splice(at..at, bytes.iter().copied());
        }
        Spoil::Replace(bytes) => body.clone_from(bytes),
    }
    body
}

/// Reads it as a reply to this call; the memory is bounded by the bytes. The smallest item of any
/// list has some bytes on the wire and some dozens in memory, and lists grow by doubling.
fn harmless<C: Call>(body: &[u8], version: i16) {
    let taken = measure(|| drop(api::reply::<C>(body, version))).bytes_max;
    let bound = 64 * body.len() + 1024;
    assert!(
        usize::try_from(taken).is_ok_and(|taken| taken <= bound),
        "{} {version}: {taken} bytes out of {}",
        C::NAME,
        body.len()
    );
}

fn all(body: &[u8]) {
    fn one<C: Call>(body: &[u8]) {
        for version in C::VERSIONS {
            harmless::<C>(body, version);
        }
    }
    one::<ApiVersions>(body);
    one::<Metadata<'_>>(body);
    one::<DescribeConfigs<'_>>(body);
    one::<CreateTopics<'_>>(body);
    one::<CreatePartitions<'_>>(body);
    one::<AlterConfigs<'_>>(body);
    one::<DeleteTopics<'_>>(body);
    one::<Reassignments<'_>>(body);
    one::<Handshake<'_>>(body);
    one::<Authenticate<'_>>(body);
}

/// A good reply to any of the calls.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (samples::versions(), ApiVersions::VERSIONS).prop_map(|(r, v)| samples::body(&r, v)),
        (samples::metadata(), Metadata::VERSIONS).prop_map(|(r, v)| samples::body(&r, v)),
        (samples::configs(), DescribeConfigs::VERSIONS).prop_map(|(r, v)| samples::body(&r, v)),
        (samples::moving(), Reassignments::VERSIONS).prop_map(|(r, v)| samples::body(&r, v)),
        (samples::offered(), Handshake::VERSIONS).prop_map(|(r, v)| samples::body(&r, v)),
        (samples::answers(2), 1i16..=2).prop_map(|(r, v)| samples::body(&r, v)),
        (samples::rows(), CreateTopics::VERSIONS)
            .prop_map(|(r, v)| samples::body(&samples::created(0, &r), v)),
        (samples::rows(), CreatePartitions::VERSIONS)
            .prop_map(|(r, v)| samples::body(&samples::grown(0, &r), v)),
        (samples::rows(), AlterConfigs::VERSIONS)
            .prop_map(|(r, v)| samples::body(&samples::altered(0, &r), v)),
        (samples::rows(), DeleteTopics::VERSIONS)
            .prop_map(|(r, v)| samples::body(&samples::deleted(0, &r, v), v)),
    ]
}

#[test]
fn spoiled_replies_are_harmless() {
    // Each case is read by all calls in all versions, 35 times.
    Sweep::cases(
        "lied to: a broker's replies, spoiled at random",
        (3_000, 50_000),
        &(bodies(), spoils()),
        |(body, how)| {
            all(&spoil(body, &how));
            Ok(())
        },
    );
}

#[test]
fn a_large_reply_of_nothing_but_counts_is_harmless() {
    // Zeros make the smallest items, ones the largest counts.
    for filler in [0x00, 0x01, 0x02, 0x7f, 0xff] {
        let mut body = vec![filler; 1 << 15];
        all(&body);
        // A count for all of it, in both forms, in the first places where one may stand.
        for at in 0..16 {
            let mut counted = body.clone();
            counted[at..at + 4].copy_from_slice(&0x0000_7000u32.to_be_bytes());
            all(&counted);
            counted[at..at + 4].copy_from_slice(&[0xff, 0xff, 0x3f, filler]);
            all(&counted);
        }
        body.clear();
        all(&body);
    }
}
