//! A start file that takes a block of ours: what keeps the block from being read, and the edit.

mod shell_message;

use super::{
    Change, Follows, TextChange, Verdict, Work,
    managed::{Managed, PathKind},
};
use crate::{
    action::{self, Action, Mode, Step},
    diagnostic::Problem,
    facts::{Host, LoginEnd, Observation, Section},
    spec::{
        at::{At, word},
        types::StartFile,
    },
};

/// Shell functions of kinds that have a block in a start file: lines that are about a variable, blocks that moved.
pub(crate) const LINES: &str = include_str!("start_lines.sh");

/// The records of the probe's functions `start_file`, `path_facts`, `content`, `start_file_end` and `left_blocks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    content: Vec<u8>,
    never_read: Option<String>,
    /// The message of the shell that reads it about its syntax.
    syntax: Option<String>,
    /// A quote or a here-document is open at its end.
    left_open: bool,
    /// The line at which it returns, in a terminal, before its end.
    returned: Option<u32>,
    /// Start files beside it that have a block for the same variable.
    left: Vec<LeftBlock>,
    path: Managed,
}

/// A block of ours in another start file than the spec names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LeftBlock {
    /// The file.
    path: String,
    /// Whether root takes it out, else the account; `None`: neither of them can.
    by_root: Option<bool>,
}

/// A line of a start file that has to do with a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file.
    pub file: String,
    /// The line's number.
    pub line: usize,
    /// It may set the variable, and is no line of ours.
    pub sets: bool,
}

impl Line {
    /// Reads the records of the probe's `start_lines`; `sets`: whether a line, without blanks around it, sets
    /// the variable.
    pub fn all(records: &Section, sets: impl Fn(&str) -> bool) -> Vec<Self> {
        let line = |line: String| {
            let mut parts = line.splitn(3, ':');
            let (file, line, text) = (parts.next()?, parts.next()?, parts.next()?.trim());
            Some(Self {
                file: file.to_owned(),
                line: line.parse().ok()?,
                sets: !text.starts_with('#') && sets(text),
            })
        };
        records.all("line").filter_map(line).collect()
    }

    /// The last line that sets the variable.
    pub(crate) fn winner(lines: &[Self]) -> Option<&Self> {
        lines.iter().rev().find(|line| line.sets)
    }

    /// ` in FILE, line N`, for a sentence.
    pub fn place(&self, host: &Host) -> String {
        format!(" in {}, line {}", host.shorten(&self.file), self.line)
    }
}

/// A block of ours that sets a variable.
pub(crate) struct Block<'b> {
    /// What it is for: `# trueup: MARKER, managed`.
    pub marker: &'b str,
    /// The variable.
    pub variable: &'b str,
    /// What stands in it.
    pub lines: Vec<String>,
    /// The file that takes it.
    pub place: StartFile,
    /// What a spec says to have it in `profile`, where that is another place.
    pub or_elsewhere: Option<&'static str>,
    /// The line that sets the variable last.
    pub winner: Option<&'b Line>,
}

impl StartFile {
    /// The machine's own file, which is root's; `None`: it is the account's.
    pub(crate) fn of_the_machine(self) -> Option<&'static str> {
        match self {
            Self::Bashrc | Self::Profile => None,
            Self::ProfileD => Some("/etc/profile.d/trueup.sh"),
            Self::Environment => Some("/etc/environment"),
        }
    }
}

/// Where a variable of all accounts is, for a [`Claim`](super::declared::Claim): `profile.d` and `environment` are two
/// ways to set it.
pub(crate) fn of_all_accounts(variable: &str) -> String {
    format!("{variable} in /etc")
}

/// The probe's word for the file; of the machine's own, its path.
pub fn argument(place: StartFile) -> &'static str {
    match place {
        StartFile::Bashrc => "bashrc",
        place => place.of_the_machine().unwrap_or("profile"),
    }
}

/// What a spec says of the client to have a block in a file that the shell reads, where that is another one.
pub fn or_elsewhere(place: StartFile) -> Option<&'static str> {
    match place {
        StartFile::Bashrc => Some("`classpath: { in: profile }`"),
        StartFile::ProfileD => Some("`classpath: { in: environment, become: true }`"),
        StartFile::Profile | StartFile::Environment => None,
    }
}

/// What is the machine's is root's, and what is the account's is not.
pub fn check(place: At<'_, StartFile>, as_root: At<'_, bool>, problems: &mut Vec<Problem>) {
    let file = place.read().unwrap_or_default();
    match (file.of_the_machine(), as_root.is(true)) {
        (Some(path), false) => problems.push(Problem::error(
            place.key(),
            format!(
                "`in: {}` is {path}, which only root can change",
                word(&file)
            ),
            "add `become: true`, which uses `sudo -n`",
        )),
        (None, true) => problems.push(Problem::error(
            as_root.key(),
            "`become: true`, and the start file is the account's own",
            "leave it out, or say `in: profile.d` or `in: environment`",
        )),
        _ => {}
    }
}

