//! Quotes that are open, missing, or not YAML's.

use serde_yaml::granit_parser::ErrorKind;

use super::{
    Cause,
    failure::{Failure, Mark, marks},
};

/// How many lines with an open quote are tried.
const MOST_OPEN: usize = 5;

/// Quotes as typographers make them.
pub(crate) fn typographic(failure: &Failure<'_>) -> Vec<Cause> {
    let line = failure.current_line();
    let plain = |c: char| match c {
        '“' | '”' | '„' | '‟' | '«' | '»' => Some("\""),
        '‘' | '’' | '‚' | '‛' => Some("'"),
        _ => None,
    };
    let chars = line.text.char_indices();
    let found = chars.filter_map(|(at, c)| {
        let at = line.start + at;
        Some((at..at + c.len_utf8(), plain(c)?))
    });
    let found: Vec<_> = found.collect();
    let Some((first, with)) = found.first().cloned() else {
        return Vec::new();
    };
    let message = format!("`{}` is no quote", &failure.text[first.clone()]);
    let cause = Cause::new(first, message, format!("write the plain `{with}`"));
    let mend = |cause: Cause, (at, with)| cause.with_edit(at, with);
    vec![found.into_iter().fold(cause, mend)]
}

/// `${…}` without quotes, where braces are those of a map.
pub fn variables(failure: &Failure<'_>) -> Vec<Cause> {
    if matches!(failure.kind, Some(ErrorKind::UnexpectedCharacter { .. })) {
        return Vec::new();
    }
    let line = failure.current_line();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = line.text[from..].find("${").map(|at| from + at) {
        let begins = |c: char| matches!(c, ' ' | '{' | '[' | ',');
        let start = line.text[..at].rfind(begins).map_or(0, |before| before + 1);
        // Its own braces are of the text; others end it.
        let mut end = at;
        while let Some(close) = line.text[end..]
            .strip_prefix("${")
            .and_then(|rest| rest.find('}'))
        {
            end += "${".len() + close + 1;
            let rest = &line.text[end..];
            let plain = rest.find([' ', ',', '}', ']', '$']).unwrap_or(rest.len());
            end += plain;
        }
        if end == at {
            break;
        }
        if !line.text[start..].starts_with(['"', '\'']) {
            found.push(line.start + start..line.start + end);
        }
        from = end;
    }
    let Some(first) = found.first().cloned() else {
        return Vec::new();
    };
    let cause = Cause::new(
        first,
        "`${…}` stands here without quotes",
        "inside `{ }` and `[ ]`, text with `${…}` needs quotes",
    );
    let quote = |cause: Cause, at: std::ops::Range<usize>| {
        let with = format!("\"{}\"", &failure.text[at.clone()]);
        cause.with_edit(at, with)
    };
    vec![found.into_iter().fold(cause, quote)]
}

/// `{{ name }}`, the syntax of other tools.
pub fn template(failure: &Failure<'_>) -> Vec<Cause> {
    let line = failure.current_line();
    let found = ["{{", "{%"].into_iter().find_map(|mark| {
        let at = line.text.find(mark)?;
        let is_bare = line.text[..at].ends_with([' ', '[', ',']) || at == 0;
        is_bare.then_some((mark, line.start + at))
    });
    let Some((mark, at)) = found else {
        return Vec::new();
    };
    vec![Cause::new(
        at..at + mark.len(),
        format!("`{mark}` begins a map, not a variable"),
        "write `\"${NAME}\"`, with NAME under `vars`; a text with braces needs quotes",
    )]
}

/// A quote that is not closed in its line.
pub fn open(failure: &Failure<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    let mut lines = 0;
    for line in failure.filled_lines_back() {
        let marks = marks(line.text);
        let Some((at, Mark::Quoted(false))) = marks.last() else {
            continue;
        };
        lines += 1;
        let (start, end) = (
            line.start + at.start,
            line.end().max(line.start + at.start + 1),
        );
        let quote = &failure.text[start..=start];
        let depth = marks.iter().fold(0_usize, |depth, (_, mark)| match mark {
            Mark::Bracket('{' | '[') => depth + 1,
            Mark::Bracket(_) => depth.saturating_sub(1),
            Mark::Quoted(_) => depth,
        });
        let inside = &failure.text[start + 1..end];
        let ends = |what: &str| inside.find(what).map(|at| start + 1 + at);
        let in_brackets = [", ", " }", " ]", "}", "]"].into_iter().filter_map(ends);
        let in_brackets: Vec<usize> = if depth > 0 {
            in_brackets.collect()
        } else {
            Vec::new()
        };
        for end in in_brackets.into_iter().chain([end]) {
            let message = format!("the `{quote}` that opens here is not closed");
            let label = format!("write a `{quote}` where the text ends");
            found.push(Cause::new(start..end, message, label).with_edit(end..end, quote));
        }
        if lines == MOST_OPEN {
            break;
        }
    }
    found
}

/// What follows a backslash in double quotes.
pub fn escape(failure: &Failure<'_>) -> Vec<Cause> {
    let in_single = "write the text in single quotes: there a backslash is a backslash";
    match failure.kind {
        Some(
            ErrorKind::UnknownQuotedScalarEscape
            | ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidUnicodeEscape,
        ) => {
            let Some(at) = bad_escape(&failure.text[failure.stop..]) else {
                return Vec::new();
            };
            let at = failure.stop + at;
            let escape: String = failure.text[at..].chars().take(2).collect();
            vec![Cause::new(
                at..at + escape.len(),
                format!("`{escape}` in double quotes is no character"),
                in_single,
            )]
        }
        _ => Vec::new(),
    }
}

/// What follows a quoted text.
pub fn behind(failure: &Failure<'_>) -> Vec<Cause> {
    let label = match failure.kind {
        Some(ErrorKind::InvalidTrailingSingleQuotedScalar) => {
            "quote all of it; a `'` inside of single quotes is written `''`"
        }
        Some(ErrorKind::InvalidTrailingDoubleQuotedScalar) => {
            "quote all of it; a `\"` inside of double quotes is written `\\\"`"
        }
        _ => return Vec::new(),
    };
    let at = failure.stop..failure.current_line().end().max(failure.stop);
    vec![Cause::new(at, "text follows the closing quote", label)]
}

/// Where, in a text in double quotes, the first backslash stands that makes no character.
fn bad_escape(text: &str) -> Option<usize> {
    let mut at = 1;
    while let Some(found) = text.get(at..)?.find('\\').map(|found| at + found) {
        let rest = &text[found + 1..];
        let first = rest.chars().next()?;
        let digits = match first {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            c if "0abt\tnvfre \"/\\N_LP\n\r".contains(c) => 0,
            _ => return Some(found),
        };
        let code: String = rest.chars().skip(1).take(digits).collect();
        let is_code = code.len() == digits && code.chars().all(|c| c.is_ascii_hexdigit());
        let value = u32::from_str_radix(&code, 16).unwrap_or_default();
        let is_character = char::from_u32(value).is_some() || (0xd800..0xe000).contains(&value);
        if digits > 0 && !(is_code && is_character) {
            return Some(found);
        }
        at = found + 1 + first.len_utf8() + digits;
    }
    None
}
