//! Ways out: what would have been right where a value is of another kind than the schema has it.

use serde_json::Value as Json;

use super::{
    checks::is_secret,
    forms::{Alternative, Kind, expected},
    schema::resolve,
    tree::{Key, Node},
};
use crate::text::columns;

/// What a spec without hosts lacks.
pub const A_MACHINE: &str = "name a machine: `client: { ssh: { address: … } }`";
/// What is said of an `&name` without anything behind it.
pub const ANCHORED: &str = "`&` names a value for `*`; a text that begins with it needs quotes";
/// A value that is shown has no more columns.
const LONGEST: usize = 44;
/// What YAML 1.1 took for truth values, and who writes them means.
const YES: [&str; 4] = ["yes", "true", "on", "y"];
const NO: [&str; 4] = ["no", "false", "off", "n"];

/// What is said of a text where none belongs: what it takes, and how that is written.
pub fn of_text(root: &Json, all: &[Alternative<'_>], name: &str, text: &str) -> String {
    let takes = format!("it takes {}", expected(all));
    let maps = || all.iter().filter(|one| one.kind == Kind::Map);
    let word = text.to_lowercase();
    if maps().any(|one| !one.of_enum && has_defaults(one)) {
        if YES.contains(&&*word) {
            return format!("write `{name}: {{}}` for the defaults");
        }
        if NO.contains(&&*word) {
            return format!("leave the key out; `{name}: {{}}` stands for the defaults");
        }
    }
    let is_secret = is_secret(name) || maps().any(|one| one.tag() == Some("env"));
    let shown = (!is_secret).then_some(text);
    let map = maps().find_map(|one| match one.of_enum {
        true => tagged(one, shown),
        false => required(root, one, shown),
    });
    let list = all.iter().any(|one| one.kind == Kind::List);
    let written = match list {
        true if is_secret => None,
        true => listed(text),
        false => map,
    };
    match written {
        Some(written) if written.starts_with('`') => format!("{takes}: {written}"),
        Some(written) if columns(&written) <= LONGEST => {
            format!("{takes}: write `{name}: {written}`")
        }
        _ => takes,
    }
}

/// Whether a key is followed by an `&name`, in the text where it stands.
pub fn is_anchored(text: &str, key: &Key) -> bool {
    let rest = text.get(key.span.end..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    line.trim_start_matches([':', ' ', '"', '\''])
        .starts_with('&')
}

/// Whether a map of it can be empty.
pub fn has_defaults(one: &Alternative<'_>) -> bool {
    !one.schema["additionalProperties"].is_object() && one.required().next().is_none()
}

/// `{ file: PATH }`.
fn tagged(one: &Alternative<'_>, text: Option<&str>) -> Option<String> {
    let tag = one.tag()?;
    let payload = &one.schema["properties"][tag];
    if payload.get("type") != Some(&"string".into()) {
        return None;
    }
    let value = match text.filter(|text| columns(text) <= LONGEST / 2) {
        Some(text) => scalar(text),
        None => flow(payload["examples"].get(0)?),
    };
    Some(format!("{{ {tag}: {value} }}"))
}

/// `{ version: "1.8.0" }`: what a map must have, with the text where only one key is needed, or for `version`.
fn required(root: &Json, one: &Alternative<'_>, text: Option<&str>) -> Option<String> {
    let keys: Vec<&str> = one.required().collect();
    let entry = |key: &&str| {
        let schema = &one.schema["properties"][*key];
        let takes_text = resolve(root, schema)["type"].to_string().contains("string");
        let is_it = takes_text && (keys.len() == 1 || *key == "version");
        let value = match text {
            Some(text) if is_it => scalar(text),
            _ => flow(schema["examples"].get(0)?),
        };
        Some(format!("{key}: {value}"))
    };
    let entries: Option<Vec<String>> = keys.iter().map(entry).collect();
    let entries = entries.filter(|entries| !entries.is_empty())?;
    Some(format!("{{ {} }}", entries.join(", ")))
}

/// `[pin, geo]`.
fn listed(text: &str) -> Option<String> {
    if text.starts_with('-') {
        return Some("`- ` with a blank begins an entry".into());
    }
    let items: Vec<&str> = match text.contains(',') {
        true => text.split(',').map(str::trim).collect(),
        false => vec![text],
    };
    let items: Vec<String> = items.into_iter().map(scalar).collect();
    Some(format!("[{}]", items.join(", ")))
}

/// What is said of a list where none belongs.
pub fn of_list(all: &[Alternative<'_>], name: &str, items: &[Node]) -> String {
    let takes = format!("it takes {}", expected(all));
    let texts: Option<Vec<&str>> = items.iter().map(Node::text).collect();
    if all.iter().any(|one| one.kind == Kind::Map) {
        return format!("{takes}: `NAME: …` in the lines below, without `- `");
    }
    let has = |one: &Alternative<'_>, what: &str| {
        let description = one.schema["description"].as_str();
        description.is_some_and(|text| text.contains(what))
    };
    if all.iter().any(|one| has(one, "with commas between")) {
        let joined = texts.map(|texts| scalar(&texts.join(",")));
        return match joined.filter(|joined| columns(joined) <= LONGEST) {
            Some(joined) => {
                format!("it takes one text, with commas between: write `{name}: {joined}`")
            }
            None => "it takes one text, with commas between".into(),
        };
    }
    match items.len() {
        1 => format!("{takes}: leave the `[ ]` or the `- ` out"),
        _ => takes,
    }
}

/// A text as a spec has it: quoted where it is not a plain word.
fn scalar(text: &str) -> String {
    let is_number = matches!(text.matches('.').count(), 1 | 2)
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_plain = text.starts_with(|c: char| c.is_alphanumeric() || "/~_".contains(c))
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "_-./~".contains(c));
    match is_plain && !is_number {
        true => text.to_owned(),
        false => Json::from(text).to_string(),
    }
}

/// JSON as a spec has it, in one line.
pub fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(entries) if entries.is_empty() => "{}".into(),
        Json::Object(entries) => {
            let entries = entries.iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{key}: {}", flow(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
