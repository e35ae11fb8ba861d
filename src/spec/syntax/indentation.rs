//! Lines with a wrong indentation.

use serde_yaml::granit_parser::ErrorKind;

use super::{
    Cause,
    failure::{Failure, Line},
};

/// Deeper indentation is not looked at.
const MOST_BLANKS: usize = 200;
/// By how many blanks what is below a key is usually indented.
const USUAL: usize = 2;
/// How many lines ahead the next one is looked for.
const MOST_LINES: usize = 50;
/// How many columns of lines above are tried.
const MOST_LEVELS: usize = 6;

/// `6 blanks`.
fn blanks(count: usize) -> String {
    match count {
        0 => "no blanks".into(),
        1 => "1 blank".into(),
        count => format!("{count} blanks"),
    }
}

fn name(line: &Line<'_>) -> String {
    line.key()
        .map_or_else(|| "this line".into(), |key| format!("`{key}`"))
}

/// A line moved to a column.
fn moved(line: &Line<'_>, message: String, label: String, to: usize) -> Cause {
    let margin = line.start..line.start + line.indent();
    let first = line.first();
    let end = first + line.key().map_or(1, str::len);
    Cause::new(first..end, message, label).with_edit(margin, " ".repeat(to))
}

/// A line that belongs into the column of another.
fn aligned_with(line: &Line<'_>, message: &str, other: &Line<'_>) -> Cause {
    let to = other.indent();
    let label = format!(
        "give it {}, as line {} has, instead of {}",
        blanks(to),
        other.number,
        line.indent(),
    );
    moved(line, format!("{} {message}", name(line)), label, to)
}

/// A line that is deeper than the one above it, which has a value already; or that fits no line above.
pub fn wrong(failure: &Failure<'_>) -> Vec<Cause> {
    let deeper = "is deeper than the line above, which has a value";
    // A comment behind that value is where the reader stops.
    if failure.kind == Some(&ErrorKind::CommentInterceptedScalar) {
        let below = (failure.line + 1..).map_while(|number| failure.line_at(number));
        let next = below.take(MOST_LINES).find(Line::is_filled);
        return next
            .map(|next| aligned_with(&next, deeper, &failure.current_line()))
            .into_iter()
            .collect();
    }
    let mut lines = failure.filled_lines_back();
    let (Some(current), Some(above)) = (lines.next(), lines.next()) else {
        return Vec::new();
    };
    let further = lines.next();
    let (own, before) = (current.indent(), above.indent());
    if current.number != failure.line || own > MOST_BLANKS {
        return Vec::new();
    }
    // Where lines below a key usually begin.
    let usual_indent = |line: &Line<'_>, least: usize| {
        let mut above = failure
            .filled_lines_back()
            .filter(|other| other.number < line.number);
        above
            .find(|other| other.indent() < least)
            .map_or(0, |parent| parent.indent() + USUAL)
    };
    if own > before {
        let around = further.filter(|line| line.indent() == own);
        let around =
            around.map(|line| aligned_with(&above, "is not as deep as the lines around it", &line));
        let mut both = vec![
            aligned_with(&current, deeper, &above),
            aligned_with(&above, "is not as deep as the line below it", &current),
        ];
        // A key above that has neither a value nor anything below it is what the next line belongs to.
        let is_empty = |line: &Line<'_>| line.value() == Some("") && line.indent() >= before;
        if usual_indent(&above, own) == own || further.is_some_and(|line| is_empty(&line)) {
            both.reverse();
        }
        return around.into_iter().chain(both).collect();
    }
    // The columns in which lines above begin, the nearest first; of each the first line.
    let mut levels: Vec<Line<'_>> = Vec::new();
    for line in failure.filled_lines_back().skip(1) {
        match levels.last_mut() {
            Some(last) if line.indent() == last.indent() => *last = line,
            Some(last) if line.indent() > last.indent() => {}
            _ => levels.push(line),
        }
        if line.indent() == 0 && levels.len() > 1 && own > 0 {
            break;
        }
    }
    if levels.iter().any(|line| line.indent() == own) {
        return Vec::new();
    }
    levels.sort_by_key(|line| line.indent().abs_diff(own));
    levels.truncate(MOST_LEVELS);
    let alone = "begins in a column of its own";
    let to = levels
        .iter()
        .map(|level| aligned_with(&current, alone, level));
    let from = levels
        .iter()
        .map(|level| aligned_with(level, alone, &current));
    match usual_indent(&current, own) == own {
        true => from.chain(to).collect(),
        false => to.chain(from).collect(),
    }
}

/// An entry of a list beside keys, or a key beside entries.
pub(crate) fn list_and_map(failure: &Failure<'_>) -> Vec<Cause> {
    let line = failure.current_line();
    let is_entry = |line: &Line<'_>| line.content() == "-" || line.content().starts_with("- ");
    let first = line.first();
    let at = first..failure.word_end(first);
    let same = |other: &Line<'_>| other.indent() == line.indent() && is_entry(other);
    match failure.kind {
        Some(ErrorKind::ExpectedBlockSequenceEntry) => {
            let entry = failure.filled_lines_back().skip(1).find(same);
            let of = entry.map_or_else(String::new, |line| format!(" (line {})", line.number));
            vec![Cause::new(
                at,
                format!("{} stands beside entries of a list{of}", name(&line)),
                "keys begin without `- `, entries with it: write all alike",
            )]
        }
        Some(
            ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::BlockSequenceEntryNotAllowed
            | ErrorKind::ExpectedDocumentStart,
        ) if is_entry(&line) => vec![Cause::new(
            at,
            "an entry of a list stands beside keys",
            "put it deeper than the key that it belongs to, or take the `- ` out",
        )],
        Some(ErrorKind::BlockSequenceEntryNotAllowed) => vec![Cause::new(
            failure.stop..failure.stop + 1,
            "a list cannot begin in the line of its key",
            "begin a new line with the `- `, or write `[ ]` around the entries",
        )],
        _ => Vec::new(),
    }
}
