//! Digests of observations, actions and secrets: salted, so that a plan file gives nothing away that could
//! be found by trying.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::text::hex;

/// Hexadecimal sha256 over a salt and the canonical JSON of a value (keys sorted, no blanks).
pub fn salted(salt: &str, value: &Value) -> String {
    of_parts(&[salt, &canonical(value).to_string()])
}

/// Hexadecimal sha256 over a salt, what a secret is for, and the secret: equal secrets in two
/// places do not show as equal.
pub(crate) fn of_secret(salt: &str, of: &str, key: &str, secret: &str) -> String {
    of_parts(&[salt, of, key, secret])
}

/// Hexadecimal sha256 over the canonical JSON of a value.
pub fn plain(value: &Value) -> String {
    of_parts(&[&canonical(value).to_string()])
}

/// The parts with a zero byte between each two, which JSON's text and names have none of.
fn of_parts(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update([0]);
        }
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

/// The value with the keys of its maps sorted.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .iter()
                .map(|(key, value)| (key.clone(), canonical(value)))
                .collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_is_nothing_and_the_salt_is_something() {
        let one = json!({"a": 1, "b": [{"c": 2, "d": 3}]});
        let other = json!({"b": [{"d": 3, "c": 2}], "a": 1});
        assert_eq!(salted("s", &one), salted("s", &other));
        assert_ne!(salted("s", &one), salted("t", &one));
        assert_ne!(
            salted("s", &one),
            salted("s", &json!({"a": 1, "b": [{"c": 3, "d": 2}]}))
        );
        assert_ne!(salted("s", &json!([1, 2])), salted("s", &json!([2, 1])));
    }
}
