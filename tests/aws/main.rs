//! Look-ups through the real AWS SDK, against a moto server on loopback.
#![cfg(feature = "aws")]

mod accounts;
mod by_id;
#[path = "../support/canary.rs"]
mod canary;
mod causes;
#[path = "../support/cloud.rs"]
mod cloud;
mod fleets;
mod found;
#[path = "../support/gate.rs"]
mod gate;
mod harm;
mod host_keys;
mod permissions;
#[path = "../support/policy.rs"]
mod policy;
mod private_keys;
mod saved;
mod several;
mod spoiled;
#[path = "../support/sshd.rs"]
#[allow(dead_code, reason = "the tests of the transport use more of it")]
mod sshd;
#[path = "../support/sweep.rs"]
#[allow(dead_code, reason = "the sweeps of tests/reliability use more of it")]
mod sweep;
#[path = "../support/terminal.rs"]
mod terminal;
mod trouble;
mod wires;
mod world;
