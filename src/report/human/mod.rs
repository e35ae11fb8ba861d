//! Text for people. One [`page::Page`] writes every line, so that nothing from elsewhere reaches a
//! terminal or a CI log raw, whoever makes the line.

mod change;
mod drift;
mod facts;
mod looked_up;
mod outcome;
mod page;
mod plan;
mod proof;
mod summary;
mod topics;
mod trust;

pub use drift::drift;
pub(super) use drift::{code_in_words, file_in_words, word_of};
pub use facts::facts;
pub use looked_up::{caller, looked_up};
pub use outcome::{outcome, prompt};
pub(super) use plan::held;
pub use plan::{plan, saved};
pub use trust::{pinned_line, trust};

use super::{Report, ReportKind};
use crate::{plan::Step, plan::StepAction};
pub(super) use page::{Ink, Page};

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// With ANSI colours. They add nothing to the text.
    pub color: bool,
    /// How many columns a line may have.
    pub width: usize,
}

/// A whole report: of an apply its plan and what became of it.
pub fn whole(report: &Report<'_>) -> String {
    match report.kind {
        ReportKind::Prove => proof::proofs(report.proofs, &report.style),
        ReportKind::Plan => plan(report.plan, &report.style, report.took),
        ReportKind::Drift => drift(report),
        ReportKind::Saved => saved(report.plan, &report.style),
        ReportKind::Apply => {
            let plan = plan(report.plan, &report.style, report.took);
            let end = outcome_of(report);
            let gap = if end.is_empty() { "" } else { "\n" };
            format!("{plan}{gap}{end}")
        }
    }
}

/// What became of an apply, for those who saw the plan before.
pub fn outcome_of(report: &Report<'_>) -> String {
    let Report {
        plan,
        outcomes,
        proofs,
        style,
        took,
        next,
        ..
    } = report;
    let mut text = outcome(outcomes, plan, style, *took, next);
    if !proofs.is_empty() && !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&proof::proofs(proofs, style));
    text
}

/// The sign before an address, and its colour.
fn sign(action: StepAction) -> (Ink, &'static str) {
    match action {
        StepAction::None => (Ink::Dim, "="),
        StepAction::Create => (Ink::Green, "+"),
        StepAction::Update => (Ink::Yellow, "~"),
        StepAction::Delete => (Ink::Red, "-"),
        StepAction::Blocked => (Ink::Red, "!"),
        StepAction::Unknown => (Ink::Red, "?"),
    }
}

/// What follows an address whose sign alone is not clear enough.
fn mark(action: StepAction) -> &'static str {
    match action {
        StepAction::Delete => "  will be deleted",
        StepAction::Blocked => "  blocked",
        StepAction::Unknown => "  could not be seen",
        _ => "",
    }
}

/// The steps that are not unchanged: what deletes first, then what cannot be done, then the rest in
/// the order in which it would be applied.
pub(super) fn differing(steps: &[Step]) -> Vec<&Step> {
    let mut differing: Vec<&Step> = steps
        .iter()
        .filter(|step| step.action != StepAction::None)
        .collect();
    differing.sort_by_key(|step| match step.action {
        StepAction::Delete => 0,
        StepAction::Blocked => 1,
        StepAction::Unknown => 2,
        _ => 3,
    });
    differing
}
