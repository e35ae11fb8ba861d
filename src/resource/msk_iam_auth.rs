//! `client/msk_iam_auth`: AWS's auth jar, in Kafka's `libs/`.

use serde::Serialize;

use super::{
    Change, Effect, Kind, Probe, Verdict, Work,
    kafka::shorten_digest,
    managed::{Managed, PathKind},
};
use crate::{
    action::{Action, Algorithm, Fetch, Mode},
    facts::{Host, Observation, Section},
};

/// What the spec wants.
#[derive(Debug, Clone, Serialize)]
pub struct MskIamAuth {
    /// Where the jar is.
    pub url: String,
    /// Its sha256, when the spec has it.
    pub sha256: Option<String>,
    /// Where it belongs, symbolic.
    pub path: String,
}

/// What is at the jar's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// Something is there.
    pub there: bool,
    /// Its sha256; `None` for what is no plain file.
    pub sha256: Option<String>,
    /// It ends as a jar ends.
    pub is_jar: bool,
    #[serde(skip)]
    size: u64,
    #[serde(skip)]
    start: String,
    #[serde(skip)]
    path: Managed,
}

/// The jar is always hashed: 13 MB cost 30 ms, beside the login shell.
const PROBE: Probe = Probe {
    function: "probe_auth_jar",
    text: r#"
probe_auth_jar() {
  path_facts "$1"
  [ "$KIND" = file ] && [ -r "$P" ] || return 0
  hash=$(sha256sum <"$P"); say sha256 "${hash%% *}"
  if ends_as_zip "$P"; then say jar yes; else say start "$(head -c 15 -- "$P" | tr -dc ' -~')"; fi
}
"#,
    after_login: false,
};

impl Kind for MskIamAuth {
    type Observed = Observed;

    fn address(&self) -> &'static str {
        "client/msk_iam_auth"
    }

    fn requires(&self) -> &'static [&'static str] {
        &["client/kafka"]
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        vec![self.path.clone()]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let path = match Managed::read_file(records, host) {
            Ok(path) => path,
            Err(reason) => return Observation::Unknown(reason),
        };
        Observation::Present(Observed {
            there: path.kind != PathKind::Absent || path.link_refused.is_some(),
            sha256: records.get("sha256"),
            is_jar: records.says_yes("jar"),
            size: path.size.unwrap_or(0),
            start: records.get("start").unwrap_or_default(),
            path,
        })
    }

    fn differ(&self, observed: Option<&Observed>, host: &Host) -> Verdict {
        let Some(observed) = observed else {
            unreachable!("`read` gives what is at the place, also when nothing is")
        };
        let shown = host.shorten(&observed.path.real);
        let reason = match observed {
            Observed { there: false, .. } => format!("not there: {shown}"),
            Observed { sha256: None, .. } => {
                return Verdict::Blocked {
                    reason: format!("`{shown}` is there and is no plain file"),
                    help: "move it away".into(),
                };
            }
            Observed {
                sha256: Some(found),
                is_jar,
                size,
                start,
                ..
            } => match &self.sha256 {
                Some(wanted) if wanted == found => return Verdict::InPlace,
                None if *is_jar => return Verdict::InPlace,
                _ if !is_jar => format!("{shown} is no jar: {size} bytes that start `{start}`"),
                _ => format!(
                    "the sha256 of {shown} is {}, the spec pins another",
                    shorten_digest(found)
                ),
            },
        };
        if let Some(blocked) = observed.path.blocked(&format!("`{shown}`"), host) {
            return blocked;
        }
        let target = observed.path.real.clone();
        let before = observed.sha256.as_deref();
        let after = self.sha256.as_deref().unwrap_or("whatever the download is");
        let mut work = Work::new(
            Effect::on(observed.there),
            reason,
            vec![Change::shown("sha256", before, Some(after))],
            vec![Action::Fetch(Fetch {
                url: self.url.clone(),
                path: target,
                digest: self.sha256.clone(),
                algorithm: Algorithm::Sha256,
                mode: Mode(0o644),
            })],
        );
        work.notes.push(format!("fetch  {}", self.url));
        if self.sha256.is_none() {
            work.warning = Some(
                "no `sha256` in the spec: the download is not checked; apply prints the line to paste"
                    .into(),
            );
        }
        work.verdict()
    }
}
