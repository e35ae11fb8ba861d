//! Over SSH: one connection of the system's own `ssh`, and any number of scripts in it.
//!
//! `~/.ssh/config` stays the user's way to the machine (jump hosts, proxies, agents); what keeps
//! people safe is decided here (see `config.rs`). The connection's process is ours (`master.rs`),
//! the crate `openssh` runs the scripts in it, and streams to others go through it (`forward.rs`).

mod config;
mod forward;
mod help;
mod known;
mod master;
mod mux;

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use openssh::Stdio;
use tokio::{process::Command, sync::Semaphore};

use self::{
    config::{Ground, Trust, config},
    help::{View, help, last_words, plain, shown},
    known::Pin,
    master::{Master, output},
};
use super::{Connection, Error, Exit, Running, account, feed};
use crate::{script::Script, text::escape_control};

pub use self::known::LearnedKey;

/// Sessions at a time. sshd takes ten on a connection (`MaxSessions`); streams that are dialled do
/// not count.
const SESSIONS: usize = 8;

/// The way to a machine, with every default and reference of the spec resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshWay {
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
    /// Socket of an agent made for this connection (a key that must not touch the disk).
    pub agent_socket: Option<PathBuf>,
    /// How the machine proves who it is.
    pub host_key: HostKey,
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
        let home = absolute("HOME");
        let passwd = account::account().ok().map(|account| account.home);
        let ssh_home = passwd
            .or_else(|| home.clone())
            .unwrap_or_else(|| "/".into());
        let state = absolute("XDG_STATE_HOME").unwrap_or_else(|| {
            home.unwrap_or_else(|| ssh_home.clone())
                .join(".local/state")
        });
        Self {
            user_config: ssh_home.join(".ssh/config"),
            system_config: "/etc/ssh/ssh_config".into(),
            known_hosts: state.join("trueup/known_hosts"),
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
    pub async fn connect(way: &SshWay, deadline: Duration) -> Result<Self, Error> {
        Self::connect_from(&Places::of_user(), way, deadline).await
    }

    /// Like [`Ssh::connect`], with the user's files elsewhere.
    ///
    /// # Errors
    /// As [`Ssh::connect`].
    pub async fn connect_from(
        places: &Places,
        way: &SshWay,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let mut start = Start::new(places, way, deadline)?;
        let logged_in = tokio::time::timeout(deadline, start.log_in()).await;
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
            let way = SshWay {
                address: self.address.clone(),
                ..SshWay::default()
            };
            return Error::Connect {
                address: self.address.clone(),
                help: help("Session open refused", &way, &View::default()),
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

    async fn close(self: Box<Self>) {
        let Self {
            session, master, ..
        } = *self;
        drop(session);
        // The end is waited for: it is a matter of milliseconds, but a blocking one.
        let _ = tokio::task::spawn_blocking(move || drop(master)).await;
    }
}

/// A connection that is being made.
struct Start<'a> {
    places: &'a Places,
    way: &'a SshWay,
    master: Master,
    connect_timeout: u64,
}

impl<'a> Start<'a> {
    fn new(places: &'a Places, way: &'a SshWay, deadline: Duration) -> Result<Self, Error> {
        let runtime: Vec<&Path> = places.runtime.iter().map(PathBuf::as_path).collect();
        let master = Master::in_folder_below(&runtime).map_err(|error| Error::Setup {
            what: format!(
                "host {}: no folder for the control socket: {error}",
                way.name
            ),
            help: "let `XDG_RUNTIME_DIR`, or /tmp, be a folder that you may write".into(),
        })?;
        if let Some(file) = &way.key_file {
            // Our folder was made by this very user.
            let uid = std::fs::metadata(master.file(".")).map(|made| made.uid());
            check_key(way, file, uid.ok())?;
        }
        // A little sooner than our own deadline, because ssh can say at what it waited.
        let connect_timeout = deadline.as_secs().saturating_sub(1).max(1);
        Ok(Self {
            places,
            way,
            master,
            connect_timeout,
        })
    }

    fn config(&self, trust: Trust<'_>) -> Result<PathBuf, Error> {
        let text = config(
            self.way,
            &Ground {
                trust,
                connect_timeout: self.connect_timeout,
                user_config: &self.places.user_config,
                system_config: &self.places.system_config,
            },
        )?;
        self.write("config", &text)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        self.master.write(name, text).map_err(|error| Error::Setup {
            what: format!(
                "host {}: {}: {error}",
                self.way.name,
                self.master.file(name).display()
            ),
            help: "free some space there".into(),
        })
    }

    async fn log_in(&mut self) -> Result<(), Error> {
        let config = self.host_keys().await?;
        match self.master.start(&config, &self.way.address).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.refused().await),
            Err(error) => Err(self.no_ssh(&error)),
        }
    }

    /// Writes the configuration, with the host keys that may be shown.
    async fn host_keys(&self) -> Result<PathBuf, Error> {
        let config = self.config(Trust::Users)?;
        let own = &self.places.known_hosts;
        let has_own = std::fs::metadata(own).is_ok_and(|file| file.len() > 0);
        match &self.way.host_key {
            HostKey::Strict if !has_own => Ok(config),
            HostKey::Strict => {
                let view = self.view(&config).await?;
                let theirs = view.files("userknownhostsfile");
                self.config(Trust::Known(with(own, &theirs)))
            }
            HostKey::Pinned(keys) => {
                let pins = Pin::parse_all(self.way, keys)?;
                let view = self.view(&config).await?;
                let mut extra = Vec::new();
                if view
                    .get("knownhostscommand")
                    .is_some_and(|command| command != "none")
                {
                    extra.push("KnownHostsCommand none");
                }
                // With it, the host key is not even looked at. Only patched builds know it.
                if view
                    .get("gssapikeyexchange")
                    .is_some_and(|value| value != "no")
                {
                    extra.push("GSSAPIKeyExchange no");
                }
                let known = Pin::known_hosts(&pins, &self.way.address.to_ascii_lowercase());
                let file = self.write("known_hosts", &known)?;
                let trust = Trust::Pinned {
                    file: &file,
                    pins: &pins,
                    extra,
                };
                self.config(trust)
            }
            HostKey::AcceptNew => {
                let view = self.view(&config).await?;
                let theirs = view.files("userknownhostsfile");
                let mut all = with(own, &theirs);
                let global = view.files("globalknownhostsfile");
                all.extend(global.iter().map(PathBuf::as_path));
                // ssh takes a key of another *type* for new, even where one is known: who wants
                // to stand in between would just show an RSA key. So we look first.
                if self.is_known(&view, &all).await? {
                    return self.config(Trust::Known(with(own, &theirs)));
                }
                let new = self.master.file("new");
                let mut files = vec![new.as_path()];
                files.extend(with(own, &theirs));
                self.config(Trust::First(files))
            }
        }
    }

    async fn is_known(&self, view: &View, files: &[&Path]) -> Result<bool, Error> {
        let Some(name) = view.known_as() else {
            return Ok(true);
        };
        for file in files.iter().filter(|file| file.exists()) {
            let mut command = Command::new("ssh-keygen");
            command.arg("-F").arg(&name).arg("-f").arg(file);
            let out = output(command).await.map_err(|error| self.no_ssh(&error))?;
            let lines = String::from_utf8_lossy(&out.stdout);
            // `@cert-authority` and `@revoked` lines are no keys of the machine.
            if lines
                .lines()
                .any(|line| !line.starts_with(['#', '@']) && !line.is_empty())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What ssh makes of the configuration and the user's files.
    async fn view(&self, config: &Path) -> Result<View, Error> {
        let mut command = Command::new("ssh");
        command
            .arg("-G")
            .arg("-F")
            .arg(config)
            .arg("--")
            .arg(&self.way.address);
        let out = output(command).await.map_err(|error| self.no_ssh(&error))?;
        if !out.status.success() {
            return Err(Error::Setup {
                what: format!(
                    "host {}: ssh does not take its configuration:\n  {}",
                    self.way.name,
                    shown(&String::from_utf8_lossy(&out.stderr))
                ),
                help: format!("put {} right", self.places.user_config.display()),
            });
        }
        Ok(View::parse(&String::from_utf8_lossy(&out.stdout)))
    }

    /// The error for what ssh said.
    async fn refused(&self) -> Error {
        let said = self.master.said();
        let view = self
            .view(&self.master.file("config"))
            .await
            .unwrap_or_default();
        Error::Connect {
            address: self.way.address.clone(),
            help: help(&said, self.way, &view),
            said: shown(&said),
        }
    }

    fn late(&self, deadline: Duration) -> Error {
        let said = self.master.said();
        if plain(&said).next().is_none() {
            let seconds = deadline.as_secs();
            return Error::Deadline {
                address: self.way.address.clone(),
                call: "ssh",
                seconds,
            };
        }
        Error::Connect {
            address: self.way.address.clone(),
            said: format!(
                "{}\n  no login within {} s",
                shown(&said),
                deadline.as_secs()
            ),
            help: help(&said, self.way, &View::default()),
        }
    }

    fn no_ssh(&self, error: &io::Error) -> Error {
        Error::Setup {
            what: format!("host {}: ssh cannot be run: {error}", self.way.name),
            help: "install the OpenSSH client (openssh-client, openssh-clients)".into(),
        }
    }

    /// Keeps a key that was taken at a first meeting, and never in silence.
    fn keep_learned(&self) -> Option<LearnedKey> {
        let lines = std::fs::read_to_string(self.master.file("new")).ok()?;
        let learned = LearnedKey::first_in(&lines)?;
        tracing::warn!(
            "host {}: the key {} of {} was taken on first use; to pin it: {}",
            self.way.name,
            learned.fingerprint,
            escape_control(&learned.known_as),
            learned.spec_line()
        );
        let file = &self.places.known_hosts;
        if let Err(error) = known::keep(file, &lines) {
            tracing::warn!("it could not be kept in {}: {error}", file.display());
        }
        Some(learned)
    }
}

fn with<'a>(own: &'a Path, theirs: &'a [PathBuf]) -> Vec<&'a Path> {
    // A path that our configuration cannot carry is left out: that only makes it stricter.
    let fit = |path: &&Path| {
        path.to_str()
            .is_some_and(|path| !path.contains(['"', '\\', '%', '$']))
    };
    std::iter::once(own)
        .chain(theirs.iter().map(PathBuf::as_path).filter(fit))
        .collect()
}

/// What ssh would find wrong with a key file only after it has connected.
fn check_key(way: &SshWay, file: &Path, uid: Option<u32>) -> Result<(), Error> {
    let what = |said: &str| format!("host {}: the key {} {said}", way.name, file.display());
    let setup = |said: &str, help: String| {
        Err(Error::Setup {
            what: what(said),
            help,
        })
    };
    let quoted = file
        .to_str()
        .and_then(|file| crate::script::quote(file).ok())
        .unwrap_or_default();
    let found = match std::fs::metadata(file) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return setup(
                "is not there",
                "check `key:`, or leave it out to use the agent".into(),
            );
        }
        Err(error) => {
            return setup(
                &format!("cannot be looked at: {error}"),
                "check `key:`".into(),
            );
        }
    };
    if !found.is_file() {
        return setup(
            "is no file",
            "name the private key itself under `key:`".into(),
        );
    }
    if let Err(error) = std::fs::File::open(file) {
        return setup(
            &format!("cannot be read: {error}"),
            format!("`chmod 400 {quoted}`"),
        );
    }
    // A public key names one that the agent holds; ssh asks nothing of its mode.
    let public = file.extension().is_some_and(|extension| extension == "pub");
    if !public && uid == Some(found.uid()) && found.mode() & 0o077 != 0 {
        let mode = format!(
            "has mode {:04o}: ssh refuses a key that others may read",
            found.mode() & 0o7777
        );
        return setup(&mode, format!("`chmod 400 {quoted}`"));
    }
    Ok(())
}
