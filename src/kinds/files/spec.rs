//! `files` of a spec.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    action::Mode,
    spec::types::{OwnText, PropertyValue},
};

/// Whole files on the machine, by names of your own choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(example = serde_json::json!({"motd": {"path": "/etc/motd", "content": "A Kafka client.\n", "become": true}}))]
pub struct Files(pub IndexMap<String, File>);

/// A whole file: these bytes and no others, by exactly one of `content` and `source`. What stands there is replaced
/// whole, and plans show a digest and the size of it alone; a folder, a device or another account's link is
/// blocked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct File {
    /// Where it is: absolute, or in the account's home (`~/…`). A folder that is missing is made, with mode 0700
    /// where only the file's owner comes to it, else 0755.
    #[schemars(example = &"/etc/motd")]
    pub path: String,
    /// Its text as it is, with variables filled in (`$${` is a literal `${`); or where a secret one is read from,
    /// without one newline at its end and never shown: `{env: NAME}`, `{file: PATH}` or `{ssm_parameter: NAME}`.
    #[serde(default)]
    #[schemars(example = &"A Kafka client.\n")]
    pub content: Option<PropertyValue>,
    /// A file on the machine that runs trueup, of at most 1 MiB, that it has the bytes of; a relative path
    /// starts at the spec's folder. A host that has it where all have `content` says `content: null`, too.
    #[serde(default)]
    #[schemars(example = &"files/motd")]
    pub source: Option<String>,
    /// Its permission bits, in octal. Default: `0644`.
    #[serde(default = "readable")]
    #[schemars(with = "OwnText", example = &"0600")]
    pub mode: String,
    /// The account that it belongs to, or the account and the group (`ACCOUNT:GROUP`), by their names.
    /// Default: it stays as it is; a new one is of who makes it.
    #[serde(default)]
    #[schemars(example = &"kafka:kafka")]
    pub owner: Option<String>,
    /// Read and write it as root, by `sudo -n`. Default: `false`, as the account.
    #[serde(default, rename = "become")]
    #[schemars(example = true)]
    pub as_root: bool,
}

fn readable() -> String {
    Mode(0o644).to_string()
}

impl File {
    /// Its permission bits; `None` where the spec's are none.
    pub fn mode(&self) -> Option<Mode> {
        Mode::parse(&self.mode)
    }

    /// Whether its content is a secret.
    pub fn is_secret(&self) -> bool {
        matches!(self.content, Some(PropertyValue::Secret(_)))
    }

    /// The account and the group that it is to belong to, as far as the spec says it.
    pub fn owner(&self) -> Option<(&str, Option<&str>)> {
        let owner = self.owner.as_deref()?;
        Some(match owner.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (owner, None),
        })
    }
}
