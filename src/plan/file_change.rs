//! When a file was last changed: shown, and never compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    facts::{Host, Section},
    utc::Utc,
};

/// The last change of the file that an address is about. It is no part of what is compared: a file that
/// is touched has not drifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileChange {
    /// Its path, in the account's home from `~` on.
    pub path: String,
    /// When its bytes were last written, by the machine's clock.
    pub changed_at: Utc,
    /// The account that it belongs to, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl FileChange {
    /// Of a probe's output; nothing, where it has nothing of a file.
    pub(super) fn read(records: &Section, host: &Host) -> Option<Self> {
        let path = records.get("real")?;
        Some(Self {
            path: host.shorten(&path),
            changed_at: Utc::of_seconds(records.number("changed")?),
            owner: records.get("owner"),
        })
    }
}
