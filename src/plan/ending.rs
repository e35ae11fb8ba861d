//! How a command that only looks ends.

use super::{Part, Plan, StepAction};
use crate::exit::Code;

impl Plan {
    /// What could not be seen, or else what differs: of `drift`, and of `plan --detailed-exitcode`.
    pub fn code(&self) -> Code {
        let code = |part: Part<'_>| match (part.ending(), part.differs()) {
            (Code::Done, true) => Code::Changes,
            (code, _) => code,
        };
        Code::worst(self.parts().map(code))
    }

    /// The code of a `plan`: changes that an apply could make do not count.
    pub fn code_of_work(&self) -> Code {
        let code = |part: Part<'_>| match part.ending() {
            code @ (Code::Usage | Code::Locked) => code,
            _ if part.has(|action| action == StepAction::Blocked) => Code::Partial,
            code => code,
        };
        Code::worst(self.parts().map(code))
    }
}

impl Part<'_> {
    /// Whether, and why, it was not seen.
    fn ending(&self) -> Code {
        let unseen = self.error.is_some() || self.has(|action| action == StepAction::Unknown);
        match (self.unfit, self.lock_holder.is_some(), unseen) {
            (true, ..) => Code::Usage,
            (_, true, _) => Code::Locked,
            (_, _, true) => Code::Unreachable,
            (false, false, false) => Code::Done,
        }
    }

    fn differs(&self) -> bool {
        self.has(|action| action.changes() || action == StepAction::Blocked)
    }

    fn has(&self, wanted: impl Fn(StepAction) -> bool) -> bool {
        self.steps.iter().any(|step| wanted(step.action))
    }
}
