//! Look-ups through the real AWS SDK, against a moto server on loopback.
#![cfg(feature = "aws")]

mod accounts;
mod found;
mod permissions;
mod saved;
#[path = "../support/sshd.rs"]
mod sshd;
mod trouble;
mod world;
