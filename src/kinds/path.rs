//! Paths of a spec, also of one in a saved plan, which somebody may have written by hand.

use serde::{Deserialize, Deserializer, de::Error};

use crate::names::{HostPath, WrongName};

/// The path of a folder, for `deserialize_with`.
pub fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    path(deserializer, HostPath::folder)
}

/// The path of a file, likewise.
pub fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    path(deserializer, HostPath::file)
}

fn path<'de, D: Deserializer<'de>>(
    deserializer: D,
    parse: impl Fn(&str) -> Result<HostPath, WrongName>,
) -> Result<Option<String>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let path = parse(&text).map_err(|wrong| D::Error::custom(wrong.sentence()))?;
    Ok(Some(path.as_str().to_owned()))
}
