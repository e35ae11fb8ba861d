//! `timezone` of a spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The time zone of the machine: `/etc/localtime` is this zone of `/usr/share/zoneinfo`, as a link or a copy. It
/// is set by `timedatectl`, or as a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, example = serde_json::json!({"name": "Europe/Berlin", "become": true}))]
pub struct Timezone {
    /// Its name, as in `/usr/share/zoneinfo`.
    #[schemars(example = &"Europe/Berlin")]
    pub name: String,
    /// Read and set it as root, by `sudo -n`. Default: `false`, as the account.
    #[serde(default, rename = "become")]
    #[schemars(example = true)]
    pub as_root: bool,
}
