//! What differs at one address: rows, and the lines of a text file.

use super::page::{Ink, Page};
use crate::{
    kinds::{Change, TextChange},
    plan::{Step, StepAction},
    report::diff::{self, LineKind},
    text::columns,
};

/// How many rows or lines one step may take; the rest is counted.
const MOST: usize = 20;
/// What differs is all named; but no host fills a disk with it.
const MOST_OF_ALL: usize = 1000;
/// Longer names than this do not push the values of the others to the right.
const KEY: usize = 26;
/// Where changes begin.
const MARGIN: &str = "        ";

/// The fields that differ. What the reason or the lines of a text file show is not repeated.
pub fn rows(page: &mut Page, step: &Step) {
    some_rows(page, step, &diff::remaining(step), MOST);
}

/// All fields that differ, beside no lines of a text file. What is missing has no fields yet; of a single
/// difference the reason may say all that there is.
pub fn differences(page: &mut Page, step: &Step) {
    let there = |change: &&Change| step.action == StepAction::Update || change.before.is_some();
    let changes: Vec<&Change> = step.changes.iter().filter(there).collect();
    let says = |side: &str| !side.is_empty() && step.reason.contains(side);
    let is_in_reason = |one: &Change| match (&one.before, &one.after) {
        (Some(before), Some(after)) => says(before) && says(after),
        (Some(before), None) => says(before),
        (None, _) => true,
    };
    match changes.as_slice() {
        _ if step.action == StepAction::Create => {}
        [one] if !one.sensitive && is_in_reason(one) => {}
        all => some_rows(page, step, all, MOST_OF_ALL),
    }
}

fn some_rows(page: &mut Page, step: &Step, changes: &[&Change], most: usize) {
    let creates = step.action == StepAction::Create;
    let width = changes
        .iter()
        .map(|change| columns(&change.path))
        .filter(|width| *width <= KEY)
        .max()
        .unwrap_or(0);
    for change in changes.iter().take(most) {
        row(page, change, width, creates);
    }
    if changes.len() > most {
        let more = format!("{MARGIN}… {} more", changes.len() - most);
        page.line(&[(Ink::Dim, &more)]);
    }
}

fn row(page: &mut Page, change: &Change, width: usize, creates: bool) {
    let filler = " ".repeat(width.saturating_sub(columns(&change.path)) + 2);
    let hang = MARGIN.len() + columns(&change.path) + filler.len();
    let lead = [
        (Ink::Plain, MARGIN),
        (Ink::Plain, &change.path),
        (Ink::Plain, &filler),
    ];
    let value = |side: &str| {
        if side.is_empty() {
            "(empty)".to_owned()
        } else {
            side.to_owned()
        }
    };
    let after = change.after_in_words();
    let text = match (change.sensitive, &change.before, &after) {
        (true, ..) if creates => "(sensitive)".to_owned(),
        (true, ..) => "(sensitive), differs".to_owned(),
        (_, None, None) => "differs".to_owned(),
        (_, None, Some(after)) => value(after),
        (_, Some(before), None) => format!("removed, was {}", value(before)),
        (_, Some(before), Some(after)) => format!("{} → {}", value(before), value(after)),
    };
    if page.fits(hang + columns(&text)) {
        page.wrapped(&lead, hang, Ink::Plain, &text);
        return;
    }
    // Long values stand below their name, one side a line.
    page.line(&lead[..2]);
    let below = MARGIN.len() + 2;
    let margin = [(Ink::Plain, &*" ".repeat(below))];
    match (change.sensitive, &change.before, &after) {
        (false, Some(before), Some(after)) => {
            page.wrapped(&margin, below + 2, Ink::Plain, &value(before));
            let arrow = [margin[0], (Ink::Plain, "→ ")];
            page.wrapped(&arrow, below + 2, Ink::Plain, &value(after));
        }
        _ => page.wrapped(&margin, below + 2, Ink::Plain, &text),
    }
}

/// A text file's change.
pub fn lines(page: &mut Page, change: &TextChange) {
    page.line(&[(Ink::Plain, MARGIN), (Ink::Bold, &change.path)]);
    for line in diff::lines(change, MOST) {
        let ink = match line.kind {
            LineKind::Head | LineKind::Remark => Ink::Dim,
            LineKind::Added => Ink::Green,
            LineKind::Removed => Ink::Red,
        };
        page.line(&[(Ink::Plain, MARGIN), (ink, &line.text)]);
    }
}
