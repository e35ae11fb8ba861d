//! Why the tables of a database could not be listed: the stage, the message, the help.

use std::{fmt, ops::Deref};

use super::Server;
use crate::{
    text::escape_control,
    transport::dial::{Passed, Through},
};

/// Longest text of a server that is shown, in characters.
const LONGEST_MESSAGE: usize = 300;

/// The stage that failed, in the order of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The machine that was to dial could not be asked.
    Machine,
    /// The machine's sshd does not forward.
    Forwarding,
    /// The server's name means nothing there.
    Name,
    /// Nothing took the connection.
    Tcp,
    /// The server did not greet as MySQL does, or greeted with a refusal.
    Greeting,
    /// TLS was not agreed on.
    Tls,
    /// The server did not let the user in, or not into the database.
    Login,
    /// The list was not answered.
    Query,
}

/// A server could not be reached, refused us, or answered what no MySQL answers. Exit code 4.
#[derive(Debug, Clone)]
pub struct Error(Box<ErrorDetails>);

/// What an [`Error`] holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ErrorDetails {
    /// The stage that failed.
    pub stage: Stage,
    /// `HOST:PORT`.
    pub server: String,
    /// How the machine that dialled is called: a host's name, or `direct`.
    pub via: String,
    /// The user, and the database.
    pub login: (String, String),
    /// The message, escaped, on one line.
    pub message: String,
    /// The help.
    pub help: String,
    /// MySQL's error number, where the server answered with one.
    pub code: Option<u16>,
    /// The stages before it: `DNS`, `TCP`, ….
    pub passed: Vec<&'static str>,
}

impl Error {
    pub(super) fn new(
        (server, via): (&Server, &str),
        stage: Stage,
        message: &str,
        help: String,
    ) -> Self {
        let named = server.host.parse::<std::net::IpAddr>().is_err();
        let all = [
            // An address needs no looking up.
            (Stage::Name, "DNS", named),
            (Stage::Tcp, "TCP", true),
            (Stage::Tls, "TLS", server.roots.is_some()),
            (Stage::Login, "login", true),
        ];
        let passed = all
            .into_iter()
            .filter(|(at, _, applies)| *at < stage && *applies);
        let mut shown: String = message.trim().chars().take(LONGEST_MESSAGE).collect();
        if shown.len() < message.trim().len() {
            shown.push('…');
        }
        Self(Box::new(ErrorDetails {
            stage,
            server: server.to_string(),
            via: via.to_owned(),
            login: (server.user.clone(), server.database.clone()),
            message: escape_control(&shown),
            help,
            code: None,
            passed: passed.map(|(_, name, _)| name).collect(),
        }))
    }

    pub(super) fn with_code(mut self, code: u16) -> Self {
        self.0.code = Some(code);
        self
    }
}

impl Deref for Error {
    type Target = ErrorDetails;

    fn deref(&self) -> &ErrorDetails {
        &self.0
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.code.is_some();
        f.write_str(match self.stage {
            Stage::Machine => "the database of the tables could not be dialled",
            Stage::Forwarding => {
                "the database of the tables was not reached: no way through the host"
            }
            Stage::Name => "the database of the tables was not reached at DNS",
            Stage::Tcp => "the database of the tables was not reached at TCP",
            Stage::Greeting if refused => "the database of the tables refused us at once",
            Stage::Greeting => "the database of the tables did not greet as MySQL does",
            Stage::Tls => "the database of the tables was not reached at TLS",
            Stage::Login if refused => "the database of the tables refused us at login",
            Stage::Login => "the database of the tables was not entered: login failed",
            Stage::Query if refused => "the database refused the list of its tables",
            Stage::Query => "the database did not give the list of its tables",
        })?;
        let (fine, through) = (Passed(&self.passed), Through(&self.via));
        write!(f, "{fine}\n  server  {}{through}", self.server)?;
        let (user, database) = &self.login;
        let (user, database) = (escape_control(user), escape_control(database));
        write!(f, "\n  as      {user}, into {database}")?;
        write!(f, "\n  said    {}", self.message)?;
        write!(f, "\n  help: {}", self.help)
    }
}
