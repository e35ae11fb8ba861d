//! Host keys that are pinned to EC2 instances: `$XDG_STATE_HOME/trueup/known_instances`.
//!
//! A line is `INSTANCE TYPE KEY [WHAT VOUCHED FOR IT]`, which is known_hosts's own format with the
//! instance's id for a name, so that `ssh-keygen -F i-…` and `-R i-…` work on it. A stop and start
//! of an instance keeps its host key and changes its address, and an address may become another
//! instance's: so a pin belongs to the id. The file is replaced as a whole, under a lock beside it; a
//! damaged one is never read as "no pins".

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    facts::is_instance_id,
    hostkey::{PublicKey, shown},
    text::escape_control,
    whole::Whole,
};

/// Largest file: 100,000 keys.
const MOST: u64 = 64 * 1024 * 1024;

const HEAD: &str = "# Host keys that trueup has pinned to EC2 instances: INSTANCE TYPE KEY [WHAT \
                    VOUCHED FOR IT]\n";

/// The file of pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    file: PathBuf,
}

/// Why a key was pinned; written beside the key, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinSource {
    /// The instance's console output, through the EC2 API.
    Console,
    /// known_hosts had it for the address.
    KnownHosts,
    /// A person confirmed its fingerprint.
    Person,
    /// Nothing: `host_key: accept-new`.
    Nothing,
}

impl PinSource {
    fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::KnownHosts => "known_hosts",
            Self::Person => "trust",
            Self::Nothing => "accept-new",
        }
    }
}

/// Why pins cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinsError {
    /// The file cannot be used.
    #[error("{}: {problem}\n  help: {help}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
        /// What helps.
        help: String,
    },
    /// Other keys are pinned to the instance.
    #[error(
        "other host keys are pinned to {id}: {pinned}; not {offered}\n  help: `trueup trust` shows \
         what vouches for each"
    )]
    Differ {
        /// The instance.
        id: String,
        /// The pinned keys, for people.
        pinned: String,
        /// The new keys, for people.
        offered: String,
    },
    /// This is no id of an instance.
    #[error("`{id}` is no id of an instance\n  help: it looks like `i-0123456789abcdef0`")]
    Id {
        /// The text, escaped.
        id: String,
    },
}

impl From<PinsError> for super::Error {
    fn from(error: PinsError) -> Self {
        let text = error.to_string();
        let (problem, help) = text.split_once("\n  help: ").unwrap_or((&text, ""));
        Self::Setup {
            problem: problem.to_owned(),
            help: help.to_owned(),
        }
    }
}

impl Pins {
    /// Pins in a file, which may be missing.
    pub fn at(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
        }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The keys that are pinned to an instance, sorted.
    ///
    /// # Errors
    /// When the file exists and cannot be used.
    pub fn of(&self, id: &str) -> Result<Vec<PublicKey>, PinsError> {
        check_id(id)?;
        let text = self.read()?;
        let mut keys: Vec<PublicKey> = self
            .lines(&text)?
            .into_iter()
            .filter_map(|(_, pin)| pin.filter(|(known, _)| *known == id))
            .map(|(_, key)| key)
            .collect();
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    /// Pins keys to an instance without pins. The same keys again change nothing.
    ///
    /// # Errors
    /// When other keys are pinned to it, or the file cannot be used.
    pub fn add(&self, id: &str, keys: &[PublicKey], source: PinSource) -> Result<(), PinsError> {
        self.write(id, keys, source, false)
    }

    /// Pins keys to an instance, instead of earlier ones.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn replace(
        &self,
        id: &str,
        keys: &[PublicKey],
        source: PinSource,
    ) -> Result<(), PinsError> {
        self.write(id, keys, source, true)
    }

    fn write(
        &self,
        id: &str,
        keys: &[PublicKey],
        source: PinSource,
        replace: bool,
    ) -> Result<(), PinsError> {
        check_id(id)?;
        let _lock = self.lock().map_err(|error| self.cannot("locked", &error))?;
        let pinned = self.of(id)?;
        let mut new = keys.to_vec();
        new.sort();
        new.dedup();
        if pinned == new {
            return Ok(());
        }
        if !pinned.is_empty() && !replace {
            return Err(PinsError::Differ {
                id: id.to_owned(),
                pinned: shown(&pinned),
                offered: shown(&new),
            });
        }
        let old = self.read()?;
        let mut text = String::new();
        if old.is_empty() {
            text.push_str(HEAD);
        }
        for (line, pin) in self.lines(&old)? {
            if pin.is_none_or(|(known, _)| known != id) {
                text.push_str(line);
                text.push('\n');
            }
        }
        for key in &new {
            text.push_str(&format!("{id} {key} {}\n", source.as_str()));
        }
        self.put(&text)
            .map_err(|error| self.cannot("written", &error))
    }

