//! What can be done to a machine: a small closed family. Resources choose among these; the
//! runner knows nothing else.

use indexmap::IndexMap;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{facts::PackageManager, spec::types::SecretRef, text::hex};

/// One thing that an apply does on a host.
///
/// An action serialises without any secret and without any byte of the user's own files: its
/// digest goes into plans.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Installs a package, as root.
    InstallPackage {
        /// With which manager.
        manager: PackageManager,
        /// Its name.
        package: String,
    },
    /// Downloads a file on the host, checks it, and makes it visible.
    Fetch(Fetch),
    /// Downloads an archive on the host, unpacks it beside `home`, writes the manifest, and brings
    /// the tree to `home`: whole where nothing stands, else file by file.
    Unpack {
        /// The archive; its `path` lies in the staging folder beside `home`.
        archive: Fetch,
        /// The archive's one top folder.
        top: String,
        /// Where the tree belongs.
        home: String,
    },
    /// Downloads an archive on the host, unpacks it beside `to`, writes the manifest, and puts the tree at
    /// `to` as a whole, in the place of an older one of ours.
    Extract {
        /// The archive; its `path` lies in the staging folder beside `to`.
        archive: Fetch,
        /// Where the tree belongs.
        to: String,
        /// How many of its upper folders go.
        strip: u32,
        /// What the manifest calls it; a digest `unpinned` at its end becomes that of the download.
        label: String,
        /// Whether root does it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        as_root: bool,
    },
    /// Puts our block at the end of a text file, in place of an older one.
    EditBlock {
        /// The file.
        path: String,
        /// What the block is for: `# trueup: MARKER, managed`.
        marker: String,
        /// The lines between the marks.
        lines: Vec<String>,
        /// Whether root does it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        as_root: bool,
    },
    /// Sets and removes keys of a properties file; every other line stays.
    EditProperties {
        /// The file.
        path: String,
        /// Keys to set.
        set: IndexMap<String, Value>,
        /// Keys to remove.
        remove: Vec<String>,
        /// The file's mode afterwards.
        mode: Mode,
        /// Its folder, where that is not there yet: it is made, for this account alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
    },
    /// Sets a file's mode.
    SetMode {
        /// The file.
        path: String,
        /// Its mode afterwards.
        mode: Mode,
    },
    /// Runs a step of its kind, or a shared one.
    Step(Step),
    /// A request to a cluster about one topic; nothing happens on a host.
    Topic(TopicAction),
}

/// A call of one of the shell functions that steps are made of.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
pub struct Step {
    /// The function of a `steps.sh`, without its `step_`.
    pub step: &'static str,
    /// Its parameters.
    pub values: Vec<String>,
    /// Bytes for a pipe, which is its last parameter.
    #[serde(serialize_with = "digest")]
    pub content: Option<Vec<u8>>,
    /// Whether root runs it.
    pub as_root: bool,
    /// One or two words for progress: what is being done.
    #[serde(skip)]
    pub verb: &'static str,
    /// What has been done, in a few words.
    #[serde(skip)]
    pub done: String,
}

impl std::fmt::Debug for Step {
    // Its content may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Step({} {:?})", self.step, self.values)
    }
}

fn digest<S: Serializer>(content: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    let digest = content.as_ref().map(|bytes| hex(&Sha256::digest(bytes)));
    digest.serialize(serializer)
}

/// A request to a cluster about one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicAction {
    /// Makes it.
    Create {
        /// Its name.
        name: String,
        /// How many partitions; `None`: as many as the brokers give by default.
        partitions: Option<u32>,
        /// Replicas of each; `None`: as many as the brokers give by default.
        replication_factor: Option<u16>,
        /// Its own settings.
        config: IndexMap<String, String>,
    },
    /// Gives it more partitions.
    AddPartitions {
        /// Its name.
        name: String,
        /// How many it has afterwards.
        total: u32,
    },
    /// Changes its own settings, one by one; all others stay.
    Configure {
        /// Its name.
        name: String,
        /// Settings to set.
        set: IndexMap<String, String>,
        /// Settings to reset to the brokers' default.
        reset: Vec<String>,
    },
    /// Removes it with all that is in it.
    Delete {
        /// Its name.
        name: String,
    },
}

impl TopicAction {
    /// The topic's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Create { name, .. }
            | Self::AddPartitions { name, .. }
            | Self::Configure { name, .. }
            | Self::Delete { name } => name,
        }
    }
}

