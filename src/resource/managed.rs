//! A path that trueup manages: what the prelude's `path_facts` says of it, and what follows from
//! links, owners and folders that cannot be written.

use serde::Serialize;

use super::Verdict;
use crate::facts::{Host, Section};

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// The path with links resolved: what is read, and what would be written.
    pub real: String,
    /// What it is.
    pub kind: PathKind,
    /// Permission bits.
    pub mode: Option<u32>,
    /// The owner's number and name.
    pub owner: Option<(u32, String)>,
    /// Bytes.
    pub size: Option<u64>,
    /// It can be read.
    pub readable: bool,
    /// The nearest folder above it that is there.
    pub folder: String,
    /// It is no folder at all.
    pub folder_is_none: bool,
    /// Who owns that folder, when we cannot write in it.
    pub folder_closed: Option<String>,
    /// Why the link at the path is not followed, when it is not.
    pub link_refused: Option<String>,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    /// A plain file.
    File,
    /// A folder.
    Dir,
    /// Nothing.
    Absent,
    /// A device, a socket, a broken link.
    Other,
    /// A folder above it lets us not look.
    Hidden,
}

impl Managed {
    /// Reads the records of `path_facts`.
    ///
    /// # Errors
    /// The reason why it is not known what stands there.
    pub fn read(records: &Section, host: &Host) -> Result<Self, String> {
        Self::of(records, host)
            .ok_or_else(|| "the host said nothing of the path".to_owned())
            .and_then(|path| match path.kind {
                PathKind::Hidden => Err(path.closed("look at", host)),
                _ => Ok(path),
            })
    }

    /// As [`Managed::read`], for what has to be read when it is a file.
    ///
    /// # Errors
    /// The reason why it is not known what stands there, or what is in it.
    pub fn read_file(records: &Section, host: &Host) -> Result<Self, String> {
        Self::read(records, host).and_then(|path| match path.kind {
            PathKind::File if !path.readable => Err(path.closed("read", host)),
            _ => Ok(path),
        })
    }

    /// The bytes of a file that the probe carried whole; none where no file is.
    ///
    /// # Errors
    /// When it is too large to be carried.
    pub fn content(&self, records: &Section, host: &Host) -> Result<Vec<u8>, String> {
        match (self.kind, records.bytes("content")) {
            (PathKind::File, None) => Err(format!(
                "`{}` is larger than 1 MiB",
                host.shorten(&self.real)
            )),
            (_, content) => Ok(content.unwrap_or_default()),
        }
    }

    fn of(records: &Section, host: &Host) -> Option<Self> {
        let kind = match records.get("kind")?.as_str() {
            "file" => PathKind::File,
            "dir" => PathKind::Dir,
            "absent" => PathKind::Absent,
            "hidden" => PathKind::Hidden,
            _ => PathKind::Other,
        };
        Some(Self {
            real: records.get("real")?,
            kind,
            mode: records
                .get("mode")
                .and_then(|mode| u32::from_str_radix(&mode, 8).ok()),
            owner: records.number("uid").zip(records.get("owner")),
            size: records.number("size"),
            readable: records.says_yes("readable"),
            folder: records.get("folder")?,
            folder_is_none: records.says_yes("folder_is_none"),
            folder_closed: (!records.says_yes("folder_writable")).then(|| {
                records
                    .get("folder_owner")
                    .unwrap_or_else(|| "another account".into())
            }),
            link_refused: records
                .get("link")
                .and_then(|link| refuse_link(&link, host)),
        })
    }

    fn closed(&self, verb: &str, host: &Host) -> String {
        format!(
            "{} cannot {verb} `{}`",
            host.account.user,
            host.shorten(&self.real)
        )
    }

    /// Why there can be no folder for what belongs here, if so.
    pub fn no_folder(&self, host: &Host) -> Option<Verdict> {
        let (path, folder) = (host.shorten(&self.real), host.shorten(&self.folder));
        self.folder_is_none.then(|| Verdict::Blocked {
            reason: format!("`{folder}` is no folder, and `{path}` belongs into one of that name"),
            help: "move it away, or name another path in the spec".into(),
        })
    }

    /// The folder of a file that is not there yet, where that is not there either.
    pub fn folder_to_make(&self) -> Option<String> {
        let (parent, _) = self.real.rsplit_once('/')?;
        let missing = self.kind == PathKind::Absent && self.link_refused.is_none();
        (missing && !parent.is_empty() && parent != self.folder).then(|| parent.to_owned())
    }

    /// Why nothing may be made or replaced at this path, if so.
    pub fn blocked(&self, what: &str, host: &Host) -> Option<Verdict> {
        let path = host.shorten(&self.real);
        if let Some(reason) = &self.link_refused {
            return Some(Verdict::Blocked {
                reason: format!("{what} is a link that {reason}"),
                help: "replace the link by what it points to, or name its target in the spec"
                    .into(),
            });
        }
        if let Some((uid, owner)) = &self.owner
            && *uid != host.account.uid
            && host.account.uid != 0
        {
            return Some(Verdict::Blocked {
                reason: format!("`{path}` belongs to {owner}; we are {}", host.account.user),
                help: format!(
                    "chown {} {path}, or name another path in the spec",
                    host.account.user
                ),
            });
        }
        if let Some(blocked) = self.no_folder(host) {
            return Some(blocked);
        }
        if let Some(owner) = &self.folder_closed {
            let folder = host.shorten(&self.folder);
            return Some(Verdict::Blocked {
                reason: format!(
                    "`{folder}` belongs to {owner}, and {} cannot write in it",
                    host.account.user
                ),
                help: format!(
                    "chown {} {folder}, or name another path in the spec",
                    host.account.user
                ),
            });
        }
        None
    }
}

/// A link is followed when the account or root owns it, in a folder that nobody else can write.
/// `link` is the link's owner, the folder's owner and the folder's mode.
fn refuse_link(link: &str, host: &Host) -> Option<String> {
    let mut words = link.split_whitespace();
    let owner: Option<u32> = words.next().and_then(|word| word.parse().ok());
    let folder_owner: Option<u32> = words.next().and_then(|word| word.parse().ok());
    let folder_mode = words
        .next()
        .and_then(|word| u32::from_str_radix(word, 8).ok());
    let ours = |uid: Option<u32>| uid.is_some_and(|uid| uid == 0 || uid == host.account.uid);
    if !ours(owner) {
        return Some("another account made".into());
    }
    if !ours(folder_owner) || folder_mode.is_none_or(|mode| mode & 0o022 != 0) {
        return Some("others could change: its folder can be written by them".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_nobody_else_can_change_are_followed() {
        let host = crate::resource::kafka_client::tests::host();
        let uid = host.account.uid;
        assert_eq!(refuse_link(&format!("{uid} {uid} 755"), &host), None);
        assert_eq!(refuse_link("0 0 755", &host), None);
        assert!(refuse_link("77 0 755", &host).is_some());
        assert!(refuse_link(&format!("{uid} 77 755"), &host).is_some());
        assert!(refuse_link("0 0 1777", &host).is_some());
        assert!(refuse_link("0 0", &host).is_some());
    }
}
