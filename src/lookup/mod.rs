//! References of the spec → values. Reads only.

pub mod entrance;
pub mod secrets;
