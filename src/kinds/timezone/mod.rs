//! `timezone`: the machine's time zone, by `/etc/localtime`.

mod spec;

use super::{
    Address, Change, Effect, Fields, Kind, Probe, Resource, Verdict, Work,
    declared::{Claim, Declaration, Inputs},
};
use crate::{
    action::{Action, Step},
    at,
    diagnostic::Problem,
    facts::{Host, Observation, Section},
    spec::at::At,
};

pub use spec::Timezone;

/// What `/etc/localtime` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The zone that it leads to; `None`: there is no such link or file.
    name: Option<String>,
    /// Whether it has the bytes of the wanted zone.
    same: bool,
    /// Whether the host has a zone of the wanted name.
    known: bool,
}

impl Declaration for Timezone {
    const KEY: &'static str = "timezone";
    const STEPS: &'static str = include_str!("steps.sh");

    fn resources(&self, _: &Inputs) -> Vec<Box<dyn Resource>> {
        vec![Box::new(self.clone())]
    }

    fn claim(&self, _: &Address, _: &dyn Fn(&str) -> String) -> Option<Claim> {
        Some(Claim::new(Some("/etc/localtime".into()), self))
    }

    fn check(&self, at: At<'_, Self>, problems: &mut Vec<Problem>) {
        let part = |part: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
            !part.is_empty() && part.chars().all(plain)
        };
        if !self.name.split('/').all(part) {
            let span = at!(at, name).text().map(|name| name.span);
            let message = format!("`{}` is no name of a time zone", self.name.escape_debug());
            let label = "name one of /usr/share/zoneinfo, such as `Europe/Berlin` or `UTC`";
            problems.push(Problem::error(span, message, label));
        }
    }
}

impl Kind for Timezone {
    type Observed = Observed;

    fn address(&self) -> Address {
        Address::of(Self::KEY)
    }

    fn as_root(&self) -> bool {
        self.as_root
    }

    fn probe(&self) -> Probe {
        Probe {
            function: "probe_timezone",
            texts: &[include_str!("probe.sh")],
            after_login: false,
        }
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn read(&self, records: &Section, _: &Host) -> Observation<Observed> {
        Observation::Present(Observed {
            name: records.get("name"),
            same: records.says_yes("same"),
            known: records.says_yes("known"),
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("name", &observed.name)
            .with("same", &observed.same)
            .with("known", &observed.known)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        if observed.same {
            return Verdict::InPlace;
        }
        let now = observed.name.as_deref();
        let reason = match now {
            Some(now) => format!("/etc/localtime is {now}; the spec wants {}", self.name),
            None => format!("there is no /etc/localtime; the spec wants {}", self.name),
        };
        if !observed.known {
            return Verdict::Blocked {
                reason: format!("{reason}, which is not in /usr/share/zoneinfo"),
                help: "correct the name, or install `tzdata` on the host".into(),
            };
        }
        if let Some(blocked) = host.needs_root(&reason) {
            return blocked;
        }
        let change = Change::shown("name", now, Some(&self.name));
        let step = Step {
            step: "timezone",
            values: vec![self.name.clone()],
            as_root: self.as_root,
            verb: "set",
            done: self.name.clone(),
            ..Step::default()
        };
        let effect = Effect::on(now.is_some());
        Work::new(effect, reason, vec![change], vec![Action::Step(step)]).verdict()
    }
}
