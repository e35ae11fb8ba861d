//! Names of accounts.

use std::fmt;

use super::{WrongName, odd, quoted};

/// The longest name of an account, `LOGIN_NAME_MAX` without its final zero byte.
const LONGEST: usize = 255;

/// An account on a machine, for `ssh -l`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct User(String);

impl User {
    /// Reads it.
    ///
    /// # Errors
    /// When a `User` line of ssh's configuration would change it: ssh expands `%` and `$` there, and
    /// interprets quotes.
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        let help = if text.is_empty() {
            "write it as the machine has it, such as `ec2-user`".into()
        } else if text.len() > LONGEST {
            format!("names of accounts have at most {LONGEST} characters")
        } else if text.starts_with('-') {
            "it cannot begin with `-`".into()
        } else if let Some(c) = odd(text, "._-@+") {
            format!(
                "it has letters (a to z), digits, and `.`, `_`, `-`, `@`, `+`, and not {}: write it \
                 as the machine has it, such as `ec2-user`",
                quoted(c)
            )
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(WrongName::new(text, "is no name of an account", help))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        for name in ["ec2-user", "kafka_1", "me@example.org", "CORP+me", "a.b"] {
            assert_eq!(User::parse(name).expect(name).as_str(), name);
        }
        let long = "a".repeat(256);
        for (name, help) in [
            ("", "ec2-user"),
            ("-l", "begin with"),
            ("jürgen", "not `ü`"),
            ("a/b", "not `/`"),
            ("a b", "a blank"),
            ("a\nProxyCommand id", "a line end"),
            ("${HOME}", "not `$`"),
            ("%h", "not `%`"),
            (&long, "255"),
        ] {
            let error = User::parse(name).expect_err(name);
            assert!(error.help.contains(help), "{name}: {error}");
        }
    }
}
