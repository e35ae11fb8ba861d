//! Reading a host again after its steps: further steps, and what still differs.

use super::{Target, read, visitor::Visitor};
use crate::{
    apply::{Connected, outcome::Outcome},
    observe::Facts,
    plan::{HostPlan, Step, StepAction},
};

/// Why nothing was read again after a second Ctrl-C.
pub(super) const INTERRUPTED: &str = "left by Ctrl-C before that";

impl Visitor<'_> {
    /// Reads once more. Returns the steps that the plan announced as following and that are due now, with the
    /// facts they start from; else records what was applied and still differs, or could not be read.
    pub(super) async fn verify(
        &self,
        target: &Target,
        machine: &Connected,
        plan: &HostPlan,
        outcome: &mut Outcome,
    ) -> Option<(HostPlan, Facts)> {
        if outcome.applied.is_empty() {
            return None;
        }
        let reading = read(target, self.reader(machine), self.args.deep);
        let facts = match self.unless_stopped_twice(reading).await {
            Some(Ok(facts)) => facts,
            Some(Err(error)) => {
                record_unread(outcome, &error.to_string());
                return None;
            }
            None => {
                record_unread(outcome, INTERRUPTED);
                return None;
            }
        };
        let current = target.plan(&facts, &self.salt);
        let following = plan.following(&current, &outcome.applied);
        let ended = outcome.interrupted || outcome.failure.is_some();
        if !ended && following.has_work() {
            return Some((following, facts));
        }
        record_differences(outcome, current.steps);
        None
    }
}

/// Records the applied steps that still differ, and those that could not be verified, with the reason.
pub(super) fn record_differences(outcome: &mut Outcome, steps: Vec<Step>) {
    for step in steps {
        if step.action == StepAction::None || !outcome.applied.contains(&step.address) {
            continue;
        }
        let help = step.help.map(|help| format!("\n{help}"));
        let reason = format!("{}{}", step.reason, help.unwrap_or_default());
        let list = match step.action {
            StepAction::Unknown => &mut outcome.unverified,
            _ => &mut outcome.not_converged,
        };
        list.push((step.address, reason));
    }
}

/// Records all applied steps as unverified.
pub(super) fn record_unread(outcome: &mut Outcome, error: &str) {
    let reason = format!("it could not be read again: {error}");
    let applied = outcome.applied.iter();
    outcome.unverified = applied
        .map(|address| (address.clone(), reason.clone()))
        .collect();
}
