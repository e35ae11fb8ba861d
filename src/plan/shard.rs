//! Which part of a fleet a plan is of, and how the run that made it ended: what joins the parts again.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::{exit::Code, shard::Share, utc::Utc};

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

/// How the run that made a plan ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// `plan`, `drift`, `apply` or `prove`.
    pub command: String,
    /// Its exit code.
    pub exit_code: u8,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Utc>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Of `drift`: the words of the command that closes what has drifted, where one does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<String>,
}

impl Plan {
    /// Of this part of a fleet.
    #[must_use]
    pub(crate) fn in_shard(mut self, shard: Option<Shard>) -> Self {
        self.shard = shard;
        self
    }

    /// Made by a run that ended so.
    #[must_use]
    pub(crate) fn made_by(
        mut self,
        command: &str,
        code: Code,
        (at, took): (Utc, Duration),
    ) -> Self {
        self.run = Some(Run {
            command: command.to_owned(),
            exit_code: code as u8,
            at: Some(at),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            fix: vec![],
        });
        self
    }

    /// With the command that closes what it found, word by word.
    #[must_use]
    pub(crate) fn with_fix(mut self, words: &[String]) -> Self {
        if let Some(run) = &mut self.run {
            run.fix = words.to_vec();
        }
        self
    }
}
