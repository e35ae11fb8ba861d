//! Making a connection: its private folder, the accepted host keys, the login, and errors.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

use super::{
    Destination, Error, HostKey, LearnedKey, SshPaths,
    agent::KeyAgent,
    config::{AcceptedKeys, Inputs, config},
    help::{EffectiveConfig, help, plain_lines, summary},
    key_file::check_key,
    known,
    master::{Master, output},
    pins::{PinSource, Pins},
    retry::Retry,
};
use crate::{hostkey::PublicKey, text::escape_control};

/// How much longer than the login's deadline the agent keeps the key, for a slow machine.
const AGENT_GRACE: Duration = Duration::from_secs(5);

/// A connection in the making.
pub(super) struct Attempt<'a> {
    pub(super) paths: &'a SshPaths,
    pub(super) destination: &'a Destination,
    pub(super) master: Master,
    pub(super) deadline: Duration,
    connect_timeout: u64,
    agent: Option<KeyAgent>,
    /// The only accepted host keys, if any are pinned.
    pinned_keys: Vec<PublicKey>,
    /// The alias of the pinned keys, as long as the configuration assumes which options ssh knows.
    assumed_alias: Option<String>,
    /// Bytes of ssh's stderr before the last try.
    log_start: u64,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        paths: &'a SshPaths,
        destination: &'a Destination,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let runtime: Vec<&Path> = paths.runtime.iter().map(PathBuf::as_path).collect();
        let master = Master::in_folder_below(&runtime).map_err(|error| Error::Setup {
            problem: format!(
                "host {}: no folder for the control socket: {error}",
                destination.name
            ),
            help: "let `XDG_RUNTIME_DIR`, or /tmp, be a folder that you may write".into(),
        })?;
        if let Some(file) = &destination.key_file {
            // Our folder belongs to the current user.
            let uid = std::fs::metadata(master.file(".")).map(|made| made.uid());
            check_key(destination, file, uid.ok())?;
        }
        // A little before our own deadline, because ssh can report where it hangs.
        let connect_timeout = deadline.as_secs().saturating_sub(1).max(1);
        Ok(Self {
            paths,
            destination,
            master,
            deadline,
            connect_timeout,
            agent: None,
            pinned_keys: Vec::new(),
            assumed_alias: None,
            log_start: 0,
        })
    }

    pub(super) fn config(&self, accepted: AcceptedKeys<'_>) -> Result<PathBuf, Error> {
        let text = config(
            self.destination,
            &Inputs {
                accepted,
                connect_timeout: self.connect_timeout,
                agent: self
                    .destination
                    .private_key
                    .as_ref()
                    .map(|_| self.agent_socket()),
                user_config: &self.paths.user_config,
                system_config: &self.paths.system_config,
            },
        )?;
        self.write("config", &text)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        self.master.write(name, text).map_err(|error| Error::Setup {
            problem: format!(
                "host {}: {}: {error}",
                self.destination.name,
                self.master.file(name).display()
            ),
            help: "free some space there".into(),
        })
    }

    fn agent_socket(&self) -> PathBuf {
        self.master.file("agent")
    }

    pub(super) async fn log_in(&mut self) -> Result<(), Error> {
        if self.destination.reuse_master && self.adopt_user_master().await? {
            return Ok(());
        }
        let config = self.host_keys().await?;
        self.check_instance_route(&config).await?;
        if let Some(key) = &self.destination.private_key {
            let lifetime = self.deadline + AGENT_GRACE;
            let agent =
                KeyAgent::start(&self.destination.name, &self.agent_socket(), key, lifetime).await;
            self.agent = Some(agent?);
        }
        let mut retry = Retry::within(self.deadline);
        loop {
            self.log_start = self.master.log_bytes();
            match self.master.start(&config, &self.destination.address).await {
                Ok(true) => return Ok(()),
                Ok(false) if retry.again(&self.stderr()).await => {}
                Ok(false) if self.may_be_unsupported() => self.pinned_as_supported().await?,
                Ok(false) => return Err(self.connect_error().await),
                Err(error) => return Err(self.ssh_error(&error)),
            }
        }
    }

    /// Adopts the master that the user's own ssh would use, if it is alive. That ssh has checked the host
    /// key by its own rules, so this is not done where the spec or a pin requires a key.
    async fn adopt_user_master(&mut self) -> Result<bool, Error> {
        let pins = Pins::at(&self.paths.known_instances);
        let is_pinned = match (&self.destination.host_key, &self.destination.instance) {
            (HostKey::Pinned(_), _) => true,
            (_, Some(id)) => !pins.of(id)?.is_empty(),
            (_, None) => false,
        };
        if is_pinned {
            return Ok(false);
        }
        let effective = self
            .effective(&self.config(AcceptedKeys::UserConfig)?)
            .await?;
        let socket = effective.get("controlpath").filter(|path| *path != "none");
        Ok(socket.is_some_and(|socket| self.master.adopt(socket.into())))
    }

    /// Ends the agent, which holds the key.
    pub(super) async fn end_agent(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.end().await;
        }
    }

    /// Writes the configuration with the accepted host keys.
    async fn host_keys(&mut self) -> Result<PathBuf, Error> {
        if let HostKey::Pinned(keys) = &self.destination.host_key {
            self.pinned_keys = known::parse_all(self.destination, keys)?;
            // Without an alias, ssh would look up `[address]:port` or the user's `HostName`.
            return self.pinned(self.destination.address.to_ascii_lowercase());
        }
        if let Some(id) = &self.destination.instance {
            self.pinned_keys = Pins::at(&self.paths.known_instances).of(id)?;
            if !self.pinned_keys.is_empty() {
                return self.pinned(id.clone());
            }
        }
        let config = self.config(AcceptedKeys::UserConfig)?;
        let known_hosts = &self.paths.known_hosts;
        let has_known_hosts = std::fs::metadata(known_hosts).is_ok_and(|file| file.len() > 0);
        match (&self.destination.host_key, &self.destination.instance) {
            (HostKey::Strict | HostKey::Pinned(_), _) if !has_known_hosts => Ok(config),
            (HostKey::Strict | HostKey::Pinned(_), _) => {
                let effective = self.effective(&config).await?;
                let user_files = effective.files("userknownhostsfile");
                self.config(AcceptedKeys::Known(known_hosts_files(
                    known_hosts,
                    &user_files,
                )))
            }
            (HostKey::AcceptNew, Some(id)) => {
                // By its id only: the address may have been another machine's.
                let new = self.master.file("new");
                self.config(AcceptedKeys::FirstUse {
                    files: vec![new.as_path()],
                    alias: Some(id),
                })
            }
            (HostKey::AcceptNew, None) => {
                let effective = self.effective(&config).await?;
                let user_files = effective.files("userknownhostsfile");
                let mut all = known_hosts_files(known_hosts, &user_files);
                let global = effective.files("globalknownhostsfile");
                all.extend(global.iter().map(PathBuf::as_path));
                // ssh accepts a key of another *type* as new even if one is known, so that a man in the
                // middle could just show an RSA key. So check first.
                if !self.known(&effective, &all).await?.is_empty() {
                    return self.config(AcceptedKeys::Known(known_hosts_files(
                        known_hosts,
                        &user_files,
                    )));
                }
                let new = self.master.file("new");
                let mut files = vec![new.as_path()];
                files.extend(known_hosts_files(known_hosts, &user_files));
                self.config(AcceptedKeys::FirstUse { files, alias: None })
            }
        }
    }

    /// The configuration that accepts only the pinned keys. It assumes that this ssh knows the options and
    /// that the machine has keys of these types, which saves a run of ssh.
    fn pinned(&mut self, alias: String) -> Result<PathBuf, Error> {
        let known: String = self
            .pinned_keys
            .iter()
            .map(|key| format!("{alias} {key}\n"))
            .collect();
        let file = self.write("known_hosts", &known)?;
        let config = self.config(AcceptedKeys::Pinned {
            file: &file,
            alias: &alias,
            algorithms: algorithms(&self.pinned_keys, &EffectiveConfig::default()),
            extra: EXTRA.map(|(_, _, option)| option).into(),
        });
        self.assumed_alias = Some(alias);
        config
    }

    /// Whether the assumptions of [`Self::pinned`] may have failed.
    fn may_be_unsupported(&self) -> bool {
        const MESSAGES: [&str; 2] = ["Bad configuration option", "no matching host key type"];
        let stderr = self.stderr();
        self.assumed_alias.is_some() && MESSAGES.iter().any(|message| stderr.contains(message))
    }

    /// The same without the assumptions: with options that this ssh knows, and all types of keys, so that a
    /// machine without ours shows its own (which are not accepted).
    async fn pinned_as_supported(&mut self) -> Result<(), Error> {
        let Some(alias) = self.assumed_alias.take() else {
            return Ok(());
        };
        let effective = self
            .effective(&self.config(AcceptedKeys::UserConfig)?)
            .await?;
        self.config(AcceptedKeys::Pinned {
            file: &self.master.file("known_hosts"),
            alias: &alias,
            algorithms: algorithms(&self.pinned_keys, &effective),
            extra: extra_options(&effective),
        })?;
        Ok(())
    }

    /// An instance's id is no address: with `via: instance_id`, a `Host` block of the user's must lead to
    /// it. Checked before ssh fails to resolve the name.
    pub(super) async fn check_instance_route(&self, config: &Path) -> Result<(), Error> {
        let address = &self.destination.address;
        if self.destination.instance.as_ref() != Some(address) {
            return Ok(());
        }
        let effective = self.effective(config).await?;
        let is_set = |key| effective.get(key).is_some_and(|value| value != "none");
        let named = effective
            .get("hostname")
            .is_some_and(|name| name != address);
        if is_set("proxycommand") || is_set("proxyjump") || named {
            return Ok(());
        }
        // It may resolve nevertheless.
        if tokio::net::lookup_host((address.as_str(), 22))
            .await
            .is_ok()
        {
            return Ok(());
        }
        Err(Error::Setup {
            problem: format!(
                "host {}: `via: instance_id` hands {address} to ssh, and no `Host` block of {} leads there",
                self.destination.name,
                self.paths.user_config.display()
            ),
            help: "add one, such as Session Manager's (with the AWS CLI and its plugin):\n    Host i-*\n      \
                   ProxyCommand aws ssm start-session --target %h --document-name AWS-StartSSHSession \
                   --parameters portNumber=%p"
                .into(),
        })
    }

    /// The lines with the machine's keys in these files, by `ssh-keygen -F`.
    pub(super) async fn known(
        &self,
        effective: &EffectiveConfig,
        files: &[&Path],
    ) -> Result<Vec<String>, Error> {
        let mut known = Vec::new();
        let Some(name) = effective.known_hosts_name() else {
            return Ok(known);
        };
        for file in files.iter().filter(|file| file.exists()) {
            let mut command = Command::new("ssh-keygen");
            command.arg("-F").arg(&name).arg("-f").arg(file);
            let out = output(command)
                .await
                .map_err(|error| self.ssh_error(&error))?;
            let lines = String::from_utf8_lossy(&out.stdout);
            // `@cert-authority` and `@revoked` lines are no keys of the machine.
            let keys = lines
                .lines()
                .filter(|line| !line.starts_with(['#', '@']) && !line.is_empty());
            known.extend(keys.map(str::to_owned));
        }
        Ok(known)
    }

    /// The effective configuration, with the user's files.
    pub(super) async fn effective(&self, config: &Path) -> Result<EffectiveConfig, Error> {
        let mut command = Command::new("ssh");
        command
            .arg("-G")
            .arg("-F")
            .arg(config)
            .arg("--")
            .arg(&self.destination.address);
        let out = output(command)
            .await
            .map_err(|error| self.ssh_error(&error))?;
        if !out.status.success() {
            return Err(Error::Setup {
                problem: format!(
                    "host {}: ssh does not take its configuration:\n  {}",
                    self.destination.name,
                    summary(&String::from_utf8_lossy(&out.stderr))
                ),
                help: format!("put {} right", self.paths.user_config.display()),
            });
        }
        Ok(EffectiveConfig::parse(&String::from_utf8_lossy(
            &out.stdout,
        )))
    }

    /// The error for ssh's output.
    pub(super) async fn connect_error(&self) -> Error {
        let stderr = self.stderr();
        let effective = self
            .effective(&self.master.file("config"))
            .await
            .unwrap_or_default();
        Error::Connect {
            address: self.destination.address.clone(),
            help: help(&stderr, self.destination, &effective, &self.pinned_keys),
            message: summary(&stderr),
        }
    }

    /// ssh's stderr of the last try.
    fn stderr(&self) -> String {
        self.master.log_since(self.log_start)
    }

    pub(super) fn timed_out(&self, deadline: Duration) -> Error {
        let stderr = self.stderr();
        if plain_lines(&stderr).next().is_none() {
            let seconds = deadline.as_secs();
            return Error::Deadline {
                address: self.destination.address.clone(),
                call: "ssh",
                seconds,
            };
        }
        Error::Connect {
            address: self.destination.address.clone(),
            message: format!(
                "{}\n  no login within {} s",
                summary(&stderr),
                deadline.as_secs()
            ),
            help: help(
                &stderr,
                self.destination,
                &EffectiveConfig::default(),
                &self.pinned_keys,
            ),
        }
    }

    pub(super) fn ssh_error(&self, error: &io::Error) -> Error {
        Error::Setup {
            problem: format!("host {}: ssh cannot be run: {error}", self.destination.name),
            help: super::install_help("ssh"),
        }
    }

    /// Saves a key that was accepted on first use, with a warning.
    pub(super) fn save_learned_key(&self) -> Option<LearnedKey> {
        let lines = std::fs::read_to_string(self.master.file("new")).ok()?;
        let learned = LearnedKey::first_in(&lines)?;
        tracing::warn!(
            "host {}: the key {} of {} was taken on first use; to pin it: {}",
            self.destination.name,
            learned.fingerprint,
            escape_control(&learned.known_hosts_name),
            learned.spec_line()
        );
        let file = match &self.destination.instance {
            Some(_) => &self.paths.known_instances,
            None => &self.paths.known_hosts,
        };
        let kept = match &self.destination.instance {
            Some(id) => PublicKey::parse(&learned.key)
                .map_err(|_| "it is damaged".into())
                .and_then(|key| {
                    let pins = Pins::at(file);
                    pins.add(id, &[key], PinSource::Nothing)
                        .map_err(|error| error.to_string())
                }),
            None => known::add_lines(file, &lines).map_err(|error| error.to_string()),
        };
        if let Err(error) = kept {
            tracing::warn!("it could not be kept in {}: {error}", file.display());
        }
        Some(learned)
    }
}

