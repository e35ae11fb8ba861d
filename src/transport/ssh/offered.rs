//! Which host keys a machine has, without logging in.
//!
//! ssh connects by the user's own route (jump hosts, proxies), once for each type of key, and passes the
//! key to a script of ours (`KnownHostsCommand`, OpenSSH 8.5 and newer). No key is accepted, so the
//! connection ends before an account's name is sent. The machine does not prove here that it holds the
//! keys; it must when somebody connects.

use std::path::Path;

use super::{
    Destination, Error, SshPaths,
    config::AcceptedKeys,
    help::{EffectiveConfig, plain_lines, summary},
    known,
    pins::Pins,
    retry::Retry,
    start::{Attempt, extra_options, known_hosts_files},
};
use crate::hostkey::PublicKey;
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

/// Appends a key's type and base64 to a file. ssh also runs it before it has a key.
const SCRIPT: &str = "printf '%s %s\\n' \"$1\" \"$2\" >>\"$3\"\n";

/// The types to request; servers have no security keys.
const TYPES: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// A machine's host keys, and what is known of them here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedKeys {
    /// Its keys, sorted, one or more.
    pub keys: Vec<PublicKey>,
    /// The machine's name in known_hosts.
    pub known_hosts_name: String,
    /// Its keys in known_hosts, the user's, the system's or ours.
    pub known: Vec<PublicKey>,
    /// The keys that are pinned to its instance.
    pub pinned: Vec<PublicKey>,
}

/// Reads a machine's host keys, and what is known of them here.
///
/// # Errors
/// As [`super::Ssh::connect`], except for host keys and logins.
pub async fn scan_host_keys(
    paths: &SshPaths,
    destination: &Destination,
    deadline: Duration,
) -> Result<OfferedKeys, Error> {
    // No private key is needed.
    let destination = Destination {
        key_file: None,
        private_key: None,
        ..destination.clone()
    };
    let mut scan = Scan {
        attempt: Attempt::new(paths, &destination, deadline)?,
        file: PathBuf::new(),
    };
    match tokio::time::timeout(deadline, scan.run()).await {
        Ok(offer) => offer,
        Err(_) => Err(scan.attempt.timed_out(deadline)),
    }
}

/// Adds keys to our own known_hosts, under the machine's name.
///
/// # Errors
/// When the file cannot be written.
pub fn add_to_known_hosts(
    paths: &SshPaths,
    offer: &OfferedKeys,
    keys: &[PublicKey],
) -> Result<(), Error> {
    let lines: String = keys
        .iter()
        .map(|key| format!("{} {key}\n", offer.known_hosts_name))
        .collect();
    known::add_lines(&paths.known_hosts, &lines).map_err(|error| Error::Setup {
        problem: format!("{} cannot be written: {error}", paths.known_hosts.display()),
        help: "see to its folder's owner and mode, and to free space".into(),
    })
}

struct Scan<'a> {
    attempt: Attempt<'a>,
    /// The script's output.
    file: PathBuf,
}

