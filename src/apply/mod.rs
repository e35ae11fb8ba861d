//! The one place that writes to a machine: the lock, and what is done under it.

mod connected;
mod error;
pub mod event;
mod holder;
pub mod outcome;
mod refusal;
mod request;
pub mod rollout;
mod runner;
mod topics;

pub use connected::Connected;
pub use error::LockError;
pub use holder::{Lock, Stop, Writer};
pub use refusal::SpecPlaces;
pub use request::LockRequest;
pub use runner::{Limits, apply_host, tidy};
pub use topics::apply_topics;

#[cfg(test)]
mod steps_tests;
