//! References of the spec → values. Reads only.

pub mod entrance;
pub mod mysql;
pub mod secrets;
pub mod tables;
