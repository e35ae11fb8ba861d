//! Look-ups through the real AWS SDK, against a moto server on loopback.
#![cfg(feature = "aws")]

mod accounts;
#[path = "../support/canary.rs"]
mod canary;
mod found;
#[path = "../support/gate.rs"]
mod gate;
mod host_keys;
mod permissions;
mod private_keys;
mod saved;
#[path = "../support/sshd.rs"]
mod sshd;
mod trouble;
mod world;
