//! References of the spec → values. Reads only.

pub mod cloud;
pub mod entrance;
pub mod secrets;

pub use cloud::{
    Caller, Cloud, CloudError, Console, Door, Instance, Listener, MskCluster, NoCloud, Role, Which,
};
