//! `archives`: archives of any kind, unpacked into folders of their own.

mod check;
mod spec;

use serde::Serialize;

use super::{
    Address, Change, Effect, Fields, Kind, MANIFEST, Probe, Resource, Verdict, Work,
    declared::{Claim, Declaration, Inputs},
    managed::{Managed, PathKind},
};
use crate::{
    action::{Action, Fetch, Mode},
    diagnostic::Problem,
    facts::{Host, Observation, Section, tools},
    spec::{at::At, merge::HostTree},
    text::{enumerate, shorten_digest},
};

pub use spec::{Archive, Archives};

/// One archive that the spec wants.
struct Wanted {
    name: String,
    archive: Archive,
}

/// The folder where the archive belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// What is there.
    place: Occupant,
    /// Files of the archive that are not there.
    missing: Vec<String>,
    /// Files that are not as they were unpacked.
    changed: Vec<String>,
    /// Files that are not of the archive, where the tree differs.
    extra: Vec<String>,
    path: Managed,
}

/// What stands where the archive belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Occupant {
    /// Nothing, or an empty folder.
    Free,
    /// A tree that we unpacked, of an archive that the manifest calls so.
    Ours(String),
    /// Something else.
    Foreign,
    /// A link that is not followed.
    Link,
}

impl Declaration for Archives {
    const KEY: &'static str = "archives";
    const STEPS: &'static str = include_str!("steps.sh");

    fn resources(&self, _: &Inputs) -> Vec<Box<dyn Resource>> {
        let wanted = self.0.iter().map(|(name, archive)| {
            Box::new(Wanted {
                name: name.clone(),
                archive: archive.clone(),
            }) as Box<dyn Resource>
        });
        wanted.collect()
    }

    fn check(&self, at: At<'_, Self>, problems: &mut Vec<Problem>) {
        check::archives(self, at, problems);
    }

    fn check_host(host: &HostTree, problems: &mut Vec<Problem>) {
        check::folders_are_their_own(host, problems);
    }

    fn claim(&self, address: &Address, expand: &dyn Fn(&str) -> String) -> Option<Claim> {
        let mut archive = self.0.get(address.name()?)?.clone();
        let place = expand(&std::mem::take(&mut archive.to));
        Some(Claim::new(Some(place), &archive))
    }
}

impl Kind for Wanted {
    type Observed = Observed;

    fn address(&self) -> Address {
        Address::named(Archives::KEY, &self.name)
    }

    fn as_root(&self) -> bool {
        self.archive.as_root
    }

    fn probe(&self) -> Probe {
        Probe {
            function: "probe_archive",
            texts: &[MANIFEST, include_str!("probe.sh")],
            after_login: false,
        }
    }

