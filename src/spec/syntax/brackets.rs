//! Brackets that are not closed, and commas that are missing between them.

use serde_yaml::granit_parser::ErrorKind;

use super::{
    Cause,
    look::{Look, Mark, is_of_key, marks},
};

/// So many lines with an open bracket are tried.
const MOST_OPEN: usize = 4;

/// A bracket that is not closed, closed by another, or never opened.
pub fn open(look: &Look<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    for line in look.filled() {
        let mut open: Vec<(usize, char)> = Vec::new();
        for (at, mark) in marks(line.text) {
            match mark {
                Mark::Bracket(c @ ('{' | '[')) => open.push((at.start, c)),
                Mark::Bracket(_) => drop(open.pop()),
                Mark::Quoted(_) => {}
            }
        }
        let Some(&(at, bracket)) = open.last() else {
            continue;
        };
        let (at, end) = (line.start + at, line.end());
        let close: String = open.iter().rev().map(|(_, open)| closing(*open)).collect();
        let cause = not_closed(at, bracket);
        found.push(cause.if_mended(end..end, format!(" {close}")));
        if found.len() == MOST_OPEN {
            break;
        }
    }
    let here = look.stop..look.word_end(look.stop);
    match look.kind {
        Some(ErrorKind::UnclosedFlowCollection { open }) => {
            found.push(not_closed(look.stop, *open));
        }
        Some(ErrorKind::MisplacedFlowCollectionEnd) => found.push(Cause::sure(
            here.clone(),
            format!("`{}` closes nothing", &look.text[here]),
            "take it out, or open it before",
        )),
        Some(ErrorKind::MismatchedFlowCollectionEnd { open, close }) => found.push(Cause::sure(
            here,
            format!("`{open}` is closed by `{close}`"),
            format!("close it with `{}`", closing(*open)),
        )),
        _ => {}
    }
    found
}

fn not_closed(at: usize, bracket: char) -> Cause {
    Cause::sure(
        at..at + 1,
        format!("the `{bracket}` that opens here is not closed"),
        format!("close it with `{}`", closing(bracket)),
    )
}

fn closing(bracket: char) -> char {
    match bracket {
        '[' => ']',
        _ => '}',
    }
}

/// Two entries without a comma between them.
pub fn comma(look: &Look<'_>) -> Vec<Cause> {
    let of_kind = [
        ErrorKind::ExpectedFlowMappingSeparator,
        ErrorKind::ExpectedFlowSequenceSeparator,
        ErrorKind::InvalidColonPlacement,
        ErrorKind::InvalidTrailingDoubleQuotedScalar,
        ErrorKind::InvalidTrailingSingleQuotedScalar,
    ];
    if !look.kind.is_some_and(|kind| of_kind.contains(kind)) {
        return Vec::new();
    }
    let line = look.here();
    let before = &look.text[line.start..look.stop];
    let word = before.rfind([' ', '{', '[', ',']).map_or(0, |at| at + 1);
    let word = line.start + word;
    let cause = |at: usize| {
        let end = look.text[at..].find([' ', ':', ',', '}', ']', '\n']);
        let end = end.map_or(look.text.len(), |end| at + end);
        let what = &look.text[at..end];
        // What may be a value stays unsaid.
        let is_key = look.text[end..].starts_with(':');
        let what = if is_key {
            format!("`{what}`")
        } else {
            "what begins here".into()
        };
        Cause::sure(
            at..end,
            format!("no comma stands before {what}"),
            "between `{ }` and `[ ]`, entries are parted by commas",
        )
        .if_mended(at..at, ", ")
    };
    // Behind a quote begins another entry, or what should have been quoted, too.
    let rest = &look.text[look.stop..];
    let key = rest.trim_start_matches(is_of_key);
    let is_entry = key.starts_with(':') || rest.starts_with(['"', '\'']);
    match look.kind {
        Some(
            ErrorKind::InvalidTrailingDoubleQuotedScalar
            | ErrorKind::InvalidTrailingSingleQuotedScalar,
        ) if !is_entry => Vec::new(),
        _ => vec![cause(word), cause(look.stop)],
    }
}
