//! `packages`: packages of the distribution are installed.

mod spec;

use super::{
    Address, Change, Effect, Fields, Kind, Probe, Resource, Verdict, Work,
    declared::{Declaration, Inputs},
};
use crate::{
    action::Action,
    diagnostic::Problem,
    facts::{Host, Observation, Section},
    names::PackageName,
    spec::at::At,
};

pub use spec::{Package, Packages};

/// One package that the spec wants.
#[derive(Debug, Clone)]
struct Wanted {
    name: String,
    package: Package,
}

/// A package's state in the package manager's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Whether it is installed, in any version: that changes with updates.
    installed: bool,
    /// dpkg's word for a state in between: `unpacked`, `half-configured` (dpkg-query(1)).
    unfinished: Option<String>,
}

impl Declaration for Packages {
    const KEY: &'static str = "packages";

    fn resources(&self, _: &Inputs) -> Vec<Box<dyn Resource>> {
        let wanted = self.0.iter().map(|(name, package)| {
            Box::new(Wanted {
                name: name.clone(),
                package: package.clone(),
            }) as Box<dyn Resource>
        });
        wanted.collect()
    }

    fn check(&self, at: At<'_, Self>, problems: &mut Vec<Problem>) {
        for (key, _) in at.entries() {
            if let Err(wrong) = PackageName::parse(&key.text) {
                problems.push(Problem::error(key.span, wrong.sentence(), wrong.help));
            }
        }
    }
}

impl Kind for Wanted {
    type Observed = Observed;

    fn address(&self) -> Address {
        Address::named(Packages::KEY, &self.name)
    }

    fn as_root(&self) -> bool {
        self.package.as_root
    }

    fn probe(&self) -> Probe {
        Probe {
            function: "probe_package",
            texts: &[include_str!("probe.sh")],
            after_login: false,
        }
    }

    fn arguments(&self, _deep: bool) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn read(&self, records: &Section, _: &Host) -> Observation<Observed> {
        if let Some(lacking) = records.get("lacks") {
            return Observation::Unknown(format!("the host has no {lacking} to ask"));
        }
        Observation::Present(Observed {
            installed: records.get("version").is_some(),
            unfinished: records.get("unfinished"),
        })
    }

    fn compared(&self, observed: &Observed) -> Fields {
        Fields::default()
            .with("installed", &observed.installed)
            .with_any("unfinished", &observed.unfinished)
    }

    fn differ(&self, observed: &Observed, host: &Host) -> Verdict {
        if observed.installed {
            return Verdict::InPlace;
        }
        let now = observed.unfinished.as_deref();
        let reason = match now {
            Some(state) => format!("{} is {state}, which is not installed", self.name),
            None => format!("{} is not installed", self.name),
        };
        let Some(manager) = host.os.package_manager else {
            return Verdict::Blocked {
                reason: format!("{reason}, and the host has no apt-get, dnf or yum"),
                help: "install it by hand, or leave it out of the spec".into(),
            };
        };
        if let Some(blocked) = host.needs_root(&reason) {
            return blocked;
        }
        let change = Change::shown("state", now, Some("installed"));
        let install = Action::InstallPackage {
            manager,
            package: self.name.clone(),
        };
        Work::new(
            Effect::on(now.is_some()),
            reason,
            vec![change],
            vec![install],
        )
        .verdict()
    }
}