/// A download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fetch {
    /// From where.
    pub url: String,
    /// To which file.
    pub path: String,
    /// What it must hash to; without one only `https` is taken, and only its form is checked.
    pub digest: Option<String>,
    /// How `digest` is made, and how the download is hashed when there is none.
    pub algorithm: Algorithm,
    /// The file's mode.
    pub mode: Mode,
}

/// A digest's algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512, as Apache publishes.
    Sha512,
}

impl Algorithm {
    /// Its name, which is also the spec's key and the start of the command's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits it has.
    pub fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// A file's permission bits; shown in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Mode(pub u32);

impl Mode {
    /// A mode as specs have it: three or four octal digits, without special bits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| byte.is_ascii_digit());
        let mode = u32::from_str_radix(text, 8).ok();
        mode.filter(|mode| digits && *mode <= 0o777).map(Self)
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

/// A property's value. A secret one serialises, prints and compares as its reference alone.
#[derive(Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// As it is.
    Plain(String),
    /// A secret that was read from somewhere.
    Secret {
        /// From where.
        reference: SecretRef,
        /// What it is.
        #[serde(skip)]
        value: SecretString,
    },
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(text) => write!(f, "Plain({text:?})"),
            Self::Secret { reference, .. } => write!(f, "Secret({reference:?})"),
        }
    }
}

impl Value {
    /// The text itself, for the one place that writes it into a file, and for comparing.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret { value, .. } => value.expose_secret(),
        }
    }

    /// Whether it may be shown.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret { .. })
    }
}

impl Action {
    /// One or two words for progress: what is being done.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::InstallPackage { .. } => "install",
            Self::Fetch(_) => "fetch",
            // Unpacking has progress of its own.
            Self::Unpack { .. } | Self::Extract { .. } => "fetch",
            Self::EditBlock { .. } | Self::EditProperties { .. } => "edit",
            Self::SetMode { .. } => "set mode",
            Self::Step(step) => step.verb,
            Self::Topic(TopicAction::Create { .. }) => "create",
            Self::Topic(TopicAction::AddPartitions { .. }) => "add partitions",
            Self::Topic(TopicAction::Configure { .. }) => "configure",
            Self::Topic(TopicAction::Delete { .. }) => "delete",
        }
    }
}

/// The first line of a block.
fn block_start(marker: &str) -> String {
    format!("# trueup: {marker}, managed")
}

/// The last line of a block.
const BLOCK_END: &str = "# trueup: end";

/// Where a block stands in a file: its lines' numbers from 0, first and last, when there is one.
fn find_block(lines: &[&[u8]], marker: &str) -> Option<(usize, usize)> {
    let start = block_start(marker);
    let first = lines
        .iter()
        .position(|line| line.trim_ascii() == start.as_bytes())?;
    let length = lines[first..]
        .iter()
        .position(|line| line.trim_ascii() == BLOCK_END.as_bytes());
    // A block without its end is its first line alone: nothing of the user's is removed.
    Some((first, length.map_or(first, |length| first + length)))
}

/// Whether a file has our block with these lines, and after it nothing but other blocks of ours.
pub(crate) fn ends_with_block(content: &[u8], marker: &str, lines: &[String]) -> bool {
    content == edit_block(content, marker, lines)
        && find_block(&content.split(|&b| b == b'\n').collect::<Vec<_>>(), marker).is_some()
}

/// The file's bytes with the block at its end, and nowhere else. Other blocks of ours may follow it, so that
/// two blocks do not take turns at the end.
pub fn edit_block(content: &[u8], marker: &str, lines: &[String]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = content.split(|&b| b == b'\n').collect();
    if kept.last().is_some_and(|last| last.is_empty()) {
        kept.pop();
    }
    let place = drain_blocks(&mut kept, marker)
        .filter(|&place| only_blocks(&kept[place..]))
        .unwrap_or(kept.len());
    let start = block_start(marker);
    let block = [start.as_bytes()]
        .into_iter()
        .chain(lines.iter().map(String::as_bytes))
        .chain([BLOCK_END.as_bytes()]);
    kept.splice(place..place, block);
    let mut bytes = kept.join(&b'\n');
    bytes.push(b'\n');
    bytes
}

/// The file's bytes without the block.
pub(crate) fn without_block(content: &[u8], marker: &str) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = content.split(|&b| b == b'\n').collect();
    drain_blocks(&mut kept, marker);
    kept.join(&b'\n')
}

/// Removes the blocks of a marker, and returns where the last one began.
fn drain_blocks(lines: &mut Vec<&[u8]>, marker: &str) -> Option<usize> {
    let mut place = None;
    while let Some((first, last)) = find_block(lines, marker) {
        place = Some(first);
        lines.drain(first..=last);
    }
    place
}

