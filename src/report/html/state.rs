//! The state of a host, a cluster or an address, as a word and a colour; the colour adds nothing to the
//! word.

use crate::{
    apply::outcome::Outcome,
    plan::{self, Part, StepAction},
    proof::ProofResult,
    report::{Report, ReportKind, human},
};

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Warn,
    Good,
}

impl Tone {
    /// The class of the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Good => "good",
        }
    }
}

/// A state, identified by its word. The lowest rank comes first on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub word: &'static str,
    pub tone: Tone,
    pub rank: u8,
}

const fn state(rank: u8, word: &'static str, tone: Tone) -> State {
    State { word, tone, rank }
}

/// Of a host or a cluster.
pub(crate) fn of_part(report: &Report<'_>, part: Part<'_>) -> State {
    if report.kind == ReportKind::Apply
        && let Some(outcome) = report.outcomes.iter().find(|one| one.is_of(&part))
        && let Some(state) = of_outcome(outcome)
    {
        return state;
    }
    let found = part.state();
    let word = match (found, report.kind) {
        (_, ReportKind::Drift) => found.in_words(),
        (plan::State::Drifted, ReportKind::Apply) => "not applied",
        (plan::State::Drifted, _) => "differs",
        (plan::State::InSync, _) => "up to date",
        _ => found.in_words(),
    };
    match found {
        plan::State::Drifted => state(2, word, Tone::Warn),
        plan::State::Unseen => state(3, word, Tone::Bad),
        plan::State::Locked => state(4, word, Tone::Warn),
        plan::State::Unreachable => state(5, word, Tone::Bad),
        plan::State::Refused => state(6, word, Tone::Bad),
        plan::State::InSync => state(8, word, Tone::Good),
    }
}

/// What became of a part, where something did.
fn of_outcome(outcome: &Outcome) -> Option<State> {
    if outcome.is_stale() {
        return Some(state(1, "has changed", Tone::Bad));
    }
    if outcome.failures().next().is_some() {
        return Some(state(0, "failed", Tone::Bad));
    }
    if outcome.interrupted {
        return Some(state(0, "interrupted", Tone::Bad));
    }
    if !outcome.not_converged.is_empty() {
        return Some(state(0, "still differs", Tone::Bad));
    }
    if !outcome.unverified.is_empty() {
        return Some(state(0, "not verified", Tone::Bad));
    }
    (!outcome.applied.is_empty()).then_some(state(7, "applied", Tone::Good))
}

/// Of what an installed client says.
pub(crate) fn of_proof(result: ProofResult) -> State {
    match result {
        ProofResult::Failed => state(0, "not proven", Tone::Bad),
        ProofResult::Unread => state(1, "could not be asked", Tone::Bad),
        ProofResult::Skipped => state(2, "not asked", Tone::Warn),
        ProofResult::Proven => state(3, "proven", Tone::Good),
    }
}

/// Of an address: what has moved, or what is planned.
pub(crate) fn of_step(kind: ReportKind, action: StepAction) -> (&'static str, Tone) {
    match (kind, action) {
        (_, StepAction::None) => ("unchanged", Tone::Good),
        (_, StepAction::Blocked) => ("blocked", Tone::Bad),
        (_, StepAction::Unknown) => ("not seen", Tone::Bad),
        (ReportKind::Drift, action) => (human::word_of(action), Tone::Warn),
        (_, StepAction::Create) => ("create", Tone::Good),
        (_, StepAction::Update) => ("change", Tone::Warn),
        (_, StepAction::Delete) => ("delete", Tone::Bad),
    }
}
