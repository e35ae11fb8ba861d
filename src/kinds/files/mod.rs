//! `files`: whole files on the machine, with these bytes, this mode and this owner.

mod check;
mod spec;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    Address, Change, Effect, Fields, Kind, Probe, Resource, Verdict, Work,
    declared::{Claim, Declaration, Inputs, Reference},
    managed::{Managed, PathKind},
};
use crate::{
    action::{Action, Mode, Step},
    at,
    diagnostic::Problem,
    facts::{Host, Observation, Section},
    names::HostPath,
    spec::{
        at::{At, Text},
        merge::HostTree,
        types::{PropertyValue, SecretRef},
    },
    text::{hex, shorten_digest},
};

pub use spec::{File, Files};

/// One file that the spec wants.
struct Wanted {
    name: String,
    file: File,
    mode: Mode,
    /// Its bytes; `None` where they could not be read, which was reported.
    bytes: Option<Vec<u8>>,
    /// The names and the paths of all files of the spec.
    all: Arc<[(String, String)]>,
}

/// What is at the file's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The sha256 of its bytes; `None`: there is no file.
    sha256: Option<String>,
    /// Permission bits, likewise.
    mode: Option<Mode>,
    /// Its owner, where the spec names one; with the group where it names that.
    owner: Option<String>,
    /// The groups that the account is in, where the spec says an owner.
    groups: String,
    path: Managed,
}

impl Declaration for Files {
    const KEY: &'static str = "files";
    const STEPS: &'static str = include_str!("steps.sh");

    fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>> {
        let paths = self.0.iter();
        let all: Arc<[_]> = paths
            .map(|(name, file)| (name.clone(), file.path.clone()))
            .collect();
        let wanted = self.0.iter().map(|(name, file)| {
            let source = || given.sources.get(file.source.as_ref()?).cloned();
            let bytes = match &file.content {
                Some(PropertyValue::Text(text)) => Some(text.clone().into_bytes()),
                Some(PropertyValue::Secret(_)) => {
                    let secret = given.secrets.get(&key(name));
                    secret.map(|secret| secret.expose().as_bytes().to_vec())
                }
                None => source(),
            };
            Box::new(Wanted {
                name: name.clone(),
                file: file.clone(),
                mode: file.mode().unwrap_or(Mode(0o600)),
                bytes,
                all: all.clone(),
            }) as Box<dyn Resource>
        });
        wanted.collect()
    }

    fn check(&self, at: At<'_, Self>, problems: &mut Vec<Problem>) {
        check::files(self, at, problems);
    }

    fn paths(host: &HostTree) -> Vec<Text<'_>> {
        let files = host.of::<Self>().untagged(Self).values();
        files.filter_map(|file| at!(file, path).text()).collect()
    }

    fn claim(&self, address: &Address, expand: &dyn Fn(&str) -> String) -> Option<Claim> {
        let mut file = self.0.get(address.name()?)?.clone();
        let place = expand(&std::mem::take(&mut file.path));
        Some(Claim::new(Some(place), &file))
    }

    fn references(&self) -> Vec<Reference<'_>> {
        let references = self
            .0
            .iter()
            .filter_map(|(name, file)| match &file.content {
                Some(PropertyValue::Secret(secret)) => Some(Reference {
                    address: Address::named(Self::KEY, name),
                    key: key(name),
                    path: key(name),
                    secret,
                }),
                _ => None,
            });
        references.collect()
    }

    fn secrets(at: At<'_, Self>) -> Vec<At<'_, SecretRef>> {
        let files = at.entries().iter();
        let files = files.map(|(key, node)| At::<File>::new(Some((key, node))));
        files
            .map(|file| at!(file, content(PropertyValue::Secret)))
            .collect()
    }

    fn sources(&self) -> Vec<(Address, &str)> {
        let sources = self.0.iter().filter_map(|(name, file)| {
            Some((Address::named(Self::KEY, name), file.source.as_deref()?))
        });
        sources.collect()
    }
}

/// Under which a file's secret content is known.
fn key(name: &str) -> String {
    format!("{}.{name}.content", Files::KEY)
}

impl Kind for Wanted {
    type Observed = Observed;

    fn address(&self) -> Address {
        Address::named(Files::KEY, &self.name)
    }

    fn as_root(&self) -> bool {
        self.file.as_root
    }