/// Whether lines are whole blocks of ours, one after another, or none at all.
fn only_blocks(mut lines: &[&[u8]]) -> bool {
    while let Some(first) = lines.first() {
        let first = first.trim_ascii();
        let end = lines
            .iter()
            .position(|line| line.trim_ascii() == BLOCK_END.as_bytes());
        let Some(end) =
            end.filter(|_| first.starts_with(b"# trueup: ") && first.ends_with(b", managed"))
        else {
            return false;
        };
        lines = &lines[end + 1..];
    }
    true
}

/// A file's text with the block of one marker alone: all other lines are empty.
pub(crate) fn blank_but_block(content: &[u8], marker: &str) -> String {
    let lines: Vec<&[u8]> = content.split(|&b| b == b'\n').collect();
    let block = find_block(&lines, marker);
    let shown = lines.iter().enumerate().map(|(at, line)| match block {
        Some((first, last)) if (first..=last).contains(&at) => String::from_utf8_lossy(line),
        _ => "".into(),
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(content: &str) -> String {
        String::from_utf8(edit_block(
            content.as_bytes(),
            "CLASSPATH",
            &["export A=1".into()],
        ))
        .expect("text")
    }

    const BLOCK: &str = "# trueup: CLASSPATH, managed\nexport A=1\n# trueup: end\n";

    #[test]
    fn the_block_goes_to_the_end_and_stands_once() {
        assert_eq!(block(""), BLOCK);
        assert_eq!(block("x\n"), format!("x\n{BLOCK}"));
        assert_eq!(block("no newline"), format!("no newline\n{BLOCK}"));
        let moved = block(&format!("a\n{}b\n", BLOCK.replace("A=1", "A=0")));
        assert_eq!(moved, format!("a\nb\n{BLOCK}"));
        assert_eq!(block(&moved), moved);
    }

    #[test]
    fn a_block_without_its_end_takes_nothing_of_the_users_with_it() {
        let kept = block("# trueup: CLASSPATH, managed\nexport MINE=1\n");
        assert_eq!(kept, format!("export MINE=1\n{BLOCK}"));
    }

    #[test]
    fn a_file_ends_with_the_block_or_not() {
        let lines = ["export A=1".to_owned()];
        assert!(ends_with_block(
            format!("x\n{BLOCK}").as_bytes(),
            "CLASSPATH",
            &lines
        ));
        assert!(!ends_with_block(
            format!("{BLOCK}x\n").as_bytes(),
            "CLASSPATH",
            &lines
        ));
        assert!(!ends_with_block(b"x\n", "CLASSPATH", &lines));
    }

    #[test]
    fn two_blocks_at_the_end_do_not_take_turns() {
        let both = edit_block(block("x\n").as_bytes(), "JAVA_HOME", &["export J=1".into()]);
        let both = String::from_utf8(both).expect("text");
        assert!(
            both.starts_with(&format!("x\n{BLOCK}# trueup: JAVA_HOME, managed\n")),
            "{both}"
        );
        assert_eq!(block(&both), both);
        assert!(ends_with_block(
            both.as_bytes(),
            "CLASSPATH",
            &["export A=1".into()]
        ));
        let changed = block(&both.replace("A=1", "A=0"));
        assert_eq!(changed, both);
        // Lines of the user after them count: the block moves behind them.
        let behind = block(&format!("{both}export A=2\n"));
        assert!(
            behind.ends_with(&format!("export A=2\n{BLOCK}")),
            "{behind}"
        );
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let edited = edit_block(b"caf\xe9\n", "CLASSPATH", &[]);
        assert!(edited.starts_with(b"caf\xe9\n# trueup"));
    }

    #[test]
    fn a_secret_is_in_no_form_of_an_action() {
        let action = Action::EditProperties {
            path: "/p".into(),
            set: [(
                "ssl.key.password".to_owned(),
                Value::Secret {
                    reference: SecretRef::Env("PW".into()),
                    value: SecretString::from("canary".to_owned()),
                },
            )]
            .into(),
            remove: vec![],
            mode: Mode(0o600),
            folder: None,
        };
        let json = serde_json::to_string(&action).expect("serialises");
        assert!(
            !json.contains("canary") && !format!("{action:?}").contains("canary"),
            "{json}"
        );
        assert!(
            json.contains("\"env\":\"PW\"") && json.contains("0600"),
            "{json}"
        );
    }
}
