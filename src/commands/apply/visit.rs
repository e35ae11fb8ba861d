//! What became of one host of an apply, and the exit codes that follow.

use crate::{
    exit::Code,
    plan::{HostPlan, StepAction},
    report::event::HostOutcome,
};

/// What became of one host.
pub struct Visit {
    /// Its plan.
    pub plan: HostPlan,
    end: End,
}

enum End {
    /// There was nothing to do, or nothing that could be done.
    Nothing,
    /// It was declined, or Ctrl-C came before anything was done.
    Refused,
    /// Something was done, or tried.
    Applied(Box<HostOutcome>),
}

impl Visit {
    /// There was nothing to do, or nothing that could be done.
    pub fn nothing(plan: HostPlan) -> Self {
        Self {
            plan,
            end: End::Nothing,
        }
    }

    /// It was declined, or Ctrl-C came before anything was done.
    pub fn refuse(plan: HostPlan) -> Self {
        Self {
            plan,
            end: End::Refused,
        }
    }

    /// Something was done, or tried.
    pub fn applied(plan: HostPlan, outcome: HostOutcome) -> Self {
        Self {
            plan,
            end: End::Applied(Box::new(outcome)),
        }
    }

    /// Whether it was declined or interrupted before anything was done.
    pub fn refused(&self) -> bool {
        matches!(self.end, End::Refused)
    }

    /// The plan, and what was done.
    pub fn into_parts(self) -> (HostPlan, Option<HostOutcome>) {
        match self.end {
            End::Applied(outcome) => (self.plan, Some(*outcome)),
            End::Nothing | End::Refused => (self.plan, None),
        }
    }

    fn wrote(&self) -> bool {
        match &self.end {
            End::Applied(outcome) => {
                let unknown = outcome
                    .failure
                    .as_ref()
                    .is_some_and(|failure| failure.outcome_unknown);
                unknown || !outcome.applied.is_empty()
            }
            End::Nothing | End::Refused => false,
        }
    }

    fn code(&self) -> Code {
        let plan = &self.plan;
        let stays = |action| matches!(action, StepAction::Blocked | StepAction::Unknown);
        let left = plan.steps.iter().any(|step| stays(step.action));
        match &self.end {
            _ if plan.lock_holder.is_some() => Code::Locked,
            _ if plan.error.is_some() => Code::Unreachable,
            // Declined; what Ctrl-C means is decided over all hosts.
            End::Refused => Code::Failed,
            End::Applied(outcome)
                if outcome.failure.is_some()
                    || outcome.interrupted
                    || !outcome.not_converged.is_empty() =>
            {
                Code::Partial
            }
            _ if left => Code::Partial,
            _ => Code::Done,
        }
    }
}

/// The exit code over all hosts: the worst, or 130 when Ctrl-C came before anything was written.
pub fn code(visits: &[Visit], interrupted: bool) -> Code {
    if interrupted && !visits.iter().any(Visit::wrote) {
        return Code::Interrupted;
    }
    if interrupted {
        return Code::Partial;
    }
    Code::worst(visits.iter().map(Visit::code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::event::Failure;

    fn plan() -> HostPlan {
        let mut plan = HostPlan::unreached("client", "local", String::new());
        plan.error = None;
        plan
    }

    fn outcome(applied: &[&str], failed: bool, unknown: bool) -> HostOutcome {
        HostOutcome {
            applied: applied
                .iter()
                .map(|address| (*address).to_owned())
                .collect(),
            failure: failed.then(|| Failure {
                outcome_unknown: unknown,
                ..Failure::default()
            }),
            ..HostOutcome::default()
        }
    }

    #[test]
    fn interrupted_is_130_only_while_nothing_was_written() {
        let stopped = |outcome| code(&[Visit::applied(plan(), outcome)], true);
        assert_eq!(stopped(outcome(&[], true, false)), Code::Interrupted);
        assert_eq!(
            stopped(outcome(&["client/java"], true, false)),
            Code::Partial
        );
        assert_eq!(stopped(outcome(&[], true, true)), Code::Partial);
        assert_eq!(code(&[], true), Code::Interrupted);
        assert_eq!(code(&[Visit::refuse(plan())], true), Code::Interrupted);
    }

    #[test]
    fn declined_is_1_and_failed_is_5_and_held_is_7() {
        assert_eq!(code(&[Visit::refuse(plan())], false), Code::Failed);
        assert_eq!(code(&[Visit::nothing(plan())], false), Code::Done);
        let failed = || Visit::applied(plan(), outcome(&[], true, false));
        assert_eq!(
            code(&[failed(), Visit::nothing(plan())], false),
            Code::Partial
        );
        let mut held = plan();
        held.lock_holder = Some("somebody".into());
        held.error = Some("held".into());
        assert_eq!(code(&[Visit::nothing(held)], false), Code::Locked);
    }
}
