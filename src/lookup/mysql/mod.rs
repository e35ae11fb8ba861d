//! The list of tables of a MySQL or MariaDB server, over a stream.
//!
//! The crate `mysql_common` knows the packets and the logins; here is the order in which they go, of
//! the one session that is needed: greeting, TLS, login, one prepared question, goodbye. A stream
//! comes from a [`Dial`], most often through the SSH connection to a host; nothing here knows of
//! sockets. The MySQL client/server protocol is described in MySQL's source documentation, "Client/
//! Server Protocol", and in MariaDB's knowledge base.

mod error;
mod login;
mod packets;
mod query;
mod symptom;

use std::{fmt, time::Duration};

use secrecy::SecretString;
use tokio::time::Instant;

use crate::{broker::Roots, transport::dial::Dial};

pub use error::{Error, Stage, Trouble};
pub use query::MOST_TABLES;

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

/// The names of a database's tables that are LIKE a pattern, views left out, in the order of their
/// bytes; one more than [`MOST_TABLES`] stand for any greater number. One connection, one question.
/// `via` is how the machine that dials is called; `deadline` holds for the dial with its login, and
/// for the question.
///
/// # Errors
/// When the server cannot be reached or does not answer.
pub async fn tables(
    dial: &dyn Dial,
    via: &str,
    server: &Server,
    like: Option<&str>,
    deadline: Duration,
) -> Result<Vec<String>, Error> {
    let at = symptom::At {
        server,
        via,
        deadline,
    };
    let mut packets = login::open(dial, at, Instant::now() + deadline).await?;
    let until = Instant::now() + deadline;
    let found = query::tables(&mut packets, like.unwrap_or("%"), until).await;
    let mut tables = found.map_err(|fault| at.fault(Stage::Query, fault))?;
    packets
        .quit(until.min(Instant::now() + Duration::from_secs(1)))
        .await;
    tables.sort();
    Ok(tables)
}
