//! Lines that begin in a column where none should.

use serde_yaml::granit_parser::ErrorKind;

use super::{
    Cause,
    look::{Line, Look},
};

/// Deeper than this nobody writes.
const MOST_BLANKS: usize = 200;
/// So many blanks more than a key what is below it usually has.
const USUAL: usize = 2;
/// So many lines on the next one is looked for.
const NEAR: usize = 50;
/// So many columns of lines above are tried.
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
fn moved(line: &Line<'_>, said: String, label: String, to: usize) -> Cause {
    let margin = line.start..line.start + line.indent();
    let first = line.first();
    let end = first + line.key().map_or(1, str::len);
    Cause::sure(first..end, said, label).if_mended(margin, " ".repeat(to))
}

/// What is said of a line that goes into the column of another.
fn like(line: &Line<'_>, said: &str, other: &Line<'_>) -> Cause {
    let to = other.indent();
    let label = format!(
        "give it {}, as line {} has, instead of {}",
        blanks(to),
        other.number,
        line.indent(),
    );
    moved(line, format!("{} {said}", name(line)), label, to)
}

/// A line that is deeper than the one above it, which has a value already; or that fits no line above.
pub fn wrong(look: &Look<'_>) -> Vec<Cause> {
    let deeper = "is deeper than the line above, which has a value";
    // A comment behind that value is where the reader stops.
    if look.kind == Some(&ErrorKind::CommentInterceptedScalar) {
        let below = (look.line + 1..).map_while(|number| look.at(number));
        let next = below.take(NEAR).find(Line::is_filled);
        return next
            .map(|next| like(&next, deeper, &look.here()))
            .into_iter()
            .collect();
    }
    let mut lines = look.filled();
    let (Some(here), Some(above)) = (lines.next(), lines.next()) else {
        return Vec::new();
    };
    let further = lines.next();
    let (own, before) = (here.indent(), above.indent());
    if here.number != look.line || own > MOST_BLANKS {
        return Vec::new();
    }
    // Where lines below a key usually begin.
    let usual = |line: &Line<'_>, least: usize| {
        let mut above = look.filled().filter(|other| other.number < line.number);
        above
            .find(|other| other.indent() < least)
            .map_or(0, |parent| parent.indent() + USUAL)
    };
    if own > before {
        let around = further.filter(|line| line.indent() == own);
        let around =
            around.map(|line| like(&above, "is not as deep as the lines around it", &line));
        let mut both = vec![
            like(&here, deeper, &above),
            like(&above, "is not as deep as the line below it", &here),
        ];
        // A key above that has neither a value nor anything below it is what the next line belongs to.
        let is_empty = |line: &Line<'_>| line.value() == Some("") && line.indent() >= before;
        if usual(&above, own) == own || further.is_some_and(|line| is_empty(&line)) {
            both.reverse();
        }
        return around.into_iter().chain(both).collect();
    }
    // The columns in which lines above begin, the nearest first: the first line of each, as what is said of
    // the others follows from it.
    let mut levels: Vec<Line<'_>> = Vec::new();
    for line in look.filled().skip(1) {
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
    let to = levels.iter().map(|level| like(&here, alone, level));
    let from = levels.iter().map(|level| like(level, alone, &here));
    match usual(&here, own) == own {
        true => from.chain(to).collect(),
        false => to.chain(from).collect(),
    }
}

/// An entry of a list beside keys, or a key beside entries.
pub fn list_and_map(look: &Look<'_>) -> Vec<Cause> {
    let line = look.here();
    let is_entry = |line: &Line<'_>| line.content() == "-" || line.content().starts_with("- ");
    let first = line.first();
    let at = first..look.word_end(first);
    let same = |other: &Line<'_>| other.indent() == line.indent() && is_entry(other);
    match look.kind {
        Some(ErrorKind::ExpectedBlockSequenceEntry) => {
            let entry = look.filled().skip(1).find(same);
            let of = entry.map_or_else(String::new, |line| format!(" (line {})", line.number));
            vec![Cause::sure(
                at,
                format!("{} stands beside entries of a list{of}", name(&line)),
                "keys begin without `- `, entries with it: write all alike",
            )]
        }
        Some(
            ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::BlockSequenceEntryNotAllowed
            | ErrorKind::ExpectedDocumentStart,
        ) if is_entry(&line) => vec![Cause::sure(
            at,
            "an entry of a list stands beside keys",
            "put it deeper than the key that it belongs to, or take the `- ` out",
        )],
        Some(ErrorKind::BlockSequenceEntryNotAllowed) => vec![Cause::sure(
            look.stop..look.stop + 1,
            "a list cannot begin in the line of its key",
            "begin a new line with the `- `, or write `[ ]` around the entries",
        )],
        _ => Vec::new(),
    }
}
