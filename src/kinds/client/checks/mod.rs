//! Whether the parts of `client:` go together, with each other and with what else a host has.

mod downloads;
mod iam;
mod properties;
mod versions;

use crate::{diagnostic::Problem, spec::merge::HostTree};

type Check = fn(&HostTree, &mut Vec<Problem>);

/// One more check is one function and one line here.
const CHECKS: &[Check] = &[
    versions::look_like_versions,
    versions::package_is_a_name,
    versions::kafka_has_scala,
    versions::java_runs_the_jar,
    versions::java_runs_kafka,
    downloads::home_in_class_path,
    downloads::all,
    downloads::kafka_file,
    downloads::jar_file,
    properties::parts_are_there,
    properties::paths,
    properties::start_file,
    properties::variables_are_their_own,
    properties::path_is_its_own,
    properties::keys,
    properties::iam_keys,
    properties::secrets,
    properties::parameters,
    properties::mode,
    iam::role,
    iam::mechanism,
    iam::options,
    iam::partition,
];

/// Runs all of them.
pub(super) fn run(host: &HostTree, problems: &mut Vec<Problem>) {
    CHECKS.iter().for_each(|check| check(host, problems));
}

/// The parts of a version that are numbers, up to the first that is not: `3.9.1-rc2` is 3, 9, 1.
fn numbers(version: &str) -> Vec<u64> {
    let mut out = Vec::new();
    for part in version.split(['.', '_', '-', '+']) {
        match part.parse() {
            Ok(number) => out.push(number),
            Err(_) => break,
        }
    }
    out
}

/// Whether a version is at least another.
fn at_least(version: &str, least: &[u64]) -> bool {
    numbers(version).as_slice() >= least
}
