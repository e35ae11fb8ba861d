//! `client/classpath`: `CLASSPATH` of a fresh login shell names the auth jar before any other.

mod spec;

use serde::Serialize;

use super::{Address, Change, Effect, Kind, Probe, Verdict, Work, msk_iam_auth, start_file};
use crate::{
    facts::{Host, LoginShell, Observation, Section},
    script,
    spec::types::StartFile,
};

pub use spec::Classpath;

/// What `CLASSPATH` of a login shell names.
pub const ADDRESS: Address = Address::of("client/classpath");

/// What our block in a start file is called.
const MARKER: &str = "CLASSPATH";

/// What the spec wants.
#[derive(Debug, Clone, Serialize)]
pub struct Wanted {
    /// The jar that comes first, symbolic.
    pub jar: String,
    /// The start file that takes the block.
    pub place: StartFile,
}

/// What a fresh shell sees, and the file that would be edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// What is compared: entries of `$CLASSPATH` that are, or stand for, an auth jar, and whether
    /// that is the wanted one. A folder's entry stands for the wanted jar only once that is there,
    /// and links resolve only once their folders are: both are for other addresses to change.
    #[serde(rename = "jars")]
    pub compared: Vec<(String, bool)>,
    /// The same entries, in their order, with the jar that each stands for, its links resolved.
    #[serde(skip)]
    jars: Vec<(String, String)>,
    /// The wanted jar, with links resolved.
    #[serde(skip)]
    wanted: String,
    #[serde(skip)]
    whole: Option<String>,
    #[serde(skip)]
    lines: Vec<StartLine>,
    #[serde(skip)]
    file: start_file::Observed,
}

/// A line of a start file that has to do with `CLASSPATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StartLine {
    file: String,
    line: usize,
    /// It may set `CLASSPATH`, and is no line of ours.
    sets: bool,
}

/// The file, what the login shell would read, and the entries that matter. The lines that grep
/// finds only explain; what counts is what the shell said.
const PROBE: Probe = Probe {
    function: "probe_classpath",
    text: include_str!("probe.sh"),
    after_login: true,
};

impl Wanted {
    /// The block's lines: the jar first, and not twice however often the file is read.
    fn lines(&self, jar: &str) -> Option<Vec<String>> {
        let jar = script::quote(jar).ok()?;
        Some(vec![
            format!(
                "case \":${{CLASSPATH-}}:\" in :{jar}:*) ;; *) CLASSPATH={jar}${{CLASSPATH:+:$CLASSPATH}} ;; esac"
            ),
            "export CLASSPATH".into(),
        ])
    }
}

impl Kind for Wanted {
    type Observed = Observed;

    fn address(&self) -> Address {
        ADDRESS
    }

    fn requires(&self) -> Vec<Address> {
        vec![msk_iam_auth::ADDRESS]
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        vec![start_file::argument(self.place).into(), self.jar.clone()]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let classpath = match &host.login {
            Observation::Present(LoginShell { classpath, .. }) => classpath.clone(),
            // Blocked, with the place where it ends.
            _ if host.login_end.is_some() => None,
            Observation::Unknown(reason) => return Observation::Unknown(reason.clone()),
            Observation::Absent => {
                return Observation::Unknown("the login shell said nothing".into());
            }
        };
        let file = match start_file::Observed::read(records, host) {
            Ok(file) => file,
            Err(reason) => return Observation::Unknown(reason),
        };
        let Some(wanted) = records.get("wanted") else {
            return Observation::Unknown("the host said nothing of the start file".into());
        };
        let jars: Vec<(String, String)> = records
            .all("jar")
            .filter_map(|line| {
                // A path may hold blanks; the reply of a test has none.
                let (entry, real) = line.split_once('\n').or_else(|| line.split_once(' '))?;
                Some((entry.to_owned(), real.to_owned()))
            })
            .collect();
        Observation::Present(Observed {
            compared: jars
                .iter()
                .map(|(entry, real)| (entry.clone(), *real == wanted))
                .filter(|(entry, is_wanted)| !(*is_wanted && entry.ends_with('*')))
                .collect(),
            jars,
            wanted,
            whole: classpath,
            lines: records
                .all("line")
                .filter_map(|line| {
                    let mut parts = line.splitn(3, ':');
                    let (file, line, text) = (parts.next()?, parts.next()?, parts.next()?.trim());
                    Some(StartLine {
                        file: file.to_owned(),
                        line: line.parse().ok()?,
                        // Our own block's line has the guard; it is never what is in the way.
                        sets: !text.starts_with('#')
                            && !text.contains("${CLASSPATH-}")
                            && text.contains("CLASSPATH="),
                    })
                })
                .collect(),
            file,
        })
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        if let Some(end) = &host.login_end {
            return end.blocked("`CLASSPATH`", host);
        }
        if is_right(&observed.jars, &observed.wanted) {
            return Verdict::InPlace;
        }
        let jar = host.expand(&self.jar);
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let winner = observed.lines.iter().rev().find(|line| line.sets);
        let place = winner
            .map(|line| format!(" in {}, line {},", host.shorten(&line.file), line.line))
            .unwrap_or_default();
        let now = match (observed.jars.first(), &observed.whole) {
            (Some((entry, real)), _) if *real == observed.wanted => {
                format!("`{entry}` in `CLASSPATH` stands for several auth jars")
            }
            // Names alone would not tell two folders apart.
            (Some((_, real)), _) if name(real) == name(&jar) => {
                let (now, jar) = (host.shorten(real), host.shorten(&jar));
                let reason = format!("`CLASSPATH`{place} names {now}; the spec wants {jar}");
                return self.change(observed, reason, winner, host);
            }
            (Some((_, real)), _) => format!("`CLASSPATH`{place} names {}", name(real)),
            (None, Some(_)) => format!("`CLASSPATH`{place} names no auth jar"),
            (None, None) => "a fresh shell has no `CLASSPATH`".into(),
        };
        let reason = format!("{now}; the spec wants {}", name(&jar));
        self.change(observed, reason, winner, host)
    }
}

