//! The result of a visit in an apply, and its exit code.

use crate::{
    apply::outcome::Outcome,
    exit::Code,
    plan::{HostPlan, Part, Step, StepAction, TopicsPlan},
};

/// The result for a host and the clusters that are reached through it, or for a cluster alone.
pub(super) struct Visit {
    host: Option<HostPlan>,
    topics: Vec<TopicsPlan>,
    end: VisitEnd,
}

enum VisitEnd {
    /// There was nothing to do, or nothing that could be done.
    Nothing,
    /// Nothing could be done, and nothing has been shown of it yet.
    Unread,
    /// It was declined, or Ctrl-C came before anything was done.
    Refused,
    /// Too many others had failed.
    NotBegun,
    /// Something was done, or tried.
    Applied(Vec<Outcome>),
}

impl Visit {
    /// There was nothing to do, or nothing that could be done.
    pub(super) fn nothing(host: impl Into<Option<HostPlan>>, topics: Vec<TopicsPlan>) -> Self {
        Self::ended(host.into(), topics, VisitEnd::Nothing)
    }

    /// Nothing could be done, and nothing has been shown of it yet.
    pub(super) fn unread(host: impl Into<Option<HostPlan>>, topics: Vec<TopicsPlan>) -> Self {
        Self::ended(host.into(), topics, VisitEnd::Unread)
    }

    /// The plans that are still to be shown: why a host cannot be visited, or a cluster alone.
    pub(super) fn to_show(&self) -> Option<(Vec<HostPlan>, Vec<TopicsPlan>)> {
        matches!(self.end, VisitEnd::Unread).then(|| match &self.host {
            Some(host) => (vec![host.clone()], vec![]),
            None => (vec![], self.topics.clone()),
        })
    }

    /// It was declined, or Ctrl-C came before anything was done.
    pub(super) fn refuse(host: impl Into<Option<HostPlan>>, topics: Vec<TopicsPlan>) -> Self {
        Self::ended(host.into(), topics, VisitEnd::Refused)
    }

    /// Too many others had failed by its turn.
    pub(super) fn not_begun(host: impl Into<Option<HostPlan>>, topics: Vec<TopicsPlan>) -> Self {
        Self::ended(host.into(), topics, VisitEnd::NotBegun)
    }

    /// Something was done, or tried.
    pub(super) fn applied(
        host: impl Into<Option<HostPlan>>,
        topics: Vec<TopicsPlan>,
        outcomes: Vec<Outcome>,
    ) -> Self {
        Self::ended(host.into(), topics, VisitEnd::Applied(outcomes))
    }

    fn ended(host: Option<HostPlan>, topics: Vec<TopicsPlan>, end: VisitEnd) -> Self {
        Self { host, topics, end }
    }

    /// Whether it was declined or interrupted before anything was done.
    pub(super) fn refused(&self) -> bool {
        matches!(self.end, VisitEnd::Refused)
    }

    /// The host, or the cluster, that was not begun.
    pub(super) fn name_not_begun(&self) -> Option<&str> {
        let host = self.host.as_ref().map(|host| host.name.as_str());
        let cluster = || self.topics.first().map(|topics| topics.cluster.as_str());
        let name = || host.or_else(cluster);
        matches!(self.end, VisitEnd::NotBegun).then(name).flatten()
    }

    /// Whether it counts as a failure among many.
    pub(super) fn failed(&self) -> bool {
        !self.refused() && self.code() != Code::Done
    }

    /// The plans, and what was done.
    pub(super) fn into_parts(self) -> (Option<HostPlan>, Vec<TopicsPlan>, Vec<Outcome>) {
        let outcomes = match self.end {
            VisitEnd::Applied(outcomes) => outcomes,
            VisitEnd::Nothing | VisitEnd::Unread | VisitEnd::Refused | VisitEnd::NotBegun => vec![],
        };
        (self.host, self.topics, outcomes)
    }

    fn outcomes(&self) -> &[Outcome] {
        match &self.end {
            VisitEnd::Applied(outcomes) => outcomes,
            VisitEnd::Nothing | VisitEnd::Unread | VisitEnd::Refused | VisitEnd::NotBegun => &[],
        }
    }

    fn wrote(&self) -> bool {
        self.outcomes().iter().any(Outcome::wrote)
    }

    fn stale(&self, part: &Part<'_>) -> bool {
        let mut outcomes = self.outcomes().iter();
        outcomes.any(|outcome| outcome.is_of(part) && outcome.is_stale())
    }

