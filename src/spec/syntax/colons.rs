//! Colons that are missing, that lack a blank, or that are one too many.

use serde_yaml::granit_parser::ErrorKind;

use super::{
    Cause,
    failure::{Failure, Line, is_of_key},
};

/// How many lines back a colon is looked for.
const MOST_LINES: usize = 3;

/// `version:2.8.1`.
pub(crate) fn blank_behind(failure: &Failure<'_>) -> Vec<Cause> {
    let found = failure
        .filled_lines_back()
        .take(MOST_LINES)
        .filter_map(|line| {
            let begin = line.first();
            let content = line.content();
            let entry = if content.starts_with("- ") { 2 } else { 0 };
            let content = &content[entry..];
            let colon = content.find(':')?;
            let (key, rest) = (&content[..colon], &content[colon + 1..]);
            let is_key = !key.is_empty() && key.len() <= 64 && key.chars().all(is_of_key);
            if !is_key || rest.is_empty() || rest.starts_with([' ', '\t', '/', ':']) {
                return None;
            }
            let start = begin + entry;
            let at = start + colon + 1;
            let message = format!("`{key}:` has no blank behind it");
            let label = format!("write `{key}: …`, with a blank");
            Some(Cause::new(start..at, message, label).with_edit(at..at, " "))
        });
    found.collect()
}

/// `user ec2-user`, or `user = ec2-user`.
pub fn missing(failure: &Failure<'_>) -> Vec<Cause> {
    let of_kind = [
        ErrorKind::SimpleKeyExpected,
        ErrorKind::MappingValueNotAllowed,
    ];
    if !failure.kind.is_some_and(|kind| of_kind.contains(kind)) {
        return Vec::new();
    }
    failure
        .filled_lines_back()
        .take(MOST_LINES)
        .filter_map(|line| without_colon(&line))
        .collect()
}

fn without_colon(line: &Line<'_>) -> Option<Cause> {
    let begin = line.first();
    let content = line.content();
    let key: String = content.chars().take_while(|c| is_of_key(*c)).collect();
    let rest = &content[key.len()..];
    if key.is_empty() || key.len() > 64 || key.starts_with('-') {
        return None;
    }
    let value = rest.trim_start();
    let at = begin + key.len();
    let cause =
        |label: String| Cause::new(begin..at, format!("`{key}` has no colon behind it"), label);
    if let Some(value) = value.strip_prefix('=') {
        let end = begin + content.len() - value.trim_start().len();
        let label = format!("write `{key}: …`, with a colon instead of `=`");
        return Some(cause(label).with_edit(at..end, ": "));
    }
    (value.is_empty() || rest.starts_with(' ')).then(|| {
        let label = match value {
            "" => format!("write `{key}:`"),
            _ => format!("write `{key}: …`"),
        };
        cause(label).with_edit(at..at, ":")
    })
}

/// `key: value: more`.
pub fn second(failure: &Failure<'_>) -> Vec<Cause> {
    let line = failure.current_line();
    let (Some(key), Some(value)) = (line.key(), line.value()) else {
        return Vec::new();
    };
    if value.starts_with(['{', '[', '"', '\'']) {
        return Vec::new();
    }
    let value = &value[..value.find(" #").unwrap_or(value.len())];
    let Some(colon) = value
        .find(": ")
        .or_else(|| value.ends_with(':').then(|| value.len() - 1))
    else {
        return Vec::new();
    };
    let Some(start) = line.text.find(value).map(|at| line.start + at) else {
        return Vec::new();
    };
    let quoted = format!("'{}'", value.replace('\'', "''"));
    let cause = Cause::new(
        start + colon..start + colon + 1,
        format!("a second colon in the line of `{key}`"),
        "put the value in quotes if the colon is part of it; else begin a new line",
    );
    vec![cause.with_edit(start..start + value.len(), quoted)]
}