impl Wanted {
    /// The block at the end of the file, or what is in its way; `winner` is the line that sets
    /// `CLASSPATH` last.
    fn change(
        &self,
        observed: &Observed,
        reason: String,
        winner: Option<&StartLine>,
        host: &Host,
    ) -> Verdict {
        let jar = host.expand(&self.jar);
        let file = &observed.file;
        if let Some(blocked) = host.without_terminal(&reason) {
            return blocked;
        }
        if let Some(blocked) = file.obstacle(&reason, self.place, host) {
            return blocked;
        }
        let Some(lines) = self.lines(&jar) else {
            return Verdict::Blocked {
                reason: "the jar's path holds a NUL byte".into(),
                help: "name another `home`".into(),
            };
        };
        if file.ends_with(MARKER, &lines) {
            return Verdict::Blocked {
                reason: format!(
                    "{reason}; our block is the end of {}, and something read later wins",
                    file.shown(host)
                ),
                // The line itself is the user's, and may hold more than a path.
                help: match winner {
                    Some(line) => {
                        format!("look at {}, line {}", host.shorten(&line.file), line.line)
                    }
                    None => "look for CLASSPATH in what the start files source".into(),
                },
            };
        }
        let (action, text) = file.edit(MARKER, lines, host);
        let mut work = Work::new(
            Effect::on(observed.whole.is_some()),
            reason,
            vec![Change::shown(
                "CLASSPATH",
                observed.jars.first().map(|(entry, _)| entry.as_str()),
                Some(&jar),
            )],
            vec![action],
        );
        work.text = Some(text);
        work.verdict()
    }
}

/// The wanted jar is an entry, and no other auth jar comes before it or, in a folder that one entry
/// stands for (`DIR/*`, which Java reads in no certain order), beside it.
fn is_right(jars: &[(String, String)], wanted: &str) -> bool {
    let Some(at) = jars.iter().position(|(_, real)| real == wanted) else {
        return false;
    };
    let entry = &jars[at].0;
    jars.iter()
        .enumerate()
        .all(|(other, (its_entry, real))| real == wanted || (other > at && its_entry != entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(jars: &[(&str, &str)]) -> bool {
        let jars: Vec<_> = jars
            .iter()
            .map(|(e, r)| ((*e).to_owned(), (*r).to_owned()))
            .collect();
        is_right(&jars, "/l/new.jar")
    }

    #[test]
    fn the_wanted_jar_comes_before_any_other() {
        assert!(right(&[("/l/new.jar", "/l/new.jar")]));
        assert!(right(&[
            ("/l/new.jar", "/l/new.jar"),
            ("/l/old.jar", "/l/old.jar")
        ]));
        assert!(right(&[
            ("/link/new.jar", "/l/new.jar"),
            ("/l/*", "/l/new.jar"),
            ("/l/*", "/l/old.jar")
        ]));
        assert!(right(&[("/l/*", "/l/new.jar")]));
        assert!(!right(&[]));
        assert!(!right(&[
            ("/l/old.jar", "/l/old.jar"),
            ("/l/new.jar", "/l/new.jar")
        ]));
        assert!(!right(&[("/l/*", "/l/new.jar"), ("/l/*", "/l/old.jar")]));
    }
}
