//! The one place that quotes: constant shell texts with values as positional parameters.
//!
//! A [`Script`] is made of constants of this program and of calls whose values are quoted here,
//! for POSIX `sh`. An exec request has it as one word in single quotes, without characters that login shells
//! (bash, zsh, csh, fish) interpret there.

/// Longest command line of an exec request, in bytes. Linux takes 128 KiB for one argument
/// (`MAX_ARG_STRLEN`), and sshd passes the whole line to the login shell as one.
const LARGEST_COMMAND: usize = 96 * 1024;

/// A value with a NUL byte cannot be a shell parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value for the host contains a NUL byte: remove it from the spec")]
pub struct NulByte;

/// A shell text, ready to be sent.
#[derive(Debug, Clone)]
pub struct Script {
    name: &'static str,
    title: String,
    text: String,
}

/// What a transport gets: a line for the account's login shell, and stdin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// One line, free of anything that a login shell of any kind would expand.
    pub command: String,
    /// Set when the text is too long for the line and goes on stdin instead.
    pub stdin: Option<Vec<u8>>,
}

impl Exec {
    /// How many bytes it takes to send.
    pub fn bytes(&self) -> u64 {
        (self.command.len() + self.stdin.as_ref().map_or(0, Vec::len)) as u64
    }
}

impl Script {
    /// An empty script; `name` is for logs.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            title: "trueup".into(),
            text: String::new(),
        }
    }

    /// Sets the title of the process on the host (its `$0`, seen in `ps`): characters other than letters, digits,
    /// blanks and `@._:+-` become `-`.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        self.title = title
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || " @._:+-".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        self
    }

    /// Appends a constant text, without its comments.
    #[must_use]
    pub fn text(mut self, constant: &'static str) -> Self {
        self.text.extend(bare(constant));
        self
    }

    /// Appends a call of a function of the script's own.
    ///
    /// # Errors
    /// When a value contains a NUL byte.
    pub fn call<I, S>(mut self, function: &'static str, values: I) -> Result<Self, NulByte>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        self.text.push_str(function);
        for value in values {
            self.text.push(' ');
            self.text.push_str(&quote(value.as_ref())?);
        }
        self.text.push('\n');
        Ok(self)
    }

    /// Appends an assignment of a constant text to a variable.
    #[must_use]
    pub fn set(mut self, variable: &'static str, constant: &'static str) -> Self {
        let value: String = bare(constant).collect();
        let value = quote(&value).unwrap_or_else(|NulByte| unreachable!("constants hold no NUL"));
        self.text.push_str(&format!("{variable}={value}\n"));
        self
    }

    /// Appends an assignment of another script to a variable.
    #[must_use]
    pub fn nested(mut self, variable: &'static str, script: &Self) -> Self {
        let value = quote(&script.text);
        let value = value.unwrap_or_else(|NulByte| unreachable!("a script holds no NUL"));
        self.text.push_str(&format!("{variable}={value}\n"));
        self
    }

    /// Its name in logs.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The text, for tests that run it in a shell.
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// The exec request for it.
    pub fn exec(&self) -> Exec {
        let title = &self.title;
        let body = escaped(&self.text);
        let command = format!("exec sh -c 'eval \"$(printf %b \"$1\")\"' '{title}' '{body}'");
        if command.len() <= LARGEST_COMMAND {
            return Exec {
                command,
                stdin: None,
            };
        }
        Exec {
            command: format!("exec sh -c 'eval \"$(cat)\"' '{title}'"),
            stdin: Some(self.text.clone().into_bytes()),
        }
    }
}

/// A text for `printf %b`, with all characters in octal that a login shell may interpret between single quotes. It
/// needs no program, and fewer bytes than base64.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 5 / 4);
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if !b"'\\!".contains(&byte) => escaped.push(char::from(byte)),
            b'\n' => escaped.push_str("\\n"),
            _ => escaped.push_str(&format!("\\0{byte:03o}")),
        }
    }
    escaped
}

/// The lines of a constant text without comments, blank lines and indentation, each with its newline. Nothing is lost
/// by that: shell files have no here-document, and their strings of several lines are code of `sh` or `awk`.
fn bare(constant: &'static str) -> impl Iterator<Item = String> {
    let lines = constant.lines().map(str::trim_start);
    let run = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    run.map(|line| format!("{line}\n"))
}

/// Quotes a value for POSIX `sh`. Plain words stay as they are, so that lines which people read (a start file's
/// block) look hand-written.
///
/// # Errors
/// When the value contains a NUL byte.
pub fn quote(value: &str) -> Result<String, NulByte> {
    if value.contains('\0') {
        return Err(NulByte);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return Ok(value.to_owned());
    }
    Ok(format!("'{}'", value.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_login_shell_interprets_in_quotes_is_escaped() {
        let script = Script::new("test").call("f", ["a\\ b!\n\tß `$x` \"$(y)\"~7"]);
        let exec = script.expect("no NUL").exec();
        let word = r#"f \0047a\0134 b\0041\n\0011\0303\0237 `$x` "$(y)"~7\0047\n"#;
        assert!(
            exec.command.ends_with(&format!(" '{word}'")),
            "{}",
            exec.command
        );
    }
}
