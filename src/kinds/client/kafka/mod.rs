//! `client/kafka`: the Kafka archive, unpacked.

mod spec;

use std::collections::HashSet;

use serde::Serialize;

use crate::{
    action::{Action, Algorithm, Fetch, Mode},
    facts::{Host, Observation, Section},
    kinds::{
        Address, Change, Effect, Fields, Kind, MANIFEST, Probe, Verdict, Work,
        managed::{Managed, PathKind},
    },
    text::{enumerate, shorten_digest},
};

pub use spec::Kafka;

/// The Kafka archive.
pub const ADDRESS: Address = Address::of("client/kafka");

/// A folder at the home's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// What is at the path.
    pub place: HomeState,
    /// Files of the archive that are not there.
    pub missing: Vec<String>,
    /// Files in `libs/` that differ from the manifest, or do not end as jars end; scripts that cannot
    /// be run; a manifest without lines.
    pub damaged: Vec<String>,
    not_executable: Vec<String>,
    path: Managed,
    siblings: Vec<String>,
    free_kib: Option<u64>,
    /// The comparison of a tree without a manifest with its archive, under `deep`.
    archive: Option<Compared>,
}

/// What came of reading an archive to compare a tree with it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Compared {
    /// It was read, and is the spec's, where that names a digest.
    Whole,
    /// It was not read to its end, or is another one: why.
    Not(String),
}

/// What is at the home's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HomeState {
    /// Nothing, or an empty folder.
    Free,
    /// A tree that we unpacked: our manifest is there.
    Ours,
    /// A tree of this version that somebody else unpacked.
    Adopted,
    /// Our manifest, of another archive.
    OtherArchive(String),
    /// Something else.
    Foreign,
    /// A link that is not followed.
    Link,
}

/// `libs/` is compared by content (sizes against the manifest; `deep` hashes), of all else only
/// the presence counts: a file that exists there is the user's. A tree without a manifest is
/// judged by its structure: what no Kafka goes without, and every jar's end.
const PROBE: Probe = Probe {
    function: "probe_kafka",
    texts: &[MANIFEST, include_str!("probe.sh")],
    after_login: false,
};

impl Kafka {
    /// Jars beside the two that carry the version that no release from 0.10 to 4 goes without, as
    /// patterns. From 4.0 on the tools are in jars of their own.
    fn jars_of_all(&self) -> Vec<String> {
        let mut jars: Vec<String> = ["scala-library", "slf4j-api", "jopt-simple"]
            .map(|name| format!("libs/{name}-*.jar"))
            .into();
        if self.major().is_some_and(|major| major >= 4) {
            let of_version = |name| format!("libs/{name}-{}.jar", self.version);
            jars.extend(["kafka-tools", "kafka-server-common"].map(of_version));
        }
        jars
    }

    fn major(&self) -> Option<u64> {
        self.version.split('.').next()?.parse().ok()
    }

    /// What an archive of such a version has at least, in MiB; unpacked it is a tenth more. Careful
    /// guesses, below the sizes that are known: what is refused at plan would certainly not fit, and
    /// the step asks the server for the size, and the archive for that of its files.
    fn archive_mib(&self) -> u64 {
        let mut numbers = self
            .version
            .split('.')
            .map(|part| part.parse::<u64>().unwrap_or(0));
        match (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) {
            (0, _) => 30,
            (1, _) => 45,
            (2, 0..=5) => 50,
            (2, _) => 60,
            (3, 0..=1) => 80,
            (_, _) => 100,
        }
    }

    /// Whether a file system has room for the archive and the tree: the reason why it has not, and
    /// whether that is certain.
    fn no_room(&self, free_kib: Option<u64>) -> Option<(String, bool)> {
        let free = free_kib? / 1024;
        let archive = self.archive_mib();
        let whole = archive * 21 / 10;
        (free < whole).then(|| {
            let reason = format!(
                "{free} MiB are free there, and Kafka {} needs about {whole} MiB: {archive} for its \
                 archive, until that is unpacked, and the rest to stay",
                self.version
            );
            (reason, free < archive)
        })
    }
}

/// What to do where there is no room.
const MAKE_ROOM: &str =
    "make room on the host (`df -h` shows which file system is full), or name another `home`";

impl Kind for Kafka {
    type Observed = Observed;

