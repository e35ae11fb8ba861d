//! `env` of a spec.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::types::{OwnText, StartFile};

/// Variables that login shells have, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(example = serde_json::json!({"HTTPS_PROXY": {"value": "http://proxy.example.com:3128"}}))]
pub struct Env(pub IndexMap<String, Variable>);

/// A variable of login shells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Variable {
    /// Its value, one line of text: no shell expands anything in it.
    #[schemars(with = "OwnText", example = &"http://proxy.example.com:3128")]
    pub value: String,
    /// The start file that takes the block. Default: `bashrc`.
    #[serde(default)]
    #[schemars(example = &"profile.d")]
    pub r#in: StartFile,
    /// Read and change it as root, by `sudo -n`: `profile.d` and `environment` are root's. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(example = true)]
    pub r#become: bool,
}
