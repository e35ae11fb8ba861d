//! Look-ups through the real AWS SDK, against a moto server on loopback.
#![cfg(feature = "aws")]

mod accounts;
mod found;
mod permissions;
mod saved;
#[path = "../support/sshd.rs"]
#[allow(dead_code, reason = "the tests of the transport use more of it")]
mod sshd;
mod trouble;
mod world;
