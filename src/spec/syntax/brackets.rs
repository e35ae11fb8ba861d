//! Brackets that are not closed, and commas that are missing between them.

use serde_yaml::granit_parser::ErrorKind;

use super::{
    Cause,
    failure::{Failure, Mark, is_of_key, marks},
};

/// How many lines with an open bracket are tried.
const MOST_OPEN: usize = 4;

/// A bracket that is not closed, closed by another, or never opened.
pub fn open(failure: &Failure<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    for line in failure.filled_lines_back() {
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
        found.push(cause.with_edit(end..end, format!(" {close}")));
        if found.len() == MOST_OPEN {
            break;
        }
    }
    let range = failure.stop..failure.word_end(failure.stop);
    match failure.kind {
        Some(ErrorKind::UnclosedFlowCollection { open }) => {
            found.push(not_closed(failure.stop, *open));
        }
        Some(ErrorKind::MisplacedFlowCollectionEnd) => found.push(Cause::new(
            range.clone(),
            format!("`{}` closes nothing", &failure.text[range]),
            "take it out, or open it before",
        )),
        Some(ErrorKind::MismatchedFlowCollectionEnd { open, close }) => found.push(Cause::new(
            range,
            format!("`{open}` is closed by `{close}`"),
            format!("close it with `{}`", closing(*open)),
        )),
        _ => {}
    }
    found
}

fn not_closed(at: usize, bracket: char) -> Cause {
    Cause::new(
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
pub fn comma(failure: &Failure<'_>) -> Vec<Cause> {
    let of_kind = [
        ErrorKind::ExpectedFlowMappingSeparator,
        ErrorKind::ExpectedFlowSequenceSeparator,
        ErrorKind::InvalidColonPlacement,
        ErrorKind::InvalidTrailingDoubleQuotedScalar,
        ErrorKind::InvalidTrailingSingleQuotedScalar,
    ];
    if !failure.kind.is_some_and(|kind| of_kind.contains(kind)) {
        return Vec::new();
    }
    let line = failure.current_line();
    let before = &failure.text[line.start..failure.stop];
    let word = before.rfind([' ', '{', '[', ',']).map_or(0, |at| at + 1);
    let word = line.start + word;
    let cause = |at: usize| {
        let end = failure.text[at..].find([' ', ':', ',', '}', ']', '\n']);
        let end = end.map_or(failure.text.len(), |end| at + end);
        let entry = &failure.text[at..end];
        // A value may be a secret, and is not shown.
        let is_key = failure.text[end..].starts_with(':');
        let entry = if is_key {
            format!("`{entry}`")
        } else {
            "what begins here".into()
        };
        Cause::new(
            at..end,
            format!("no comma stands before {entry}"),
            "between `{ }` and `[ ]`, entries are parted by commas",
        )
        .with_edit(at..at, ", ")
    };
    // Behind a quote there is another entry, or text that should have been quoted, too.
    let rest = &failure.text[failure.stop..];
    let key = rest.trim_start_matches(is_of_key);
    let is_entry = key.starts_with(':') || rest.starts_with(['"', '\'']);
    match failure.kind {
        Some(
            ErrorKind::InvalidTrailingDoubleQuotedScalar
            | ErrorKind::InvalidTrailingSingleQuotedScalar,
        ) if !is_entry => Vec::new(),
        _ => vec![cause(word), cause(failure.stop)],
    }
}
