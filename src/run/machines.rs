//! Hosts of a spec that turn out to be one machine: a name and a number, two `Host` blocks of ssh's
//! configuration. What is said of one must not be turned back by the other.

use std::{collections::HashMap, path::PathBuf};

use super::Target;
use crate::{
    facts::{self, Machine},
    plan::HostPlan,
    spec::{ResolvedHost, several},
};

/// The machines that a command has come to.
#[derive(Default)]
pub(crate) struct Machines(Vec<Met>);

struct Met {
    machine: Machine,
    facts: facts::Host,
    host: ResolvedHost,
    spec: PathBuf,
}

/// What came of meeting a machine again.
enum Again {
    /// Nothing that matters: it is to be the same.
    Same {
        /// The host that led there first.
        first: String,
    },
    /// Two hosts want it to be two things.
    Contested {
        /// The host that led there first.
        first: String,
        /// Why not, and the way out.
        error: String,
    },
}

impl Machines {
    /// Takes note of a host's machine. The plan of one that is another host's already is refused, or
    /// warns of it.
    pub(crate) fn meet(&mut self, target: &Target, plan: HostPlan) -> HostPlan {
        match self.again(target, &plan) {
            None => plan,
            Some(Again::Same { first }) => plan.with_lookups(&[], &[same_as(&first)]),
            Some(Again::Contested { error, .. }) => plan.refused(error),
        }
    }

    fn again(&mut self, target: &Target, plan: &HostPlan) -> Option<Again> {
        let facts = plan.facts.as_ref()?;
        let met = Met {
            machine: facts.machine.clone()?,
            facts: facts.clone(),
            host: target.host.clone(),
            spec: target.spec.clone(),
        };
        let again = self.0.iter().find_map(|first| met.after(first));
        self.0.push(met);
        again
    }
}

/// The plans of all hosts, which were looked at before anything is done: both of two that contest a
/// machine are refused.
pub(crate) fn settle<'t>(targets: impl Iterator<Item = &'t Target>, plans: &mut [HostPlan]) {
    let mut machines = Machines::default();
    let mut refused: Vec<(String, String)> = Vec::new();
    let named: HashMap<&str, &Target> = targets.map(|one| (one.host.name.as_str(), one)).collect();
    for plan in plans.iter_mut() {
        let Some(target) = named.get(plan.name.as_str()) else {
            continue;
        };
        match machines.again(target, plan) {
            None => {}
            Some(Again::Same { first }) => plan.warnings.push(same_as(&first)),
            Some(Again::Contested { first, error }) => {
                refused.push((plan.name.clone(), error.clone()));
                refused.push((first, error));
            }
        }
    }
    for plan in plans {
        if let Some((_, error)) = refused.iter().find(|(name, _)| *name == plan.name) {
            *plan = plan.clone().refused(error.clone());
        }
    }
}

impl Met {
    /// What it is after another host led to the same machine; nothing when that is another.
    fn after(&self, first: &Self) -> Option<Again> {
        if self.machine != first.machine || self.host.name == first.host.name {
            return None;
        }
        let two_specs = self.spec != first.spec;
        let two_accounts = self.facts.account.uid != first.facts.account.uid;
        let contested = several::contested(
            (&first.host, &|path| first.facts.expand(path)),
            (&self.host, &|path| self.facts.expand(path)),
            two_specs,
            two_accounts,
        );
        let (one, other) = (&first.host.name, &self.host.name);
        let first = one.clone();
        if contested.is_empty() {
            return (!two_accounts).then_some(Again::Same { first });
        }
        let how = match two_specs {
            true => "given by two specs",
            false => "to be two things",
        };
        Some(Again::Contested {
            first,
            error: format!(
                "{} {how}: the hosts `{one}` and `{other}` lead to one machine\n  \
                 help: take one of the two out of the spec, or select hosts with `--host`",
                match contested.as_slice() {
                    [only] => format!("{only} is"),
                    more => format!("{} are", more.join(", ")),
                }
            ),
        })
    }
}

fn same_as(first: &str) -> String {
    format!("it is the machine that `{first}` leads to, too\nhelp: one of the two is enough")
}