    fn read(&self) -> Result<String, PinsError> {
        let open = OpenOptions::new().read(true).open(&self.file);
        let file = match open {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(self.cannot("read", &error)),
        };
        let metadata = file
            .metadata()
            .map_err(|error| self.cannot("looked at", &error))?;
        if !metadata.is_file() || metadata.len() > MOST {
            return Err(self.error(
                "it is no file of pins".into(),
                "move it away; `trueup trust` pins anew",
            ));
        }
        let mode = metadata.permissions().mode();
        if mode & 0o022 != 0 {
            return Err(self.error(
                format!("others may write it (mode {:04o})", mode & 0o7777),
                "`chmod 600` it, and look at what is in it",
            ));
        }
        let mut text = String::new();
        match file.take(MOST).read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(self.cannot("read", &error)),
        }
    }

    /// Each line with its pin; comments and blank lines have none.
    fn lines<'a>(&self, text: &'a str) -> Result<Vec<Line<'a>>, PinsError> {
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                lines.push((line, None));
                continue;
            }
            let pin = line.split_once(' ').filter(|(id, _)| is_instance_id(id));
            let pin = pin.and_then(|(id, key)| Some((id, PublicKey::parse(key).ok()?)));
            if pin.is_none() {
                return Err(self.error(
                    format!("line {} is damaged", at + 1),
                    "put the line right, or take it out: `trueup trust` pins its instance anew",
                ));
            }
            lines.push((line, pin));
        }
        // The last line must be complete, too.
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(self.error(
                format!("line {} is cut short", lines.len()),
                "take the line out: `trueup trust` pins its instance anew",
            ));
        }
        Ok(lines)
    }

    /// Locks a file beside it, because the file itself is replaced. Dropping the value unlocks.
    fn lock(&self) -> io::Result<File> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut name = self.file.clone().into_os_string();
        name.push(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(name)?;
        match lock.lock() {
            // Without locks the file stays complete, but a concurrent run's pin may get lost.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            _ => Ok(lock),
        }
    }

    fn put(&self, text: &str) -> io::Result<()> {
        Whole::beside(&self.file, 0o600)?.put(text.as_bytes())
    }

    fn cannot(&self, problem: &str, error: &io::Error) -> PinsError {
        self.error(
            format!("it cannot be {problem}: {error}"),
            "it holds the host keys of EC2 instances: see to its folder's owner and mode, and to \
             free space",
        )
    }

    fn error(&self, problem: String, help: &str) -> PinsError {
        PinsError::File {
            file: self.file.clone(),
            problem,
            help: help.into(),
        }
    }
}

