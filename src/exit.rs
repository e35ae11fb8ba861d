//! The one table of exit codes.

use std::process::ExitCode;

/// How a command ended. The table of `docs/commands.md` is made from the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done; nothing to change.
    Done = 0,
    /// Any other error, and an apply that was declined at the prompt.
    Failed = 1,
    /// There are changes (`plan --detailed-exitcode`, `drift`).
    Changes = 2,
    /// The spec or the command line is wrong, or asks what this build cannot do.
    Usage = 3,
    /// A host could not be reached or refused us, or something could not be observed.
    Unreachable = 4,
    /// Applied in part, blocked, or not converged.
    Partial = 5,
    /// The saved plan is stale.
    Stale = 6,
    /// Another apply holds the lock.
    Locked = 7,
    /// Interrupted, nothing written.
    Interrupted = 130,
}

impl Code {
    const ORDER: [Self; 9] = [
        Self::Interrupted,
        Self::Usage,
        Self::Partial,
        Self::Stale,
        Self::Locked,
        Self::Unreachable,
        Self::Failed,
        Self::Changes,
        Self::Done,
    ];

    /// The one of a number.
    pub fn of(number: u8) -> Option<Self> {
        let mut all = Self::ORDER.into_iter();
        all.find(|code| *code as u8 == number)
    }

    /// Over many hosts the worst wins; [`Code::Done`] when there are none.
    pub fn worst(codes: impl IntoIterator<Item = Self>) -> Self {
        let rank = |code: &Self| Self::ORDER.iter().position(|other| other == code);
        codes.into_iter().min_by_key(rank).unwrap_or(Self::Done)
    }
}

impl Code {
    /// What it means, in the words of that table.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; nothing to change",
            Self::Failed => "another error, or declined at the prompt",
            Self::Changes => "there are changes",
            Self::Usage => "the spec or the command line is wrong",
            Self::Unreachable => "something could not be reached, refused us or could not be read",
            Self::Partial => "applied in part, blocked, or not converged",
            Self::Stale => "the saved plan is stale",
            Self::Locked => "another apply holds the lock",
            Self::Interrupted => "interrupted, nothing written",
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::Code::{self, *};

    #[test]
    fn the_worst_wins() {
        let order = [
            Usage,
            Partial,
            Stale,
            Locked,
            Unreachable,
            Failed,
            Changes,
            Done,
        ];
        for (at, worse) in order.iter().enumerate() {
            for better in &order[at..] {
                assert_eq!(Code::worst([*better, *worse]), *worse);
            }
        }
        assert_eq!(Code::worst([]), Done);
    }
}
