//! Which part of a fleet a plan is of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shard::Share;

/// One of several parts of a fleet: `--shard`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// Which, from 1 on.
    pub index: u32,
    /// Of how many.
    pub total: u32,
    /// The hosts of all parts, in the order of the spec: what `--host`, `--exclude-host`, `--target`
    /// and `--exclude` leave.
    pub hosts: Vec<String>,
}

impl Shard {
    /// A part, with the hosts of all of them.
    pub fn new(share: &Share, hosts: Vec<String>) -> Self {
        let Share { index, total, .. } = *share;
        Self {
            index,
            total,
            hosts,
        }
    }
}
