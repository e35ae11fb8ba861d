//! Texts that are no YAML: the most likely mistake, at its place.
//!
//! A reader reports where it stopped, which is at or behind the mistake. [`CAUSES`] looks for common mistakes: a
//! cause is accepted when a copy of the text with its edits is read further than before; of several of one kind, the
//! one that gets the reader farthest. Without a cause the message is that of the reader ([`messages`]).

mod blanks;
mod brackets;
mod colons;
mod failure;
mod indentation;
mod marks;
mod messages;
mod others;
mod quotes;

use std::ops::Range;

use serde_yaml::{
    Error, Location,
    granit_parser::{ErrorKind, Parser},
    localizer::ExternalMessageSource,
};

use crate::diagnostic::Problem;
use failure::Failure;

pub use blanks::look_alike;
pub use others::other_file;

/// How each message begins.
const NO_YAML: &str = "this is not the YAML of a spec: ";
/// The error for a colon without a key.
pub(crate) const NO_KEY: &str = "a key is missing before `:`";
/// The error for a key that is not a word.
pub(crate) const KEY_IS_NO_WORD: &str = "a key is a list or a map; keys are words";
/// The most bytes of all copies that are tried: a large file has few tries.
const MOST_BYTES_TRIED: usize = 8 * 1024 * 1024;
/// How many lines behind the one where the reader stopped are in a copy.
const MOST_LINES_AHEAD: usize = 200;
/// The position of a reader that reads all.
const END: (usize, usize) = (usize::MAX, 0);

/// A possible mistake.
struct Cause {
    /// Where, in bytes.
    at: Range<usize>,
    /// What is wrong, to follow [`NO_YAML`].
    message: String,
    /// Help.
    label: String,
    /// Edits that would fix it: a range, and what belongs there. Empty where there is no doubt.
    edits: Vec<(Range<usize>, String)>,
}

impl Cause {
    /// A mistake without doubt.
    fn new(at: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            label: label.into(),
            edits: Vec::new(),
        }
    }

    /// The same, to be accepted if this edit gets the reader further.
    fn with_edit(self, at: Range<usize>, with: impl Into<String>) -> Self {
        let mut edits = self.edits;
        edits.push((at, with.into()));
        Self { edits, ..self }
    }
}

/// Finds possible mistakes, the likelier first.
type Finder = fn(&Failure<'_>) -> Vec<Cause>;

/// What is looked for, the more certain first.
const CAUSES: &[Finder] = &[
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

/// The problem of a text that the reader refuses; `skipped` is the length of its byte order mark.
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
    let failure = Failure::new(text, skipped, location, kind, inner);
    if let Some(other_problem) = other_file(text) {
        return other_problem;
    }
    let mut budget = MOST_BYTES_TRIED;
    for find in CAUSES {
        let mut best: Option<((usize, usize), Cause)> = None;
        for cause in find(&failure) {
            let reached = match cause.edits.is_empty() {
                true => Some(END),
                false => reached(&failure, &cause, &mut budget),
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
            let span = failure.span(cause.at);
            return Problem::error(span, format!("{NO_YAML}{}", cause.message), cause.label);
        }
    }
    let (message, label) = messages::of(inner, kind);
    let at = failure.stop..failure.word_end(failure.stop);
    Problem::error(failure.span(at), format!("{NO_YAML}{message}"), label)
}

/// Where the reader gets with the edits of a cause, if that is further: line and column.
fn reached(failure: &Failure<'_>, cause: &Cause, budget: &mut usize) -> Option<(usize, usize)> {
    let until = failure.start_of(failure.line + MOST_LINES_AHEAD);
    let length = until - failure.skipped;
    *budget = budget.checked_sub(length)?;
    let mut edits: Vec<&(Range<usize>, String)> = cause.edits.iter().collect();
    edits.sort_by_key(|(at, _)| at.start);
    let mut fixed = String::with_capacity(length + 16);
    let mut from = failure.skipped;
    for (at, with) in edits {
        if at.start < from || at.end > until {
            return None;
        }
        fixed.push_str(&failure.text[from..at.start]);
        fixed.push_str(with);
        from = at.end;
    }
    fixed.push_str(&failure.text[from..until]);
    let Some((line, column)) = stop(&fixed, until < failure.text.len()) else {
        return Some(END);
    };
    // Of two mistakes in one line the first is reported.
    let is_further = match line == failure.line {
        true => cause.at.start <= failure.stop && column > failure.column + added(failure, cause),
        false => line > failure.line,
    };
    is_further.then_some((line, column))
}

/// How many characters a cause's edits add to the line where the reader stopped.
fn added(failure: &Failure<'_>, cause: &Cause) -> usize {
    let first = failure.start_of(failure.line);
    let current = cause.edits.iter().filter(|(at, _)| at.start >= first);
    let more = current.map(|(at, with)| {
        let before = failure.text[at.clone()].chars().count();
        with.chars().count().saturating_sub(before)
    });
    more.sum()
}

/// Where reading a text stops: line and column, from 1. In a text that `is_cut`, what is still open at its end is
/// no error.
fn stop(text: &str, is_cut: bool) -> Option<(usize, usize)> {
    let error = Parser::new_from_str(text).find_map(Result::err)?;
    let is_open = matches!(
        error.kind(),
        ErrorKind::UnclosedFlowCollection { .. } | ErrorKind::UnclosedQuotedScalar
    );
    let at = error.marker();
    (!is_cut || !is_open).then(|| (at.line(), at.col() + 1))
}
