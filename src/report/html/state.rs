//! What is the case with a host, a cluster or an address, in a word and a tone of colour; the colour says
//! nothing that the word does not.

use crate::{
    apply::outcome::Outcome,
    plan::{self, Part, StepAction},
    proof::ProofResult,
    report::{Report, ReportOf},
};

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
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

/// A state: the word is what it is told apart by. Those that come first stand first on the page.
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
pub fn of_part(report: &Report<'_>, part: Part<'_>) -> State {
    if report.of == ReportOf::Apply
        && let Some(outcome) = report.outcomes.iter().find(|one| one.is_of(&part))
        && let Some(state) = of_outcome(outcome)
    {
        return state;
    }
    match (part.state(), report.of) {
        (plan::State::Drifted, ReportOf::Drift) => state(2, "drifted", Tone::Warn),
        (plan::State::Drifted, ReportOf::Apply) => state(2, "not applied", Tone::Warn),
        (plan::State::Drifted, _) => state(2, "differs", Tone::Warn),
        (plan::State::Unseen, _) => state(3, "not seen", Tone::Bad),
        (plan::State::Locked, _) => state(4, "locked", Tone::Warn),
        (plan::State::Unreachable, _) => state(5, "unreachable", Tone::Bad),
        (plan::State::Refused, _) => state(6, "refused", Tone::Bad),
        (plan::State::InSync, ReportOf::Drift) => state(8, "in sync", Tone::Good),
        (plan::State::InSync, _) => state(8, "up to date", Tone::Good),
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
pub fn of_proof(result: ProofResult) -> State {
    match result {
        ProofResult::Failed => state(0, "not proven", Tone::Bad),
        ProofResult::Unread => state(1, "could not be asked", Tone::Bad),
        ProofResult::Skipped => state(2, "not asked", Tone::Warn),
        ProofResult::Proven => state(3, "proven", Tone::Good),
    }
}

/// Of an address: what has moved, or what is planned.
pub fn of_step(of: ReportOf, action: StepAction) -> (&'static str, Tone) {
    match (of, action) {
        (_, StepAction::None) => ("unchanged", Tone::Good),
        (ReportOf::Drift, StepAction::Create) => ("missing", Tone::Warn),
        (ReportOf::Drift, StepAction::Update) => ("changed", Tone::Warn),
        (ReportOf::Drift, StepAction::Delete) => ("extra", Tone::Warn),
        (_, StepAction::Create) => ("create", Tone::Good),
        (_, StepAction::Update) => ("change", Tone::Warn),
        (_, StepAction::Delete) => ("delete", Tone::Bad),
        (_, StepAction::Blocked) => ("blocked", Tone::Bad),
        (_, StepAction::Unknown) => ("not seen", Tone::Bad),
    }
}