impl Scan<'_> {
    async fn run(&mut self) -> Result<OfferedKeys, Error> {
        let attempt = &self.attempt;
        let (paths, destination) = (attempt.paths, attempt.destination);
        let config = attempt.config(AcceptedKeys::UserConfig)?;
        attempt.check_instance_route(&config).await?;
        let effective = attempt.effective(&config).await?;
        let user_files = effective.files("userknownhostsfile");
        let global = effective.files("globalknownhostsfile");
        let mut files = known_hosts_files(&paths.known_hosts, &user_files);
        files.extend(global.iter().map(PathBuf::as_path));
        let known = attempt.known(&effective, &files).await?;
        let pinned = match &destination.instance {
            Some(id) => Pins::at(&paths.known_instances).of(id)?,
            None => Vec::new(),
        };
        let known_hosts_name = effective
            .known_hosts_name()
            .unwrap_or_else(|| destination.address.clone());
        let script = attempt.write("look", SCRIPT)?;
        self.file = attempt.master.file("shown");

        let supported: Vec<&str> = effective
            .get("hostkeyalgorithms")
            .unwrap_or_default()
            .split(',')
            .collect();
        let mut remaining: Vec<&str> = TYPES
            .into_iter()
            .filter(|algorithm| supported.contains(algorithm))
            .collect();
        let mut keys = BTreeSet::new();
        while !remaining.is_empty() {
            let stderr = self.scan_types(&script, &remaining, &effective).await?;
            let new_keys = self.scanned_keys();
            let before = keys.len();
            keys.extend(new_keys);
            if keys.len() == before {
                // The machine has none of the remaining types, or is unreachable.
                if stderr.contains("no matching host key type") && !keys.is_empty() {
                    break;
                }
                return Err(self.error(&stderr).await);
            }
            let server_types = server_types(&stderr);
            remaining.retain(|algorithm| {
                let has = keys
                    .iter()
                    .any(|key: &PublicKey| key.algorithms().contains(algorithm));
                let may = server_types
                    .as_ref()
                    .is_none_or(|types| types.iter().any(|name| name == algorithm));
                !has && may
            });
        }
        let mut known: Vec<PublicKey> = known.iter().filter_map(|line| key_in_line(line)).collect();
        known.sort();
        known.dedup();
        Ok(OfferedKeys {
            keys: keys.into_iter().collect(),
            known_hosts_name,
            known,
            pinned,
        })
    }

    /// Requests a key of one of these types; ssh's output.
    async fn scan_types(
        &self,
        script: &Path,
        remaining: &[&str],
        effective: &EffectiveConfig,
    ) -> Result<String, Error> {
        let command = format!("/bin/sh {} %t %K {}", script.display(), self.file.display());
        let config = self.attempt.config(AcceptedKeys::Scan {
            command,
            algorithms: remaining.join(","),
            extra: extra_options(effective),
        })?;
        let mut retry = Retry::within(self.attempt.deadline);
        loop {
            let before = self.attempt.master.log_bytes();
            let Attempt {
                master,
                destination,
                ..
            } = &self.attempt;
            let scanned = master.scan(&config, &destination.address).await;
            scanned.map_err(|error| self.attempt.ssh_error(&error))?;
            let stderr = self.attempt.master.log_since(before);
            if !retry.again(&stderr).await {
                return Ok(stderr);
            }
        }
    }

    fn scanned_keys(&self) -> Vec<PublicKey> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        // Before ssh has a key, both arguments are `NONE`.
        text.lines()
            .filter_map(|line| PublicKey::parse(line).ok())
            .collect()
    }

    async fn error(&self, stderr: &str) -> Error {
        if stderr.contains("Bad configuration option: knownhostscommand") {
            return Error::Setup {
                problem: format!(
                    "host {}: this machine's ssh cannot show a host key before a login",
                    self.attempt.destination.name
                ),
                help: "use OpenSSH 8.5 or newer, or compare by hand: `ssh-keyscan HOST`, then \
                       `host_key: { pinned: […] }`"
                    .into(),
            };
        }
        if plain_lines(stderr).next().is_none() {
            return Error::Connect {
                address: self.attempt.destination.address.clone(),
                message: summary(stderr),
                help: "see what `ssh -v` says".into(),
            };
        }
        self.attempt.connect_error().await
    }
}

/// The server's types of keys, from ssh's output with `-vv`, where a jump host's come first.
fn server_types(stderr: &str) -> Option<Vec<String>> {
    let (_, rest) = stderr.rsplit_once("debug2: peer server KEXINIT proposal")?;
    let (_, rest) = rest.split_once("debug2: host key algorithms: ")?;
    let list = rest.lines().next()?;
    Some(list.trim().split(',').map(str::to_owned).collect())
}

/// The key in a line of known_hosts.
fn key_in_line(line: &str) -> Option<PublicKey> {
    PublicKey::parse(line.split_once(' ')?.1).ok()
}
