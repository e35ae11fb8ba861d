//! Host keys: those that a spec pins, and those learned on first use.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use super::{Destination, Error};
use crate::hostkey::PublicKey;

/// Parses the keys that a spec pins.
pub(super) fn parse_all(
    destination: &Destination,
    keys: &[String],
) -> Result<Vec<PublicKey>, Error> {
    let keys: Result<Vec<_>, _> = keys
        .iter()
        .map(|key| {
            PublicKey::parse(key).map_err(|_| Error::Setup {
                problem: format!(
                    "host {}: `{}` is no public host key",
                    destination.name,
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
            problem: format!("host {}: `pinned` holds no key", destination.name),
            help: "give at least one full public key, or `host_key: strict`".into(),
        });
    }
    Ok(keys)
}

/// A host key that was accepted on first use (`host_key: accept-new`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedKey {
    /// The machine's name in known_hosts.
    pub known_hosts_name: String,
    /// The full public key.
    pub key: String,
    /// Its fingerprint, as `ssh-keygen -l` prints it: `SHA256:…`.
    pub fingerprint: String,
}

impl LearnedKey {
    /// The line of a spec that pins it.
    pub fn spec_line(&self) -> String {
        format!("host_key: {{ pinned: [\"{}\"] }}", self.key)
    }

    /// The first key of a known_hosts file.
    pub(super) fn first_in(known_hosts: &str) -> Option<Self> {
        known_hosts.lines().find_map(|line| {
            let (known_hosts_name, key) = line.split_once(' ')?;
            let key = PublicKey::parse(key).ok()?;
            Some(Self {
                known_hosts_name: known_hosts_name.to_owned(),
                fingerprint: key.fingerprint(),
                key: key.to_string(),
            })
        })
    }
}

/// Adds new lines to our known_hosts, under its lock.
pub(super) fn add_lines(file: &Path, lines: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut options = OpenOptions::new();
    let mut file: File = options
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    // On a file system without locks, a single write has to do.
    let locked = file.lock().is_ok();
    let mut known = String::new();
    file.read_to_string(&mut known)?;
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
        file.write_all(added.as_bytes())?;
        file.sync_all()?;
    }
    if locked {
        file.unlock()?;
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
        assert_eq!(learned.known_hosts_name, "[127.0.0.1]:2222");
        assert_eq!(
            learned.spec_line(),
            format!("host_key: {{ pinned: [\"{KEY}\"] }}")
        );
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/er/known_hosts");
        add_lines(&file, &line).expect("kept");
        add_lines(&file, &line).expect("kept");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), line);
    }
}
