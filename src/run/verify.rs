//! Reading a host again after its steps: what may follow, and what did not come out as the spec says.

use super::{Target, read, visitor::Visitor};
use crate::{
    apply::{Connected, outcome::Outcome},
    observe::Facts,
    plan::{HostPlan, Step, StepAction},
};

/// Why nothing was read again after a second Ctrl-C.
pub(super) const LEFT: &str = "left by Ctrl-C before that";

impl Visitor<'_> {
    /// Reads once more. Where the plan said that something may follow, and it has to, that is given,
    /// with the facts that it starts from; else what was applied and still differs from the spec, or
    /// could not be read, is named in the outcome.
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
        let facts = match self.unless_left(reading).await {
            Some(Ok(facts)) => facts,
            Some(Err(error)) => {
                unread(outcome, &error.to_string());
                return None;
            }
            None => {
                unread(outcome, LEFT);
                return None;
            }
        };
        let now = target.plan(&facts, &self.salt);
        let following = plan.following(&now, &outcome.applied);
        let ended = outcome.interrupted || outcome.failure.is_some();
        if !ended && following.has_work() {
            return Some((following, facts));
        }
        judge(outcome, now.steps);
        None
    }
}

/// Of what was applied: the steps that are still not as the spec says, and those that could not be
/// seen, with the reason.
pub(super) fn judge(outcome: &mut Outcome, steps: Vec<Step>) {
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

/// What was applied, when it cannot be told what it came to.
pub(super) fn unread(outcome: &mut Outcome, error: &str) {
    let reason = format!("it could not be read again: {error}");
    let applied = outcome.applied.iter();
    outcome.unverified = applied
        .map(|address| (address.clone(), reason.clone()))
        .collect();
}
