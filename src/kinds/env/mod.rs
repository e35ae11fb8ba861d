//! `env`: variables that login shells have with a certain value.

mod check;
mod spec;

use super::{
    Address, Change, Effect, Fields, Kind, Probe, Resource, Verdict, Work,
    declared::{Claim, Declaration, Inputs},
    environment,
    start_file::{self, Block, Line},
};
use crate::{
    action,
    diagnostic::Problem,
    facts::{Host, Observation, Section},
    script,
    spec::{at::At, checks::is_secret, types::StartFile},
    text::escape_control,
};

pub use spec::{Env, Variable};

/// One variable that the spec wants.
struct Wanted {
    name: String,
    value: String,
    place: StartFile,
}

/// What a fresh login shell has, and the file that would be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The value that is exported, if it is.
    value: Option<String>,
    /// Whether the machine's own file sets it so, where the spec wants it there.
    written: Option<bool>,
    /// Other start files with a block for it, which goes.
    left: Vec<String>,
    lines: Vec<Line>,
    /// The file, where it is looked at.
    file: Option<start_file::Observed>,
}

impl Declaration for Env {
    const KEY: &'static str = "env";

    fn resources(&self, _: &Inputs) -> Vec<Box<dyn Resource>> {
        let wanted = self.0.iter().map(|(name, variable)| {
            Box::new(Wanted {
                name: name.clone(),
                value: variable.value.clone(),
                place: variable.r#in,
            }) as Box<dyn Resource>
        });
        wanted.collect()
    }

    fn check(&self, at: At<'_, Self>, problems: &mut Vec<Problem>) {
        check::env(self, at, problems);
    }

    fn claim(&self, address: &Address, _: &dyn Fn(&str) -> String) -> Option<Claim> {
        let name = address.name()?;
        let variable = self.0.get(name)?;
        let of_all = variable.r#in.of_the_machine();
        let place = of_all.map(|_| start_file::of_all_accounts(name));
        Some(Claim::new(place, variable))
    }
}

impl Kind for Wanted {
    type Observed = Observed;

    fn address(&self) -> Address {
        Address::named(Env::KEY, &self.name)
    }

    fn as_root(&self) -> bool {
        self.place.of_the_machine().is_some()
    }

    fn variables(&self) -> Vec<&str> {
        vec![&self.name]
    }

    fn probe(&self) -> Probe {
        Probe {
            function: "probe_env_here",
            texts: &[start_file::LINES, include_str!("probe.sh")],
            after_login: self.place.of_the_machine().is_none(),
        }
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        let file = start_file::argument(self.place).to_owned();
        vec![file, self.name.clone(), self.value.clone()]
    }

    fn read(&self, records: &Section, host: &Host) -> Observation<Observed> {
        let login = match host.login_shell() {
            Ok(login) => login,
            Err(reason) => return Observation::Unknown(reason),
        };
        let value = login.and_then(|login| login.variables.get(&self.name).cloned());
        let file = match records.says_yes("same") {
            true => None,
            false => match start_file::Observed::read(records, host) {
                Ok(file) => Some(file),
                Err(reason) => return Observation::Unknown(reason),
            },
        };
        let of_the_machine = file
            .as_ref()
            .filter(|_| self.place.of_the_machine().is_some());
        Observation::Present(Observed {
            value,
            written: of_the_machine.map(|file| self.is_written(file.content())),
            left: file.iter().flat_map(start_file::Observed::left).collect(),
            lines: Line::all(records, |text| self.is_set_by(text)),
            file,
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("value", &observed.value)
            .with_any("written", &observed.written)
            .with_any("left", &observed.left)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        let name = &self.name;
        if let Some(end) = &host.login_end {
            return end.blocked(&format!("`{name}`"), host);
        }
        let right = observed.value.as_ref() == Some(&self.value);
        let file = match &observed.file {
            Some(file) if !right => file,
            Some(file) if observed.written == Some(false) || !observed.left.is_empty() => {
                &file.for_others()
            }
            _ => return Verdict::InPlace,
        };
        let winner = Line::winner(&observed.lines);
        let place = winner.map(|line| line.place(host) + ",");
        let place = place.unwrap_or_default();
        let is_secret = is_secret(name);
        let wants = format!("; the spec wants {}", shown(&self.value));
        let wants = if is_secret { "" } else { &wants };
        let reason = match &observed.value {
            _ if right => file.moves(name, host).unwrap_or_else(|| {
                format!(
                    "`{name}` is right, and {} does not set it",
                    file.shown(host)
                )
            }),
            None => format!("a fresh shell has no `{name}`{wants}"),
            Some(_) if is_secret => format!("`{name}`{place} is another than the spec wants"),
            Some(value) => format!("`{name}`{place} is {}{wants}", shown(value)),
        };
        if let Some(blocked) = host.without_terminal(&reason) {
            return blocked;
        }
        let lines = match self.line() {
            Ok(line) => vec![line],
            Err(why) => {
                return Verdict::Blocked {
                    reason: format!("{reason}; {why}"),
                    help: "write it otherwise, or say `in: profile.d`".into(),
                };
            }
        };
        let block = Block {
            marker: &self.marker(),
            variable: name,
            lines,
            place: self.place,
            or_elsewhere: match self.place {
                StartFile::Bashrc => Some("`in: profile`"),
                StartFile::ProfileD => Some("`in: environment`"),
                StartFile::Profile | StartFile::Environment => None,
            },
            winner,
        };
        let change = match is_secret {
            _ if right => file.change_of_place(host),
            true => Change::sensitive(name),
            false => Change::shown(name, observed.value.as_deref(), Some(&self.value)),
        };
        let effect = Effect::on(observed.value.is_some());
        let work = Work::new(effect, reason, vec![change], vec![]);
        let mut verdict = file.take(block, work, host);
        if let (Verdict::Change(work), true) = (&mut verdict, is_secret) {
            work.text = None;
        }
        verdict
    }

    fn warnings(&self, observed: &Observed, host: &Host) -> Vec<String> {
        let file = observed.file.iter();
        file.flat_map(|file| file.left_warnings(&self.name, host))
            .collect()
    }
}

impl Wanted {
    fn marker(&self) -> String {
        format!("env {}", self.name)
    }

    /// The block's line.
    fn line(&self) -> Result<String, &'static str> {
        if self.place == StartFile::Environment {
            return environment::line(&self.name, &self.value);
        }
        let value = script::quote(&self.value).map_err(|_| "the value holds a NUL byte")?;
        Ok(format!("export {}={value}", self.name))
    }

    /// Whether the machine's own file sets the value.
    fn is_written(&self, content: &[u8]) -> bool {
        if self.place == StartFile::Environment {
            return environment::value(content, &self.name).as_ref() == Some(&self.value);
        }
        let line = self.line();
        line.is_ok_and(|line| action::ends_with_block(content, &self.marker(), &[line]))
    }

    /// Whether a line of a start file may set it otherwise than the block would.
    fn is_set_by(&self, text: &str) -> bool {
        let mut rest = text;
        let sets = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        while let Some(at) = rest.find(&self.name) {
            let after = &rest[at + self.name.len()..];
            if after.starts_with('=') && sets(&rest[..at]) {
                return self.line().as_deref() != Ok(text);
            }
            rest = after;
        }
        false
    }
}

/// A value within a sentence.
fn shown(value: &str) -> String {
    const LONGEST: usize = 60;
    let mut chars = value.chars();
    let start: String = chars.by_ref().take(LONGEST).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    match value {
        "" => "empty".to_owned(),
        _ => format!("`{}{more}`", escape_control(&start)),
    }
}
