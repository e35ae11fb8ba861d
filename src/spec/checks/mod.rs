//! What a schema cannot say: whether the parts of a spec go together.
//!
//! One more check is one function and one line in a list below. A check reads the filled-in tree,
//! so it works beside other mistakes, and it stays silent about what is not there or was called
//! wrong already.

mod aws;
mod downloads;
mod hosts;
mod iam;
mod properties;
mod tables;
mod topics;
mod versions;

use std::collections::BTreeMap;

pub use properties::{is_secret, secret_option};
pub use tables::is_of_rds;

use super::{
    merge::HostTree,
    topics::{Row, Template},
    tree::{Key, Node},
};
use crate::diagnostic::{Problem, Span};

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
}

type OfHost = fn(&Host<'_>, &mut Vec<Problem>);
type OfSpec = fn(&View<'_>, &mut Vec<Problem>);

type OfRows = fn(&[Row], &mut Vec<Problem>);

macro_rules! checks {
    ($($check:path),* $(,)?) => { &[$($check),*] };
}

/// Checks of one host.
const OF_HOST: &[OfHost] = checks![
    hosts::name_is_plain,
    hosts::one_way,
    hosts::ssh_words,
    hosts::pinned_keys,
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
    properties::parts_are_there,
    properties::paths,
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
    for tree in view.hosts {
        let host = Host { tree };
        OF_HOST.iter().for_each(|check| check(&host, problems));
    }
    OF_SPEC.iter().for_each(|check| check(view, problems));
    rows(view.rows, problems);
}

/// Runs the checks of topics.
pub fn rows(rows: &[Row], problems: &mut Vec<Problem>) {
    OF_ROWS.iter().for_each(|check| check(rows, problems));
}

/// One host, with short ways to its values.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    tree: &'a HostTree,
}

/// A text and its place.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// The text.
    pub text: &'a str,
    /// Its place.
    pub span: Span,
}

impl<'a> Host<'a> {
    fn name(&self) -> &'a Key {
        &self.tree.name
    }

    /// A key and its value, by a path such as `client.kafka.version`.
    fn entry(&self, path: &str) -> Option<&'a (Key, Node)> {
        entry(&self.tree.node, path)
    }

    fn node(&self, path: &str) -> Option<&'a Node> {
        self.entry(path).map(|(_, node)| node)
    }

    /// Where a key stands.
    fn key(&self, path: &str) -> Option<Span> {
        self.entry(path).map(|(key, _)| key.span)
    }

    fn has(&self, path: &str) -> bool {
        self.entry(path).is_some()
    }

    fn text(&self, path: &str) -> Option<Text<'a>> {
        let node = self.node(path)?;
        Some(Text {
            text: node.text()?,
            span: node.span,
        })
    }

    /// Whether the keys that make the way to the host are all known ones.
    fn way_is_known(&self) -> bool {
        !self.tree.has_unknown
            && self.all_known("ssh", &["address", "port", "user", "key", "host_key"])
    }

    /// Whether every key under a path is one that the format has: else a missing one may be
    /// there, misspelt, and saying so twice helps nobody.
    fn all_known(&self, path: &str, known: &[&str]) -> bool {
        let entries = self.node(path).map(Node::entries).unwrap_or_default();
        entries
            .iter()
            .all(|(key, _)| known.contains(&key.text.as_str()))
    }
}

fn entry<'a>(node: &'a Node, path: &str) -> Option<&'a (Key, Node)> {
    let mut steps = path.split('.');
    let mut found = node.entry(steps.next()?)?;
    for step in steps {
        found = found.1.entry(step)?;
    }
    Some(found)
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
