//! The list of tables of a MySQL or MariaDB server, over a stream.
//!
//! The crate `mysql_common` knows the packets and the logins; here is the order in which they go, of
//! the one session that is needed: greeting, TLS, login, one prepared question, goodbye. A stream
//! comes from a [`Dial`], most often through the SSH connection to a host; nothing here knows of
//! sockets. The MySQL client/server protocol is described in MySQL's source documentation, "Client/
//! Server Protocol", and in MariaDB's knowledge base.

#[cfg(not(feature = "mysql"))]
mod absent;
#[cfg(feature = "mysql")]
mod error;
#[cfg(feature = "mysql")]
mod login;
#[cfg(feature = "mysql")]
mod packets;
#[cfg(feature = "mysql")]
mod query;
#[cfg(feature = "mysql")]
mod symptom;

use std::fmt;

use secrecy::SecretString;

use crate::broker::Roots;

#[cfg(not(feature = "mysql"))]
pub use absent::{Error, tables};
#[cfg(feature = "mysql")]
pub use {
    error::{Error, ErrorDetails, Stage},
    query::tables,
};

/// Most tables of a database that get topics.
pub const MOST_TABLES: usize = 10_000;

/// A server, and who we are to it.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: SecretString,
    /// The database.
    pub database: String,
    /// Who vouches for the server; `None`: no TLS is spoken.
    pub roots: Option<Roots>,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}
