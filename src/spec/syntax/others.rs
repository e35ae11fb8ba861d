//! Files of other formats.

use crate::diagnostic::{Problem, Span};

/// The problem of a text whose first line shows that it is no spec.
pub fn other_file(text: &str) -> Option<Problem> {
    let body = text.trim_start_matches('\u{feff}');
    let start = body.trim_start();
    let lower: String = start.chars().take(16).collect::<String>().to_lowercase();
    let begins = |with: &[&str]| with.iter().any(|with| lower.starts_with(with));
    let first = start.lines().next().unwrap_or_default().trim_end();
    let (message, label) = if begins(&["<!doctype", "<html", "<head", "<body"]) {
        (
            "this is a web page (HTML), not a spec",
            "take the file itself: on a forge's page, what `Raw` or `Download` gives",
        )
    } else if begins(&["<?xml", "<svg"]) {
        ("this is XML, not a spec", "is this the right file?")
    } else if lower.starts_with("-----begin ") {
        (
            "this is a key or a certificate, not a spec",
            "name the spec here; in it, `ssh: { key: { file: … } }` names the key",
        )
    } else if is_section(first) {
        (
            "this begins as an INI or TOML file, not as a spec",
            "a spec is YAML: it starts with `version: 1` and `hosts:`",
        )
    } else if is_property(first) {
        (
            "this begins as a properties file, not as a spec",
            "a spec is YAML, with `KEY: VALUE` in a line; it starts with `version: 1` and `hosts:`",
        )
    } else {
        return None;
    };
    let begin = text.len() - start.len();
    let before = &body[..body.len() - start.len()];
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let last = before.rsplit('\n').next().unwrap_or_default();
    let span = Span {
        start: begin,
        end: begin + first.len(),
        line: number(before.matches('\n').count() + 1),
        column: number(last.chars().count() + 1),
    };
    Some(Problem::error(span, message, label))
}

/// `[hosts]`.
fn is_section(line: &str) -> bool {
    let section = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    section.is_some_and(|name| {
        let name = name.trim_matches(['[', ']']);
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || "_-. ".contains(c))
    })
}

/// `security.protocol=SASL_SSL`.
fn is_property(line: &str) -> bool {
    line.split_once('=').is_some_and(|(key, _)| {
        let key = key.trim_end();
        !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    })
}
