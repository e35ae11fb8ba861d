//! `client/classpath`: `CLASSPATH` of a fresh login shell names the auth jar before any other.

mod spec;

use serde::Serialize;

use super::msk_iam_auth;
use crate::{
    action,
    facts::{Host, Observation, Section},
    kinds::{
        Address, Change, Effect, Fields, Kind, Probe, Verdict, Work, environment,
        start_file::{self, Block, Line},
    },
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// What is compared: entries of `$CLASSPATH` that are, or stand for, an auth jar, and whether
    /// that is the wanted one. A folder's entry stands for the wanted jar only once that is there,
    /// and links resolve only once their folders are: both are for other addresses to change.
    pub compared: Vec<(String, bool)>,
    /// Whether the machine's own file names the jar first, where the spec wants it there.
    pub written: Option<bool>,
    /// Other start files with a block for it, which goes.
    pub left: Vec<String>,
    /// The same entries, in their order, with the jar that each stands for, its links resolved.
    jars: Vec<(String, String)>,
    /// The wanted jar, with links resolved.
    wanted: String,
    whole: Option<String>,
    lines: Vec<Line>,
    file: start_file::Observed,
}

/// The file, what the login shell would read, and the entries that matter. The lines that grep
/// finds only explain; what counts is the shell's report.
const PROBE: Probe = Probe {
    function: "probe_classpath",
    texts: &[start_file::LINES, include_str!("probe.sh")],
    after_login: true,
};

impl Wanted {
    /// The block's lines: the jar first, and not twice however often the file is read. `/etc/environment`
    /// knows no variables: there, what the rest of the file says comes behind it.
    ///
    /// # Errors
    /// Why there are none.
    fn lines(&self, jar: &str, content: &[u8]) -> Result<Vec<String>, &'static str> {
        if self.place == StartFile::Environment {
            let rest = action::without_block(content, MARKER);
            let rest = environment::value(&rest, MARKER).filter(|rest| !rest.is_empty());
            let entries: Vec<String> = [jar.to_owned()].into_iter().chain(rest).collect();
            return Ok(vec![environment::line(MARKER, &entries.join(":"))?]);
        }
        let jar = script::quote(jar).map_err(|_| "the jar's path holds a NUL byte")?;
        Ok(vec![
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

    fn as_root(&self) -> bool {
        self.place.of_the_machine().is_some()
    }

    fn probe(&self) -> Probe {
        PROBE
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        vec![start_file::argument(self.place).into(), self.jar.clone()]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let login = match host.login_shell() {
            Ok(login) => login,
            Err(reason) => return Observation::Unknown(reason),
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
            written: self.is_written(file.content(), host),
            left: file.left(),
            jars,
            wanted,
            whole: login.and_then(|login| login.classpath.clone()),
            // Our own block's line has the guard; it is never what is in the way.
            lines: Line::all(records, |text| {
                !text.contains("${CLASSPATH-}") && text.contains("CLASSPATH=")
            }),
            file,
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("jars", &observed.compared)
            .with_any("written", &observed.written)
            .with_any("left", &observed.left)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        if let Some(end) = &host.login_end {
            return end.blocked("`CLASSPATH`", host);
        }
        let right = is_right(&observed.jars, &observed.wanted);
        if right && observed.written != Some(false) && observed.left.is_empty() {
            return Verdict::InPlace;
        }
        if right && let Some(moves) = observed.file.moves(MARKER, host) {
            return self.change(observed, moves, host);
        }
        let jar = host.expand(&self.jar);
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let winner = Line::winner(&observed.lines);
        let place = winner.map(|line| line.place(host) + ",");
        let place = place.unwrap_or_default();
        let now = match (observed.jars.first(), &observed.whole) {
            _ if right => {
                let file = observed.file.shown(host);
                format!("{file} names no auth jar first in `CLASSPATH`")
            }
            (Some((entry, real)), _) if *real == observed.wanted => {
                format!("`{entry}` in `CLASSPATH` stands for several auth jars")
            }
            // Names alone would not tell two folders apart.
            (Some((_, real)), _) if name(real) == name(&jar) => {
                let (now, jar) = (host.shorten(real), host.shorten(&jar));
                let reason = format!("`CLASSPATH`{place} names {now}; the spec wants {jar}");
                return self.change(observed, reason, host);
            }
            (Some((_, real)), _) => format!("`CLASSPATH`{place} names {}", name(real)),
            (None, Some(_)) => format!("`CLASSPATH`{place} names no auth jar"),
            (None, None) => "a fresh shell has no `CLASSPATH`".into(),
        };
        let reason = format!("{now}; the spec wants {}", name(&jar));
        self.change(observed, reason, host)
    }

    fn warnings(&self, observed: &Observed, host: &Host) -> Vec<String> {
        observed.file.left_warnings(MARKER, host)
    }
}

impl Wanted {
    /// Whether the machine's own file names the jar first; nothing of the account's, where the shell's word
    /// is all.
    fn is_written(&self, content: &[u8], host: &Host) -> Option<bool> {
        self.place.of_the_machine()?;
        let jar = host.expand(&self.jar);
        if self.place == StartFile::Environment {
            let value = environment::value(content, MARKER);
            return Some(value.is_some_and(|value| value.split(':').next() == Some(&*jar)));
        }
        let lines = self.lines(&jar, content).ok();
        Some(lines.is_some_and(|lines| action::ends_with_block(content, MARKER, &lines)))
    }

    /// The block at the end of the file, or what is in its way.
    fn change(&self, observed: &Observed, reason: String, host: &Host) -> Verdict {
        let jar = host.expand(&self.jar);
        let file = match is_right(&observed.jars, &observed.wanted) {
            true => &observed.file.for_others(),
            false => &observed.file,
        };
        if let Some(blocked) = host.without_terminal(&reason) {
            return blocked;
        }
        let lines = match self.lines(&jar, file.content()) {
            Ok(lines) => lines,
            Err(why) => {
                return Verdict::Blocked {
                    reason: format!("{reason}; {why}"),
                    help: "name another `home`".into(),
                };
            }
        };
        let block = Block {
            marker: MARKER,
            variable: MARKER,
            lines,
            place: self.place,
            or_elsewhere: start_file::or_elsewhere(self.place),
            winner: Line::winner(&observed.lines),
        };
        let work = Work::new(
            Effect::on(observed.whole.is_some()),
            reason,
            vec![match is_right(&observed.jars, &observed.wanted) {
                true => file.change_of_place(host),
                false => Change::shown(
                    "CLASSPATH",
                    observed.jars.first().map(|(entry, _)| entry.as_str()),
                    Some(&jar),
                ),
            }],
            vec![],
        );
        file.take(block, work, host)
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
