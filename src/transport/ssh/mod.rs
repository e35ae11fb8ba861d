//! Over SSH: one connection of the system's own `ssh`, and any number of scripts in it.
//!
//! `~/.ssh/config` stays the user's way to the machine (jump hosts, proxies, agents); what keeps
//! people safe is decided here (see `config.rs`). The connection's process is ours (`master.rs`),
//! the crate `openssh` runs the scripts in it, and streams to others go through it (`forward.rs`).

mod agent;
mod config;
mod forward;
mod help;
mod key_file;
mod known;
mod log;
mod master;
mod mux;
mod offered;
pub mod pins;
mod private_key;
mod retry;
mod start;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use openssh::Stdio;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use self::{
    help::{View, help, last_words, shown},
    master::Master,
    start::Start,
};
use super::{Connection, Error, Exit, Running, account, feed};
use crate::{script::Script, text::escape_control, whole::state_folder};

pub use self::{
    known::LearnedKey,
    offered::{Offer, known_as_trusted, offered},
    private_key::{BadKey, PrivateKey},
};

/// Sessions at a time. sshd takes ten on a connection (`MaxSessions`); streams that are dialled do
/// not count.
const SESSIONS: usize = 8;

/// The way to a machine, with every default and reference of the spec resolved.
#[derive(Debug, Clone, Default)]
pub struct Destination {
    /// The host's name in the spec, for messages.
    pub name: String,
    /// What is handed to ssh, unchanged, so that the user's own `Host` blocks match.
    pub address: String,
    /// Port; else the user's configuration says.
    pub port: Option<u16>,
    /// Account; else the user's configuration says.
    pub user: Option<String>,
    /// Private key, as an absolute path; else the agent and the user's configuration.
    pub key_file: Option<PathBuf>,
    /// Private key that must not touch the disk, as PEM. While the login lasts, an agent of our
    /// own holds it.
    pub private_key: Option<SecretString>,
    /// The EC2 instance that the machine is, `i-…`: pins belong to it, whatever its address.
    pub instance: Option<String>,
    /// How the machine proves who it is.
    pub host_key: HostKey,
    /// Whether the user's own master is taken, where one runs.
    pub reuse_master: bool,
}

/// How a machine proves who it is, with references resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HostKey {
    /// By a key that known_hosts holds, the user's or ours.
    #[default]
    Strict,
    /// By any key at the first meeting, by the same key ever after.
    AcceptNew,
    /// By one of these full public keys and no other.
    Pinned(Vec<String>),
}

/// Where the user's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The user's ssh configuration.
    pub user_config: PathBuf,
    /// The system's.
    pub system_config: PathBuf,
    /// Host keys that trueup took at a first meeting.
    pub known_hosts: PathBuf,
    /// Host keys that are pinned to EC2 instances.
    pub known_instances: PathBuf,
    /// Folders for control sockets, the first that can be used.
    pub runtime: Vec<PathBuf>,
}

impl Places {
    /// Those of the user who runs trueup. The ssh configuration is the one that ssh itself would
    /// read: in the home that passwd names, whatever `HOME` says.
    pub fn of_user() -> Self {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|p| p.is_absolute())
        };
        let passwd = account::account().ok().map(|account| account.home);
        let ssh_home = passwd
            .or_else(|| absolute("HOME"))
            .unwrap_or_else(|| "/".into());
        let state = state_folder(|name| std::env::var_os(name))
            .unwrap_or_else(|| ssh_home.join(".local/state/trueup"));
        Self {
            user_config: ssh_home.join(".ssh/config"),
            system_config: "/etc/ssh/ssh_config".into(),
            known_hosts: state.join("known_hosts"),
            known_instances: state.join("known_instances"),
            runtime: absolute("XDG_RUNTIME_DIR")
                .into_iter()
                .chain(["/tmp".into()])
                .collect(),
        }
    }
}

/// A connection. Dropping it ends it.
#[derive(Debug)]
pub struct Ssh {
    address: String,
    session: Arc<openssh::Session>,
    master: Arc<Master>,
    slots: Arc<Semaphore>,
    learned: Option<LearnedKey>,
}

impl Ssh {
    /// Connects and logs in; no command is run for it.
    ///
    /// # Errors
    /// When the way cannot be used here, or the machine cannot be reached, is not the one it
    /// should be, or refuses the login, each with the way out; and past the deadline.
    pub async fn connect(way: &Destination, deadline: Duration) -> Result<Self, Error> {
        Self::connect_from(&Places::of_user(), way, deadline).await
    }

