//! `env` of a spec.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::types::{OwnText, StartFile};

/// Variables that login shells have, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(example = serde_json::json!({"HTTPS_PROXY": {"value": "http://proxy.example.com:3128"}}))]
pub struct Env(pub IndexMap<String, Variable>);

/// A variable of login shells. A fresh one is asked what it exports: where it has the value, whoever sets it,
/// nothing is to do; else a block of the variable's own goes to the end of a start file. Names that would break a
/// login are refused (`PATH`, `LD_…`, `IFS`, `BASH_…` and the like), and what `client` sets (`CLASSPATH`,
/// `JAVA_HOME`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Variable {
    /// Its value, one line of text: variables of the spec are filled in, and no shell expands anything in it.
    /// `/etc/environment` cannot hold `#`, `"` and `\`.
    #[schemars(with = "OwnText", example = &"http://proxy.example.com:3128")]
    pub value: String,
    /// The start file that takes the block; where something read later wins, that is blocked, with the place.
    /// `profile.d`, for all accounts, and `environment`, which PAM reads, are root's: they need `become: true`, and
    /// have to set the value themselves. Default: `bashrc`.
    #[serde(default)]
    #[schemars(example = &"profile.d")]
    pub r#in: StartFile,
    /// Read and change it as root, by `sudo -n`: `profile.d` and `environment` are root's. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(example = true)]
    pub r#become: bool,
}
