//! A connection that is being made: its private folder, the keys that the machine may show, the
//! login, and the reason when there is none.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

use super::{
    Destination, Error, HostKey, LearnedKey, Places,
    agent::KeyAgent,
    config::{Ground, Trust, config},
    help::{View, help, plain, shown},
    key_file::check_key,
    known,
    master::{Master, output},
    pins::{Pins, Vouched},
    retry::Retry,
};
use crate::{hostkey::PublicKey, text::escape_control};

/// What the agent has of the login's time besides its deadline: none of it is waited for, it is
/// for a machine that stands still while the key is handed over.
const AGENT_GRACE: Duration = Duration::from_secs(5);

/// A connection that is being made.
pub(super) struct Start<'a> {
    pub(super) places: &'a Places,
    pub(super) way: &'a Destination,
    pub(super) master: Master,
    pub(super) deadline: Duration,
    connect_timeout: u64,
    agent: Option<KeyAgent>,
    /// The keys that alone may be shown, where it is so.
    held: Vec<PublicKey>,
    /// What the machine is called where its keys are held, as long as ssh was not asked what it knows.
    unasked: Option<String>,
    /// How many bytes ssh had said before the last try.
    before: u64,
}

impl<'a> Start<'a> {
    pub(super) fn new(
        places: &'a Places,
        way: &'a Destination,
        deadline: Duration,
    ) -> Result<Self, Error> {
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
            deadline,
            connect_timeout,
            agent: None,
            held: Vec::new(),
            unasked: None,
            before: 0,
        })
    }

    pub(super) fn config(&self, trust: Trust<'_>) -> Result<PathBuf, Error> {
        let text = config(
            self.way,
            &Ground {
                trust,
                connect_timeout: self.connect_timeout,
                agent: self.way.private_key.as_ref().map(|_| self.agent_socket()),
                user_config: &self.places.user_config,
                system_config: &self.places.system_config,
            },
        )?;
        self.write("config", &text)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        self.master.write(name, text).map_err(|error| Error::Setup {
            what: format!(
                "host {}: {}: {error}",
                self.way.name,
                self.master.file(name).display()
            ),
            help: "free some space there".into(),
        })
    }

    fn agent_socket(&self) -> PathBuf {
        self.master.file("agent")
    }

    pub(super) async fn log_in(&mut self) -> Result<(), Error> {
        if self.way.reuse_master && self.takes_users_master().await? {
            return Ok(());
        }
        let config = self.host_keys().await?;
        self.has_way_to_instance(&config).await?;
        if let Some(key) = &self.way.private_key {
            let lifetime = self.deadline + AGENT_GRACE;
            let agent = KeyAgent::start(&self.way.name, &self.agent_socket(), key, lifetime).await;
            self.agent = Some(agent?);
        }
        let mut retry = Retry::within(self.deadline);
        loop {
            self.before = self.master.said_bytes();
            match self.master.start(&config, &self.way.address).await {
                Ok(true) => return Ok(()),
                Ok(false) if retry.again(&self.said()).await => {}
                Ok(false) if self.may_ask() => self.pinned_as_asked().await?,
                Ok(false) => return Err(self.refused().await),
                Err(error) => return Err(self.no_ssh(&error)),
            }
        }
    }

    /// Takes the master that the user's own ssh would go through, if one answers. Which machine it leads to
    /// was for that ssh to check: where the spec or a pin says by which key, it is not taken.
    async fn takes_users_master(&mut self) -> Result<bool, Error> {
        let pins = Pins::at(&self.places.known_instances);
        let is_pinned = match (&self.way.host_key, &self.way.instance) {
            (HostKey::Pinned(_), _) => true,
            (_, Some(id)) => !pins.of(id)?.is_empty(),
            (_, None) => false,
        };
        if is_pinned {
            return Ok(false);
        }
        let view = self.view(&self.config(Trust::Users)?).await?;
        let socket = view.get("controlpath").filter(|path| *path != "none");
        Ok(socket.is_some_and(|socket| self.master.takes(socket.into())))
    }

    /// Ends the agent, and the key with it.
    pub(super) async fn end_agent(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.end().await;
        }
    }

    /// Writes the configuration, with the host keys that may be shown.
    async fn host_keys(&mut self) -> Result<PathBuf, Error> {
        if let HostKey::Pinned(keys) = &self.way.host_key {
            self.held = known::parse_all(self.way, keys)?;
            // The address itself as alias: without it ssh would look for `[address]:port` or for
            // the `HostName` of the user's file.
            return self.pinned(self.way.address.to_ascii_lowercase());
        }
        if let Some(id) = &self.way.instance {
            self.held = Pins::at(&self.places.known_instances).of(id)?;
            if !self.held.is_empty() {
                return self.pinned(id.clone());
            }
        }
        let config = self.config(Trust::Users)?;
        let own = &self.places.known_hosts;
        let has_own = std::fs::metadata(own).is_ok_and(|file| file.len() > 0);
        match (&self.way.host_key, &self.way.instance) {
            (HostKey::Strict | HostKey::Pinned(_), _) if !has_own => Ok(config),
            (HostKey::Strict | HostKey::Pinned(_), _) => {
                let view = self.view(&config).await?;
                let theirs = view.files("userknownhostsfile");
                self.config(Trust::Known(with(own, &theirs)))
            }
            (HostKey::AcceptNew, Some(id)) => {
                // Known by its id or not at all: what an address once was does not count.
                let new = self.master.file("new");
                self.config(Trust::First {
                    files: vec![new.as_path()],
                    alias: Some(id),
                })
            }
            (HostKey::AcceptNew, None) => {
                let view = self.view(&config).await?;
                let theirs = view.files("userknownhostsfile");
                let mut all = with(own, &theirs);
                let global = view.files("globalknownhostsfile");
                all.extend(global.iter().map(PathBuf::as_path));
                // ssh takes a key of another *type* for new, even where one is known: who wants
                // to stand in between would just show an RSA key. So we look first.
                if !self.known(&view, &all).await?.is_empty() {
                    return self.config(Trust::Known(with(own, &theirs)));
                }
                let new = self.master.file("new");
                let mut files = vec![new.as_path()];
                files.extend(with(own, &theirs));
                self.config(Trust::First { files, alias: None })
            }
        }
    }

    /// The configuration that lets in who shows one of the keys that we hold, and nobody else. That this ssh
    /// knows the options, and the machine a key of their types, is likely: to ask takes another run of ssh.
    fn pinned(&mut self, alias: String) -> Result<PathBuf, Error> {
        let known: String = self
            .held
            .iter()
            .map(|key| format!("{alias} {key}\n"))
            .collect();
        let file = self.write("known_hosts", &known)?;
        let config = self.config(Trust::Pinned {
            file: &file,
            alias: &alias,
            algorithms: algorithms(&self.held, &View::default()),
            extra: EXTRA.map(|(_, _, option)| option).into(),
        });
        self.unasked = Some(alias);
        config
    }

    /// Whether what ssh said may come of what it was not asked.
    fn may_ask(&self) -> bool {
        const MAY: [&str; 2] = ["Bad configuration option", "no matching host key type"];
        let said = self.said();
        self.unasked.is_some() && MAY.iter().any(|may| said.contains(may))
    }

    /// The same, with what this ssh knows: options, and types of keys besides. A machine without ours shows
    /// what it has instead; that is not let in either.
    async fn pinned_as_asked(&mut self) -> Result<(), Error> {
        let Some(alias) = self.unasked.take() else {
            return Ok(());
        };
        let view = self.view(&self.config(Trust::Users)?).await?;
        self.config(Trust::Pinned {
            file: &self.master.file("known_hosts"),
            alias: &alias,
            algorithms: algorithms(&self.held, &view),
            extra: extra(&view),
        })?;
        Ok(())
    }

    /// An instance's id is no address: where it is dialled (`via: instance_id`), a `Host` block of
    /// the user's must lead to it. Said before ssh fails on a name that nobody knows.
    pub(super) async fn has_way_to_instance(&self, config: &Path) -> Result<(), Error> {
        let address = &self.way.address;
        if self.way.instance.as_ref() != Some(address) {
            return Ok(());
        }
        let view = self.view(config).await?;
        let leads = |key| view.get(key).is_some_and(|value| value != "none");
        let named = view.get("hostname").is_some_and(|name| name != address);
        if leads("proxycommand") || leads("proxyjump") || named {
            return Ok(());
        }
        // Someone's resolver may know it.
        if tokio::net::lookup_host((address.as_str(), 22))
            .await
            .is_ok()
        {
            return Ok(());
        }
        Err(Error::Setup {
            what: format!(
                "host {}: `via: instance_id` hands {address} to ssh, and no `Host` block of {} leads there",
                self.way.name,
                self.places.user_config.display()
            ),
            help: "add one, such as Session Manager's (with the AWS CLI and its plugin):\n    Host i-*\n      \
                   ProxyCommand aws ssm start-session --target %h --document-name AWS-StartSSHSession \
                   --parameters portNumber=%p"
                .into(),
        })
    }

    /// The lines of these files that are keys of the machine, as `ssh-keygen -F` finds them.
    pub(super) async fn known(&self, view: &View, files: &[&Path]) -> Result<Vec<String>, Error> {
        let mut known = Vec::new();
        let Some(name) = view.known_as() else {
            return Ok(known);
        };
        for file in files.iter().filter(|file| file.exists()) {
            let mut command = Command::new("ssh-keygen");
            command.arg("-F").arg(&name).arg("-f").arg(file);
            let out = output(command).await.map_err(|error| self.no_ssh(&error))?;
            let lines = String::from_utf8_lossy(&out.stdout);
            // `@cert-authority` and `@revoked` lines are no keys of the machine.
            let keys = lines
                .lines()
                .filter(|line| !line.starts_with(['#', '@']) && !line.is_empty());
            known.extend(keys.map(str::to_owned));
        }
        Ok(known)
    }

    /// What ssh makes of the configuration and the user's files.
    pub(super) async fn view(&self, config: &Path) -> Result<View, Error> {
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
    pub(super) async fn refused(&self) -> Error {
        let said = self.said();
        let view = self
            .view(&self.master.file("config"))
            .await
            .unwrap_or_default();
        Error::Connect {
            address: self.way.address.clone(),
            help: help(&said, self.way, &view, &self.held),
            said: shown(&said),
        }
    }

    /// What ssh said in the last try.
    fn said(&self) -> String {
        self.master.said_since(self.before)
    }

    pub(super) fn late(&self, deadline: Duration) -> Error {
        let said = self.said();
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
            help: help(&said, self.way, &View::default(), &self.held),
        }
    }

    pub(super) fn no_ssh(&self, error: &io::Error) -> Error {
        Error::Setup {
            what: format!("host {}: ssh cannot be run: {error}", self.way.name),
            help: super::install_or_look("ssh"),
        }
    }

    /// Keeps a key that was taken at a first meeting, and never in silence.
    pub(super) fn keep_learned(&self) -> Option<LearnedKey> {
        let lines = std::fs::read_to_string(self.master.file("new")).ok()?;
        let learned = LearnedKey::first_in(&lines)?;
        tracing::warn!(
            "host {}: the key {} of {} was taken on first use; to pin it: {}",
            self.way.name,
            learned.fingerprint,
            escape_control(&learned.known_as),
            learned.spec_line()
        );
        let file = match &self.way.instance {
            Some(_) => &self.places.known_instances,
            None => &self.places.known_hosts,
        };
        let kept = match &self.way.instance {
            Some(id) => PublicKey::parse(&learned.key)
                .map_err(|_| "it is damaged".into())
                .and_then(|key| {
                    let pins = Pins::at(file);
                    pins.add(id, &[key], Vouched::Nothing)
                        .map_err(|error| error.to_string())
                }),
            None => known::keep(file, &lines).map_err(|error| error.to_string()),
        };
        if let Err(error) = kept {
            tracing::warn!("it could not be kept in {}: {error}", file.display());
        }
        Some(learned)
    }
}

