//! `client.classpath` in a spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::types::StartFile;

/// Where `CLASSPATH` is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Classpath {
    /// The start file that takes the block. Default: `bashrc`.
    #[serde(default)]
    #[schemars(example = &"bashrc")]
    pub r#in: StartFile,
    /// Read and change it as root, by `sudo -n`: `profile.d` and `environment` are root's. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(example = true)]
    pub r#become: bool,
}