impl Observed {
    /// Reads the records.
    ///
    /// # Errors
    /// The reason why it is not known what stands there.
    pub fn read(records: &Section, host: &Host) -> Result<Self, String> {
        let path = Managed::read_file(records, host)?;
        Ok(Self {
            content: path.content(records, host)?,
            never_read: records.get("never_read"),
            syntax: records.get("syntax"),
            left_open: records.says_yes("left_open"),
            returned: records.number("returned"),
            left: records
                .all("left")
                .filter_map(|left| LeftBlock::read(&left))
                .collect(),
            path,
        })
    }

    /// As people write it.
    pub fn shown(&self, host: &Host) -> String {
        host.shorten(&self.path.real)
    }

    /// What is in it.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The other start files out of which a block of the variable can be taken.
    pub fn left(&self) -> Vec<String> {
        let removable = self.left.iter().filter(|left| left.by_root.is_some());
        removable.map(|left| left.path.clone()).collect()
    }

    /// A warning for each older block that stays where it is.
    pub(crate) fn left_warnings(&self, variable: &str, host: &Host) -> Vec<String> {
        let staying = self.left.iter().filter(|left| left.by_root.is_none());
        let warning = |left: &LeftBlock| {
            format!(
                "a block of ours for `{variable}` is also in {}, where {} cannot take it out\nhelp: take it out by hand, \
                 unless another spec wants it there",
                host.shorten(&left.path),
                host.account.user
            )
        };
        staying.map(warning).collect()
    }

    /// That the block moves here from another file, as a sentence; `None`: there is none to move.
    pub fn moves(&self, variable: &str, host: &Host) -> Option<String> {
        let from = host.shorten(self.left().first()?);
        let shown = self.shown(host);
        Some(format!(
            "our block for `{variable}` is in {from}; the spec wants it in {shown}"
        ))
    }

    /// The change of place that a right value needs.
    pub(crate) fn change_of_place(&self, host: &Host) -> Change {
        let from = self.left().first().map(|from| host.shorten(from));
        Change::shown("in", from.as_deref(), Some(&self.shown(host)))
    }

    /// As the shells of other accounts read it: for what the account's own shell has from elsewhere, and keeps.
    #[must_use]
    pub(crate) fn for_others(&self) -> Self {
        let moves = !self.left().is_empty();
        Self {
            never_read: self.never_read.clone().filter(|_| moves),
            ..self.clone()
        }
    }

    /// Whether the block is there with these lines, and nothing but blocks of ours after it.
    pub fn ends_with(&self, marker: &str, lines: &[String]) -> bool {
        action::ends_with_block(&self.content, marker, lines)
    }

    /// Why lines at its end would not be read, or cannot be written; `reason` is what differs, `or_elsewhere`
    /// as in [`Block`].
    pub(crate) fn obstacle(
        &self,
        reason: &str,
        or_elsewhere: Option<&'static str>,
        host: &Host,
    ) -> Option<Verdict> {
        let shown = self.shown(host);
        let blocked = |why: String, help: String| {
            Some(Verdict::Blocked {
                reason: format!("{reason}; {why}"),
                help,
            })
        };
        if let Some(why) = &self.never_read {
            let home = format!("{}/", host.account.home.trim_end_matches('/'));
            return blocked(
                format!(
                    "a login shell never reads {shown}: {}",
                    why.replace(&home, "~/")
                ),
                or_elsewhere
                    .unwrap_or("set it by hand in a file that this shell reads")
                    .into(),
            );
        }
        let shell = host.account.shell.rsplit('/').next().unwrap_or("sh");
        if let Some(message) = &self.syntax {
            return blocked(
                format!(
                    "{shell} cannot read {shown} to its end: {}",
                    shell_message::redacted(message)
                ),
                format!("mend {shown}: `{shell} -n {shown}` shows where"),
            );
        }
        if self.left_open {
            return blocked(
                format!(
                    "a here-document is still open at the end of {shown}, and would swallow what follows"
                ),
                format!("close it: `{shell} -n {shown}` may show where it begins"),
            );
        }
        if let Some(line) = self.returned {
            return blocked(
                format!(
                    "{shown} returns at line {line}, in a terminal too: what follows is never read"
                ),
                format!(
                    "look at {shown}, line {line}; what should count in a terminal belongs before it"
                ),
            );
        }
        if matches!(self.path.kind, PathKind::Other | PathKind::Dir) {
            return Some(Verdict::Blocked {
                reason: format!("`{shown}` is there and is no plain file"),
                help: "move it away".into(),
            });
        }
        self.path.blocked(&format!("`{shown}`"), host)
    }

    /// The edit of [`Observed::edit`], where it may have to follow an action.
    pub fn follows(&self, marker: &str) -> Follows {
        Follows {
            path: self.path.real.clone(),
            marker: marker.into(),
        }
    }

