//! Names that people and machines write: of hosts and paths on them, accounts, packages, brokers, regions, roles,
//! topics.
//!
//! There is one parser for each, which `validate`, the ssh configuration, the broker client and AWS
//! look-ups share: what `validate` accepts, the others accept, too.

mod broker_address;
mod host_name;
mod host_path;
mod package_name;
mod partition;
mod region;
mod role_arn;
mod topic_name;
mod user;

use std::fmt;

use crate::text::escape_control;

pub use broker_address::BrokerAddress;
pub use host_name::{HostName, SshAddress};
pub use host_path::HostPath;
pub use package_name::PackageName;
pub use partition::Partition;
pub use region::Region;
pub use role_arn::{RoleArn, RoleName};
pub use topic_name::TopicName;
pub use user::User;

/// Most characters of an invalid text that are shown.
const MOST_SHOWN: usize = 80;

/// A text is no valid name: what is wrong, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongName {
    /// The text, escaped and bounded.
    pub shown: String,
    /// What is wrong, as the rest of a sentence about it: `is no host name`.
    pub what: String,
    /// What helps.
    pub help: String,
}

impl std::error::Error for WrongName {}

impl WrongName {
    fn new(text: &str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            shown: shown(text),
            what: what.into(),
            help: help.into(),
        }
    }

    /// The sentence, without help.
    pub fn sentence(&self) -> String {
        format!("`{}` {}", self.shown, self.what)
    }
}

impl fmt::Display for WrongName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}\n  help: {}", self.shown, self.what, self.help)
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    escape_control(&shown)
}

/// The first character that is neither an ASCII letter, nor a digit, nor one of these.
fn odd(text: &str, beside: &str) -> Option<char> {
    text.chars()
        .find(|c| !(c.is_ascii_alphanumeric() || beside.contains(*c)))
}

/// A character for a sentence.
fn quoted(c: char) -> String {
    match c {
        ' ' => "a blank".into(),
        '\t' => "a tab".into(),
        '\n' | '\r' => "a line end".into(),
        '`' => "a backquote".into(),
        c => format!("`{}`", escape_control(&c.to_string())),
    }
}
