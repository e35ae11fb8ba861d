//! How many addresses have which action.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plan, StepAction};

/// How many addresses have which action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Nothing differs.
    pub none: usize,
    /// It is not there yet.
    pub create: usize,
    /// It is there and differs.
    pub update: usize,
    /// It would go.
    pub delete: usize,
    /// It should change, but cannot.
    pub blocked: usize,
    /// It could not be seen.
    pub unknown: usize,
}

impl Plan {
    /// How many addresses have which action.
    pub(super) fn counted(&self) -> Summary {
        let mut summary = Summary::default();
        for step in self.steps() {
            *match step.action {
                StepAction::None => &mut summary.none,
                StepAction::Create => &mut summary.create,
                StepAction::Update => &mut summary.update,
                StepAction::Delete => &mut summary.delete,
                StepAction::Blocked => &mut summary.blocked,
                StepAction::Unknown => &mut summary.unknown,
            } += 1;
        }
        summary
    }
}
