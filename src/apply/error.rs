//! Why the lock was not had, and why a step's outcome is not known.

use crate::{
    frame::Garbled,
    script::{NulByte, quote},
    transport,
};

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The connection, or the host's answer.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Somebody else has it, and kept it for as long as we waited. Exit code 7.
    #[error(
        "another apply holds the lock: {holder}\n  help: wait for it, or raise `--lock-timeout`"
    )]
    Held {
        /// Who, as the holder says in its arguments.
        holder: String,
    },
    /// The host cannot lock.
    #[error("the lock cannot be taken: {why}\n  help: {help}")]
    Cannot {
        /// What is missing or blocks it.
        why: String,
        /// What to do.
        help: String,
    },
    /// The login shell did not come to our script.
    #[error(
        "{address}: the login shell did not come to trueup's command within {seconds} s{printed}\n  \
         help: bash reads ~/.bashrc for each command of ssh's: look in the start files for what asks, waits \
         or runs another program (`read`, `exec`, a network that is away), or raise `--timeout`"
    )]
    Silent {
        /// The address as the spec has it.
        address: String,
        /// The deadline.
        seconds: u64,
        /// What it printed meanwhile, from `; it printed: ` on; empty: nothing.
        printed: String,
    },
    /// Ctrl-C came while we waited.
    #[error("interrupted while waiting for the lock")]
    Interrupted,
}

impl LockError {
    /// Why a host cannot lock, from the holder's record of it.
    pub(super) fn cannot(key: &str, value: String) -> Self {
        let (why, help) = match key {
            "no_flock" => (
                "`flock` is not there".to_owned(),
                "it is part of util-linux: install it on the host".to_owned(),
            ),
            "not_ours" => {
                let (owner, path) = value.split_once(' ').unwrap_or(("another", &value));
                let shown = quote(path).unwrap_or_else(|NulByte| path.to_owned());
                (
                    format!("`{path}` is no file of this account's own, but of `{owner}`"),
                    format!("look at it, and have it removed: ls -l {shown}"),
                )
            }
            "no_lock" => (
                value,
                "the account's home has to have room for an empty file".to_owned(),
            ),
            _ => (value, "look at the host with `facts`".to_owned()),
        };
        Self::Cannot { why, help }
    }

    /// Whether the connection is to blame: over another one the lock may be had.
    pub(crate) fn is_of_connection(&self) -> bool {
        let Self::Write(error) = self else {
            return false;
        };
        let ended = |error: &WriteError| matches!(error, WriteError::Ended { .. });
        matches!(
            error,
            WriteError::Transport(_) | WriteError::NotBegun { .. }
        ) || ended(error)
    }
}

/// Why a step's outcome is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The connection.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// The answer is not made of records.
    #[error(transparent)]
    Garbled(#[from] Garbled),
    /// The holder is gone.
    #[error("the connection ended in the middle: {output}")]
    Ended {
        /// The last lines of its stderr.
        output: String,
    },
    /// The login shell ended before it came to our script.
    #[error(
        "the login shell ended before it came to trueup's command: {output}\n  help: `ssh` to it and run \
         `true`: does the account's shell run commands?"
    )]
    NotBegun {
        /// What it printed, on stdout and stderr.
        output: String,
    },
    /// A value of the spec.
    #[error(transparent)]
    Nul(#[from] NulByte),
    /// The step went beyond its deadline; a package manager is never killed.
    #[error("it is still running after {seconds} s; it goes on by itself")]
    StillRunning {
        /// The deadline.
        seconds: u64,
    },
    /// Ctrl-C came twice: we leave, the host ends the step alone.
    #[error("left behind by Ctrl-C; it goes on by itself")]
    Abandoned,
}
