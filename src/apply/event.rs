//! What happens during an apply: one stream, whoever shows it.

use crate::{kinds::Address, plan::Subject};

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Another apply holds the lock; we wait.
    Waiting {
        /// Where.
        subject: &'a Subject,
        /// Who holds it.
        holder: &'a str,
    },
    /// An action of a step has begun.
    Started {
        /// Where.
        subject: &'a Subject,
        /// The addresses of its step, or of the topics that are asked for at once.
        addresses: &'a [&'a Address],
        /// What is done, one or two words ([`crate::action::Action::verb`]).
        verb: &'a str,
    },
    /// A download goes on.
    Bytes {
        /// Where.
        subject: &'a Subject,
        /// The step's address.
        address: &'a Address,
        /// How many bytes are there.
        have: u64,
        /// How many there will be, if the server reports it.
        total: Option<u64>,
    },
    /// The last line that a package manager printed; control characters are escaped.
    Line {
        /// Where.
        subject: &'a Subject,
        /// The step's address.
        address: &'a Address,
        /// The line.
        line: &'a str,
    },
    /// A step is done.
    Done {
        /// Where.
        subject: &'a Subject,
        /// The step's address.
        address: &'a Address,
        /// What was done, in a few words (`12.8 MiB in 3.1 s, sha256 as in the spec`).
        summary: &'a str,
    },
    /// A step failed; the reasons come at the end.
    Failed {
        /// Where.
        subject: &'a Subject,
        /// The step's address.
        address: &'a Address,
    },
    /// Ctrl-C came, and this is what we do about it.
    Interrupted {
        /// Where.
        subject: &'a Subject,
        /// The address of the step that runs.
        address: &'a Address,
        /// A sentence.
        what: &'a str,
    },
}

/// Takes events as they happen.
pub trait Sink {
    /// Takes one.
    fn event(&mut self, event: Event<'_>);
}
