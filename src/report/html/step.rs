//! One address: what is the case with it, why, and what differs.

use maud::{Markup, html};

use super::{
    state::{self, Tone},
    text::{lines, prose, shown},
};
use crate::{
    apply::outcome::Outcome,
    history::Since,
    kinds::{Address, Change},
    plan::{Moved, Part, Step, StepAction},
    report::{
        Report, ReportKind,
        became::{Became, became},
        diff::{self, LineKind},
        human, words,
    },
};

/// Fields of one address, and lines of one file.
const MOST_FIELDS: usize = 100;
const MOST_LINES: usize = 100;

/// An address as it is shown. What two hosts have in common is the same here.
pub struct Row {
    /// The cells of its row, but for what differs.
    pub cells: String,
    /// Why: the reason, and the help.
    pub why: String,
    /// What differs: a label and its markup; nothing where the reason has it all.
    pub differs: Option<(String, String)>,
    /// Since when it differs.
    pub since: Option<Since>,
    /// When its file was last changed, and whose it is.
    pub file: Option<String>,
}

impl Row {
    pub fn new(report: &Report<'_>, part: Part<'_>, step: &Step) -> Self {
        let (word, tone) = state::of_step(report.kind, step.action);
        let outcome = report.outcomes.iter().find(|one| one.is_of(&part));
        let cells = html! {
            td { span class={ "state " (tone.class()) } { (word) } }
            th scope="row" { (shown(&step.address)) }
        };
        let drift = report.kind == ReportKind::Drift;
        let is_new_topic = drift && !part.is_host() && step.action == StepAction::Create;
        let why = html! {
            (lines("", &step.reason))
            @if is_new_topic { p { "apply would create it, empty" } }
            @if let Some(help) = &step.help { (lines("help:", help)) }
            (warning(step))
            @if let Some(remains) = step.remains.as_ref().filter(|_| drift) {
                (lines("an apply cannot change:", remains))
            }
            @if report.kind == ReportKind::Apply { (ended(outcome, part, step)) }
        };
        Self {
            cells: cells.into_string(),
            why: why.into_string(),
            differs: differs(step),
            since: step.since,
            file: human::file_in_words(step, report.at),
        }
    }
}

/// A warning a line, or the help of the one before.
fn warning(step: &Step) -> Markup {
    html! {
        @for line in step.warning.iter().flat_map(|text| text.lines()) {
            (lines(if line.starts_with("help: ") { "" } else { "warning:" }, line))
        }
    }
}

/// What became of it.
fn ended(outcome: Option<&Outcome>, part: Part<'_>, step: &Step) -> Markup {
    let outcomes = outcome.map(std::slice::from_ref).unwrap_or_default();
    let became = became(outcomes, part, &step.address);
    let tone = match became {
        Became::Nothing => return html! {},
        Became::Applied => Tone::Good,
        Became::NotReached | Became::Stale => Tone::Warn,
        _ => Tone::Bad,
    };
    let more = outcome.map(|outcome| why(outcome, Some(&step.address)));
    html! {
        p { span class={ "state " (tone.class()) } { (became.in_words()) } }
        @if let Some(more) = more { (more) }
    }
}

/// Why an address was not applied, or is not as it should be; without one, why nothing of a whole host or
/// cluster was.
pub fn why(outcome: &Outcome, address: Option<&Address>) -> Markup {
    let pairs = outcome.not_converged.iter().chain(&outcome.unverified);
    html! {
        @for failure in outcome.failures().filter(|one| one.address.as_ref() == address) {
            @if let Some(done) = failure.in_part() { (lines("", &done)) }
            @for reason in &failure.reasons { (lines("", reason)) }
            @if let Some(help) = &failure.help { (lines("help:", help)) }
        }
        @for (_, reason) in pairs.filter(|(one, _)| Some(one) == address) { (lines("", reason)) }
        @for Moved { how, .. } in outcome.moved.iter().filter(|one| one.address.as_ref() == address) {
            (lines("", how))
        }
    }
}

/// What differs: a label and its markup.
fn differs(step: &Step) -> Option<(String, String)> {
    let changes = diff::remaining(step);
    let mut labels = Vec::new();
    if !changes.is_empty() {
        labels.push(words::count(changes.len(), "field"));
    }
    if let Some(text) = &step.text {
        labels.push(format!("lines of {}", shown(&text.path)));
    }
    if labels.is_empty() && !step.notes.is_empty() {
        labels.push(words::count(step.notes.len(), "note"));
    }
    if labels.is_empty() {
        return None;
    }
    let markup = html! {
        @if !changes.is_empty() { (fields(&changes, step.action)) }
        @if let Some(text) = &step.text {
            pre {
                @for line in diff::lines(text, MOST_LINES) {
                    @match line.kind {
                        LineKind::Added => ins { (shown(&line.text)) },
                        LineKind::Removed => del { (shown(&line.text)) },
                        LineKind::Head | LineKind::Remark => i { (shown(&line.text)) },
                    }
                    "\n"
                }
            }
        }
        @for note in &step.notes { p class="dim" { (prose(note)) } }
    };
    Some((labels.join(", "), markup.into_string()))
}

/// Fields, each as it is and as it should be.
fn fields(changes: &[&Change], action: StepAction) -> Markup {
    let is_new = action == StepAction::Create && changes.iter().all(|one| one.before.is_none());
    html! {
        table class="fields" {
            thead {
                tr {
                    th scope="col" { "field" }
                    @if !is_new { th scope="col" { "is" } }
                    th scope="col" { "should be" }
                }
            }
            tbody {
                @for change in changes.iter().take(MOST_FIELDS) {
                    tr {
                        th scope="row" { (shown(&change.path)) }
                        (sides(change, is_new))
                    }
                }
            }
        }
        @if changes.len() > MOST_FIELDS {
            p class="dim" { "… " (changes.len() - MOST_FIELDS) " more fields" }
        }
    }
}

/// The cells of a field's row.
fn sides(change: &Change, is_new: bool) -> Markup {
    let after = change.after_in_words();
    let value = |side: &str| match side {
        "" => "(empty)".to_owned(),
        side => shown(side),
    };
    html! {
        @match (change.sensitive, &change.before, &after) {
            (true, ..) if is_new => td { "(sensitive)" },
            (true, ..) => td colspan="2" { "(sensitive), differs" },
            (_, None, None) => td colspan=[(!is_new).then_some("2")] { "differs" },
            (_, before, after) => {
                @if !is_new {
                    td {
                        @match before {
                            Some(before) => del { (value(before)) },
                            None => span class="dim" { "not there" },
                        }
                    }
                }
                td {
                    @match after {
                        Some(after) if change.after.is_none() => ins { (prose(after)) },
                        Some(after) => ins { (value(after)) },
                        None => span class="dim" { "not there" },
                    }
                }
            }
        }
    }
}
