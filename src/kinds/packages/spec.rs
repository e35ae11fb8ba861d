//! `packages` of a spec.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Packages of the distribution, by their names, installed by apt-get, dnf or yum, which choose the version.
/// Nothing is removed or downgraded for one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(example = serde_json::json!({"jq": {"become": true}}))]
pub struct Packages(pub IndexMap<String, Package>);

/// A package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Package {
    /// Install it as root, by `sudo -n`. Default: `false`, which only root can do.
    #[serde(default, rename = "become")]
    #[schemars(example = true)]
    pub as_root: bool,
}
