//! `client/kafka`: the Kafka archive, unpacked.

use serde::Serialize;

use super::{
    Change, Effect, Kind, Probe, Verdict, Work,
    managed::{Managed, PathKind},
};
use crate::{
    action::{Action, Algorithm, Fetch, Mode},
    facts::{Host, Observation, Section},
};

/// What the spec wants.
#[derive(Debug, Clone, Serialize)]
pub struct Kafka {
    /// Kafka's version.
    pub version: String,
    /// The Scala version of the build.
    pub scala: String,
    /// Where the archive is.
    pub url: String,
    /// Its sha512, when the spec has it.
    pub sha512: Option<String>,
    /// Where the tree belongs, symbolic.
    pub home: String,
}

/// A folder at the home's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// What is at the path.
    pub place: Place,
    /// Files of the archive that are not there.
    pub missing: Vec<String>,
    /// Files in `libs/` that differ from the manifest, or do not end as jars end.
    pub damaged: Vec<String>,
    #[serde(skip)]
    path: Managed,
    #[serde(skip)]
    siblings: Vec<String>,
}

/// What is at the home's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
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
/// judged by its structure: the two jars that carry the version, and every jar's end.
const PROBE: Probe = Probe {
    function: "probe_kafka",
    text: r##"
probe_kafka() {
  core=libs/$2 clients=libs/$3 deep=$4
  path_facts "$1"
  for sibling in "${P%/*}"/kafka_*; do
    if [ -d "$sibling" ] && [ "$sibling" != "$P" ]; then say sibling "$sibling"; fi
  done
  [ "$KIND" = dir ] || return 0
  cd -- "$P" 2>/dev/null || { say closed yes; return 0; }
  if [ -z "$(ls -A)" ]; then say empty yes; return 0; fi
  for jar in "$core" "$clients"; do if [ -f "$jar" ]; then say version_jar "$jar"; else say no_version_jar "$jar"; fi; done
  if [ -r .trueup/manifest ]; then
    read -r line <.trueup/manifest; say manifest "${line#\# trueup manifest }"
    # Sizes as they are, then the manifest: one pass of awk names what differs.
    sed -n 's/^[0-9a-f]\{64\} [0-9]* //p' .trueup/manifest | tr '\n' '\0' |
      xargs -0 stat -L -c '%s %n' -- 2>/dev/null |
      awk '{ name = $0 }
        part == 1 { sub(/^[^ ]+ /, "", name); size[name] = $1; next }
        /^#/ { next }
        { sub(/^[^ ]+ [^ ]+ /, "", name) }
        !(name in size) { print "missing " name; next }
        name ~ /^libs\// && size[name] != $2 { print "damaged " name }' part=1 - part=2 .trueup/manifest |
      while IFS= read -r line; do say "${line%% *}" "${line#* }"; done
    if [ "$deep" = deep ]; then
      sed -n 's|^\([0-9a-f]\{64\}\) [0-9]* \(libs/.*\)|\1  \2|p' .trueup/manifest | sha256sum -c 2>/dev/null |
        sed -n 's/: FAILED$//p' | while IFS= read -r name; do say damaged "$name"; done
    fi
  else
    set --
    # The auth jar is a resource of its own.
    for jar in libs/*.jar; do case $jar in libs/aws-msk-iam-auth*) ;; *) if [ -f "$jar" ]; then set -- "$@" "$jar"; fi ;; esac; done
    if [ "$#" -gt 0 ] && [ "$(tail -q -c 22 -- "$@" | od -An -v -tx1 -w22 | grep -c '^ 50 4b 05 06')" != "$#" ]; then
      for jar in "$@"; do ends_as_zip "$jar" || say damaged "$jar"; done
    fi
  fi
}
"##,
    after_login: false,
};

impl Kafka {
    /// The archive's one folder, such as `kafka_2.12-2.8.1`.
    fn top(&self) -> String {
        format!("kafka_{}-{}", self.scala, self.version)
    }
}

impl Kind for Kafka {
    type Observed = Observed;

    fn address(&self) -> &'static str {
        "client/kafka"
    }

    fn requires(&self) -> &'static [&'static str] {
        &[]
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, deep: bool) -> Vec<String> {
        vec![
            self.home.clone(),
            format!("{}.jar", self.top()),
            format!("kafka-clients-{}.jar", self.version),
            if deep { "deep" } else { "sizes" }.into(),
        ]
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
            Place::Link
        } else {
            match (path.kind, &manifest) {
                (PathKind::Absent, _) => Place::Free,
                (PathKind::Dir, _) if records.says_yes("empty") => Place::Free,
                (PathKind::Dir, Some(line)) if self.is_of_this_archive(line) => Place::Ours,
                (PathKind::Dir, Some(line)) => Place::OtherArchive(line.clone()),
                (PathKind::Dir, None) if !found.is_empty() => Place::Adopted,
                _ => Place::Foreign,
            }
        };
        let mut missing: Vec<String> = records.all("missing").collect();
        if place == Place::Adopted {
            missing.extend(lost);
        }
        let mut damaged: Vec<String> = records.all("damaged").collect();
        damaged.sort();
        damaged.dedup();
        // Some `sha256sum -c` call what is missing failed, too.
        damaged.retain(|name| !missing.contains(name));
        Observation::Present(Observed {
            place,
            missing,
            damaged,
            path,
            siblings: records.all("sibling").collect(),
        })
    }

    fn differ(&self, observed: Option<&Observed>, host: &Host) -> Verdict {
        let home = host.expand(&self.home);
        let shown = host.shorten(&home);
        let Some(Observed {
            place,
            missing,
            damaged,
            path,
            siblings,
        }) = observed
        else {
            unreachable!("`read` gives what is at the place, also when nothing is")
        };
        match place {
            Place::Foreign => {
                return Verdict::Blocked {
                    reason: format!("`{shown}` is there and is no {}", self.top()),
                    help: "move it away, or name another `home`".into(),
                };
            }
            Place::OtherArchive(line) => {
                return Verdict::Blocked {
                    reason: format!(
                        "`{shown}` was unpacked from another archive: {}",
                        shorten_label(line)
                    ),
                    help: "name another `home` for this version".into(),
                };
            }
            Place::Ours | Place::Adopted if missing.is_empty() && damaged.is_empty() => {
                return Verdict::InPlace;
            }
            Place::Free | Place::Ours | Place::Adopted | Place::Link => {}
        }
        if let Some(blocked) = path.blocked(&format!("`{shown}`"), host) {
            return blocked;
        }
        let parent = path.real.rsplit_once('/').map_or("", |(parent, _)| parent);
        let archive = Fetch {
            url: self.url.clone(),
            path: format!("{parent}/.trueup-{}/archive.tgz", self.top()),
            digest: self.sha512.clone(),
            algorithm: Algorithm::Sha512,
            mode: Mode(0o600),
        };
        let action = Action::Unpack {
            archive,
            top: self.top(),
            home: path.real.clone(),
        };
        let creates = *place == Place::Free;
        let mut work = if creates {
            Work::new(
                Effect::Create,
                format!("not there: {shown}"),
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
            if !damaged.is_empty() {
                parts.push(format!("damaged: {}", enumerate(&list(damaged))));
            }
            if !missing.is_empty() {
                parts.push(format!("not there: {}", enumerate(&list(missing))));
            }
            let changes = damaged
                .iter()
                .map(|name| {
                    Change::shown(name.as_str(), Some("damaged"), Some("as in the archive"))
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
        work.notes.push(format!("fetch  {}", self.url));
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
        if creates && !siblings.is_empty() {
            let siblings: Vec<String> = siblings.iter().map(|path| host.shorten(path)).collect();
            work.notes
                .push(format!("left alone: {}", enumerate(&siblings)));
        }
        work.verdict()
    }
}

impl Kafka {
    /// A manifest's line is of this archive: the same name, and no other digest than the spec's.
    fn is_of_this_archive(&self, line: &str) -> bool {
        // `1: kafka_2.12-2.8.1.tgz sha512:…`; the number is the manifest's version.
        let Some(label) = line.strip_prefix("1: ") else {
            return false;
        };
        let Some((name, digest)) = label.split_once(" sha512:") else {
            return false;
        };
        let same_name = name == format!("{}.tgz", self.top());
        // A digest that the spec gained later says nothing against the tree.
        let same_digest =
            digest == "unpinned" || self.sha512.as_deref().is_none_or(|wanted| wanted == digest);
        same_name && same_digest
    }

    /// For the step that writes the manifest.
    pub fn manifest_label(top: &str, digest: Option<&str>) -> String {
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

/// The first few of many, and how many more.
pub(super) fn enumerate(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// A digest's two ends, as people compare them.
pub(super) fn shorten_digest(digest: &str) -> String {
    match (
        digest.get(..8),
        digest.len().checked_sub(6).and_then(|at| digest.get(at..)),
    ) {
        (Some(start), Some(end)) if digest.len() > 20 => format!("{start}…{end}"),
        _ => digest.to_owned(),
    }
}
