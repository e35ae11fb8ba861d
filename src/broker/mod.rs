//! The Kafka protocol over a stream.
//!
//! [`Cluster`] reads, [`Rehearsal`] checks whether a change would be accepted, [`Admin`] writes. Streams
//! come from a [`Dial`](crate::transport::dial::Dial), most often through the SSH connection to a host.
//!
//! **Why a codec of our own.** The crate `kafka-protocol` 0.18 allocates by counts off the wire
//! before it has checked that the bytes are there: nine hostile bytes end the process
//! (upstream pull requests 152, 161 and 200 are open). Eleven calls are a few hundred lines, so they
//! are written here ([`wire`], [`api`]), bounded; and the tests hold them against that crate, byte by
//! byte, in all supported versions. When a fixed one is out, this can go. `krafka` has all calls, but
//! dials TCP itself, so that SSH would need a listening port, and dials whatever a broker names.
//!
//! **Versions.** Kafka 2.8 to 4.x. Each call uses the newest version that both sides support
//! (ApiVersions).

mod admin;
pub mod api;
pub mod bootstrap;
mod changes;
mod channel;
mod cluster;
pub mod codes;
pub mod credentials;
mod error;
mod model;
mod open;
mod pool;
mod refusal;
pub mod requests;
mod route;
pub mod sasl;
mod symptom;
mod tls;
pub mod wire;

pub use crate::names::BrokerAddress;
pub use admin::{Admin, Outcomes, Rehearsal, RehearsalOutcomes, WritableCluster};
pub use api::{
    alter_configs::Keys,
    create_topics::{CreatedTopic, NewTopic},
};
pub use channel::LONGEST_FRAME;
pub use cluster::Cluster;
pub use error::{Error, ErrorDetails, Stage};
pub use model::{Broker, Config, Metadata, Partition, Reassignment, Source, Topic, Topics};
pub use refusal::Refusal;
pub use route::{DIRECT, Route, Security};
pub use tls::{Roots, RootsError};
