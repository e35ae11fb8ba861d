//! Characters with a meaning in YAML, or in git.

use serde_yaml::{Error, granit_parser::ErrorKind};

use super::{Cause, failure::Failure};
use crate::spec::suggestions::{listed, nearest};

/// How many lines back a mark of git is looked for.
const MOST_LINES: usize = 100;
/// How many anchors are listed.
const MOST_NAMED: usize = 5;

/// A conflict that git left.
pub fn conflict(failure: &Failure<'_>) -> Vec<Cause> {
    let lines_around = failure.line.saturating_sub(MOST_LINES).max(1)..=failure.line + 1;
    let mut lines = lines_around.filter_map(|number| failure.line_at(number));
    let Some(line) = lines.find(|line| line.text.starts_with("<<<<<<< ")) else {
        return Vec::new();
    };
    vec![Cause::new(
        line.start..line.start + 7,
        "a merge conflict of git begins here",
        "keep one of the two sides; take out the lines with `<<<<<<<`, `=======` and `>>>>>>>`",
    )]
}

/// `---` after the first document.
pub(crate) fn documents(failure: &Failure<'_>) -> Vec<Cause> {
    use serde_yaml::budget::BudgetBreach;
    let breach = match failure.error {
        Error::Budget { breach, .. } => breach,
        _ => return Vec::new(),
    };
    if !matches!(breach, BudgetBreach::Documents { .. }) {
        return Vec::new();
    }
    let line = failure.current_line();
    let end = line.start + line.text.trim_end().len().min(3);
    vec![Cause::new(
        line.start..end,
        "a second document begins here",
        "take the `---` out, or put what follows into a file of its own",
    )]
}

/// A character that begins a text and needs quotes.
pub(crate) fn first_character(failure: &Failure<'_>) -> Vec<Cause> {
    let Some(ErrorKind::UnexpectedCharacter { character }) = failure.kind else {
        return Vec::new();
    };
    let at = failure.stop..failure.word_end(failure.stop);
    vec![match character {
        c if c.is_control() => Cause::new(
            at,
            format!("a control character (U+{:04X}) stands here", u32::from(*c)),
            "take it out; in double quotes it can be written as an escape",
        ),
        '`' => Cause::new(
            at,
            "a text begins with a backtick",
            "put it in quotes, or take the backticks out",
        ),
        c => Cause::new(
            at,
            format!("a text begins with `{c}`"),
            format!("put it in quotes: `\"{c}…\"`"),
        ),
    }]
}

/// `*name` without an `&name` before it.
pub fn anchor(failure: &Failure<'_>) -> Vec<Cause> {
    if !matches!(failure.error, Error::UnknownAnchor { .. }) {
        return Vec::new();
    }
    let is_name = |c: char| !c.is_whitespace() && !",[]{}".contains(c);
    let length = |from: usize| {
        let rest = &failure.text[from..];
        rest.find(|c| !is_name(c)).unwrap_or(rest.len())
    };
    let at = failure.stop
        ..failure.stop
            + length(failure.stop)
                .max(1)
                .min(failure.text.len() - failure.stop);
    let name = failure.text[at.clone()].trim_start_matches('*');
    let mut anchors: Vec<(&str, usize)> = Vec::new();
    for (found, _) in failure.text.match_indices('&') {
        let begins = failure.text[..found].ends_with([' ', '\n', '[', '{', ',', '\t']);
        let own = &failure.text[found + 1..found + 1 + length(found + 1)];
        if begins && !own.is_empty() && anchors.iter().all(|(known, _)| *known != own) {
            anchors.push((own, found));
        }
    }
    let names = || anchors.iter().map(|(name, _)| *name);
    let defined_later = anchors
        .iter()
        .find(|(own, found)| *own == name && *found > failure.stop);
    let label = match (defined_later, nearest(name, names())) {
        (Some((_, found)), _) => {
            let line = failure.span(*found..*found).line;
            format!("`&{name}` has to come before it, and stands in line {line}")
        }
        (None, Some(suggestion)) => format!("did you mean `*{suggestion}`?"),
        (None, None) if failure.text[..failure.stop].trim_end().ends_with("<<:") => {
            format!("name a map above it: `x-{name}: &{name} {{ … }}`")
        }
        (None, None) => {
            let aliases: Vec<String> = names()
                .take(MOST_NAMED)
                .map(|name| format!("*{name}"))
                .collect();
            let quotes = "a text that begins with `*` needs quotes";
            match listed(aliases.iter().map(String::as_str), "and").as_str() {
                "" => quotes.to_owned(),
                all => format!("{quotes}; what is named here is {all}"),
            }
        }
    };
    vec![Cause::new(at, format!("nothing is named `&{name}`"), label)]
}

/// `!name`.
pub fn tag(failure: &Failure<'_>) -> Vec<Cause> {
    let Error::UnsupportedTag { tag, .. } = failure.error else {
        return Vec::new();
    };
    let found = failure.lines_back().take(2).find_map(|line| {
        let text = match line.number == failure.line {
            true => &failure.text[line.start..failure.stop.max(line.start)],
            false => line.text,
        };
        let at = text.rfind('!')?;
        let start = text[..at]
            .rfind([' ', '\t', '[', '{', ','])
            .map_or(0, |at| at + 1);
        let rest = &line.text[start..];
        let end = rest.find([' ', '\t', ',', '}', ']']).unwrap_or(rest.len());
        Some(line.start + start..line.start + start + end)
    });
    let at = found.unwrap_or(failure.stop..failure.word_end(failure.stop));
    vec![Cause::new(
        at,
        format!("`{tag}` is a tag, which a spec has none of"),
        "put a text that begins with `!` in quotes",
    )]
}