/// A line, and the instance and key of its pin.
type Line<'a> = (&'a str, Option<(&'a str, PublicKey)>);

/// Checks an id, which becomes a name in files that ssh reads.
fn check_id(id: &str) -> Result<(), PinsError> {
    if is_instance_id(id) {
        Ok(())
    } else {
        Err(PinsError::Id {
            id: escape_control(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;
    use crate::hostkey::tests::{ED25519, key};

    const A: &str = "i-0123456789abcdef0";
    const B: &str = "i-0fedcba9876543210";

    fn keys(fill: &[u8]) -> Vec<PublicKey> {
        let keys = fill
            .iter()
            .map(|fill| key("ssh-ed25519", &[&[*fill; 32]]))
            .map(|text| PublicKey::parse(&text).expect("a key"));
        let mut keys: Vec<PublicKey> = keys.collect();
        keys.sort();
        keys
    }

    fn pins(folder: &tempfile::TempDir) -> Pins {
        Pins::at(&folder.path().join("state/trueup/known_instances"))
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("there").permissions().mode() & 0o7777
    }

    #[test]
    fn pins_are_kept_by_instance_and_other_lines_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let pins = pins(&folder);
        assert_eq!(pins.of(A).expect("none"), vec![]);
        assert!(!pins.file().exists(), "reading makes no file");
        pins.add(A, &keys(&[1, 2]), PinSource::Console)
            .expect("pinned");
        pins.add(B, &keys(&[3]), PinSource::Person).expect("pinned");
        pins.add(A, &keys(&[2, 1]), PinSource::Console)
            .expect("the same");
        assert_eq!(pins.of(A).expect("pins"), keys(&[1, 2]));
        assert_eq!(pins.of(B).expect("pins"), keys(&[3]));
        assert_eq!(
            (
                mode(pins.file()),
                mode(pins.file().parent().expect("a folder"))
            ),
            (0o600, 0o700)
        );

        let error = pins
            .add(A, &keys(&[1]), PinSource::Console)
            .expect_err("others");
        let error = error.to_string();
        for key in keys(&[1, 2]) {
            assert!(error.contains(&key.fingerprint()), "{error}");
        }
        let mut text = std::fs::read_to_string(pins.file()).expect("text");
        assert!(
            text.contains(" console\n") && text.contains(" trust\n"),
            "{text}"
        );
        text.push_str("\n# mine\n");
        std::fs::write(pins.file(), &text).expect("written");
        pins.replace(A, &keys(&[4]), PinSource::Person)
            .expect("replaced");
        assert_eq!(pins.of(A).expect("pins"), keys(&[4]));
        assert_eq!(pins.of(B).expect("pins"), keys(&[3]));
        let text = std::fs::read_to_string(pins.file()).expect("text");
        assert!(
            text.contains("# mine") && text.starts_with("# Host keys"),
            "{text}"
        );
        // ssh's own tool reads it.
        let out = std::process::Command::new("ssh-keygen")
            .args(["-F", B, "-f"])
            .arg(pins.file())
            .output()
            .expect("install openssh-client");
        let metadata = String::from_utf8_lossy(&out.stdout);
        assert!(metadata.contains(&keys(&[3])[0].to_string()), "{metadata}");
    }

    #[test]
    fn a_damaged_file_is_never_read_as_no_pins() {
        let folder = tempfile::tempdir().expect("a folder");
        let pins = pins(&folder);
        pins.add(A, &keys(&[1]), PinSource::Console)
            .expect("pinned");
        let good = std::fs::read_to_string(pins.file()).expect("text");
        let line = good.lines().last().expect("a pin");
        for damaged in [
            line[..line.len() - 20].to_owned() + "\n",
            format!("{good}{}", &line[..40]),
            format!("{good}{line}"),
            format!("{good}* {ED25519}\n"),
            format!("{good}{A},{B} {ED25519}\n"),
            format!("{good}@cert-authority {A} {ED25519}\n"),
            format!("{good}{A} {ED25519} \u{1b}[2J\n"),
            format!("{good}{A}\n"),
            "\0".repeat(100),
        ] {
            std::fs::write(pins.file(), &damaged).expect("written");
            for error in [
                pins.of(A).expect_err("damaged"),
                pins.of(B).expect_err("damaged"),
                pins.add(B, &keys(&[2]), PinSource::Console)
                    .expect_err("damaged"),
                pins.replace(A, &keys(&[2]), PinSource::Console)
                    .expect_err("damaged"),
            ] {
                let error = error.to_string();
                assert!(error.contains("known_instances: line "), "{error}");
                assert!(
                    error.contains("trueup trust") && !error.contains('\u{1b}'),
                    "{error}"
                );
            }
            let kept = std::fs::read_to_string(pins.file()).expect("text");
            assert_eq!(kept, damaged, "what is damaged is left as it is");
        }
        std::fs::write(pins.file(), b"\xff\xfe\n").expect("written");
        assert!(pins.of(A).is_err());
        std::fs::write(pins.file(), &good).expect("written");
        std::fs::set_permissions(pins.file(), Permissions::from_mode(0o666)).expect("changed");
        let error = pins.of(A).expect_err("others may write it").to_string();
        assert!(error.contains("0666"), "{error}");
        std::fs::remove_file(pins.file()).expect("removed");
        std::fs::create_dir(pins.file()).expect("made");
        assert!(pins.of(A).is_err());
    }

    #[test]
    fn what_could_be_more_than_an_id_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for id in [
            "",
            "i-",
            "*",
            "i-0123456789abcdef0 x",
            "i-0123456789ABCDEF0",
            "i-*",
            "i-0\n",
        ] {
            assert!(pins(&folder).of(id).is_err(), "{id}");
            assert!(
                pins(&folder)
                    .add(id, &keys(&[1]), PinSource::Console)
                    .is_err()
            );
        }
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let pins = pins(&folder);
        std::thread::scope(|scope| {
            for n in 0..32_u8 {
                let pins = &pins;
                scope.spawn(move || {
                    let id = format!("i-{n:017x}");
                    pins.add(&id, &keys(&[n]), PinSource::Console)
                        .expect("pinned");
                });
            }
        });
        for n in 0..32_u8 {
            assert_eq!(pins.of(&format!("i-{n:017x}")).expect("pins"), keys(&[n]));
        }
    }
}
