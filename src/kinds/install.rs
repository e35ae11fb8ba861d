//! What a package manager would do beside installing a package: said at plan, where it tells.

use super::{Verdict, Work};
use crate::{
    action::Action,
    facts::{PackageManager, Section},
    text::enumerate,
};

/// What to do where something would have to go, at plan and when it is found out by the step.
pub(crate) const NOTHING_GOES: &str = "nothing is removed unasked: install it by hand where that is what you want, or name \
                                another package in the spec";
/// What to do where a package cannot be installed, likewise.
pub(crate) const TRY_BY_HAND: &str =
    "try the same command on the host, or name another package in the spec";

/// A change that installs a package, with what comes along; blocked where something would have to go.
/// The records are those of the probe's `package_facts`: apt-get tells it to any account, and changes
/// nothing. yum and dnf tell it to root alone, and renew their caches for it.
pub(crate) fn with_what_comes_along(verdict: Verdict, records: &Section) -> Verdict {
    let Verdict::Change(mut work) = verdict else {
        return verdict;
    };
    let Some(package) = installed_by_apt(&work) else {
        return Verdict::Change(work);
    };
    let goes: Vec<String> = records.all("package_goes").collect();
    if !goes.is_empty() {
        return Verdict::Blocked {
            reason: format!(
                "{}; apt-get would remove something for {package}: {}",
                work.reason,
                enumerate(&goes)
            ),
            help: NOTHING_GOES.into(),
        };
    }
    if let Some(message) = records.get("package_refused") {
        return Verdict::Blocked {
            reason: format!(
                "{}; apt-get cannot install {package}: {}",
                work.reason,
                message
                    .lines()
                    .map(|line| line.trim_end_matches('.'))
                    .collect::<Vec<_>>()
                    .join("; ")
            ),
            help: TRY_BY_HAND.into(),
        };
    }
    let comes: Vec<String> = records
        .all("package_comes")
        .filter(|name| *name != package)
        .collect();
    if records.says_yes("package_unknown") {
        work.notes.push(format!(
            "apt-get does not know {package} yet: its lists are renewed first"
        ));
    } else if !comes.is_empty() {
        let count = match comes.len() {
            1 => "1 more package comes".to_owned(),
            more => format!("{more} more packages come"),
        };
        work.notes
            .push(format!("{count} with it: {}", enumerate(&comes)));
    }
    Verdict::Change(work)
}

fn installed_by_apt(work: &Work) -> Option<String> {
    work.actions.iter().find_map(|action| match action {
        Action::InstallPackage {
            manager: PackageManager::AptGet,
            package,
        } => Some(package.clone()),
        _ => None,
    })
}
