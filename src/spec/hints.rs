//! Help for values of a kind that the schema does not allow there: an example of what it allows.

use serde_json::Value as Json;

use super::{
    checks::is_secret,
    forms::{Alternative, Kind, expected},
    schema::resolve,
    tree::{Key, Node},
};
use crate::text::columns;

/// Help for a spec without hosts.
pub(crate) const A_MACHINE: &str = "name a machine: `client: { ssh: { address: … } }`";
/// Help for an `&name` without a value.
pub(crate) const ANCHORED: &str =
    "`&` names a value for `*`; a text that begins with it needs quotes";
/// The most columns of an example.
const LONGEST: usize = 44;
/// Words for true that YAML 1.1 had.
const TRUE_WORDS: [&str; 4] = ["yes", "true", "on", "y"];
/// Words for false that YAML 1.1 had.
const FALSE_WORDS: [&str; 4] = ["no", "false", "off", "n"];

/// Help for a text where none is allowed: what is, and how to write it.
pub(crate) fn of_text(root: &Json, all: &[Alternative<'_>], name: &str, text: &str) -> String {
    let takes = format!("it takes {}", expected(all));
    let maps = || all.iter().filter(|form| form.kind == Kind::Map);
    let word = text.to_lowercase();
    if maps().any(|form| !form.of_enum && has_defaults(form)) {
        if TRUE_WORDS.contains(&&*word) {
            return format!("write `{name}: {{}}` for the defaults");
        }
        if FALSE_WORDS.contains(&&*word) {
            return format!("leave the key out; `{name}: {{}}` stands for the defaults");
        }
    }
    let is_secret = is_secret(name) || maps().any(|form| form.tag() == Some("env"));
    let shown = (!is_secret).then_some(text);
    let map = maps().find_map(|form| match form.of_enum {
        true => tagged(form, shown),
        false => required(root, form, shown),
    });
    let list = all.iter().any(|form| form.kind == Kind::List);
    let example = match list {
        true if is_secret => None,
        true => listed(text),
        false => map,
    };
    match example {
        Some(example) if example.starts_with('`') => format!("{takes}: {example}"),
        Some(example) if columns(&example) <= LONGEST => {
            format!("{takes}: write `{name}: {example}`")
        }
        _ => takes,
    }
}

/// Whether a key is followed by an `&name` in the source.
pub(crate) fn is_anchored(text: &str, key: &Key) -> bool {
    let rest = text.get(key.span.end..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    line.trim_start_matches([':', ' ', '"', '\''])
        .starts_with('&')
}

/// Whether a map of it can be empty.
pub(crate) fn has_defaults(form: &Alternative<'_>) -> bool {
    !form.schema["additionalProperties"].is_object() && form.required().next().is_none()
}

/// `{ file: PATH }`.
fn tagged(form: &Alternative<'_>, text: Option<&str>) -> Option<String> {
    let tag = form.tag()?;
    let payload = &form.schema["properties"][tag];
    if payload.get("type") != Some(&"string".into()) {
        return None;
    }
    let value = match text.filter(|text| columns(text) <= LONGEST / 2) {
        Some(text) => scalar(text),
        None => flow(payload["examples"].get(0)?),
    };
    Some(format!("{{ {tag}: {value} }}"))
}

/// `{ version: "1.8.0" }`: the required keys of a map, with the text for the only one, or for `version`.
fn required(root: &Json, form: &Alternative<'_>, text: Option<&str>) -> Option<String> {
    let keys: Vec<&str> = form.required().collect();
    let entry = |key: &&str| {
        let schema = &form.schema["properties"][*key];
        let takes_text = resolve(root, schema)["type"].to_string().contains("string");
        let takes_it = takes_text && (keys.len() == 1 || *key == "version");
        let value = match text {
            Some(text) if takes_it => scalar(text),
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

/// Help for a list where none is allowed.
pub(crate) fn of_list(all: &[Alternative<'_>], name: &str, items: &[Node]) -> String {
    let takes = format!("it takes {}", expected(all));
    let texts: Option<Vec<&str>> = items.iter().map(Node::text).collect();
    if all.iter().any(|form| form.kind == Kind::Map) {
        return format!("{takes}: `NAME: …` in the lines below, without `- `");
    }
    let has = |form: &Alternative<'_>, words: &str| {
        let description = form.schema["description"].as_str();
        description.is_some_and(|text| text.contains(words))
    };
    if all.iter().any(|form| has(form, "with commas between")) {
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

/// A text in YAML: quoted where it is not a plain word.
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

/// JSON as YAML, in one line.
pub(crate) fn flow(value: &Json) -> String {
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
