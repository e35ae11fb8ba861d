//! What is no YAML, told as the mistake that it most likely is, where it is.
//!
//! A reader says where it could not go on, which is at or behind the mistake. [`CAUSES`] looks for what people
//! get wrong: a cause is believed when the text, mended in a copy, is read further than before, and the one that
//! brings the reader the farthest before others of its kind. What none of them explains is said in the reader's terms ([`words`]).

mod blanks;
mod brackets;
mod colons;
mod indentation;
mod look;
mod marks;
mod others;
mod quotes;
mod words;

use std::ops::Range;

use serde_yaml::{
    Error, Location,
    granit_parser::{ErrorKind, Parser},
    localizer::ExternalMessageSource,
};

use crate::diagnostic::Problem;
use look::Look;

pub use blanks::look_alike;
pub use others::other_file;

/// What each message begins with.
const NO_YAML: &str = "this is not the YAML of a spec: ";
/// What a map's reader says of a colon without a key.
pub const NO_KEY: &str = "a key is missing before `:`";
/// What it says of a key that is not a word.
pub const KEY_IS_NO_WORD: &str = "a key is a list or a map; keys are words";
/// What mended copies may come to together, in bytes: a large file has few tries.
const MOST_TRIED: usize = 8 * 1024 * 1024;
/// So many lines behind the one where the reader stopped are read again.
const FURTHER: usize = 200;
/// Where a reader comes that reads all.
const END: (usize, usize) = (usize::MAX, 0);

/// What may be wrong.
struct Cause {
    /// Where, in bytes.
    at: Range<usize>,
    /// What is wrong: what follows [`NO_YAML`].
    said: String,
    /// The way out.
    label: String,
    /// What would mend it: from which byte to which, and what belongs there. Nothing where no doubt is.
    mended: Vec<(Range<usize>, String)>,
}

impl Cause {
    /// One that is what it looks like.
    fn sure(at: Range<usize>, said: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            at,
            said: said.into(),
            label: label.into(),
            mended: Vec::new(),
        }
    }

    /// One that is believed if a text belongs in the place of another.
    fn if_mended(self, at: Range<usize>, with: impl Into<String>) -> Self {
        let mut mended = self.mended;
        mended.push((at, with.into()));
        Self { mended, ..self }
    }
}

/// What may be wrong, the likelier first.
type Find = fn(&Look<'_>) -> Vec<Cause>;

/// What is looked for, the more certain first.
const CAUSES: &[Find] = &[
    marks::conflict,
    marks::documents,
    quotes::escape,
    blanks::tab,
    blanks::odd,
    quotes::typographic,
    quotes::variables,
    quotes::template,
    quotes::open,
    colons::blank_behind,
    colons::missing,
    brackets::open,
    brackets::comma,
    colons::second,
    indentation::wrong,
    indentation::list_and_map,
    quotes::behind,
    marks::first_character,
    marks::anchor,
    marks::tag,
];

/// What is wrong with a text that the reader refuses. Its byte order mark has been `skipped`.
pub fn problem(text: &str, skipped: usize, error: &Error) -> Problem {
    let mut inner = error;
    while let Error::AliasError { error, .. } | Error::WithSnippet { error, .. } = inner {
        inner = error;
    }
    let kind = match inner {
        Error::ExternalMessage { source, .. } => match &**source {
            ExternalMessageSource::Parser(error) => Some(error.kind()),
            _ => None,
        },
        _ => None,
    };
    let location = error.location().filter(|at| *at != Location::UNKNOWN);
    let look = Look::new(text, skipped, location, kind, inner);
    if let Some(other) = other_file(text) {
        return other;
    }
    let mut left = MOST_TRIED;
    for find in CAUSES {
        let mut best: Option<((usize, usize), Cause)> = None;
        for cause in find(&look) {
            let reached = match cause.mended.is_empty() {
                true => Some(END),
                false => reached(&look, &cause, &mut left),
            };
            let farthest = best.as_ref().map(|(at, _)| *at);
            if let Some(at) = reached.filter(|at| farthest.is_none_or(|best| *at > best)) {
                best = Some((at, cause));
            }
            if reached == Some(END) {
                break;
            }
        }
        if let Some((_, cause)) = best {
            let span = look.span(cause.at);
            return Problem::error(span, format!("{NO_YAML}{}", cause.said), cause.label);
        }
    }
    let (said, label) = words::of(inner, kind);
    let at = look.stop..look.word_end(look.stop);
    Problem::error(look.span(at), format!("{NO_YAML}{said}"), label)
}

/// Where the reader comes once what may be wrong is mended, when that is further than it came: line and column.
fn reached(look: &Look<'_>, cause: &Cause, left: &mut usize) -> Option<(usize, usize)> {
    let until = look.start_of(look.line + FURTHER);
    let length = until - look.skipped;
    *left = left.checked_sub(length)?;
    let mut edits: Vec<&(Range<usize>, String)> = cause.mended.iter().collect();
    edits.sort_by_key(|(at, _)| at.start);
    let mut mended = String::with_capacity(length + 16);
    let mut from = look.skipped;
    for (at, with) in edits {
        if at.start < from || at.end > until {
            return None;
        }
        mended.push_str(&look.text[from..at.start]);
        mended.push_str(with);
        from = at.end;
    }
    mended.push_str(&look.text[from..until]);
    let Some((line, column)) = stop(&mended, until < look.text.len()) else {
        return Some(END);
    };
    // Of two mistakes in one line the first is told first.
    let is_further = match line == look.line {
        true => cause.at.start <= look.stop && column > look.column + added(look, cause),
        false => line > look.line,
    };
    is_further.then_some((line, column))
}

/// How many characters a cause's edits add to the line where the reader stopped.
fn added(look: &Look<'_>, cause: &Cause) -> usize {
    let first = look.start_of(look.line);
    let here = cause.mended.iter().filter(|(at, _)| at.start >= first);
    let more = here.map(|(at, with)| {
        let before = look.text[at.clone()].chars().count();
        with.chars().count().saturating_sub(before)
    });
    more.sum()
}

/// Where a text can no longer be read: line and column, from 1. What is still open where it `is_cut` may be
/// closed later.
fn stop(text: &str, is_cut: bool) -> Option<(usize, usize)> {
    let error = Parser::new_from_str(text).find_map(Result::err)?;
    let is_open = matches!(
        error.kind(),
        ErrorKind::UnclosedFlowCollection { .. } | ErrorKind::UnclosedQuotedScalar
    );
    let at = error.marker();
    (!is_cut || !is_open).then(|| (at.line(), at.col() + 1))
}
