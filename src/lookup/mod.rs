//! References of the spec → values. Reads only.

pub mod secrets;