    fn probe(&self) -> Probe {
        Probe {
            function: "probe_file",
            texts: &[include_str!("probe.sh")],
            after_login: false,
        }
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        let owned = self.file.owner.as_ref().map(|_| "owned");
        vec![self.file.path.clone(), owned.unwrap_or_default().to_owned()]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let path = match Managed::read_file(records, host) {
            Ok(path) => path,
            Err(reason) if records.get("lacks").is_none() => {
                let or_become = self.or_become(host);
                let or_become = or_become.map(|help| format!("; {help}"));
                return Observation::Unknown(reason + &or_become.unwrap_or_default());
            }
            Err(reason) => return Observation::Unknown(reason),
        };
        let (is_file, sha256) = (path.kind == PathKind::File, records.get("sha256"));
        if is_file && sha256.is_none() {
            let shown = host.shorten(&path.real);
            return Observation::Unknown(format!("`{shown}` could not be read to its end"));
        }
        let owner = self.file.owner().filter(|_| is_file);
        let owner = owner.zip(path.owner.as_ref());
        Observation::Present(Observed {
            sha256,
            mode: path.mode.filter(|_| is_file).map(Mode),
            owner: owner.map(|((_, group), (_, user))| match group {
                Some(_) => format!("{user}:{}", records.get("group").unwrap_or_default()),
                None => user.clone(),
            }),
            groups: records.get("groups").unwrap_or_default(),
            path,
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("sha256", &observed.sha256)
            .with("mode", &observed.mode)
            .with_any("owner", &observed.owner)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        if let Some(blocked) = self.twice(host) {
            return blocked;
        }
        let path = &observed.path;
        let shown = host.shorten(&path.real);
        let there = match (path.kind, &path.link_refused) {
            (PathKind::File, _) | (PathKind::Absent, Some(_)) => true,
            (PathKind::Absent, None) => false,
            _ => {
                return Verdict::Blocked {
                    reason: format!("`{shown}` is there and is no plain file"),
                    help: "move it away, or name another `path`".into(),
                };
            }
        };
        let Some(bytes) = &self.bytes else {
            return Verdict::Unknown {
                reason: "its content could not be read where trueup runs".into(),
            };
        };
        let wanted = hex(&Sha256::digest(bytes));
        let mut changes = Vec::new();
        let writes = observed.sha256.as_ref() != Some(&wanted);
        if writes {
            changes.push(self.content(observed, &wanted, bytes.len() as u64));
        }
        let mut change = |field: &str, before: Option<String>, after: String| {
            let differs = before.as_ref() != Some(&after);
            if differs {
                changes.push(Change::shown(field, before.as_deref(), Some(&after)));
            }
            differs
        };
        let before = observed.mode.map(|mode| mode.to_string());
        let sets_mode = change("mode", before, self.mode.to_string());
        let owner = self.file.owner.clone();
        let owner = owner.filter(|owner| change("owner", observed.owner.clone(), owner.clone()));
        if changes.is_empty() {
            return Verdict::InPlace;
        }
        let reason = reason(there, &changes, &shown);
        if let Some(blocked) = self.blocked(observed, &reason, owner.is_some(), host) {
            return blocked;
        }
        let mut actions = Vec::new();
        if writes {
            let mut folder = path.folder_to_make().unwrap_or_default();
            if !folder.is_empty() {
                let open = self.is_for_others(host);
                let mode = if open { "0755" } else { "0700" };
                let after = format!("{}, {mode}", host.shorten(&folder));
                changes.push(Change::shown("folder", None, Some(&after)));
                if open {
                    let values = vec![std::mem::take(&mut folder)];
                    actions.push(self.step("open_folder", values, "make"));
                }
            }
            let expected = observed.sha256.clone().unwrap_or_else(|| "absent".into());
            let values = vec![path.real.clone(), expected, self.mode.to_string(), folder];
            actions.push(Step {
                content: Some(bytes.clone()),
                ..self.step("write", values, "write")
            });
        }
        if owner.is_some() || (sets_mode && !writes) {
            let mode = (sets_mode && !writes).then(|| self.mode.to_string());
            let verb = if mode.is_some() {
                "set mode"
            } else {
                "set owner"
            };
            let values = vec![
                path.real.clone(),
                mode.unwrap_or_default(),
                owner.unwrap_or_default(),
            ];
            actions.push(self.step("own", values, verb));
        }
        let actions = actions.into_iter().map(Action::Step).collect();
        Work::new(Effect::on(there), reason, changes, actions).verdict()
    }
}

impl Wanted {
    /// That another name has the same path, written otherwise: where `~` is, only the host knows.
    fn twice(&self, host: &Host) -> Option<Verdict> {
        let place = |path: &str| HostPath::file(&host.expand(path)).ok();
        let (path, own) = (&self.file.path, place(&self.file.path)?);
        let is_home = |path: &str| path.starts_with('~');
        let mut all = self.all.iter();
        let (name, other) = all.find(|(_, other)| {
            is_home(other) != is_home(path) && place(other).is_some_and(|other| other.is(&own))
        })?;
        let first = Address::named(Files::KEY, name);
        Some(Verdict::Blocked {
            reason: format!("`{path}` is `{other}` on this host, the path of `{first}`, too"),
            help: "name another one, or leave one out".into(),
        })
    }

    fn step(&self, step: &'static str, values: Vec<String>, verb: &'static str) -> Step {
        let size = self.bytes.as_ref().map_or(0, Vec::len) as u64;
        let owner = self.file.owner.iter().map(|owner| format!(", {owner}"));
        Step {
            step,
            values,
            as_root: self.file.as_root,
            verb,
            done: format!(
                "{}, mode {}{}",
                in_bytes(size),
                self.mode,
                owner.collect::<String>()
            ),
            ..Step::default()
        }
    }

    /// The content's change: digests alone, and of a secret nothing.
    fn content(&self, observed: &Observed, wanted: &str, size: u64) -> Change {
        const CONTENT: &str = "content";
        if self.file.is_secret() {
            return Change::sensitive(CONTENT);
        }
        let shown = |sha256: &str, size: u64| {
            format!("sha256 {}, {}", shorten_digest(sha256), in_bytes(size))
        };
        let before = observed.sha256.as_deref();
        let before = before.map(|sha256| shown(sha256, observed.path.size.unwrap_or_default()));
        Change::shown(CONTENT, before.as_deref(), Some(&shown(wanted, size)))
    }

    /// Whether other accounts than the one that makes it may have to come to it.
    fn is_for_others(&self, host: &Host) -> bool {
        let given = self.file.owner();
        given.is_some_and(|(user, _)| user != host.account.user) || self.mode.0 & 0o077 != 0
    }

    /// Why the file cannot be made or changed, if so.
    fn blocked(
        &self,
        observed: &Observed,
        reason: &str,
        changes_owner: bool,
        host: &Host,
    ) -> Option<Verdict> {
        let path = &observed.path;
        let shown = format!("`{}`", host.shorten(&path.real));
        if let Some(blocked) = path.blocked(&shown, host) {
            return Some(self.with_help(path, blocked, host));
        }
        let (user, group) = self.file.owner().filter(|_| changes_owner)?;
        let mut groups = observed.groups.split_whitespace();
        if user == host.account.user && group.is_none_or(|group| groups.any(|name| name == group)) {
            return None;
        }
        let owner = self.file.owner.as_deref().unwrap_or_default();
        let of = format!("{reason}, and is to belong to {owner}");
        let absent = path.kind == PathKind::Absent;
        let blocked = host.needs_root(if absent { &of } else { reason })?;
        Some(match blocked {
            Verdict::Blocked { reason, .. } if in_home(&path.real, host) => Verdict::Blocked {
                reason,
                help: OUT_OF_HOME.into(),
            },
            blocked => blocked,
        })
    }

    /// A blocked verdict whose help names `become: true` where root could do it, and advises against it where only
    /// root is kept from it.
    fn with_help(&self, path: &Managed, blocked: Verdict, host: &Host) -> Verdict {
        let Verdict::Blocked { reason, help } = blocked else {
            return blocked;
        };
        let root_could = path.link_refused.is_none()
            && path.open_folder.is_none()
            && (!path.folder_is_none || path.folder_link.is_some())
            && !in_home(&path.real, host);
        // Root may not write where the account could put something else in its place.
        let of_the_account = path.open_folder_owner.is_some() && in_home(&path.real, host);
        let help = match self.or_become(host) {
            Some(_) if root_could && path.link_refused_to_root.is_some() => format!(
                "name `{}` itself in the spec, and say `become: true`; or {help}",
                host.shorten(&path.real)
            ),
            Some(or_become) if root_could => format!("{or_become}; or {help}"),
            None if of_the_account && self.file.owner.is_some() => OUT_OF_HOME.into(),
            None if of_the_account => "leave `become` out: the account writes there itself".into(),
            _ => help,
        };
        Verdict::Blocked { reason, help }
    }

    /// The help that names root, where the account is another.
    fn or_become(&self, host: &Host) -> Option<&'static str> {
        let is_root = self.file.as_root || host.account.uid == 0;
        (!is_root).then_some("say `become: true`, which uses `sudo -n`")
    }
}

/// Where no other account can own a file.
const OUT_OF_HOME: &str = "name a path in a folder of root's, and say `become: true`";

fn in_home(path: &str, host: &Host) -> bool {
    host.shorten(path).starts_with("~/")
}

fn in_bytes(size: u64) -> String {
    match size {
        1 => "1 byte".to_owned(),
        size => format!("{size} bytes"),
    }
}

/// How the file differs from the spec, as a sentence.
fn reason(there: bool, changes: &[Change], shown: &str) -> String {
    match changes {
        _ if !there => format!("`{shown}` is missing"),
        [
            Change {
                path,
                before: Some(before),
                after: Some(after),
                ..
            },
        ] if path != "content" => {
            format!("the {path} of {shown} is {before}, the spec wants {after}")
        }
        [change] => format!(
            "the {} of {shown} is another than the spec wants",
            change.path
        ),
        [rest @ .., last] => {
            let rest: Vec<&str> = rest.iter().map(|change| change.path.as_str()).collect();
            format!(
                "the {} and the {} of {shown} are others than the spec wants",
                rest.join(", the "),
                last.path
            )
        }
        [] => String::new(),
    }
}