/// Options of the user's that could accept another key: their names in `ssh -G`, the value for off, and
/// the line that turns them off.
const EXTRA: [(&str, &str, &str); 2] = [
    ("knownhostscommand", "none", "KnownHostsCommand none"),
    // It bypasses the host key. Only patched builds have it.
    ("gssapikeyexchange", "no", "GSSAPIKeyExchange no"),
];

/// The lines for those that this ssh knows.
pub(super) fn extra_options(effective: &EffectiveConfig) -> Vec<&'static str> {
    let set = EXTRA
        .into_iter()
        .filter(|(key, off, _)| effective.get(key).is_some_and(|value| value != *off));
    set.map(|(_, _, option)| option).collect()
}

/// `HostKeyAlgorithms`: of the pinned keys, then all others, so that a machine without the pinned keys
/// shows its own. Only pinned keys are accepted.
fn algorithms(pinned_keys: &[PublicKey], effective: &EffectiveConfig) -> String {
    let user_files: Vec<&str> = effective
        .get("hostkeyalgorithms")
        .unwrap_or_default()
        .split(',')
        .collect();
    let others = crate::hostkey::algorithms().filter(|algorithm| user_files.contains(algorithm));
    let mut all: Vec<&str> = Vec::new();
    for algorithm in pinned_keys
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

pub(super) fn known_hosts_files<'a>(
    known_hosts: &'a Path,
    user_files: &'a [PathBuf],
) -> Vec<&'a Path> {
    // A path that our configuration cannot express is left out, which is only stricter.
    let is_valid = |path: &&Path| {
        path.to_str()
            .is_some_and(|path| !path.contains(['"', '\\', '%', '$']))
    };
    std::iter::once(known_hosts)
        .chain(user_files.iter().map(PathBuf::as_path).filter(is_valid))
        .collect()
}
