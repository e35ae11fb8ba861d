//! A path that trueup manages: the records of the prelude's `path_facts`, and what follows from links,
//! owners and folders that cannot be written.

use serde::Serialize;

use super::Verdict;
use crate::{
    facts::{Host, Section, tools},
    script,
};

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Managed {
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
    /// It can be written.
    pub writable: bool,
    /// The nearest folder above it that is there.
    pub folder: String,
    /// It is no folder at all, as far as the account sees.
    pub folder_is_none: bool,
    /// Where it leads, when it is a link and we cannot write there.
    pub folder_link: Option<String>,
    /// Who owns that folder, when we cannot write in it.
    pub folder_closed: Option<String>,
    /// Why the link at the path is not followed, when it is not.
    pub link_refused: Option<String>,
    /// Why root would not follow it.
    pub link_refused_to_root: Option<String>,
    /// A folder on the path in which other accounts can replace what is there: they can write in it, and it
    /// is not sticky.
    pub open_folder: Option<String>,
    /// That folder's owner, where it is another account.
    pub open_folder_owner: Option<String>,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PathKind {
    /// A plain file.
    File,
    /// A folder.
    Dir,
    /// Nothing.
    Absent,
    /// A device, a socket, a broken link.
    Other,
    /// Unknown: a folder above it is closed.
    Hidden,
}

impl Managed {
    /// Reads the records of `path_facts`.
    ///
    /// # Errors
    /// The reason why it is not known what stands there.
    pub fn read(records: &Section, host: &Host) -> Result<Self, String> {
        let lacking: Vec<String> = records.all("lacks").collect();
        if !lacking.is_empty() {
            let are = if lacking.len() == 1 { "is" } else { "are" };
            return Err(format!(
                "{} {are} not on the host, so it cannot be looked at; {}",
                tools::in_words(&lacking),
                tools::way_out(&lacking, host)
            ));
        }
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
    pub(crate) fn read_file(records: &Section, host: &Host) -> Result<Self, String> {
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
        let link = records.get("link");
        Some(Self {
            real: records.get("real")?,
            kind,
            mode: records
                .get("mode")
                .and_then(|mode| u32::from_str_radix(&mode, 8).ok()),
            owner: records.number("uid").zip(records.get("owner")),
            size: records.number("size"),
            readable: records.says_yes("readable"),
            writable: records.says_yes("writable"),
            folder: records.get("folder")?,
            folder_is_none: records.says_yes("folder_is_none"),
            folder_closed: (!records.says_yes("folder_writable")).then(|| {
                records
                    .get("folder_owner")
                    .unwrap_or_else(|| "another account".into())
            }),
            folder_link: records.get("folder_link"),
            link_refused: link.as_ref().and_then(|link| refuse_link(link, host)),
            link_refused_to_root: link.and_then(|link| refuse_link(&link, &host.as_root())),
            open_folder: records.get("open_folder"),
            open_folder_owner: records.get("open_folder_owner"),
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
    pub(crate) fn no_folder(&self, host: &Host) -> Option<Verdict> {
        let (path, folder) = (host.shorten(&self.real), host.shorten(&self.folder));
        self.folder_is_none.then(|| Verdict::Blocked {
            reason: match &self.folder_link {
                Some(target) => format!(
                    "`{folder}` is a link to `{}`, and {} sees no folder there",
                    host.shorten(target),
                    host.account.user
                ),
                None => {
                    format!("`{folder}` is no folder, and `{path}` belongs into one of that name")
                }
            },
            help: "move it away, or name another path in the spec".into(),
        })
    }

    /// The folder of a file that is not there yet, where that is not there either.
    pub(crate) fn folder_to_make(&self) -> Option<String> {
        let (parent, _) = self.real.rsplit_once('/')?;
        let missing = self.kind == PathKind::Absent && self.link_refused.is_none();
        (missing && !parent.is_empty() && parent != self.folder).then(|| parent.to_owned())
    }

    /// Why nothing may be made or replaced at this path, if so.
    pub fn blocked(&self, subject: &str, host: &Host) -> Option<Verdict> {
        self.blocked_in(None, subject, host)
    }

    /// As [`Managed::blocked`], of a file in a Kafka tree: where the tree is not the account's, the
    /// help gives it the whole of it at once.
    pub(crate) fn blocked_in(
        &self,
        tree: Option<&str>,
        subject: &str,
        host: &Host,
    ) -> Option<Verdict> {
        let not_ours = || {
            let tree = tree.map(|tree| (tree, true));
            self.another_owner(tree.unwrap_or((&self.real, false)), host)
        };
        let refused = self.refused_link(subject).or_else(not_ours);
        // Where nothing can be made at all, that comes first.
        let refused = refused.or_else(|| match self.folder_closed {
            None => self.in_open_folder(subject, host),
            Some(_) => None,
        });
        refused.or_else(|| self.no_folder(host)).or_else(|| {
            let reason = self.closed_folder(host)?;
            // Only what is in the tree or in the account's own home is for giving away.
            let folder = self.folder_link.as_ref().unwrap_or(&self.folder);
            let tree = tree.filter(|tree| within(folder, tree));
            let own = tree.unwrap_or(folder);
            Some(Verdict::Blocked {
                reason,
                help: match tree.is_some() || within(own, &host.account.home) {
                    true => give(own, tree.is_some(), host),
                    false => "name another path in the spec".into(),
                },
            })
        })
    }

    /// Why no tree may be made, filled or repaired at this path, if so. A folder of the account's is
    /// enough, whoever has the folder above it.
    pub(crate) fn blocked_as_tree(&self, subject: &str, host: &Host) -> Option<Verdict> {
        let not_ours = || self.another_owner((&self.real, true), host);
        let refused = self.refused_link(subject).or_else(not_ours);
        let refused = refused.or_else(|| self.in_open_folder(subject, host));
        if refused.is_some() || self.kind == PathKind::Dir {
            return refused;
        }
        self.no_folder(host).or_else(|| {
            Some(Verdict::Blocked {
                reason: self.closed_folder(host)?,
                help: format!(
                    "make the tree's own folder, which is then filled: sudo install -d -o {} {}; \
                     or name another `home`",
                    host.account.user,
                    quote(&host.shorten(&self.real))
                ),
            })
        })
    }

    /// A blocked verdict whose help names `become: true` where root could do it, and advises against it where only
    /// root is kept from it.
    pub(crate) fn or_as_root(&self, blocked: Verdict, as_root: bool, host: &Host) -> Verdict {
        let Verdict::Blocked { reason, help } = blocked else {
            return blocked;
        };
        let in_home = within(&self.real, &host.account.home);
        let in_the_way =
            self.link_refused.is_some() || self.open_folder.is_some() || self.folder_is_none;
        let help = if as_root && in_home && self.open_folder_owner.is_some() {
            "leave `become` out: the account writes there itself".into()
        } else if as_root || in_home || in_the_way || host.account.uid == 0 {
            help
        } else {
            format!("say `become: true`, which uses `sudo -n`; or {help}")
        };
        Verdict::Blocked { reason, help }
    }

    fn in_open_folder(&self, subject: &str, host: &Host) -> Option<Verdict> {
        let folder = self.open_folder.as_ref()?;
        let shown = host.shorten(folder);
        if let Some(owner) = &self.open_folder_owner {
            return Some(Verdict::Blocked {
                reason: match *folder == self.real {
                    true => format!("{subject} is {owner}'s, who could put something else into it"),
                    false => format!(
                        "{subject} is below `{shown}`, which is {owner}'s: {owner} could put something else in \
                         its place"
                    ),
                },
                help: format!(
                    "log in as {owner} (`ssh: {{ user: {owner} }}`), or name another path in the spec"
                ),
            });
        }
        Some(Verdict::Blocked {
            reason: format!(
                "{subject} is below `{shown}`, where others can write, and which is not sticky: they could \
                 put something else in its place"
            ),
            help: match within(folder, &host.account.home) {
                true => format!("take that right from others: chmod go-w {}", quote(&shown)),
                false => format!(
                    "name another path in the spec, or have whoever manages `{shown}` take that right from \
                     others"
                ),
            },
        })
    }

    fn refused_link(&self, subject: &str) -> Option<Verdict> {
        let reason = self.link_refused.as_ref()?;
        Some(Verdict::Blocked {
            reason: format!("{subject} is a link that {reason}"),
            help: "replace the link by what it points to, or name its target in the spec".into(),
        })
    }

    /// That it is another account's, when that keeps ours from changing it. The help gives away a
    /// path, or the whole of what is below it.
    fn another_owner(&self, (path, whole): (&str, bool), host: &Host) -> Option<Verdict> {
        let (uid, owner) = self.owner.as_ref()?;
        let (own, user) = (host.account.uid, &host.account.user);
        (*uid != own && own != 0).then(|| Verdict::Blocked {
            reason: format!(
                "`{}` belongs to {owner}; we are {user}",
                host.shorten(&self.real)
            ),
            help: give(path, whole, host),
        })
    }

    /// That the folder above cannot be written, as a sentence.
    fn closed_folder(&self, host: &Host) -> Option<String> {
        let (owner, user) = (self.folder_closed.as_ref()?, &host.account.user);
        let mut belongs = format!("`{}`", host.shorten(&self.folder));
        if let Some(target) = &self.folder_link {
            belongs += &format!(" is a link to `{}`, which", host.shorten(target));
        }
        Some(format!(
            "{belongs} belongs to {owner}, and {user} cannot write in it"
        ))
    }
}

/// The line that gives a path to the account; none for what belongs to the system.
fn give(path: &str, whole: bool, host: &Host) -> String {
    if is_of_the_system(path) {
        return "name another path in the spec".into();
    }
    let recursive = if whole { "-R " } else { "" };
    format!(
        "sudo chown {recursive}{} {}, or name another path in the spec",
        host.account.user,
        quote(&host.shorten(path))
    )
}

/// A path for a line that is pasted into a shell, where `~` stays what it is.
pub(super) fn quote(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+~".contains(c);
    match path.strip_prefix("~/") {
        _ if path.chars().all(plain) => path.to_owned(),
        Some(rest) => format!("~/{}", script::quote(rest).unwrap_or_default()),
        None => script::quote(path).unwrap_or_default(),
    }
}

/// Whether a path is a folder or in it.
fn within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Folders that others than one account need: the top ones, what is in `/usr` and `/var`, and all of
/// the system's own.
fn is_of_the_system(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] | [_] | ["usr" | "var", _] => true,
        ["usr", "local", one] => [
            "bin", "etc", "games", "include", "lib", "lib64", "libexec", "man", "sbin", "share",
            "src",
        ]
        .contains(one),
        [top, ..] => {
            [
                "bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys",
            ]
            .contains(top)
                || matches!(parts.as_slice(), ["usr", folder, ..] if *folder != "local")
        }
    }
}

/// A link is followed when the account or root owns it, in a folder that nobody else can write.
/// `link` is the link's owner, the folder's owner and mode, and what the folder's group is: `own`
/// (nobody but the account is in it, as where each account has a group of its own and umask is 002),
/// `shared`, or `closed` (it cannot write).
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
    let others = if words.next() == Some("own") {
        0o002
    } else {
        0o022
    };
    if !ours(folder_owner) || folder_mode.is_none_or(|mode| mode & others != 0) {
        return Some("others could change: its folder can be written by them".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_nobody_else_can_change_are_followed() {
        let host = crate::kinds::client::tests::host();
        let uid = host.account.uid;
        assert_eq!(refuse_link(&format!("{uid} {uid} 755"), &host), None);
        assert_eq!(refuse_link("0 0 755", &host), None);
        assert!(refuse_link("77 0 755", &host).is_some());
        assert!(refuse_link(&format!("{uid} 77 755"), &host).is_some());
        assert!(refuse_link("0 0 1777", &host).is_some());
        assert!(refuse_link("0 0", &host).is_some());
        // A group of the account's own is nobody else.
        let own =
            |mode: &str, group: &str| refuse_link(&format!("{uid} {uid} {mode} {group}"), &host);
        assert_eq!(own("775", "own"), None);
        assert!(own("775", "shared").is_some() && own("775", "").is_some());
        assert!(own("777", "own").is_some());
    }

    #[test]
    fn no_folder_of_the_system_is_given_away() {
        for path in [
            "/",
            "/opt",
            "/usr",
            "/usr/local",
            "/usr/local/bin",
            "/usr/share/x",
            "/etc/kafka",
            "/home",
            "/var/lib",
        ] {
            assert!(is_of_the_system(path), "{path}");
        }
        for path in [
            "/opt/kafka",
            "/usr/local/kafka",
            "/home/ec2-user/k",
            "/srv/kafka/k",
            "/data/kafka",
        ] {
            assert!(!is_of_the_system(path), "{path}");
        }
        let host = crate::kinds::client::tests::host();
        assert!(!give("/opt", true, &host).contains("chown"));
        assert_eq!(
            give("/home/ec2-user/my kafka", true, &host),
            "sudo chown -R ec2-user ~/'my kafka', or name another path in the spec"
        );
    }
}
