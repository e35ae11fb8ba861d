//! A start file that takes a block of ours: what keeps the block from being read, and the edit.

use super::{
    Follows, TextChange, Verdict,
    managed::{Managed, PathKind},
};
use crate::{
    action::{self, Action},
    facts::{Host, LoginEnd, Observation, Section},
    spec::types::StartFile,
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

/// The probe's word for the file.
pub fn argument(place: StartFile) -> &'static str {
    match place {
        StartFile::Bashrc => "bashrc",
        StartFile::Profile | StartFile::ProfileD | StartFile::Environment => "profile",
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

    /// Whether the block is there with these lines, and nothing but blocks of ours after it.
    pub fn ends_with(&self, marker: &str, lines: &[String]) -> bool {
        action::ends_with_block(&self.content, marker, lines)
    }

    /// Why lines at its end would not be read, or cannot be written; `reason` is what differs.
    pub fn obstacle(&self, reason: &str, place: StartFile, host: &Host) -> Option<Verdict> {
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
                match place {
                    StartFile::Bashrc => "`classpath: { in: profile }`".into(),
                    _ => "set it by hand in a file that this shell reads".into(),
                },
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

    /// The edit that puts the block at the file's end, and what people see of it: lines of ours alone,
    /// with the others' places kept.
    pub fn edit(&self, marker: &str, lines: Vec<String>, host: &Host) -> (Action, TextChange) {
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
