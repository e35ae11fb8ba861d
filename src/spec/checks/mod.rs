//! What a schema cannot say: whether the parts of a spec go together.
//!
//! One more check is one function and one line in a list below, or in that of a kind
//! ([`Declaration::check_host`](crate::kinds::declared::Declaration::check_host)). A check reads the filled-in tree
//! (`at!(host, ssh.address)`, see [`super::at`]), so it works beside other mistakes, and it
//! stays silent about what is not there or was called wrong already.

mod aws;
mod hosts;
mod secrets;
mod tables;
mod topics;

pub(crate) use aws::parameter;
pub use secrets::{is_secret, reference, secret_option};
pub use tables::is_of_rds;

use super::{
    at::{At, Text},
    merge::HostTree,
    topics::{Row, Template},
    tree::{Key, Node},
};
use crate::{
    diagnostic::{Problem, Span},
    kinds::KINDS,
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
        KINDS
            .iter()
            .for_each(|kind| (kind.check_host)(host, problems));
    }
    OF_SPEC.iter().for_each(|check| check(view, problems));
    rows(view.rows, problems);
}

/// Runs the checks of topics.
pub fn rows(rows: &[Row], problems: &mut Vec<Problem>) {
    OF_ROWS.iter().for_each(|check| check(rows, problems));
}

/// A name is one.
pub(crate) fn name<N>(
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
