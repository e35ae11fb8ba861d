//! Lines that begin in a column where none should.

use serde_yaml::granit_parser::ErrorKind;

use super::{
    Cause,
    look::{Line, Look},
};

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

/// A line that is deeper than the one above it, which has a value already; or that fits no line above.
pub fn wrong(look: &Look<'_>) -> Vec<Cause> {
    let mut lines = look.filled();
    let (Some(here), Some(above)) = (lines.next(), lines.next()) else {
        return Vec::new();
    };
    let further = lines.next();
    let (own, before) = (here.indent(), above.indent());
    if here.number != look.line || own > 200 {
        return Vec::new();
    }
    let mut found = Vec::new();
    if own > before {
        if let Some(further) = further.filter(|line| line.indent() == own) {
            let said = format!("{} is not as deep as the lines around it", name(&above));
            let label = format!(
                "give it {}, as line {} has, instead of {before}",
                blanks(own),
                further.number,
            );
            found.push(moved(&above, said, label, own));
        }
        let said = format!(
            "{} is deeper than the line above, which has a value",
            name(&here)
        );
        let label = format!(
            "give it {}, as line {} has, instead of {own}",
            blanks(before),
            above.number,
        );
        found.push(moved(&here, said, label, before));
        return found;
    }
    // The columns in which lines above begin, the nearest first.
    let mut least = usize::MAX;
    let mut levels: Vec<Line<'_>> = Vec::new();
    for line in look.filled().skip(1) {
        if line.indent() < least {
            least = line.indent();
            levels.push(line);
        }
        if least == 0 {
            break;
        }
    }
    if levels.iter().any(|line| line.indent() == own) {
        return found;
    }
    levels.sort_by_key(|line| line.indent().abs_diff(own));
    for line in levels {
        let said = format!("{} begins in a column of its own", name(&here));
        let label = format!(
            "give it {}, as line {} has, instead of {own}",
            blanks(line.indent()),
            line.number,
        );
        found.push(moved(&here, said, label, line.indent()));
    }
    found
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
