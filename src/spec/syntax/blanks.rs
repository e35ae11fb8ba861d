//! Blanks that YAML takes for none.

use super::{Cause, NO_YAML, look::Look};
use crate::diagnostic::Problem;

/// So many lines back an odd blank is looked for,
const NEAR: usize = 200;
/// and so many of those lines are tried.
const MOST_ODD: usize = 5;
/// What looks like nothing or like a blank: which it is, and what was meant.
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

/// What an odd character is, as in `a no-break space (U+00A0)`.
fn odd_character(text: &str) -> Option<String> {
    let found = text
        .chars()
        .find_map(|c| ODD.iter().find(|(odd, ..)| *odd == c))?;
    Some(format!("{} (U+{:04X})", found.1, u32::from(found.0)))
}

/// Says of what is wrong that there are characters in it which look like others.
pub fn look_alike(text: &str, problems: &mut [Problem]) {
    for problem in problems.iter_mut().filter(|problem| problem.is_error()) {
        let span = problem.span.unwrap_or_default();
        let under = text.get(span.start..span.end).unwrap_or_default();
        let quote = under.chars().next().filter(|c| "“”„‟«»‘’‚‛".contains(*c));
        let why = match (odd_character(under), quote) {
            (Some(odd), _) => format!("{odd} is in it"),
            (None, Some(quote)) => format!("`{quote}` is no quote, but part of it"),
            (None, None) => continue,
        };
        if !problem.message.starts_with(NO_YAML) {
            problem.label = match problem.label.as_str() {
                "" => why,
                label => format!("{why}: {label}"),
            };
        }
    }
}

/// A tab in the indentation.
pub fn tab(look: &Look<'_>) -> Vec<Cause> {
    let numbers = [look.line, look.line + 1, look.line.saturating_sub(1)];
    for line in numbers.into_iter().filter_map(|number| look.at(number)) {
        let margin = &line.text[..line.text.len() - line.text.trim_start().len()];
        let Some(tab) = margin.find('\t').filter(|_| line.is_filled()) else {
            continue;
        };
        let at = line.start + tab..line.start + margin.len();
        return vec![Cause::sure(
            at,
            "a tab is no indentation",
            "write blanks instead, as many as the lines around it have",
        )];
    }
    Vec::new()
}

/// A character that looks like a blank.
pub fn odd(look: &Look<'_>) -> Vec<Cause> {
    let lines = look.back().take(NEAR).chain(look.at(look.line + 1));
    let mut found = Vec::new();
    for line in lines {
        let here = line.text.char_indices();
        let odd = here.filter_map(|(at, c)| {
            let (_, _, meant) = ODD.iter().find(|(odd, ..)| *odd == c)?;
            Some((line.start + at..line.start + at + c.len_utf8(), *meant))
        });
        let odd: Vec<_> = odd.collect();
        let Some((first, meant)) = odd.first().cloned() else {
            continue;
        };
        let what = odd_character(&look.text[first.clone()]).unwrap_or_default();
        let label = match meant {
            "" => "it cannot be seen: take it out",
            ":" => "write a plain `:`",
            _ => "type a plain blank instead; it comes along when text is pasted",
        };
        let said = format!("{what} stands here");
        let cause = Cause::sure(first, said, label);
        let mend = |cause: Cause, (at, meant)| cause.if_mended(at, meant);
        found.push(odd.into_iter().fold(cause, mend));
        if found.len() == MOST_ODD {
            break;
        }
    }
    found
}
