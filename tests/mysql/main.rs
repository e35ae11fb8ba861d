//! The conversation with MySQL against a server that is scripted here, in bytes of our own: logins
//! that Debian's MariaDB does not have, and answers that no server gives. What a real server does is
//! in tests/hosts/topics/tables.

#![cfg(feature = "mysql")]

mod answers;
mod fake;
mod logins;
#[path = "../support/sweep.rs"]
#[allow(dead_code, reason = "the sweeps of tests/reliability use more of it")]
mod sweep;
