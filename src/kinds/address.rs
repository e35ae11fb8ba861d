//! Addresses: what a resource is called in plans, messages and flags.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::Deref,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// What a section of a host's answer may be called as it stands: a name without blanks.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'_')
    .remove(b'-')
    .remove(b'.');

/// What names a resource among those of its host: the key of the spec that has it, and where that has
/// many, its name there: `client/kafka`, `files/motd`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address(Cow<'static, str>);

impl Address {
    /// Of a resource that a host has once.
    pub const fn of(address: &'static str) -> Self {
        Self(Cow::Borrowed(address))
    }

    /// Of one of many; the name may be any text.
    pub fn named(kind: &'static str, name: &str) -> Self {
        Self(format!("{kind}/{name}").into())
    }

    /// The top-level key of the spec.
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(kind, _)| kind)
    }

    /// Its name under that key, where the key has many.
    pub fn name(&self) -> Option<&str> {
        self.0.split_once('/').map(|(_, name)| name)
    }

    /// The section of a host's answer that is about it: without blanks, so that any name passes.
    pub fn section(&self) -> String {
        utf8_percent_encode(&self.0, PLAIN).to_string()
    }
}

impl Deref for Address {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Address {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Address {
    fn from(address: String) -> Self {
        Self(address.into())
    }
}

impl From<&str> for Address {
    fn from(address: &str) -> Self {
        address.to_owned().into()
    }
}

impl JsonSchema for Address {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

impl PartialEq<str> for Address {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Address {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_characters_is_one_word_of_an_answer() {
        let kafka = Address::of("client/kafka");
        assert_eq!(kafka.section(), "client/kafka");
        assert_eq!((kafka.kind(), kafka.name()), ("client", Some("kafka")));
        let motd = Address::named("files", "day's ü\n/motd:1");
        assert_eq!(motd.name(), Some("day's ü\n/motd:1"));
        assert!(
            motd.section()
                .chars()
                .all(|c| c.is_ascii_graphic() && c != ':'),
            "{}",
            motd.section()
        );
        assert_ne!(
            motd.section(),
            Address::named("files", "day's ü /motd:1").section()
        );
        assert_eq!(Address::of("swap").name(), None);
    }
}
