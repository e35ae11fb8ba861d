//! Host keys: pins, and what was learned at a first meeting.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sha2::{Digest, Sha256};

use super::{Error, SshWay};

/// A full public key that a machine may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    kind: String,
    blob: String,
}

/// Types of host keys, each with the signature algorithms that prove it.
const KINDS: [(&str, &[&str]); 7] = [
    ("ssh-ed25519", &["ssh-ed25519"]),
    ("ecdsa-sha2-nistp256", &["ecdsa-sha2-nistp256"]),
    ("ecdsa-sha2-nistp384", &["ecdsa-sha2-nistp384"]),
    ("ecdsa-sha2-nistp521", &["ecdsa-sha2-nistp521"]),
    (
        "sk-ssh-ed25519@openssh.com",
        &["sk-ssh-ed25519@openssh.com"],
    ),
    (
        "sk-ecdsa-sha2-nistp256@openssh.com",
        &["sk-ecdsa-sha2-nistp256@openssh.com"],
    ),
    ("ssh-rsa", &["rsa-sha2-512", "rsa-sha2-256"]),
];

impl Pin {
    /// Reads the keys of a spec.
    pub(super) fn parse_all(way: &SshWay, keys: &[String]) -> Result<Vec<Self>, Error> {
        let pins: Result<Vec<_>, _> = keys
            .iter()
            .map(|key| {
                Self::parse(key).ok_or_else(|| Error::Setup {
                    what: format!(
                        "host {}: `{}` is no public host key",
                        way.name,
                        crate::text::escape_control(key)
                    ),
                    help: "pin the full key, as in /etc/ssh/ssh_host_ed25519_key.pub on the \
                           machine: `ssh-ed25519 AAAA…` (a fingerprint is not enough)"
                        .into(),
                })
            })
            .collect();
        let pins = pins?;
        if pins.is_empty() {
            return Err(Error::Setup {
                what: format!("host {}: `pinned` holds no key", way.name),
                help: "give at least one full public key, or `host_key: strict`".into(),
            });
        }
        Ok(pins)
    }

    fn parse(key: &str) -> Option<Self> {
        let mut words = key.split_ascii_whitespace();
        let (kind, blob) = (words.next()?, words.next()?);
        KINDS.iter().find(|(known, _)| *known == kind)?;
        let bytes = STANDARD.decode(blob).ok()?;
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        (rest.get(..length)? == kind.as_bytes() && rest.len() > length).then(|| Self {
            kind: kind.into(),
            blob: blob.into(),
        })
    }

    /// The signature algorithms that prove it.
    pub(super) fn algorithms(&self) -> &'static [&'static str] {
        KINDS
            .iter()
            .find(|(kind, _)| *kind == self.kind)
            .map_or(&[], |(_, algorithms)| algorithms)
    }

    /// A file with these keys alone.
    pub(super) fn known_hosts(pins: &[Self], alias: &str) -> String {
        pins.iter()
            .map(|Self { kind, blob }| format!("{alias} {kind} {blob}\n"))
            .collect()
    }
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
            let Pin { kind, blob } = Pin::parse(key)?;
            let bytes = STANDARD.decode(&blob).ok()?;
            Some(Self {
                known_as: known_as.to_owned(),
                key: format!("{kind} {blob}"),
                fingerprint: format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(bytes))),
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
        assert!(Pin::parse(KEY).is_some());
        assert!(Pin::parse(&format!("{KEY} root@host")).is_some());
        for wrong in [
            "",
            "SHA256:abc",
            "ssh-ed25519 AAAA",
            "ssh-dss AAAAB3NzaC1kc3MAAACBAP1",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIIKy8D7x0Sd0xTOxcBpVbJNxG3xBgi1dhZ2y5jjHpJ5R",
        ] {
            assert_eq!(Pin::parse(wrong), None, "{wrong}");
        }
        // Nothing but type and key gets into the file: no second line, no marker.
        let pins = [Pin::parse(&format!("{KEY}\n* ssh-rsa AAAA")).expect("the first two words")];
        assert_eq!(Pin::known_hosts(&pins, "h"), format!("h {KEY}\n"));
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
