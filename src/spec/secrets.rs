//! Literals of a spec that no message may show: values of keys that are named like secrets, also in comments and
//! in invalid specs.

use std::ops::Range;

use super::{
    checks::{is_secret, secret_option},
    tree::{self, Node, Value},
};

/// Keys that refer to a secret, and hold none themselves.
const REFERENCES: [&str; 3] = ["env", "file", "ssm_parameter"];
/// Words that names of secrets contain.
const WORDS: [&str; 5] = ["password", "passwd", "secret", "token", "pwd"];

/// Byte ranges of a spec's text that hold secrets, in order, without overlaps.
pub fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if text.len() <= tree::LARGEST
        && let Ok((root, _)) = tree::read(text)
    {
        walk(&root, false, &mut found);
    }
    search_words(text, &mut found);
    found.retain(|range| !range.is_empty());
    found.sort_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in found {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

fn walk(node: &Node, secret: bool, found: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Scalar { text, .. } => {
            if secret || secret_option(text).is_some() || text.contains("PRIVATE KEY-") {
                found.push(node.span.start..node.span.end);
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| walk(item, secret, found)),
        Value::Map(entries) => {
            for (key, value) in entries.iter() {
                let is_reference = REFERENCES.contains(&key.text.as_str());
                // An invalid reference is likely to be the secret itself.
                let is_no_name = |text: &str| {
                    key.text == "env" && text.contains(|c: char| !c.is_alphanumeric() && c != '_')
                };
                let secret = match value.text() {
                    Some(text) if is_reference => secret && is_no_name(text),
                    _ => secret || is_secret(&key.text) || names_a_secret(&key.text),
                };
                walk(value, secret, found);
            }
        }
        Value::Null | Value::Broken => {}
    }
}

fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["passwd", "pwd"].iter().any(|word| key.ends_with(word))
}

/// Finds names of secrets that are followed by `:` or `=`: for texts that are no YAML, and for comments.
fn search_words(text: &str, found: &mut Vec<Range<usize>>) {
    let lower = text.to_ascii_lowercase();
    for word in WORDS {
        // The ends of the last name and of the last unquoted value: what begins inside of one is part of it.
        let (mut name_end, mut hidden) = (0, 0);
        for (at, _) in lower.match_indices(word) {
            if at < name_end {
                continue;
            }
            let rest = &text[at + word.len()..];
            let name = rest.trim_start_matches(|c: char| {
                c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'')
            });
            name_end = text.len() - name.len();
            let Some(value) = name
                .trim_start_matches([' ', '\t'])
                .strip_prefix([':', '='])
            else {
                continue;
            };
            let value = value.trim_start_matches([' ', '\t']);
            let start = text.len() - value.len();
            let length = match value.chars().next() {
                // Empty, a map, a list, an alias, a variable, a block: the value stands elsewhere.
                None | Some('{' | '[' | '*' | '&' | '|' | '>' | '\n' | '\r' | '#' | '$') => 0,
                Some(quote @ ('"' | '\'')) => match value[1..].find([quote, '\n']) {
                    Some(end) if value[1 + end..].starts_with(quote) => end + 2,
                    Some(end) => end + 1,
                    None => value.len(),
                },
                Some(_) if start < hidden => continue,
                Some(_) => {
                    let end = value.find([' ', '\t', '\n', '\r', ',', '}', ']', ';', '"', '\'']);
                    let length = end.unwrap_or(value.len());
                    hidden = start + length;
                    length
                }
            };
            found.push(start..start + length);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str) -> String {
        let mut out = text.to_owned();
        for range in hidden(text).into_iter().rev() {
            out.replace_range(range, "…");
        }
        out
    }

    #[test]
    fn a_secret_is_hidden_at_any_place() {
        for text in [
            "extra: { ssl.key.password: canary, a: b }",
            "extra:\n  ssl.key.password: \"canary canary\"\n",
            "extra: { ssl.key.password:\n  canary, a: b }",
            "extra:\n  ssl.key.password: |\n    canary\n    canary\n  a: b\n",
            "extra:\n  ssl.key.password: >-\n    canary\n",
            "vars: { db_password: &p canary }\nextra: { x.password: *p }",
            "extra: [ssl.key.password=canary]",
            "extra: { sasl.jaas.config: 'M required username=\"u\" password=\"canary\";' }",
            "password: { env: canary! }",
            "password: [canary, { a: canary }]",
            "key: { file: \"-----BEGIN PRIVATE KEY-----\\ncanary\" }",
            // No YAML.
            "extra: { ssl.key.password: canary",
            "extra: {\n  \"a.secret\" : 'canary, canary'\n  b: [",
            "# the old one was password=canary\nversion: 1\n",
        ] {
            let shown = masked(text);
            assert!(!shown.contains("canary"), "{text:?} becomes {shown:?}");
        }
    }

    #[test]
    fn other_values_stay() {
        for text in [
            "extra: { ssl.key.password: { env: KEY_PASSWORD } }",
            "extra: { x.token.endpoint.url: https://login.example }",
            "password: { ssm_parameter: /a/b-c }\nkafka: { version: 2.8.1 }",
            "extra: { ssl.key.password: ${p} }",
        ] {
            let shown = masked(text);
            let kept = ["KEY_PASSWORD", "/a/b-c", "2.8.1", "${p}", "version"];
            for word in kept.iter().filter(|word| text.contains(**word)) {
                assert!(shown.contains(word), "{text:?} becomes {shown:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_searched(text in "(password|secret|é|[:={}\\[\\]\"' \n&*|]){0,20}") {
            let ranges = hidden(&text);
            for range in &ranges {
                prop_assert!(text.get(range.clone()).is_some(), "{:?} of {:?}", range, text);
            }
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