    fn address(&self) -> Address {
        ADDRESS
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, deep: bool) -> Vec<String> {
        let mut arguments = vec![
            self.home(),
            format!("{}.jar", self.folder()),
            format!("kafka-clients-{}.jar", self.version),
            if deep { "deep" } else { "sizes" }.into(),
        ];
        if deep {
            arguments.push(self.url());
            arguments.push(self.sha512.clone().unwrap_or_default());
        }
        arguments.extend(self.jars_of_all());
        arguments
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let path = match Managed::read(records, host) {
            Ok(path) if !records.says_yes("closed") => path,
            Ok(path) => {
                let shown = host.shorten(&path.real);
                let user = &host.account.user;
                return Observation::Unknown(format!("{user} cannot look into `{shown}`"));
            }
            Err(reason) => return Observation::Unknown(reason),
        };
        let found: Vec<String> = records.all("version_jar").collect();
        let lost: Vec<String> = records.all("no_version_jar").collect();
        let manifest = records.get("manifest");
        let place = if path.link_refused.is_some() {
            HomeState::Link
        } else {
            match (path.kind, &manifest) {
                (PathKind::Absent, _) => HomeState::Free,
                (PathKind::Dir, _) if records.says_yes("empty") => HomeState::Free,
                (PathKind::Dir, Some(line)) if self.is_of_this_archive(line) => HomeState::Ours,
                (PathKind::Dir, Some(line)) => HomeState::OtherArchive(line.clone()),
                (PathKind::Dir, None) if !found.is_empty() => HomeState::Adopted,
                _ => HomeState::Foreign,
            }
        };
        let mut missing: Vec<String> = records.all("missing").collect();
        if place == HomeState::Adopted {
            missing.extend(lost);
        }
        let of_kafka = matches!(place, HomeState::Adopted | HomeState::Ours);
        let mut damaged: Vec<String> = records.all("damaged").collect();
        let archive = (place == HomeState::Adopted)
            .then(|| self.compared(records))
            .flatten();
        if archive == Some(Compared::Whole) {
            // By their names, in place of the patterns.
            missing = records.all("archive_missing").collect();
            damaged.extend(records.all("archive_damaged"));
        }
        if of_kafka {
            let mut known: HashSet<String> = missing.iter().cloned().collect();
            for name in records.all("lost") {
                let named = archive == Some(Compared::Whole) && name.contains('*');
                if !named && known.insert(name.clone()) {
                    missing.push(name);
                }
            }
            damaged.extend(records.all("not_executable"));
        }
        damaged.sort();
        damaged.dedup();
        // Some `sha256sum -c` call what is missing failed, too.
        let gone: HashSet<&str> = missing.iter().map(String::as_str).collect();
        damaged.retain(|name| !gone.contains(name.as_str()));
        Observation::Present(Observed {
            place,
            missing,
            damaged,
            not_executable: records.all("not_executable").collect(),
            path,
            siblings: records.all("sibling").collect(),
            free_kib: records.number("free_kib"),
            archive,
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("place", &observed.place)
            .with("missing", &observed.missing)
            .with("damaged", &observed.damaged)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        let home = host.expand(&self.home());
        let shown = host.shorten(&home);
        let Observed {
            place,
            missing,
            damaged,
            not_executable,
            path,
            siblings,
            free_kib,
            archive: _,
        } = observed;
        match place {
            HomeState::Foreign => {
                return Verdict::Blocked {
                    reason: format!("`{shown}` is there and is no {}", self.folder()),
                    help: "move it away, or name another `home`".into(),
                };
            }
            HomeState::OtherArchive(line) => {
                return Verdict::Blocked {
                    reason: format!(
                        "`{shown}` was unpacked from another archive: {}",
                        shorten_label(line)
                    ),
                    help: "name another `home` for this version".into(),
                };
            }
            HomeState::Ours | HomeState::Adopted if missing.is_empty() && damaged.is_empty() => {
                return Verdict::InPlace;
            }
            HomeState::Free | HomeState::Ours | HomeState::Adopted | HomeState::Link => {}
        }
        if let Some(blocked) = path.blocked_as_tree(&format!("`{shown}`"), host) {
            return blocked;
        }
        let no_room = self.no_room(*free_kib);
        if let Some((reason, true)) = &no_room {
            return Verdict::Blocked {
                reason: format!("`{shown}` is missing; {reason}"),
                help: MAKE_ROOM.into(),
            };
        }
        // Beside the home, so that the tree comes into place as a whole; where the account cannot
        // write there, inside of it.
        let parent = path.real.rsplit_once('/').map_or("", |(parent, _)| parent);
        let stage = match path.folder_closed {
            Some(_) => format!("{}/.trueup/stage", path.real),
            None => format!("{parent}/.trueup-{}", self.folder()),
        };
        let archive = Fetch {
            url: self.url(),
            path: format!("{stage}/archive.tgz"),
            digest: self.sha512.clone(),
            algorithm: Algorithm::Sha512,
            mode: Mode(0o600),
        };
        let action = Action::Unpack {
            archive,
            top: self.folder(),
            home: path.real.clone(),
        };
        let creates = *place == HomeState::Free;
        let mut work = if creates {
            Work::new(
                Effect::Create,
                format!("`{shown}` is missing"),
                vec![Change::shown("home", None, Some(&shown))],
                vec![action],
            )
        } else {
            let list = |names: &[String]| {
                names
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
            };
            let mut parts = Vec::new();
            let broken: Vec<String> = damaged
                .iter()
                .filter(|name| !not_executable.contains(name))
                .cloned()
                .collect();
            if !broken.is_empty() {
                parts.push(format!("damaged: {}", enumerate(&list(&broken))));
            }
            if !not_executable.is_empty() {
                parts.push(format!(
                    "cannot be run: {}",
                    enumerate(&list(not_executable))
                ));
            }
            if !missing.is_empty() {
                parts.push(format!("missing: {}", enumerate(&list(missing))));
            }
            let changes = damaged
                .iter()
                .map(|name| {
                    let now = match not_executable.contains(name) {
                        true => "not executable",
                        false => "damaged",
                    };
                    Change::shown(name.as_str(), Some(now), Some("as in the archive"))
                })
                .chain(
                    missing
                        .iter()
                        .map(|name| Change::shown(name.as_str(), None, Some("as in the archive"))),
                )
                .collect();
            Work::new(
                Effect::Update,
                format!("in {shown}, {}", parts.join("; ")),
                changes,
                vec![action],
            )
        };
        work.notes.push(format!("fetch  {}", self.url()));
        match &self.sha512 {
            Some(digest) => work
                .notes
                .push(format!("sha512 {}", shorten_digest(digest))),
            None => {
                work.warning = Some(
                    "no `sha512` in the spec: the download is not checked; apply prints the line to paste".into(),
                );
            }
        }
        if let Some((reason, _)) = no_room {
            let reason = format!("there may be no room: {reason}");
            let warning = work.warning.take();
            let warnings = warning.into_iter().chain([reason]).collect::<Vec<_>>();
            work.warning = Some(warnings.join("\n"));
        }
        if creates && !siblings.is_empty() {
            let siblings: Vec<String> = siblings.iter().map(|path| host.shorten(path)).collect();
            work.notes
                .push(format!("left alone: {}", enumerate(&siblings)));
        }
        work.verdict()
    }

    fn warnings(&self, observed: &Observed, host: &Host) -> Vec<String> {
        let whole = observed.missing.is_empty() && observed.damaged.is_empty();
        if observed.place != HomeState::Adopted || !whole {
            return vec![];
        }
        let shown = host.shorten(&observed.path.real);
        let little = format!(
            "{shown} was unpacked by hand and has no manifest: that what every Kafka needs is there, and \
             that jars end as jars do, is all that was compared"
        );
        match &observed.archive {
            Some(Compared::Whole) => vec![],
            Some(Compared::Not(why)) => vec![format!(
                "{little}; {why}\nhelp: `--timeout` gives the download longer; moved away and applied anew, the tree \
                 has a manifest"
            )],
            None => vec![format!(
                "{little}\nhelp: `--deep` reads the archive and compares with that; moved away and applied \
                 anew, the tree has a manifest"
            )],
        }
    }
}

impl Kafka {
    /// Whether a tree was compared with the archive that the spec means.
    fn compared(&self, records: &Section) -> Option<Compared> {
        let sum = records.get("archive_sha512")?;
        let files: u64 = records.number("archive_files").unwrap_or(0);
        let not = |why: String| Some(Compared::Not(why));
        if let Some(code) = records.get("archive_unread") {
            return not(format!(
                "the host could not fetch {} (its fetcher's status is {code})",
                self.url()
            ));
        }
        match &self.sha512 {
            Some(wanted) if *wanted != sum => not(format!(
                "the archive at {} has another sha512 than the spec: {}",
                self.url(),
                shorten_digest(&sum)
            )),
            _ if files == 0 => not(format!("no file of {} could be read", self.url())),
            _ => Some(Compared::Whole),
        }
    }

    /// A manifest's line is of this archive: the same name, and no other digest than the spec's.
    fn is_of_this_archive(&self, line: &str) -> bool {
        // `1: kafka_2.12-2.8.1.tgz sha512:…`; the number is the manifest's version.
        let Some(label) = line.strip_prefix("1: ") else {
            return false;
        };
        let Some((name, digest)) = label.split_once(" sha512:") else {
            return false;
        };
        let same_name = name == format!("{}.tgz", self.folder());
        // A digest that the spec gained later says nothing against the tree.
        let same_digest =
            digest == "unpinned" || self.sha512.as_deref().is_none_or(|wanted| wanted == digest);
        same_name && same_digest
    }

    /// For the step that writes the manifest.
    pub(crate) fn manifest_label(top: &str, digest: Option<&str>) -> String {
        format!("{top}.tgz sha512:{}", digest.unwrap_or("unpinned"))
    }
}

/// A manifest's line as people read it: without its version, the digest shortened.
fn shorten_label(line: &str) -> String {
    let label = line.split_once(": ").map_or(line, |(_, label)| label);
    match label.split_once(" sha512:") {
        Some((name, digest)) => format!("{name}, sha512 {}", shorten_digest(digest)),
        None => label.to_owned(),
    }
}
