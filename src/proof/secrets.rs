//! Masks secrets in output. Kafka's messages quote what they cannot parse, which may be a part of a
//! password.

use crate::{kinds::client::properties::is_sensitive, properties};

/// The replacement.
const MASK: &str = "(sensitive)";
/// Shorter texts are not masked: they would match everywhere.
const SHORTEST: usize = 3;

/// Texts that must not be shown: the values of sensitive keys.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Those of a properties file, and other known ones.
    pub fn new<'v>(file: &[u8], known: impl IntoIterator<Item = &'v str>) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for entry in properties::entries(file).unwrap_or_default() {
            if entry.key.ends_with("sasl.jaas.config") {
                texts.extend(of_jaas(&entry.value));
            } else if is_sensitive(&entry.key) {
                texts.extend(pieces(&entry.value));
            }
        }
        texts.extend(known.into_iter().flat_map(pieces));
        texts.retain(|text| text.len() >= SHORTEST);
        // The longest first: parts would break up whole values.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self(texts)
    }

    /// A line without secrets.
    pub fn mask(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for secret in &self.0 {
            if line.contains(secret.as_str()) {
                line = line.replace(secret.as_str(), MASK);
            }
        }
        // If the line of the file is broken, Kafka may quote any part of it.
        if line.contains("JAAS") {
            let quoted = line
                .split('\'')
                .enumerate()
                .map(|(index, part)| match part {
                    part if index % 2 == 0 || part == "null" || part.contains('.') => part,
                    _ => "…",
                });
            line = quoted.collect::<Vec<_>>().join("'");
        }
        line
    }
}

/// A value, and its parts as a tokenizer may split them.
fn pieces(value: &str) -> Vec<String> {
    let parts = value.split(|c: char| c.is_whitespace() || "\"';=/".contains(c));
    std::iter::once(value.trim())
        .chain(parts)
        .map(str::to_owned)
        .collect()
}

/// The text after the name of the first secret option, whatever is broken in it.
fn of_jaas(line: &str) -> Vec<String> {
    let lower = line.to_ascii_lowercase();
    let names = ["password", "secret", "token"].into_iter();
    // `find` may miss in a line whose lower case is longer; no option is such.
    let first = names.filter_map(|name| lower.find(name)).min();
    let rest = first.and_then(|index| line.get(index..));
    let Some((_, value)) = rest.and_then(|rest| rest.split_once('=')) else {
        return vec![];
    };
    pieces(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_secret_of_a_broken_line_is_shown() {
        let file = b"ssl.keystore.password=hunter2 more\nsasl.jaas.config=a.b.PlainLoginModule required username=\"me\" password=can ary;\nclient.id=seen\n";
        let secrets = Secrets::new(file, ["known-canary"]);
        let masked = |line: &str| secrets.mask(line);
        assert_eq!(
            masked("Value not specified for key 'ary' in JAAS config"),
            "Value not specified for key '(sensitive)' in JAAS config".replace("(sensitive)", "…")
        );
        for secret in ["hunter2 more", "hunter2", "known-canary", "can ary"] {
            let line = masked(&format!("seen {secret}."));
            assert!(
                !line.contains(secret) && line.starts_with("seen "),
                "{line}"
            );
        }
        assert_eq!(
            masked("Value not specified for key 'null' in JAAS config of 'a.b.C'"),
            "Value not specified for key 'null' in JAAS config of 'a.b.C'"
        );
    }

    #[test]
    fn without_the_file_a_quoted_piece_of_a_jaas_line_is_hidden() {
        let secrets = Secrets::new(b"\\u00zz", []);
        assert_eq!(
            secrets.mask("Value not specified for key 'cret' in JAAS config"),
            "Value not specified for key '…' in JAAS config"
        );
    }
}
