//! Files that a properties file names: key stores, and keytabs in a jaas line. Where one is not there,
//! Kafka's tools end at start.

use std::collections::HashSet;

use crate::{facts::Section, jaas};

/// What the path of a file stands under, whatever comes before: `producer.ssl.keystore.location`.
const STORES: [&str; 2] = ["ssl.truststore.location", "ssl.keystore.location"];

/// A file that is named and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lacking {
    /// The key.
    pub key: String,
    /// What names it, for people.
    called: String,
    what: What,
}

/// What stands where a key store should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Missing,
    Unreadable,
}

/// What the probe found lacking (`store_missing`, `store_unreadable`) of what keys name.
pub fn lacking<'k>(
    records: &Section,
    keys: impl Iterator<Item = (&'k String, &'k str)>,
) -> Vec<Lacking> {
    let missing: HashSet<String> = records.all("store_missing").collect();
    let unreadable: HashSet<String> = records.all("store_unreadable").collect();
    let lacking = keys.filter_map(|(key, value)| {
        let (called, path) = named_by(key, value)?;
        let what = if missing.contains(&path) {
            What::Missing
        } else if unreadable.contains(&path) {
            What::Unreadable
        } else {
            return None;
        };
        let key = key.clone();
        Some(Lacking { key, called, what })
    });
    lacking.collect()
}

impl Lacking {
    /// For people: in which file, and in which of its lines where it stands there. The path is not
    /// said: that of a key that the spec does not name is the user's.
    pub fn warning(&self, file: &str, line: Option<usize>) -> String {
        let called = &self.called;
        let place = match line {
            Some(line) => format!("{called} in {file}, line {line},"),
            None => called.clone(),
        };
        let (what, help) = match self.what {
            What::Missing => ("names a file that is not there", "put the file there"),
            What::Unreadable => (
                "names what this account cannot read as a file",
                "let the account read it",
            ),
        };
        format!("{place} {what}: Kafka's tools end at start\n  help: {help}, or mend the path")
    }
}

/// The file that a key names, and what names it: the path of a key store, or the keytab of a jaas line.
pub(crate) fn named_by(key: &str, value: &str) -> Option<(String, String)> {
    let value = value.trim_matches(|c| c <= ' ');
    if key.ends_with("sasl.jaas.config") {
        let login = jaas::read(value).ok()?;
        let path = login.option("keyTab")?;
        return Some((format!("`keyTab` of `{key}`"), path.to_owned()));
    }
    is_store(key).then(|| (format!("`{key}`"), value.to_owned()))
}

/// Whether a key's value is the path of a key store.
fn is_store(key: &str) -> bool {
    STORES.iter().any(|store| {
        let before = key.strip_suffix(store);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_known_behind_any_prefix() {
        for key in ["ssl.truststore.location", "producer.ssl.keystore.location"] {
            assert!(is_store(key), "{key}");
        }
        assert!(!is_store("mssl.truststore.location") && !is_store("ssl.keystore.type"));
    }
}
