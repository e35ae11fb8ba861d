//! Host keys: pins, and what was learned at a first meeting.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use super::{Destination, Error};
use crate::hostkey::PublicKey;

/// Reads the keys that a spec pins.
pub(super) fn parse_all(way: &Destination, keys: &[String]) -> Result<Vec<PublicKey>, Error> {
    let keys: Result<Vec<_>, _> = keys
        .iter()
        .map(|key| {
            PublicKey::parse(key).map_err(|_| Error::Setup {
                what: format!(
                    "host {}: `{}` is no public host key",
                    way.name,
                    crate::text::escape_control(key)
                ),
                help: "pin the full key, as in /etc/ssh/ssh_host_ed25519_key.pub on the machine: \
                       `ssh-ed25519 AAAA…` (a fingerprint is not enough)"
                    .into(),
            })
        })
        .collect();
    let keys = keys?;
    if keys.is_empty() {
        return Err(Error::Setup {
            what: format!("host {}: `pinned` holds no key", way.name),
            help: "give at least one full public key, or `host_key: strict`".into(),
        });
    }
    Ok(keys)
}

/// A host key that was taken at a first meeting (`host_key: accept-new`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedKey {
    /// What known_hosts calls the machine.
    pub known_as: String,
    /// The full public key.
    pub key: String,
    /// Its fingerprint, as `ssh-keygen -l` prints it: `SHA256:…`.
    pub fingerprint: String,
}

impl LearnedKey {
    /// The line for the spec that pins it.
    pub fn spec_line(&self) -> String {
        format!("host_key: {{ pinned: [\"{}\"] }}", self.key)
    }

    /// The first key that a file of known hosts holds.
    pub(super) fn first_in(known_hosts: &str) -> Option<Self> {
        known_hosts.lines().find_map(|line| {
            let (known_as, key) = line.split_once(' ')?;
            let key = PublicKey::parse(key).ok()?;
            Some(Self {
                known_as: known_as.to_owned(),
                fingerprint: key.fingerprint(),
                key: key.to_string(),
            })
        })
    }
}

/// Adds lines to our known_hosts: under its lock, and none twice.
pub(super) fn keep(file: &Path, lines: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut options = OpenOptions::new();
    let mut kept: File = options
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    // Where the file system has no locks, one whole write is the next best thing.
    let locked = kept.lock().is_ok();
    let mut known = String::new();
    kept.read_to_string(&mut known)?;
    let mut added = String::new();
    if !known.is_empty() && !known.ends_with('\n') {
        added.push('\n');
    }
    let before = added.len();
    for line in lines
        .lines()
        .filter(|line| !known.lines().any(|old| old == *line))
    {
        added.push_str(line);
        added.push('\n');
    }
    if added.len() > before {
        kept.write_all(added.as_bytes())?;
        kept.sync_all()?;
    }
    if locked {
        kept.unlock()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIKy8D7x0Sd0xTOxcBpVbJNxG3xBgi1dhZ2y5jjHpJ5R";

    #[test]
    fn a_pin_is_a_whole_key() {
        let all = |key: &str| parse_all(&Destination::default(), &[key.to_owned()]);
        assert_eq!(all(KEY).expect("a key").len(), 1);
        let error = all("SHA256:\u{1b}abc").expect_err("no key").to_string();
        assert!(error.contains("is no public host key") && !error.contains('\u{1b}'));
        assert!(parse_all(&Destination::default(), &[]).is_err());
    }

    #[test]
    fn a_learned_key_is_read_and_kept_once() {
        let line = format!("[127.0.0.1]:2222 {KEY}\n");
        let learned = LearnedKey::first_in(&line).expect("a key");
        assert_eq!(learned.known_as, "[127.0.0.1]:2222");
        assert_eq!(
            learned.spec_line(),
            format!("host_key: {{ pinned: [\"{KEY}\"] }}")
        );
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/er/known_hosts");
        keep(&file, &line).expect("kept");
        keep(&file, &line).expect("kept");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), line);
    }
}
