//! A machine that is connected to by who may change it.

use std::time::Duration;

use super::{Lock, LockError, Stop, Writer};
use crate::{observe::Reader, transport::Connection};

/// A connection of an apply. It can be read over, and the machine can be locked; what is run there
/// otherwise is what a [`Writer`] runs, under the lock:
///
/// ```
/// use std::time::Duration;
/// use trueup::{apply::{Connected, Lock, Stop}, observe::Reader, script::Script};
///
/// async fn lock(machine: &Connected, stop: &mut Stop) {
///     let wait = Duration::ZERO;
///     let _ = Lock::acquire(machine, "title", wait, wait, stop, |_| {}).await;
/// }
/// ```
///
/// What a plan is made with cannot lock,
///
/// ```compile_fail,E0308
/// use std::time::Duration;
/// use trueup::{apply::{Connected, Lock, Stop}, observe::Reader, script::Script};
///
/// async fn lock(machine: &Reader<'_>, stop: &mut Stop) {
///     let wait = Duration::ZERO;
///     let _ = Lock::acquire(machine, "title", wait, wait, stop, |_| {}).await;
/// }
/// ```
///
/// and nothing is run beside the lock, nor is the connection given away:
///
/// ```compile_fail,E0599
/// use trueup::{apply::Connected, script::Script, transport::Connection};
///
/// async fn run(machine: &Connected, script: &Script) {
///     let _ = machine.spawn(script).await;
/// }
/// ```
///
/// ```compile_fail,E0616
/// use trueup::{apply::Connected, script::Script, transport::Connection};
///
/// async fn run(machine: &Connected, script: &Script) {
///     let _ = machine.0.spawn(script).await;
/// }
/// ```
pub struct Connected(Box<dyn Connection>);

impl Connected {
    /// Over a connection, which nobody else has from here on.
    pub fn new(connection: Box<dyn Connection>) -> Self {
        Self(connection)
    }

    /// Reads; an answer that takes longer than `deadline` is an error.
    pub fn reader(&self, deadline: Duration) -> Reader<'_> {
        Reader::new(self.0.as_ref(), deadline)
    }

    /// See [`Connection::is_alive`].
    pub async fn is_alive(&self) -> bool {
        self.0.is_alive().await
    }

    /// See [`Connection::close`].
    pub async fn close(self) {
        self.0.close().await;
    }
}

impl Lock {
    /// Takes the machine's lock, waiting for it at most `wait`, and for the answer to each call at
    /// most `answer`; the login shell's start files have as long. `title` says who we are; others find
    /// it in the process list. `waiting` is told who holds the lock, once, if we wait.
    ///
    /// # Errors
    /// When somebody else keeps the lock, or the host cannot be reached.
    pub async fn acquire<'c>(
        machine: &'c Connected,
        title: &str,
        wait: Duration,
        answer: Duration,
        stop: &mut Stop,
        waiting: impl FnMut(&str),
    ) -> Result<Writer<'c>, LockError> {
        Self::over(machine.0.as_ref(), title, wait, answer, stop, waiting).await
    }
}
