//! What a schema cannot say: whether the parts of a spec go together.
//!
//! One more check is one function and one line in a list below. A check reads the filled-in tree
//! (`at!(host, client.kafka.version)`, see [`super::at`]), so it works beside other mistakes, and it
//! stays silent about what is not there or was called wrong already.

mod aws;
mod downloads;
mod hosts;
mod iam;
mod properties;
mod tables;
mod topics;
mod versions;

use std::collections::BTreeMap;

pub use downloads::{Download, file_name};
pub use properties::{is_secret, reference, secret_option};
pub use tables::is_of_rds;

use super::{
    at::{At, Text},
    merge::HostTree,
    topics::{Row, Template},
    tree::{Key, Node},
};
use crate::{
    diagnostic::{Problem, Span},
    names::WrongName,
};

/// What the checks see.
pub struct View<'a> {
    /// The hosts, in the file's order.
    pub hosts: &'a [HostTree],
    /// Every topic that every host renders.
    pub rows: &'a [Row],
    /// What each host makes of the tables of a database.
    pub databases: &'a [Template],
    /// The key `hosts`, when there is nothing in it.
    pub no_hosts: Option<Span>,
    /// How all hosts are reached, as far as they do not say otherwise.
    pub ssh: Option<&'a (Key, Node)>,
}

type OfHost = fn(&HostTree, &mut Vec<Problem>);
type OfSpec = fn(&View<'_>, &mut Vec<Problem>);

type OfRows = fn(&[Row], &mut Vec<Problem>);

macro_rules! checks {
    ($($check:path),* $(,)?) => { &[$($check),*] };
}

/// Checks of one host.
const OF_HOST: &[OfHost] = checks![
    hosts::name_is_plain,
    hosts::one_route,
    hosts::ssh_words,
    hosts::pinned_keys,
    hosts::pinned_beside_reuse,
    hosts::ec2_only,
    hosts::instance,
    aws::parameters,
    versions::look_like_versions,
    versions::package_is_a_name,
    versions::kafka_has_scala,
    versions::java_runs_the_jar,
    versions::java_runs_kafka,
    downloads::home_in_class_path,
    downloads::urls,
    downloads::kafka_file,
    downloads::jar_file,
    downloads::digests,
    downloads::digest_is_there,
    downloads::folders_are_their_own,
    properties::parts_are_there,
    properties::paths,
    properties::start_file,
    properties::variables_are_their_own,
    properties::path_is_its_own,
    properties::keys,
    properties::iam_keys,
    properties::secrets,
    properties::mode,
    iam::role,
    iam::mechanism,
    iam::options,
    iam::partition,
];

/// Checks over all hosts.
const OF_SPEC: &[OfSpec] = checks![
    hosts::some_host,
    hosts::different_machines,
    hosts::common_ssh,
    topics::cluster,
    topics::tables,
    tables::server,
    tables::pattern,
    topics::via,
    topics::access,
    aws::account,
    aws::listeners,
    topics::config_keys,
];

/// Checks of topics, whether their tables are named in the spec or were read from a database.
const OF_ROWS: &[OfRows] = checks![
    topics::names,
    topics::one_setting,
    topics::dots_and_underscores,
    topics::enough_replicas,
];

/// Runs all checks.
pub fn run(view: &View<'_>, problems: &mut Vec<Problem>) {
    for host in view.hosts {
        OF_HOST.iter().for_each(|check| check(host, problems));
    }
    OF_SPEC.iter().for_each(|check| check(view, problems));
    rows(view.rows, problems);
}

/// Runs the checks of topics.
pub fn rows(rows: &[Row], problems: &mut Vec<Problem>) {
    OF_ROWS.iter().for_each(|check| check(rows, problems));
}

/// A name is one.
fn name<N>(
    at: At<'_, String>,
    parse: fn(&str) -> Result<N, WrongName>,
    problems: &mut Vec<Problem>,
) {
    if let Some(Text { text, span }) = at.text()
        && let Err(wrong) = parse(text)
    {
        problems.push(Problem::error(span, wrong.sentence(), wrong.help));
    }
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

/// Values by key, in order, for comparing.
type Sorted<'a, T> = BTreeMap<&'a str, T>;
