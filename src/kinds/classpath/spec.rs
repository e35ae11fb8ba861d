//! `client.classpath` in a spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::types::StartFile;

/// Where `CLASSPATH` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Classpath {
    /// The start file that takes the block. Default: `bashrc`.
    #[serde(default)]
    #[schemars(example = &"bashrc")]
    pub r#in: StartFile,
}
