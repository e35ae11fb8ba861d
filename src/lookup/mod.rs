//! References of the spec → values. Reads only.

#[cfg(feature = "aws")]
pub mod aws;
pub mod cloud;
pub mod entrance;
pub mod secrets;
pub mod trust;

pub use cloud::{
    Caller, Cloud, CloudError, Console, Door, Instance, Listener, MskCluster, NoCloud, Role, Which,
};
