//! A start file that takes a block of ours: what keeps the block from being read, and the edit.

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

/// What the probe's functions `start_file`, `path_facts`, `content` and `start_file_end` said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    content: Vec<u8>,
    never_read: Option<String>,
    /// What the shell that reads it says of its syntax.
    syntax: Option<String>,
    /// A quote or a here-document is open at its end.
    left_open: bool,
    /// The line at which it returns, in a terminal, before its end.
    returned: Option<u32>,
    path: Managed,
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
    /// Reads what the probe's `start_lines` said; `sets`: whether a line, without blanks around it, sets the
    /// variable.
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

    /// The one that sets the variable last, as far as lines tell.
    pub fn winner(lines: &[Self]) -> Option<&Self> {
        lines.iter().rev().find(|line| line.sets)
    }

    /// ` in FILE, line N`, for a sentence.
    pub fn place(&self, host: &Host) -> String {
        format!(" in {}, line {}", host.shorten(&self.file), self.line)
    }
}

/// A block of ours that sets a variable.
pub struct Block<'b> {
    /// What it is for: `# trueup: MARKER, managed`.
    pub marker: &'b str,
    /// The variable.
    pub variable: &'b str,
    /// What stands in it.
    pub lines: Vec<String>,
    /// The file that takes it.
    pub place: StartFile,
    /// What a spec says to have it in `profile`, where that is another place.
    pub or_profile: Option<&'static str>,
    /// The line that sets the variable last.
    pub winner: Option<&'b Line>,
}

impl StartFile {
    /// The machine's own file, which is root's; `None`: it is the account's.
    pub fn of_the_machine(self) -> Option<&'static str> {
        match self {
            Self::Bashrc | Self::Profile => None,
            Self::ProfileD => Some("/etc/profile.d/trueup.sh"),
            Self::Environment => Some("/etc/environment"),
        }
    }
}

/// The probe's word for the file; of the machine's own, its path.
pub fn argument(place: StartFile) -> &'static str {
    match place {
        StartFile::Bashrc => "bashrc",
        place => place.of_the_machine().unwrap_or("profile"),
    }
}

/// What a spec says of the client to have a block in `profile`, where that is another place.
pub fn or_profile(place: StartFile) -> Option<&'static str> {
    (place == StartFile::Bashrc).then_some("`classpath: { in: profile }`")
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

    /// Whether the block is there with these lines, and nothing but blocks of ours after it.
    pub fn ends_with(&self, marker: &str, lines: &[String]) -> bool {
        action::ends_with_block(&self.content, marker, lines)
    }

    /// Why lines at its end would not be read, or cannot be written; `reason` is what differs, `or_profile`
    /// as in [`Block`].
    pub fn obstacle(
        &self,
        reason: &str,
        or_profile: Option<&'static str>,
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
                or_profile
                    .unwrap_or("set it by hand in a file that this shell reads")
                    .into(),
            );
        }
        let shell = host.account.shell.rsplit('/').next().unwrap_or("sh");
        if let Some(complaint) = &self.syntax {
            return blocked(
                format!(
                    "{shell} cannot read {shown} to its end: {}",
                    complained(complaint)
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

    /// The edit of [`Observed::edit`], for later.
    pub fn follows(&self, marker: &str) -> Follows {
        Follows {
            path: self.path.real.clone(),
            marker: marker.into(),
        }
    }

    /// The work that brings the block to the file's end, with what it is besides that; or what is in the way.
    pub fn take(&self, block: Block<'_>, mut work: Work, host: &Host) -> Verdict {
        let shown = self.shown(host);
        let blocked = |reason: String, help: String| Verdict::Blocked { reason, help };
        if let Some(blocked) = self.obstacle(&work.reason, block.or_profile, host) {
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
        if written && mode.is_none() {
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

impl LoginEnd {
    /// The verdict on what only a terminal can tell.
    pub fn blocked(&self, what: &str, host: &Host) -> Verdict {
        Verdict::Blocked {
            reason: format!("{what} cannot be told: {}", self.reason(host)),
            help: self.help(host),
        }
    }
}

impl Host {
    /// Where start files ask for a terminal that the host had no means to give: what differs may be
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

/// Words of a shell's grammar, which may be shown of a user's line.
const GRAMMAR: [&str; 18] = [
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "for",
    "while",
    "until",
    "do",
    "done",
    "case",
    "esac",
    "in",
    "function",
    "select",
    "newline",
    "end of file",
    "EOF",
];

/// What a shell says of a file it cannot read: from the line's number on, without words of the file's
/// own, which may be secrets.
fn complained(text: &str) -> String {
    let from = text
        .char_indices()
        .filter(|(_, c)| *c == ':')
        .map(|(at, _)| text[at + 1..].trim_start())
        .find(|rest| rest.starts_with("line ") || rest.starts_with(|c: char| c.is_ascii_digit()));
    let Some(rest) = from else {
        return "its syntax is wrong".into();
    };
    let rest = rest.strip_prefix("line ").unwrap_or(rest);
    let Some((line, words)) = rest.split_once(':') else {
        return "its syntax is wrong".into();
    };
    if line.parse::<u32>().is_err() {
        return "its syntax is wrong".into();
    }
    let mut out = String::new();
    let mut rest = words.trim();
    while let Some(at) = rest.find(['`', '"', '\'']) {
        let (plain, quoted) = rest.split_at(at);
        out.push_str(plain);
        let inner = &quoted[1..];
        // Bash quotes as `this', a lone quote also.
        let end = match quoted.starts_with('`') {
            true => inner.rfind('\''),
            false => inner.find(&quoted[..1]),
        };
        let Some(end) = end else {
            out.push_str(if inner.is_empty() { quoted } else { "…" });
            rest = "";
            break;
        };
        let token = &inner[..end];
        let harmless = GRAMMAR.contains(&token)
            || token.len() <= 2 && !token.contains(|c: char| c.is_alphanumeric());
        out.push_str(&match harmless {
            true => format!("`{token}`"),
            false => "(a word of the file)".to_owned(),
        });
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    format!("line {line}: {}", out.trim())
}

#[cfg(test)]
mod tests {
    use super::complained;

    #[test]
    fn what_a_shell_complains_of_is_shown_without_words_of_the_file() {
        for (said, shown) in [
            (
                "/h/.bashrc: line 7: unexpected EOF while looking for matching `\"'",
                "line 7: unexpected EOF while looking for matching `\"`",
            ),
            (
                "/h/.bashrc: line 3: syntax error near unexpected token `fi'",
                "line 3: syntax error near unexpected token `fi`",
            ),
            (
                "/h/.bashrc: line 3: syntax error near unexpected token `hunter2'",
                "line 3: syntax error near unexpected token (a word of the file)",
            ),
            (
                "/h/.bashrc: line 3: syntax error near unexpected token `$'{\\r''",
                "line 3: syntax error near unexpected token (a word of the file)",
            ),
            (
                "/h/.profile: 3: Syntax error: Unterminated quoted string",
                "line 3: Syntax error: Unterminated quoted string",
            ),
            (
                "/h/.profile: 4: Syntax error: \"hunter2\" unexpected (expecting \"then\")",
                "line 4: Syntax error: (a word of the file) unexpected (expecting `then`)",
            ),
            (
                "/h/.zshrc:3: parse error near `fi'",
                "line 3: parse error near `fi`",
            ),
            ("/h/.zshrc:3: unmatched \"", "line 3: unmatched \""),
            ("what", "its syntax is wrong"),
        ] {
            assert_eq!(complained(said), shown, "{said}");
        }
    }
}