/// Options of the user's that could let another key pass: their names in `ssh -G`, what they are when off,
/// and how that is written.
const EXTRA: [(&str, &str, &str); 2] = [
    ("knownhostscommand", "none", "KnownHostsCommand none"),
    // With it, the host key is not even looked at. Only patched builds know it.
    ("gssapikeyexchange", "no", "GSSAPIKeyExchange no"),
];

/// Those that this ssh knows, turned off.
pub(super) fn extra(view: &View) -> Vec<&'static str> {
    let set = EXTRA
        .into_iter()
        .filter(|(key, off, _)| view.get(key).is_some_and(|value| value != *off));
    set.map(|(_, _, option)| option).collect()
}

/// What the machine is asked to prove itself by: the keys that we hold, then whatever it has, so
/// that a machine without them shows what it has instead. Only the former are taken.
fn algorithms(held: &[PublicKey], view: &View) -> String {
    let theirs: Vec<&str> = view
        .get("hostkeyalgorithms")
        .unwrap_or_default()
        .split(',')
        .collect();
    let others = crate::hostkey::algorithms().filter(|algorithm| theirs.contains(algorithm));
    let mut all: Vec<&str> = Vec::new();
    for algorithm in held
        .iter()
        .flat_map(|key| key.algorithms().iter().copied())
        .chain(others)
    {
        if !all.contains(&algorithm) {
            all.push(algorithm);
        }
    }
    all.join(",")
}

pub(super) fn with<'a>(own: &'a Path, theirs: &'a [PathBuf]) -> Vec<&'a Path> {
    // A path that our configuration cannot carry is left out: that only makes it stricter.
    let fit = |path: &&Path| {
        path.to_str()
            .is_some_and(|path| !path.contains(['"', '\\', '%', '$']))
    };
    std::iter::once(own)
        .chain(theirs.iter().map(PathBuf::as_path).filter(fit))
        .collect()
}