    /// Adds to `work` what brings the block to the file's end; blocked where that cannot be.
    pub fn take(&self, block: Block<'_>, mut work: Work, host: &Host) -> Verdict {
        let shown = self.shown(host);
        let blocked = |reason: String, help: String| Verdict::Blocked { reason, help };
        if let Some(blocked) = self.obstacle(&work.reason, block.or_elsewhere, host) {
            return blocked;
        }
        let as_root = block.place.of_the_machine().is_some();
        if as_root && let Some(folder) = self.path.folder_to_make() {
            return blocked(
                format!("{}; there is no {folder}", work.reason),
                "say `in: environment`, or a start file of the account's".into(),
            );
        }
        // Every account's login has to read what is the machine's.
        let mode = self
            .path
            .mode
            .filter(|mode| as_root && mode & 0o444 != 0o444);
        let written = self.ends_with(block.marker, &block.lines);
        if written && mode.is_none() && self.left().is_empty() {
            let end = format!(
                "{}; our block is the end of {shown}, and something read later wins",
                work.reason
            );
            // The line itself is the user's, and may hold more than a path.
            let help = match block.winner {
                Some(line) => format!("look at {}, line {}", host.shorten(&line.file), line.line),
                None => format!("look for {} in what the start files source", block.variable),
            };
            return blocked(end, help);
        }
        work.notes.extend(
            self.left()
                .iter()
                .map(|path| format!("remove   our block in {}", host.shorten(path))),
        );
        let unblock = |left: &LeftBlock| {
            Some(Action::Step(Step {
                step: "unblock",
                values: vec![left.path.clone(), block.marker.to_owned()],
                as_root: left.by_root?,
                verb: "edit",
                done: host.shorten(&left.path),
                ..Step::default()
            }))
        };
        let unblock: Vec<Action> = self.left.iter().filter_map(unblock).collect();
        if !written {
            let (action, text) = self.edit(block.marker, block.lines, as_root, host);
            work.text = Some(text);
            work.actions.push(action);
        }
        if let Some(mode) = mode.map(Mode) {
            let (before, after) = (mode.to_string(), Mode(mode.0 | 0o444).to_string());
            work.reason = format!("{}; {shown} has mode {before}", work.reason);
            work.changes
                .push(Change::shown("mode", Some(&before), Some(&after)));
            work.actions.push(Action::Step(Step {
                step: "mode",
                values: vec![self.path.real.clone(), after],
                as_root,
                verb: "set mode",
                done: shown,
                ..Step::default()
            }));
        }
        work.actions.extend(unblock);
        work.verdict()
    }

    /// The edit that puts the block at the file's end, and what people see of it: lines of ours alone,
    /// with the others' places kept.
    fn edit(
        &self,
        marker: &str,
        lines: Vec<String>,
        as_root: bool,
        host: &Host,
    ) -> (Action, TextChange) {
        let shown = |content: &[u8]| action::blank_but_block(content, marker);
        let after = action::edit_block(&self.content, marker, &lines);
        let mut before = shown(&self.content);
        let after = shown(&after);
        let place = |text: &str| text.lines().position(|line| !line.is_empty());
        if place(&before) != place(&after) {
            // It moves: what people see is where it goes.
            before = "\n".repeat(place(&after).unwrap_or_default());
        }
        let text = TextChange {
            path: self.shown(host),
            before,
            after,
        };
        let action = Action::EditBlock {
            path: self.path.real.clone(),
            marker: marker.into(),
            lines,
            as_root,
        };
        (action, text)
    }
}

impl LeftBlock {
    /// Reads a record of the probe's `left_blocks`.
    fn read(record: &str) -> Option<Self> {
        let (who, path) = record.split_once(' ')?;
        Some(Self {
            path: path.to_owned(),
            by_root: match who {
                "root" => Some(true),
                "account" => Some(false),
                _ => None,
            },
        })
    }
}

impl LoginEnd {
    /// The verdict on a value that only a login shell on a terminal shows.
    pub fn blocked(&self, subject: &str, host: &Host) -> Verdict {
        Verdict::Blocked {
            reason: format!("{subject} cannot be told: {}", self.reason(host)),
            help: self.help(host),
        }
    }
}

impl Host {
    /// Blocked where start files ask for a terminal and the host has no means to make one: what differs may be
    /// right in a person's terminal.
    pub fn without_terminal(&self, reason: &str) -> Option<Verdict> {
        let Observation::Present(login) = &self.login else {
            return None;
        };
        let (line, file) = login.terminal_test.as_ref()?.split_once(' ')?;
        Some(Verdict::Blocked {
            reason: format!(
                "{reason}; but {}, line {line}, asks for a terminal, and the host has no `script` \
                 to look through one",
                self.shorten(file)
            ),
            help: "install `script` (util-linux; bsdutils on Debian) on the host".into(),
        })
    }
}
