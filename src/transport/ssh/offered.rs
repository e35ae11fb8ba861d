//! Which host keys a machine shows, without logging in.
//!
//! ssh goes the user's own way to the machine (jump hosts, proxies), once for each type of key that
//! it has, and hands the key that it is shown to a script of ours (`KnownHostsCommand`, OpenSSH 8.5
//! and newer). No key is taken, so that is the end of it: neither an account's name nor a login
//! follows. A machine can show whatever it likes; who connects later has it prove that it holds
//! the key.

use std::path::Path;

use super::{
    Destination, Error, Places,
    config::Trust,
    help::{View, plain, shown},
    known,
    pins::Pins,
    start::{Start, extra, with},
};
use crate::hostkey::PublicKey;
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

/// Writes what it is given: the type of a key and the key, in base64. ssh asks it before, too, for
/// what it knows of the machine.
const SCRIPT: &str = "printf '%s %s\\n' \"$1\" \"$2\" >>\"$3\"\n";

/// The types that a machine is asked for; a security key cannot be in a server.
const ASKED: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// What a machine showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its keys, sorted, one or more.
    pub keys: Vec<PublicKey>,
    /// What known_hosts calls the machine.
    pub known_as: String,
    /// Those that the user's known_hosts, the system's or ours hold for it.
    pub known: Vec<PublicKey>,
    /// Those that are pinned to the instance that it is.
    pub pinned: Vec<PublicKey>,
}

/// Reads which keys a machine shows, and what is known of it here.
///
/// # Errors
/// As [`super::Ssh::connect`], but for what concerns host keys and logins.
pub async fn offered(
    places: &Places,
    way: &Destination,
    deadline: Duration,
) -> Result<Offer, Error> {
    // The private key is not needed, so it is not here either.
    let way = Destination {
        key_file: None,
        private_key: None,
        ..way.clone()
    };
    let mut look = Look {
        start: Start::new(places, &way, deadline)?,
        file: PathBuf::new(),
    };
    match tokio::time::timeout(deadline, look.all()).await {
        Ok(offer) => offer,
        Err(_) => Err(look.start.late(deadline)),
    }
}

/// Adds keys to our own known_hosts, by the name that it has for the machine: what was looked at
/// is known from then on.
///
/// # Errors
/// When the file cannot be written.
pub fn known_as_trusted(places: &Places, offer: &Offer, keys: &[PublicKey]) -> Result<(), Error> {
    let lines: String = keys
        .iter()
        .map(|key| format!("{} {key}\n", offer.known_as))
        .collect();
    known::keep(&places.known_hosts, &lines).map_err(|error| Error::Setup {
        what: format!(
            "{} cannot be written: {error}",
            places.known_hosts.display()
        ),
        help: "see to its folder's owner and mode, and to free space".into(),
    })
}

struct Look<'a> {
    start: Start<'a>,
    /// Where the script writes.
    file: PathBuf,
}

impl Look<'_> {
    async fn all(&mut self) -> Result<Offer, Error> {
        let start = &self.start;
        let (places, way) = (start.places, start.way);
        let config = start.config(Trust::Users)?;
        start.has_way_to_instance(&config).await?;
        let view = start.view(&config).await?;
        let theirs = view.files("userknownhostsfile");
        let global = view.files("globalknownhostsfile");
        let mut files = with(&places.known_hosts, &theirs);
        files.extend(global.iter().map(PathBuf::as_path));
        let known = start.known(&view, &files).await?;
        let pinned = match &way.instance {
            Some(id) => Pins::at(&places.known_instances).of(id)?,
            None => Vec::new(),
        };
        let known_as = view.known_as().unwrap_or_else(|| way.address.clone());
        let script = start.write("look", SCRIPT)?;
        self.file = start.master.file("shown");

        let supported: Vec<&str> = view
            .get("hostkeyalgorithms")
            .unwrap_or_default()
            .split(',')
            .collect();
        let mut left: Vec<&str> = ASKED
            .into_iter()
            .filter(|algorithm| supported.contains(algorithm))
            .collect();
        let mut keys = BTreeSet::new();
        while !left.is_empty() {
            let said = self.once(&script, &left, &view).await?;
            let shown_now = self.shown();
            let before = keys.len();
            keys.extend(shown_now);
            if keys.len() == before {
                // The machine has none of the types that are left; or there is no machine.
                if said.contains("no matching host key type") && !keys.is_empty() {
                    break;
                }
                return Err(self.failed(&said).await);
            }
            let of_server = of_server(&said);
            left.retain(|algorithm| {
                let has = keys
                    .iter()
                    .any(|key: &PublicKey| key.algorithms().contains(algorithm));
                let may = of_server
                    .as_ref()
                    .is_none_or(|all| all.iter().any(|one| one == algorithm));
                !has && may
            });
        }
        let mut known: Vec<PublicKey> = known.iter().filter_map(|line| key_of(line)).collect();
        known.sort();
        known.dedup();
        Ok(Offer {
            keys: keys.into_iter().collect(),
            known_as,
            known,
            pinned,
        })
    }

    /// Asks for a key of one of these types; what ssh said.
    async fn once(&self, script: &Path, left: &[&str], view: &View) -> Result<String, Error> {
        let command = format!("/bin/sh {} %t %K {}", script.display(), self.file.display());
        let config = self.start.config(Trust::Look {
            command,
            algorithms: left.join(","),
            extra: extra(view),
        })?;
        let before = self.start.master.said_bytes();
        self.start
            .master
            .look(&config, &self.start.way.address)
            .await
            .map_err(|error| self.start.no_ssh(&error))?;
        Ok(self.start.master.said_since(before))
    }

    fn shown(&self) -> Vec<PublicKey> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        // When ssh only asks what is known, it gives `NONE` for both.
        text.lines()
            .filter_map(|line| PublicKey::parse(line).ok())
            .collect()
    }

    async fn failed(&self, said: &str) -> Error {
        if said.contains("Bad configuration option: knownhostscommand") {
            return Error::Setup {
                what: format!(
                    "host {}: this machine's ssh cannot show a host key before a login",
                    self.start.way.name
                ),
                help: "use OpenSSH 8.5 or newer, or compare by hand: `ssh-keyscan HOST`, then \
                       `host_key: { pinned: […] }`"
                    .into(),
            };
        }
        if plain(said).next().is_none() {
            return Error::Connect {
                address: self.start.way.address.clone(),
                said: shown(said),
                help: "see what `ssh -v` says".into(),
            };
        }
        self.start.refused().await
    }
}

/// The types of keys that the server has, from what ssh says of it with `-vv`. A jump host's is
/// said, too, before the machine's.
fn of_server(said: &str) -> Option<Vec<String>> {
    let (_, rest) = said.rsplit_once("debug2: peer server KEXINIT proposal")?;
    let (_, rest) = rest.split_once("debug2: host key algorithms: ")?;
    let list = rest.lines().next()?;
    Some(list.trim().split(',').map(str::to_owned).collect())
}

/// The key in a line of known_hosts.
fn key_of(line: &str) -> Option<PublicKey> {
    PublicKey::parse(line.split_once(' ')?.1).ok()
}
