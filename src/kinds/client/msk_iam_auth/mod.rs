//! `client/msk_iam_auth`: AWS's auth jar, in Kafka's `libs/`.

mod spec;

use std::cmp::Ordering;

use serde::Serialize;

use super::kafka;
use crate::{
    action::{Action, Algorithm, Fetch, Mode},
    facts::{Host, Observation, Section},
    kinds::{
        Address, Change, Effect, Fields, Kind, Probe, Verdict, Work,
        managed::{self, Managed, PathKind},
    },
    text::shorten_digest,
};

pub use spec::{IamOptions, Mechanism, MskIamAuth, Role};

/// The auth jar.
pub const ADDRESS: Address = Address::of("client/msk_iam_auth");

/// What the spec wants, and where it says more of it.
#[derive(Debug, Clone, Serialize)]
pub struct Wanted {
    /// The jar.
    pub jar: MskIamAuth,
    /// Where it belongs, symbolic.
    pub path: String,
    /// The spec has it first in `CLASSPATH`: then no other jar of its kind is in its way.
    pub first_in_classpath: bool,
}

/// What is at the jar's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Something is there.
    pub there: bool,
    /// Its sha256; `None` for what is no plain file.
    pub sha256: Option<String>,
    /// It ends as a jar ends.
    pub is_jar: bool,
    /// Names of other auth jars in `libs/`.
    pub others: Vec<String>,
    /// Auth jars that `CLASSPATH` of a fresh shell names, links resolved, where the spec leaves
    /// `CLASSPATH` alone.
    pub named: Vec<String>,
    size: u64,
    start: String,
    path: Managed,
}

/// The jar is always hashed: 13 MB cost 30 ms, beside the login shell. What Java loads: Kafka's
/// `kafka-run-class.sh` puts `CLASSPATH` first and behind it the glob `libs/*`, whatever its files are
/// called, but for a few endings (`should_include_file`); Java skips what is no jar.
const PROBE: Probe = Probe {
    function: "probe_auth_jar",
    texts: &[include_str!("probe.sh")],
    after_login: false,
};

impl Kind for Wanted {
    type Observed = Observed;

    fn address(&self) -> Address {
        ADDRESS
    }

    fn requires(&self) -> Vec<Address> {
        vec![kafka::ADDRESS]
    }

    fn probe(&self) -> Probe {
        Probe {
            after_login: !self.first_in_classpath,
            ..PROBE
        }
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        let comes = if self.first_in_classpath {
            "first"
        } else {
            "glob"
        };
        vec![self.path.clone(), comes.into()]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let path = match Managed::read_file(records, host) {
            Ok(path) => path,
            Err(reason) => return Observation::Unknown(reason),
        };
        if let (false, Observation::Unknown(reason)) = (self.first_in_classpath, &host.login) {
            return Observation::Unknown(format!("which jar Java loads: {reason}"));
        }
        let mut others: Vec<String> = records.all("other").collect();
        others.sort();
        Observation::Present(Observed {
            others,
            named: records.all("named").collect(),
            there: path.kind != PathKind::Absent || path.link_refused.is_some(),
            sha256: records.get("sha256"),
            is_jar: records.says_yes("jar"),
            size: path.size.unwrap_or(0),
            start: records.get("start").unwrap_or_default(),
            path,
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("there", &observed.there)
            .with("sha256", &observed.sha256)
            .with("is_jar", &observed.is_jar)
            .with_any("others", &observed.others)
            .with_any("named", &observed.named)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        let shown = host.shorten(&observed.path.real);
        let reason = match observed {
            Observed { there: false, .. } => format!("`{shown}` is missing"),
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
            } => match &self.jar.sha256 {
                Some(wanted) if wanted == found => return self.shadow_verdict(observed, host),
                None if *is_jar => return self.shadow_verdict(observed, host),
                _ if !is_jar => format!("{shown} is no jar: {size} bytes that start `{start}`"),
                _ => format!(
                    "the sha256 of {shown} is {}, the spec pins another",
                    shorten_digest(found)
                ),
            },
        };
        let tree = host.expand(&self.path);
        let tree = tree.rsplitn(3, '/').nth(2);
        if let Some(blocked) = observed.path.blocked_in(tree, &format!("`{shown}`"), host) {
            return blocked;
        }
        let target = observed.path.real.clone();
        let before = observed.sha256.as_deref();
        let after = self
            .jar
            .sha256
            .as_deref()
            .unwrap_or("whatever the download is");
        let mut work = Work::new(
            Effect::on(observed.there),
            reason,
            vec![Change::shown("sha256", before, Some(after))],
            vec![Action::Fetch(Fetch {
                url: self.jar.url(),
                path: target,
                digest: self.jar.sha256.clone(),
                algorithm: Algorithm::Sha256,
                mode: Mode(0o644),
            })],
        );
        work.notes.push(format!("fetch  {}", self.jar.url()));
        if let Some((reason, _)) = self.shadow(observed, host) {
            // The very reason with which it is blocked then: so a saved plan still holds.
            work.remains = Some(reason);
        }
        if self.jar.sha256.is_none() {
            work.warning = Some(
                "no `sha256` in the spec: the download is not checked; apply prints the line to paste"
                    .into(),
            );
        }
        work.verdict()
    }

    fn warnings(&self, observed: &Observed, host: &Host) -> Vec<String> {
        let own = self.name();
        let earlier: Vec<String> = observed
            .others
            .iter()
            .filter(|other| order(other, own) != Some(Ordering::Greater))
            .map(|other| format!("`{other}`"))
            .collect();
        if !self.first_in_classpath || earlier.is_empty() {
            return vec![];
        }
        vec![format!(
            "in {} there is {}, too: what starts without the `CLASSPATH` of a login shell (cron, \
             systemd, sudo) loads that",
            host.shorten(&folder_of(&observed.path.real)),
            earlier.join(", ")
        )]
    }
}

impl Wanted {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// In place, unless Java loads another jar.
    fn shadow_verdict(&self, observed: &Observed, host: &Host) -> Verdict {
        match self.shadow(observed, host) {
            None => Verdict::InPlace,
            Some((reason, help)) => Verdict::Blocked { reason, help },
        }
    }

