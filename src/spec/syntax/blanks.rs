//! Characters that look like blanks, and tabs.

use super::{Cause, NO_YAML, failure::Failure};
use crate::diagnostic::Problem;

/// How many lines back an odd blank is looked for,
const MOST_LINES: usize = 200;
/// and how many of those lines are tried.
const MOST_ODD: usize = 5;
/// Characters that look like nothing, a blank or a colon: their names, and what to write instead.
const ODD: &[(char, &str, &str)] = &[
    ('\u{a0}', "a no-break space", " "),
    ('\u{202f}', "a narrow no-break space", " "),
    ('\u{2007}', "a figure space", " "),
    ('\u{2002}', "an en space", " "),
    ('\u{2003}', "an em space", " "),
    ('\u{2009}', "a thin space", " "),
    ('\u{200a}', "a hair space", " "),
    ('\u{3000}', "an ideographic space", " "),
    ('\u{ff1a}', "a fullwidth colon", ":"),
    ('\u{200b}', "a zero-width space", ""),
    ('\u{200c}', "a zero-width non-joiner", ""),
    ('\u{200d}', "a zero-width joiner", ""),
    ('\u{2060}', "a word joiner", ""),
    ('\u{feff}', "a byte order mark", ""),
    ('\u{ad}', "a soft hyphen", ""),
    ('\u{2028}', "a line separator", " "),
    ('\u{2029}', "a paragraph separator", " "),
    ('\u{85}', "a next-line character", " "),
];

/// The description of the first odd character, such as `a no-break space (U+00A0)`.
fn odd_character(text: &str) -> Option<String> {
    let found = text
        .chars()
        .find_map(|c| ODD.iter().find(|(odd, ..)| *odd == c))?;
    Some(format!("{} (U+{:04X})", found.1, u32::from(found.0)))
}

/// Adds to errors that there are look-alike characters in what they point at.
pub fn look_alike(text: &str, problems: &mut [Problem]) {
    for problem in problems.iter_mut().filter(|problem| problem.is_error()) {
        let span = problem.span.unwrap_or_default();
        let under = text.get(span.start..span.end).unwrap_or_default();
        let quote = under.chars().next().filter(|c| "“”„‟«»‘’‚‛".contains(*c));
        let explanation = match (odd_character(under), quote) {
            (Some(odd), _) => format!("{odd} is in it"),
            (None, Some(quote)) => format!("`{quote}` is no quote, but part of it"),
            (None, None) => continue,
        };
        if !problem.message.starts_with(NO_YAML) {
            problem.label = match problem.label.as_str() {
                "" => explanation,
                label => format!("{explanation}: {label}"),
            };
        }
    }
}

/// A tab in the indentation.
pub fn tab(failure: &Failure<'_>) -> Vec<Cause> {
    let numbers = [
        failure.line,
        failure.line + 1,
        failure.line.saturating_sub(1),
    ];
    for line in numbers
        .into_iter()
        .filter_map(|number| failure.line_at(number))
    {
        let margin = &line.text[..line.text.len() - line.text.trim_start().len()];
        let Some(tab) = margin.find('\t').filter(|_| line.is_filled()) else {
            continue;
        };
        let at = line.start + tab..line.start + margin.len();
        return vec![Cause::new(
            at,
            "a tab is no indentation",
            "write blanks instead, as many as the lines around it have",
        )];
    }
    Vec::new()
}

/// A character that looks like a blank.
pub fn odd(failure: &Failure<'_>) -> Vec<Cause> {
    let lines = failure
        .lines_back()
        .take(MOST_LINES)
        .chain(failure.line_at(failure.line + 1));
    let mut found = Vec::new();
    for line in lines {
        let chars = line.text.char_indices();
        let odd = chars.filter_map(|(at, c)| {
            let (_, _, replacement) = ODD.iter().find(|(odd, ..)| *odd == c)?;
            Some((
                line.start + at..line.start + at + c.len_utf8(),
                *replacement,
            ))
        });
        let odd: Vec<_> = odd.collect();
        let Some((first, replacement)) = odd.first().cloned() else {
            continue;
        };
        let description = odd_character(&failure.text[first.clone()]).unwrap_or_default();
        let label = match replacement {
            "" => "it cannot be seen: take it out",
            ":" => "write a plain `:`",
            _ => "type a plain blank instead; it comes along when text is pasted",
        };
        let message = format!("{description} stands here");
        let cause = Cause::new(first, message, label);
        let mend = |cause: Cause, (at, replacement)| cause.with_edit(at, replacement);
        found.push(odd.into_iter().fold(cause, mend));
        if found.len() == MOST_ODD {
            break;
        }
    }
    found
}
