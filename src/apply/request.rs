//! What is asked of a machine with its lock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{
    error::WriteError,
    holder::{SILENCE, STEPS},
};
use crate::{
    kinds::Resource,
    observe::{self, HOST, PRELUDE, random_mark},
    script::Script,
    transport::whole_seconds,
};

pub(super) const HOLDER: &str = include_str!("holder.sh");

/// How a lock is taken, and what is read with it.
pub struct LockRequest<'r> {
    /// Who we are; others find it in the process list.
    pub title: &'r str,
    /// How long it is waited for.
    pub wait: Duration,
    /// How long the answer to each call may take; the login shell's start files have as long.
    pub answer: Duration,
    /// What is read as soon as it is had.
    pub resources: &'r [Box<dyn Resource>],
    /// Whether files are hashed where sizes would do.
    pub deep: bool,
}

/// A look that has begun with the lock.
pub(super) struct Look {
    pub(super) started: Instant,
    pub(super) asked: SystemTime,
}

impl Look {
    pub(super) fn begun() -> Self {
        Self {
            started: Instant::now(),
            asked: SystemTime::now(),
        }
    }
}

impl LockRequest<'_> {
    /// The holder, and whether it looks by itself: not where the two together are too long for one line.
    pub(super) fn script(&self) -> Result<(Script, bool), WriteError> {
        // Without random bytes the look says so.
        let mark = random_mark().ok();
        let looks = mark.map(|mark| self.holder(Some(&mark))).transpose()?;
        match looks.filter(|script| script.exec().stdin.is_none()) {
            Some(script) => Ok((script, true)),
            None => Ok((self.holder(None)?, false)),
        }
    }

    /// Each of the two scripts is complete in itself; the steps travel as one value of the holder's,
    /// which hands it to a shell of its own for every step.
    fn holder(&self, looks: Option<&str>) -> Result<Script, WriteError> {
        let mut script = Script::new("lock")
            .titled(self.title)
            .text(PRELUDE)
            .text(HOST)
            .text(HOLDER)
            .set("STEPS", &STEPS);
        if let Some(mark) = looks {
            script = observe::look_now(script, self.resources, self.deep, mark, self.answer)?;
        }
        // Who asked has long given up a look that takes longer.
        let times = [self.wait, SILENCE, self.answer + SILENCE];
        let times = times.map(|time| whole_seconds(time).to_string());
        Ok(script.text("identify").call("holder", times)?)
    }
}
