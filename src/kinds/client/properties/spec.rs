//! `client.properties` in a spec.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    action::Mode,
    kinds::path,
    spec::types::{OwnText, PropertyValue},
};

/// The mode of a file that may hold secrets.
const PRIVATE: Mode = Mode(0o600);

/// `client.properties`: the four MSK IAM lines, and your own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Properties {
    /// The file. Default: `bin/client.properties` in Kafka's home.
    #[serde(default)]
    #[schemars(example = &"${kafka.home}/bin/client.properties")]
    #[serde(deserialize_with = "path::file")]
    pub path: Option<String>,
    /// Further keys. A sensitive one takes a reference: `{env: NAME}` or `{file: PATH}`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"client.id": "loader", "ssl.truststore.password": {"env": "TRUSTSTORE_PASSWORD"}}))]
    pub extra: IndexMap<String, PropertyValue>,
    /// Keys that must not be there.
    #[serde(default)]
    #[schemars(example = ["ssl.truststore.location"])]
    pub absent: Vec<String>,
    /// The file's permission bits, in octal; a stricter mode on the machine is no drift. Default:
    /// `0600`.
    #[serde(default)]
    #[schemars(with = "OwnText", example = &"0640")]
    pub mode: Option<String>,
}

impl Properties {
    /// The bits that the file's mode may have at most.
    pub fn mode(&self) -> Mode {
        let mode = self.mode.as_deref().and_then(Mode::parse);
        mode.unwrap_or(PRIVATE)
    }
}
