//! A machine that is connected to by who may change it.

use std::time::Duration;

use super::{Lock, LockError, LockRequest, Stop, Writer};
use crate::{observe::Reader, transport::Connection};

/// A connection of an apply. It can be read over, and the machine can be locked; what is run there
/// otherwise is what a [`Writer`] runs, under the lock:
///
/// ```
/// use trueup::{apply::{Connected, Lock, LockRequest, Stop}, observe::Reader, script::Script};
///
/// async fn lock(machine: &Connected, request: &LockRequest<'_>, stop: &mut Stop) {
///     let _ = Lock::acquire(machine, request, stop, |_| {}).await;
/// }
/// ```
///
/// What a plan is made with cannot lock,
///
/// ```compile_fail,E0308
/// use trueup::{apply::{Connected, Lock, LockRequest, Stop}, observe::Reader, script::Script};
///
/// async fn lock(machine: &Reader<'_>, request: &LockRequest<'_>, stop: &mut Stop) {
///     let _ = Lock::acquire(machine, request, stop, |_| {}).await;
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
    /// Takes the machine's lock, and has it look at once: [`Writer::seen`]. `waiting` gets the
    /// lock's holder, once, if we wait.
    ///
    /// # Errors
    /// When somebody else keeps the lock, or the host cannot be reached.
    pub async fn acquire<'c>(
        machine: &'c Connected,
        request: &LockRequest<'_>,
        stop: &mut Stop,
        waiting: impl FnMut(&str),
    ) -> Result<Writer<'c>, LockError> {
        Self::over(machine.0.as_ref(), request, stop, waiting).await
    }
}
