//! Over SSH: one connection of the system's own `ssh`, and any number of scripts in it.
//!
//! `~/.ssh/config` decides on the route (jump hosts, proxies, agents), `config.rs` on security. The
//! process is ours (`master.rs`), the crate `openssh` runs the scripts in it, and streams go through it
//! (`forward.rs`).

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
    help::{EffectiveConfig, help, last_message, summary},
    master::Master,
    start::Attempt,
};
use super::{Connection, Error, Exit, Running, account, feed};
use crate::{script::Script, text::escape_control, whole::state_folder};

pub use self::{
    known::LearnedKey,
    offered::{OfferedKeys, add_to_known_hosts, scan_host_keys},
    private_key::{BadKey, PrivateKey},
};

/// Concurrent sessions. sshd allows ten on a connection (`MaxSessions`), not counting streams.
const SESSIONS: usize = 8;

/// How to connect to a machine, with every default and reference of the spec resolved.
#[derive(Debug, Clone, Default)]
pub struct Destination {
    /// The host's name in the spec, for messages.
    pub name: String,
    /// Passed to ssh unchanged, so that the user's own `Host` blocks match.
    pub address: String,
    /// Port; else that of the user's configuration.
    pub port: Option<u16>,
    /// Account; else that of the user's configuration.
    pub user: Option<String>,
    /// Private key, as an absolute path; else the agent and the user's configuration.
    pub key_file: Option<PathBuf>,
    /// Private key that must not touch the disk, as PEM; an agent of our own holds it during the login.
    pub private_key: Option<SecretString>,
    /// Its EC2 instance, `i-…`: pins belong to the instance, whatever its address.
    pub instance: Option<String>,
    /// Which host keys are accepted.
    pub host_key: HostKey,
    /// Whether to use the user's own master, if one runs.
    pub reuse_master: bool,
}

/// Which host keys are accepted, with references resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HostKey {
    /// A key in known_hosts, the user's or ours.
    #[default]
    Strict,
    /// Any key on first use, then the same one.
    AcceptNew,
    /// Only these full public keys.
    Pinned(Vec<String>),
}

/// Paths of the user's and our own ssh files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshPaths {
    /// The user's ssh configuration.
    pub user_config: PathBuf,
    /// The system's.
    pub system_config: PathBuf,
    /// Host keys that were accepted on first use.
    pub known_hosts: PathBuf,
    /// Host keys that are pinned to EC2 instances.
    pub known_instances: PathBuf,
    /// Candidate folders for control sockets.
    pub runtime: Vec<PathBuf>,
}

impl SshPaths {
    /// Those of the current user. Like ssh itself, finds the ssh configuration in passwd's home, whatever
    /// `HOME` is.
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
    /// Connects and logs in, without running a command.
    ///
    /// # Errors
    /// When the connection cannot be set up here, the machine is unreachable, has a wrong host key or
    /// refuses the login, or the deadline has passed; each with help.
    pub async fn connect(destination: &Destination, deadline: Duration) -> Result<Self, Error> {
        Self::connect_from(&SshPaths::of_user(), destination, deadline).await
    }

    /// Like [`Ssh::connect`], with other paths.
    ///
    /// # Errors
    /// As [`Ssh::connect`].
    pub async fn connect_from(
        paths: &SshPaths,
        destination: &Destination,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let mut start = Attempt::new(paths, destination, deadline)?;
        let logged_in = tokio::time::timeout(deadline, start.log_in()).await;
        // The key is only needed for the login.
        start.end_agent().await;
        // Even if the login failed, a host key may have been accepted, which must be reported.
        let learned = start.save_learned_key();
        match logged_in {
            Ok(result) => result?,
            Err(_) => return Err(start.timed_out(deadline)),
        }
        let master = start.master;
        let session = openssh::Session::resume_mux(master.socket().into(), None);
        tracing::debug!(address = destination.address, "connected");
        Ok(Self {
            address: destination.address.clone(),
            session: Arc::new(session),
            master: Arc::new(master),
            slots: Arc::new(Semaphore::new(SESSIONS)),
            learned,
        })
    }

    /// The host key that was accepted on first use (`host_key: accept-new` only).
    pub fn learned(&self) -> Option<LearnedKey> {
        self.learned.clone()
    }

    /// The control socket, for `ssh -S SOCKET`. It is removed with this value.
    pub fn control_socket(&self) -> PathBuf {
        self.master.socket()
    }

    fn failed(&self, error: &openssh::Error) -> Error {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        if let openssh::Error::SshMux(_) = error
            && message.contains("refused")
        {
            let destination = Destination {
                address: self.address.clone(),
                ..Destination::default()
            };
            return Error::Connect {
                address: self.address.clone(),
                help: help(
                    "Session open refused",
                    &destination,
                    &EffectiveConfig::default(),
                    &[],
                ),
                message: summary(&message),
            };
        }
        // Such as "Timeout, server … not responding."
        let log = self.master.log_text();
        if let Some(line) = last_message(&log) {
            message.push_str(": ");
            message.push_str(line);
        }
        Error::Lost {
            address: self.address.clone(),
            source: escape_control(&message).into(),
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
        let alive = tokio::task::spawn_blocking(move || master.is_alive()).await;
        alive.unwrap_or(false)
    }

    async fn close(self: Box<Self>) {
        let Self {
            session, master, ..
        } = *self;
        drop(session);
        // Wait for the end, which blocks for milliseconds.
        let _ = tokio::task::spawn_blocking(move || drop(master)).await;
    }
}

/// Help where one of OpenSSH's programs could not be run: to install it only if it is missing. Any other
/// cause (no descriptors, no memory, a missing folder) is in the error itself.
fn install_help(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let exists = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if exists {
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
    use super::install_help;

    #[test]
    fn only_a_missing_program_is_to_be_installed() {
        assert!(install_help("ssh-nowhere").contains("install the OpenSSH client"));
        assert!(!install_help("sh").contains("install"));
    }
}