    fn code(&self) -> Code {
        let parts = || {
            let host = self.host.iter().map(Part::from);
            host.chain(self.topics.iter().map(Part::from))
        };
        let failed = |outcome: &Outcome| {
            let in_doubt = !outcome.not_converged.is_empty() || !outcome.unverified.is_empty();
            outcome.failure.is_some() || outcome.interrupted || in_doubt
        };
        let end_code = match &self.end {
            // Declined; `code` decides about Ctrl-C over all hosts.
            VisitEnd::Refused => Code::Failed,
            VisitEnd::Applied(outcomes) if outcomes.iter().any(failed) => Code::Partial,
            VisitEnd::Applied(outcomes) if outcomes.iter().any(Outcome::is_stale) => Code::Stale,
            VisitEnd::Applied(_) | VisitEnd::Nothing | VisitEnd::Unread | VisitEnd::NotBegun => {
                Code::Done
            }
        };
        let is_left =
            |step: &Step| matches!(step.action, StepAction::Blocked | StepAction::Unknown);
        let of_parts = parts().map(|part| match (part.lock_holder, part.error) {
            // The current plan was not to be carried out.
            _ if self.stale(&part) => Code::Stale,
            (Some(_), _) => Code::Locked,
            _ if part.unfit => Code::Usage,
            (None, Some(_)) => Code::Unreachable,
            // Declined: its own code.
            (None, None) if !self.refused() && part.steps.iter().any(is_left) => Code::Partial,
            (None, None) => Code::Done,
        });
        Code::worst(of_parts.chain([end_code]))
    }
}

/// The exit code over all hosts: the worst, or 130 when Ctrl-C came before anything was written.
pub(super) fn code(visits: &[Visit], interrupted: bool) -> Code {
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
    use crate::{apply::outcome::Failure, plan::Subject};

    fn plan() -> HostPlan {
        let mut plan = HostPlan::unreached("client", "local", String::new());
        plan.error = None;
        plan
    }

    fn outcome(applied: &[&str], failed: bool, unknown: bool) -> Outcome {
        Outcome {
            applied: applied.iter().map(|&address| address.into()).collect(),
            failure: failed.then(|| Failure {
                outcome_unknown: unknown,
                ..Failure::default()
            }),
            ..Outcome::new(Subject::Host("client".into()))
        }
    }

    #[test]
    fn interrupted_is_130_only_while_nothing_was_written() {
        let stopped = |outcome| code(&[Visit::applied(plan(), vec![], vec![outcome])], true);
        assert_eq!(stopped(outcome(&[], true, false)), Code::Interrupted);
        assert_eq!(
            stopped(outcome(&["client/java"], true, false)),
            Code::Partial
        );
        assert_eq!(stopped(outcome(&[], true, true)), Code::Partial);
        let mut in_part = outcome(&[], true, false);
        if let Some(failure) = &mut in_part.failure {
            failure.done.push("one of two actions".into());
        }
        assert_eq!(stopped(in_part), Code::Partial);
        assert_eq!(code(&[], true), Code::Interrupted);
        assert_eq!(
            code(&[Visit::refuse(plan(), vec![])], true),
            Code::Interrupted
        );
    }

    #[test]
    fn declined_is_1_failed_is_5_and_locked_is_7() {
        assert_eq!(code(&[Visit::refuse(plan(), vec![])], false), Code::Failed);
        assert_eq!(code(&[Visit::nothing(plan(), vec![])], false), Code::Done);
        let failed = || Visit::applied(plan(), vec![], vec![outcome(&[], true, false)]);
        assert_eq!(
            code(&[failed(), Visit::nothing(plan(), vec![])], false),
            Code::Partial
        );
        let mut locked = plan();
        locked.lock_holder = Some("somebody".into());
        locked.error = Some("held".into());
        assert_eq!(code(&[Visit::nothing(locked, vec![])], false), Code::Locked);
    }

    #[test]
    fn unverified_or_not_converged_is_5() {
        let doubt = || vec![("client/java".into(), "the connection was lost".to_owned())];
        let code_of = |done| code(&[Visit::applied(plan(), vec![], vec![done])], false);
        let fine = || outcome(&["client/java"], false, false);
        assert_eq!(code_of(fine()), Code::Done);
        let unverified = doubt();
        let not_read = Outcome {
            unverified,
            ..fine()
        };
        assert_eq!(code_of(not_read), Code::Partial);
        let not_converged = doubt();
        let not_right = Outcome {
            not_converged,
            ..fine()
        };
        assert_eq!(code_of(not_right), Code::Partial);
    }

    #[test]
    fn an_unreachable_cluster_hides_nothing_of_its_host() {
        let unreachable = || vec![TopicsPlan::unreached("b:9098", "client", "no".into())];
        let code_of = |visit| code(&[visit], false);
        assert_eq!(
            code_of(Visit::nothing(plan(), unreachable())),
            Code::Unreachable
        );
        assert_eq!(
            code_of(Visit::nothing(None, unreachable())),
            Code::Unreachable
        );
        let done = Visit::applied(
            plan(),
            unreachable(),
            vec![outcome(&["client/java"], false, false)],
        );
        assert_eq!(code_of(done), Code::Unreachable);
        let failed = Visit::applied(plan(), unreachable(), vec![outcome(&[], true, false)]);
        assert_eq!(code_of(failed), Code::Partial);
    }
}
