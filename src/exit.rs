//! The one table of exit codes.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done; nothing to change.
    Done = 0,
    /// Any other error, and an apply that was declined at the prompt.
    Failed = 1,
    /// There are changes (`plan --detailed-exitcode`, `drift`), blocked ones among them.
    Changes = 2,
    /// The spec or the command line is wrong, or asks what this build cannot do.
    Usage = 3,
    /// A host could not be reached or refused us, or something could not be observed.
    Unreachable = 4,
    /// Applied in part, not converged, or blocked (of a plan: without `--detailed-exitcode`).
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

    /// The code of a number.
    pub fn of(number: u8) -> Option<Self> {
        let mut all = Self::ORDER.into_iter();
        all.find(|code| *code as u8 == number)
    }

    /// Over many hosts the worst wins; [`Code::Done`] when there are none.
    pub fn worst(codes: impl IntoIterator<Item = Self>) -> Self {
        let rank = |code: &Self| Self::ORDER.iter().position(|ranked| ranked == code);
        codes.into_iter().min_by_key(rank).unwrap_or(Self::Done)
    }
}

impl Code {
    /// What it means, for tables.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; nothing to change",
            Self::Failed => OTHER_OR_DECLINED,
            Self::Changes => "there are changes",
            Self::Usage => WRONG_SPEC,
            Self::Unreachable => UNREACHABLE,
            Self::Partial => "applied in part, blocked, or not converged",
            Self::Stale => "the saved plan is stale",
            Self::Locked => LOCKED,
            Self::Interrupted => INTERRUPTED,
        }
    }
}

const OTHER: &str = "another error: what came of it could not be written, say";
const OTHER_OR_DECLINED: &str = "another error, or declined at the prompt";
const WRONG: &str = "the command line is wrong, or a file that it names";
const WRONG_SPEC: &str = "the spec or the command line is wrong";
const UNREACHABLE: &str = "something could not be reached, refused us or could not be read";
const LOCKED: &str = "another apply holds the lock";
const INTERRUPTED: &str = "interrupted, nothing written";

/// Codes of commands that only print.
const PRINTED: &[(Code, &str)] = &[
    (Code::Done, "it is printed"),
    (Code::Failed, "it could not be written"),
    (Code::Usage, "the command line is wrong"),
];

/// The codes of each command, and what they mean there, for `--help`.
const OF_COMMANDS: [(&str, &[(Code, &str)]); 15] = {
    use Code::{Changes, Done, Failed, Interrupted, Locked, Partial, Stale, Unreachable, Usage};
    [
        (
            "init",
            &[
                (Done, "the spec is written"),
                (
                    Failed,
                    "nothing was written: the file is there already, say",
                ),
                (Usage, "the command line is wrong"),
                (Interrupted, INTERRUPTED),
            ],
        ),
        (
            "validate",
            &[
                (Done, "no spec has an error"),
                (Failed, OTHER),
                (Usage, WRONG_SPEC),
            ],
        ),
        (
            "facts",
            &[
                (Done, "everything was read"),
                (Failed, OTHER),
                (Usage, WRONG_SPEC),
                (Unreachable, UNREACHABLE),
                (Interrupted, INTERRUPTED),
            ],
        ),
        (
            "plan",
            &[
                (
                    Done,
                    "nothing to change; without `--detailed-exitcode` also changes",
                ),
                (Failed, OTHER),
                (Changes, "with `--detailed-exitcode`: there are changes"),
                (Usage, WRONG_SPEC),
                (Unreachable, UNREACHABLE),
                (
                    Partial,
                    "something is blocked; with `--detailed-exitcode`: 2",
                ),
                (Locked, LOCKED),
                (Interrupted, INTERRUPTED),
            ],
        ),
        (
            "show",
            &[(Done, "it is shown"), (Failed, OTHER), (Usage, WRONG)],
        ),
        (
            "apply",
            &[
                (Done, "all is as the spec says"),
                (Failed, OTHER_OR_DECLINED),
                (Usage, WRONG_SPEC),
                (Unreachable, UNREACHABLE),
                (Partial, "applied in part, blocked, or not converged"),
                (Stale, "the saved plan is stale: make a new one"),
                (Locked, LOCKED),
                (
                    Interrupted,
                    "interrupted, nothing written (5 if something was)",
                ),
            ],
        ),
        (
            "drift",
            &[
                (Done, "in sync"),
                (Failed, OTHER),
                (Changes, "something is not as the spec says"),
                (Usage, WRONG_SPEC),
                (Unreachable, UNREACHABLE),
                (Locked, LOCKED),
                (Interrupted, INTERRUPTED),
            ],
        ),
        (
            "merge-reports",
            &[
                (Done, "what the parts say together: nothing to change"),
                (Failed, OTHER_OR_DECLINED),
                (Changes, "there are changes"),
                (Usage, "the command line is wrong, or the parts do not fit"),
                (
                    Unreachable,
                    "a part is missing, or could not read everything",
                ),
                (Partial, "applied in part, blocked, or not converged"),
                (Stale, "a saved plan was stale"),
                (Locked, "another apply held the lock"),
                (Interrupted, "a part was interrupted"),
            ],
        ),
        (
            "prove",
            &[
                (Done, "the client lists the topics"),
                (Failed, OTHER),
                (Usage, WRONG_SPEC),
                (Unreachable, "a host could not be asked"),
                (Partial, "the client fails"),
                (Interrupted, INTERRUPTED),
            ],
        ),
        (
            "trust",
            &[
                (Done, "the keys are pinned"),
                (Failed, OTHER_OR_DECLINED),
                (Usage, WRONG_SPEC),
                (
                    Unreachable,
                    "no answer, or other keys than what vouches for them",
                ),
                (Interrupted, INTERRUPTED),
            ],
        ),
        (
            "key",
            &[
                (Done, "the key is saved"),
                (Failed, "the file is there already, or cannot be written"),
                (Usage, WRONG_SPEC),
                (Unreachable, UNREACHABLE),
                (Interrupted, INTERRUPTED),
            ],
        ),
        ("schema", PRINTED),
        ("completions", PRINTED),
        ("man", PRINTED),
        ("version", PRINTED),
    ]
};

/// The codes of a command, and what they mean there, by number; empty for an unknown command.
pub fn of_command(name: &str) -> &'static [(Code, &'static str)] {
    let entry = OF_COMMANDS.iter().find(|(command, _)| *command == name);
    entry.map(|(_, codes)| *codes).unwrap_or_default()
}

/// All codes, by number.
pub fn all() -> impl Iterator<Item = (Code, &'static str)> {
    (0..=u8::MAX).filter_map(|number| {
        let code = Code::of(number)?;
        Some((code, code.meaning()))
    })
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Code::{self, *},
        OF_COMMANDS, all,
    };

    #[test]
    fn codes_are_listed_once_and_by_number() {
        let numbers: Vec<u8> = all().map(|(code, _)| code as u8).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 130]);
        for (command, codes) in OF_COMMANDS {
            let numbers = codes.iter().map(|(code, _)| *code as u8);
            assert!(numbers.is_sorted_by(|a, b| a < b), "{command}");
            // A line of a terminal each.
            for (_, meaning) in codes {
                assert!(meaning.len() < 74, "{command}: {meaning}");
            }
        }
    }

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