    /// Like [`Ssh::connect`], with the user's files elsewhere.
    ///
    /// # Errors
    /// As [`Ssh::connect`].
    pub async fn connect_from(
        places: &Places,
        way: &Destination,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let mut start = Start::new(places, way, deadline)?;
        let logged_in = tokio::time::timeout(deadline, start.log_in()).await;
        // The key is needed for the login alone.
        start.end_agent().await;
        // Refused or late, the key was taken, and that is never kept in silence.
        let learned = start.keep_learned();
        match logged_in {
            Ok(result) => result?,
            Err(_) => return Err(start.late(deadline)),
        }
        let master = start.master;
        let session = openssh::Session::resume_mux(master.socket().into(), None);
        tracing::debug!(address = way.address, "connected");
        Ok(Self {
            address: way.address.clone(),
            session: Arc::new(session),
            master: Arc::new(master),
            slots: Arc::new(Semaphore::new(SESSIONS)),
            learned,
        })
    }

    /// The host key that was taken at this first meeting (`host_key: accept-new` only).
    pub fn learned(&self) -> Option<LearnedKey> {
        self.learned.clone()
    }

    /// The control socket, for `ssh -S SOCKET`. It goes with this value.
    pub fn control_socket(&self) -> PathBuf {
        self.master.socket()
    }

    fn failed(&self, error: &openssh::Error) -> Error {
        let mut said = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            said.push_str(": ");
            said.push_str(&cause.to_string());
            source = cause.source();
        }
        if let openssh::Error::SshMux(_) = error
            && said.contains("refused")
        {
            let way = Destination {
                address: self.address.clone(),
                ..Destination::default()
            };
            return Error::Connect {
                address: self.address.clone(),
                help: help("Session open refused", &way, &View::default(), &[]),
                said: shown(&said),
            };
        }
        // The master's last words: "Timeout, server … not responding."
        let log = self.master.said();
        if let Some(line) = last_words(&log) {
            said.push_str(": ");
            said.push_str(line);
        }
        Error::Lost {
            address: self.address.clone(),
            source: escape_control(&said).into(),
        }
    }
}

#[async_trait]
impl Connection for Ssh {
    fn address(&self) -> &str {
        &self.address
    }

    async fn spawn(&self, script: &Script) -> Result<Running, Error> {
        let slots = Arc::clone(&self.slots);
        let slot = slots.acquire_owned().await.map_err(|closed| Error::Lost {
            address: self.address.clone(),
            source: Box::new(closed),
        })?;
        let exec = script.exec();
        tracing::debug!(address = self.address, script = script.name(), "exec");
        let mut command = Arc::clone(&self.session).arc_raw_command(&exec.command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().await.map_err(|error| self.failed(&error))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (
            child.stdin().take(),
            child.stdout().take(),
            child.stderr().take(),
        ) else {
            let source = io::Error::other("the pipes were not made");
            return Err(Error::Lost {
                address: self.address.clone(),
                source: Box::new(source),
            });
        };
        let address = self.address.clone();
        Ok(Running {
            stdin: feed(Box::pin(stdin), exec.stdin),
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            exit: Box::pin(async move {
                let ended = child.wait().await;
                drop(slot);
                match ended {
                    Ok(status) => Ok(status.code().map_or(Exit::Lost, Exit::Code)),
                    // The crate's name for status 127.
                    Err(openssh::Error::Remote(_)) => Ok(Exit::Code(127)),
                    Err(openssh::Error::RemoteProcessTerminated | openssh::Error::Disconnected) => {
                        Ok(Exit::Lost)
                    }
                    Err(error) => Err(Error::Lost {
                        address,
                        source: Box::new(error),
                    }),
                }
            }),
        })
    }

    async fn is_alive(&self) -> bool {
        let master = Arc::clone(&self.master);
        let asked = tokio::task::spawn_blocking(move || master.is_alive()).await;
        asked.unwrap_or(false)
    }

    async fn close(self: Box<Self>) {
        let Self {
            session, master, ..
        } = *self;
        drop(session);
        // The end is waited for: it is a matter of milliseconds, but a blocking one.
        let _ = tokio::task::spawn_blocking(move || drop(master)).await;
    }
}

/// The way out where one of OpenSSH's programs could not be run: to install it only where it is not
/// there. Any other cause (no descriptors, no memory, a missing folder) is in the error itself.
fn install_or_look(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if there {
        format!(
            "`{program}` is here: see what the error says of this machine, and run the command again"
        )
    } else {
        format!(
            "install the OpenSSH client (openssh-client, openssh-clients): `{program}` is part of it"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::install_or_look;

    #[test]
    fn only_what_is_not_here_is_to_be_installed() {
        assert!(install_or_look("ssh-nowhere").contains("install the OpenSSH client"));
        assert!(!install_or_look("sh").contains("install"));
    }
}
