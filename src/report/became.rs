//! What became of an address in an apply, for every format.

use crate::{
    apply::outcome::Outcome,
    kinds::Address,
    plan::{Moved, Part},
};

/// What became of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Became {
    /// There was nothing to do.
    Nothing,
    /// It was applied, and is as it should be.
    Applied,
    /// It was applied, and differs all the same.
    StillDiffers,
    /// It was applied, and could not be read again.
    Unverified,
    /// It failed.
    Failed,
    /// It failed, and a part of it was done.
    InPart,
    /// Nobody knows.
    Unknown,
    /// What came before it failed.
    NotReached,
    /// It has changed since the plan was made.
    Moved,
    /// Another address of the same machine has.
    Stale,
}

impl Became {
    /// In a few words.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "–",
            Self::Applied => "applied",
            Self::StillDiffers => "still differs",
            Self::Unverified => "applied, not verified",
            Self::Failed => "failed",
            Self::InPart => "applied in part",
            Self::Unknown => "not known",
            Self::NotReached => "not reached",
            Self::Moved => "has changed",
            Self::Stale => "not done: the plan no longer holds here",
        }
    }
}

/// What became of an address of a part.
pub fn became(outcomes: &[Outcome], part: Part<'_>, address: &Address) -> Became {
    let Some(outcome) = outcomes.iter().find(|one| one.is_of(&part)) else {
        return Became::Nothing;
    };
    let has = |list: &[(Address, String)]| list.iter().any(|(one, _)| one == address);
    let failure = outcome
        .failures()
        .find(|one| one.address.as_ref() == Some(address));
    let is_it = |moved: &Moved| moved.address.as_ref() == Some(address);
    if outcome.moved.iter().any(is_it) {
        Became::Moved
    } else if outcome.is_stale() {
        Became::Stale
    } else if has(&outcome.not_converged) {
        Became::StillDiffers
    } else if has(&outcome.unverified) {
        Became::Unverified
    } else if outcome.applied.contains(address) {
        Became::Applied
    } else if let Some(failure) = failure {
        match (failure.outcome_unknown, failure.done.is_empty()) {
            (true, _) => Became::Unknown,
            (false, true) => Became::Failed,
            (false, false) => Became::InPart,
        }
    } else if outcome.not_reached.contains(address) {
        Became::NotReached
    } else {
        Became::Nothing
    }
}