    /// Which other jar Java loads or may load in place of ours, and the way out. Which of them is an
    /// older one of ours nobody knows: none is ever removed unasked.
    fn shadow(&self, observed: &Observed, host: &Host) -> Option<(String, String)> {
        if self.first_in_classpath {
            return None;
        }
        let own = self.name();
        let put_first = "`classpath: {}` in the spec puts the spec's jar before all others";
        if let Some(first) = observed.named.first() {
            let alone = observed.named.iter().all(|jar| *jar == observed.path.real);
            return (*first != observed.path.real || !alone && observed.named.len() > 1)
                .then(|| {
                    let first = observed.named.iter().find(|jar| **jar != observed.path.real);
                    (
                        format!(
                            "`CLASSPATH` of a fresh shell names {}, and Java loads that before {own}",
                            host.shorten(first.unwrap_or(&observed.path.real))
                        ),
                        put_first.to_owned(),
                    )
                });
        }
        let folder = host.shorten(&folder_of(&observed.path.real));
        let path = |name: &str| managed::quote(&format!("{folder}/{name}"));
        let winner = observed
            .others
            .iter()
            .filter(|other| order(other, own) == Some(Ordering::Less))
            .min();
        if let Some(winner) = winner {
            let earlier = observed.others.iter();
            let earlier = earlier.filter(|other| order(other, own) != Some(Ordering::Greater));
            let all: Vec<String> = earlier.map(|name| path(name)).collect();
            return Some((
                format!(
                    "`{winner}` is in {folder}, too, and Java loads it: its name comes before {own}"
                ),
                format!("{put_first}; or: rm {}", all.join(" ")),
            ));
        }
        let unsure = observed
            .others
            .iter()
            .find(|other| order(other, own).is_none())?;
        Some((
            format!(
                "`{unsure}` is in {folder}, too: which of it and {own} Java loads depends on the \
                 language of the shell, by which names are sorted"
            ),
            format!("{put_first}; or: rm {}", path(unsure)),
        ))
    }
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/')
        .map_or("", |(folder, _)| folder)
        .to_owned()
}

/// Which of two names a shell's glob has first, where that is the same in every language: by bytes
/// (`C`), as glibc sorts since 2.28 (punctuation, then digits, then letters, without regard to case),
/// and as it did before (punctuation counts last).
fn order(one: &str, other: &str) -> Option<Ordering> {
    let since = |name: &str| -> Vec<(u8, u32)> {
        let key = |c: char| match c {
            '0'..='9' => (1, u32::from(c)),
            _ if c.is_alphabetic() => (2, u32::from(c.to_ascii_lowercase())),
            _ => {
                let at = PUNCTUATION.find(c).and_then(|at| u32::try_from(at).ok());
                (0, at.unwrap_or(99))
            }
        };
        name.chars().map(key).collect()
    };
    let before = |name: &str| -> Vec<(u8, u32)> {
        let keys = since(name).into_iter();
        keys.filter(|(class, _)| *class > 0).collect()
    };
    let orders = [
        one.as_bytes().cmp(other.as_bytes()),
        since(one).cmp(&since(other)),
        before(one).cmp(&before(other)),
    ];
    orders
        .iter()
        .all(|order| *order == orders[0])
        .then_some(orders[0])
}

/// In the order of ISO 14651, as far as names of files use it.
const PUNCTUATION: &str = "_-,;:!?/.`^~'\"()[]{}@$*\\&#%+<=>|";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_every_shell_would() {
        for (first, second) in [
            (
                "aws-msk-iam-auth-1.1.1-all.jar",
                "aws-msk-iam-auth-2.3.2-all.jar",
            ),
            (
                "aws-msk-iam-auth-1.1.5-all.jar",
                "aws-msk-iam-auth-1.1.5.jar",
            ),
            // By bytes, not by numbers.
            (
                "aws-msk-iam-auth-1.10.0-all.jar",
                "aws-msk-iam-auth-1.9.0-all.jar",
            ),
            ("a-aws-msk-iam-auth.jar", "aws-msk-iam-auth-1.1.5-all.jar"),
        ] {
            assert_eq!(
                order(first, second),
                Some(Ordering::Less),
                "{first} {second}"
            );
            assert_eq!(order(second, first), Some(Ordering::Greater));
        }
        for (one, other) in [
            ("AWS-msk-iam-auth.jar", "a-msk-iam-auth.jar"),
            ("aws_msk-iam-auth-1.jar", "aws-msk-iam-auth-1.jar"),
        ] {
            assert_eq!(order(one, other), None, "{one} {other}");
        }
    }
}
