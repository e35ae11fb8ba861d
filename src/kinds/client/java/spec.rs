//! `client.java` in a spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::types::OwnText;

/// The Java runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Java {
    /// Version; only the components given are compared, and `8` equals `1.8.0`.
    #[schemars(with = "OwnText", example = &"1.8.0")]
    pub version: String,
    /// Package to install. Default: the one that the machine's distribution has for the version.
    #[serde(default)]
    #[schemars(example = &"java-1.8.0-amazon-corretto")]
    pub package: Option<String>,
}
