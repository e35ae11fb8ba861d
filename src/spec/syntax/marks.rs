//! Characters that mean something to YAML, or to git.

use serde_yaml::{Error, granit_parser::ErrorKind};

use super::{Cause, look::Look};
use crate::spec::suggestions::{listed, nearest};

/// So many lines back and on a mark of git is looked for.
const NEAR: usize = 100;
/// So many anchors are named.
const MOST_NAMED: usize = 5;

/// What git leaves where two sides changed the same lines.
pub fn conflict(look: &Look<'_>) -> Vec<Cause> {
    let near = look.line.saturating_sub(NEAR).max(1)..=look.line + 1;
    let mut lines = near.filter_map(|number| look.at(number));
    let Some(line) = lines.find(|line| line.text.starts_with("<<<<<<< ")) else {
        return Vec::new();
    };
    vec![Cause::sure(
        line.start..line.start + 7,
        "a merge conflict of git begins here",
        "keep one of the two sides; take out the lines with `<<<<<<<`, `=======` and `>>>>>>>`",
    )]
}

/// `---` behind the first document.
pub fn documents(look: &Look<'_>) -> Vec<Cause> {
    use serde_yaml::budget::BudgetBreach;
    let breach = match look.error {
        Error::Budget { breach, .. } => breach,
        _ => return Vec::new(),
    };
    if !matches!(breach, BudgetBreach::Documents { .. }) {
        return Vec::new();
    }
    let line = look.here();
    let end = line.start + line.text.trim_end().len().min(3);
    vec![Cause::sure(
        line.start..end,
        "a second document begins here",
        "take the `---` out, or put what follows into a file of its own",
    )]
}

/// What no text begins with unless it is quoted.
pub fn first_character(look: &Look<'_>) -> Vec<Cause> {
    let Some(ErrorKind::UnexpectedCharacter { character }) = look.kind else {
        return Vec::new();
    };
    let at = look.stop..look.word_end(look.stop);
    vec![match character {
        c if c.is_control() => Cause::sure(
            at,
            format!("a control character (U+{:04X}) stands here", u32::from(*c)),
            "take it out; in double quotes it can be written as an escape",
        ),
        '`' => Cause::sure(
            at,
            "a text begins with a backtick",
            "put it in quotes, or take the backticks out",
        ),
        c => Cause::sure(
            at,
            format!("a text begins with `{c}`"),
            format!("put it in quotes: `\"{c}…\"`"),
        ),
    }]
}

/// `*name` without an `&name` before it.
pub fn anchor(look: &Look<'_>) -> Vec<Cause> {
    if !matches!(look.error, Error::UnknownAnchor { .. }) {
        return Vec::new();
    }
    let is_name = |c: char| !c.is_whitespace() && !",[]{}".contains(c);
    let length = |from: usize| {
        let rest = &look.text[from..];
        rest.find(|c| !is_name(c)).unwrap_or(rest.len())
    };
    let at = look.stop..look.stop + length(look.stop).max(1).min(look.text.len() - look.stop);
    let name = look.text[at.clone()].trim_start_matches('*');
    let mut anchors: Vec<(&str, usize)> = Vec::new();
    for (found, _) in look.text.match_indices('&') {
        let begins = look.text[..found].ends_with([' ', '\n', '[', '{', ',', '\t']);
        let own = &look.text[found + 1..found + 1 + length(found + 1)];
        if begins && !own.is_empty() && anchors.iter().all(|(known, _)| *known != own) {
            anchors.push((own, found));
        }
    }
    let names = || anchors.iter().map(|(name, _)| *name);
    let later = anchors
        .iter()
        .find(|(own, found)| *own == name && *found > look.stop);
    let label = match (later, nearest(name, names())) {
        (Some((_, found)), _) => {
            let line = look.span(*found..*found).line;
            format!("`&{name}` has to come before it, and stands in line {line}")
        }
        (None, Some(near)) => format!("did you mean `*{near}`?"),
        (None, None) if look.text[..look.stop].trim_end().ends_with("<<:") => {
            format!("name a map above it: `x-{name}: &{name} {{ … }}`")
        }
        (None, None) => {
            let starred: Vec<String> = names()
                .take(MOST_NAMED)
                .map(|one| format!("*{one}"))
                .collect();
            let quotes = "a text that begins with `*` needs quotes";
            match listed(starred.iter().map(String::as_str), "and").as_str() {
                "" => quotes.to_owned(),
                all => format!("{quotes}; what is named here is {all}"),
            }
        }
    };
    vec![Cause::sure(
        at,
        format!("nothing is named `&{name}`"),
        label,
    )]
}

/// `!name`.
pub fn tag(look: &Look<'_>) -> Vec<Cause> {
    let Error::UnsupportedTag { tag, .. } = look.error else {
        return Vec::new();
    };
    let found = look.back().take(2).find_map(|line| {
        let text = match line.number == look.line {
            true => &look.text[line.start..look.stop.max(line.start)],
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
    let at = found.unwrap_or(look.stop..look.word_end(look.stop));
    vec![Cause::sure(
        at,
        format!("`{tag}` is a tag, which a spec has none of"),
        "put a text that begins with `!` in quotes",
    )]
}