    fn arguments(&self, deep: bool) -> Vec<String> {
        let (start, end) = self.archive.label();
        let tool = tools::unpacker(self.archive.file_name()).unwrap_or_default();
        let deep = if deep { "deep" } else { "sizes" };
        vec![
            self.archive.to().to_owned(),
            start,
            end,
            tool.into(),
            deep.into(),
        ]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let path = match Managed::read(records, host) {
            Ok(path) => path,
            Err(reason) => return Observation::Unknown(reason),
        };
        if records.says_yes("closed") {
            let (user, shown) = (&host.account.user, host.shorten(&path.real));
            return Observation::Unknown(format!("{user} cannot look into `{shown}`"));
        }
        let label = records.get("manifest");
        // Other kinds have manifests, too.
        let label = label.as_deref().and_then(|line| line.strip_prefix("1: "));
        let label = label.filter(|label| label.contains(" strip:"));
        let place = match (path.kind, label) {
            _ if path.link_refused.is_some() => Occupant::Link,
            (PathKind::Absent, _) => Occupant::Free,
            (PathKind::Dir, _) if records.says_yes("empty") => Occupant::Free,
            (PathKind::Dir, Some(label)) => Occupant::Ours(label.to_owned()),
            _ => Occupant::Foreign,
        };
        let missing: Vec<String> = records.all("missing").collect();
        let mut changed: Vec<String> = records.all("damaged").collect();
        changed.sort();
        changed.dedup();
        // Some `sha256sum -c` call what is missing failed, too.
        changed.retain(|name| !missing.contains(name));
        Observation::Present(Observed {
            place,
            missing,
            changed,
            extra: records.all("extra").collect(),
            path,
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("place", &observed.place)
            .with("missing", &observed.missing)
            .with("changed", &observed.changed)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        let path = &observed.path;
        let shown = host.shorten(&path.real);
        let (start, end) = self.archive.label();
        let wanted = self.label();
        let (reason, change) = match &observed.place {
            Occupant::Foreign => {
                return Verdict::Blocked {
                    reason: format!("`{shown}` is there, and is of no archive of trueup's"),
                    help: "move it away, or name another folder in `to`".into(),
                };
            }
            Occupant::Ours(label) if !(label.starts_with(&start) && label.ends_with(&end)) => {
                let (before, after) = (in_words(label), in_words(&wanted));
                (
                    format!("`{shown}` holds {before}; the spec wants {after}"),
                    Change::shown("archive", Some(&before), Some(&after)),
                )
            }
            Occupant::Ours(_) if observed.missing.is_empty() && observed.changed.is_empty() => {
                return Verdict::InPlace;
            }
            Occupant::Ours(_) => {
                let (reason, now) = observed.in_words(&shown);
                let change = Change::shown("files", Some(&now), Some("as unpacked"));
                (reason, change)
            }
            Occupant::Free | Occupant::Link => (
                format!("`{shown}` is missing"),
                Change::shown("to", None, Some(&shown)),
            ),
        };
        if let Some(blocked) = path.blocked(&format!("`{shown}`"), host) {
            return path.or_as_root(blocked, self.archive.as_root, host);
        }
        if !observed.extra.is_empty() {
            let files = enumerate(&observed.extra);
            return Verdict::Blocked {
                reason: format!("{reason}; in it, not of its archive: {files}"),
                help: "the folder is replaced as a whole: move away what is to be kept, and remove the rest"
                    .into(),
            };
        }
        let effect = Effect::on(observed.place != Occupant::Free);
        let mut work = Work::new(effect, reason, vec![change], vec![self.action(path)]);
        work.notes.push(format!("fetch  {}", self.archive.url));
        let (algorithm, digest) = self.archive.digest();
        if let Some(digest) = digest {
            let digest = shorten_digest(&digest);
            work.notes.push(format!("{} {digest}", algorithm.name()));
        } else {
            let warning = "no `sha256` in the spec: the download is not checked; apply prints the line to paste";
            work.warning = Some(warning.into());
        }
        work.verdict()
    }
}

impl Wanted {
    fn action(&self, path: &Managed) -> Action {
        let Some((parent, name)) = path.real.rsplit_once('/') else {
            unreachable!("a path is absolute")
        };
        let end = match tools::unpacker(self.archive.file_name()) {
            Some("unzip") => "zip",
            Some("gzip") => "tgz",
            _ => "tar",
        };
        let (algorithm, digest) = self.archive.digest();
        Action::Extract {
            archive: Fetch {
                url: self.archive.url.clone(),
                path: format!("{parent}/.trueup-{name}/archive.{end}"),
                digest,
                algorithm,
                mode: Mode(0o600),
            },
            to: path.real.clone(),
            strip: self.archive.strip,
            label: self.label(),
            as_root: self.archive.as_root,
        }
    }

    /// For the manifest. An unknown digest is that of the download, by then.
    fn label(&self) -> String {
        let (name, strip) = (self.archive.file_name(), self.archive.strip);
        let (algorithm, digest) = self.archive.digest();
        let digest = digest.as_deref().unwrap_or(UNPINNED);
        format!("{name} strip:{strip} {}:{digest}", algorithm.name())
    }
}

const UNPINNED: &str = "unpinned";

/// A manifest's label as people read it.
fn in_words(label: &str) -> String {
    let mut parts = label.rsplitn(3, ' ');
    let (digest, strip, name) = (parts.next(), parts.next(), parts.next());
    let digest = digest.and_then(|digest| digest.split_once(':'));
    let digest = digest.filter(|(_, digest)| *digest != UNPINNED);
    let digest =
        digest.map(|(algorithm, digest)| format!(", {algorithm} {}", shorten_digest(digest)));
    let strip = strip.and_then(|strip| strip.strip_prefix("strip:"));
    let strip = strip.filter(|strip| *strip != "0");
    let strip = strip.map(|strip| format!(", strip {strip}"));
    [name.map(str::to_owned), digest, strip]
        .into_iter()
        .flatten()
        .collect()
}

impl Observed {
    /// Which files are not as unpacked, in a sentence, and how many.
    fn in_words(&self, shown: &str) -> (String, String) {
        let (missing, changed) = (&self.missing, &self.changed);
        let all: Vec<String> = missing.iter().chain(changed).cloned().collect();
        let files = match all.len() {
            1 => "1 file is".to_owned(),
            many => format!("{many} files are"),
        };
        let reason = format!("in `{shown}`, {files} not as unpacked: {}", enumerate(&all));
        let counts = [(missing.len(), "missing"), (changed.len(), "changed")];
        let counts = counts.iter().filter(|(many, _)| *many > 0);
        let counts: Vec<String> = counts
            .map(|(many, word)| format!("{many} {word}"))
            .collect();
        (reason, counts.join(", "))
    }
}
