//! What each host must be: the common `ssh` and what is declared, with the host's own laid over them, filled in.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    at::At,
    tree::{Key, Node, Value},
    types::{Aws, Ec2, Local, Ssh, Topics},
    vars::{Scope, Specials, Variables},
};
use crate::{
    diagnostic::Problem,
    kinds::{
        KINDS,
        declared::{Declaration, Declarations, Registered},
        of_key,
    },
};

/// Keys that decide what is fetched: a host that sets one of them…
const DECIDING: [&str; 3] = ["version", "scala", "url"];
/// …inherits none of these of the same resource: they belong to what the others fetch.
const BELONGING: [&str; 5] = ["home", "url", "sha256", "sha512", "package"];
/// How deep keys are merged: a top-level key, an entry, a map of an entry.
const DEPTH: usize = 2;

/// A host with everything that holds for it.
#[derive(Debug, Clone)]
pub struct HostTree {
    /// Its name.
    pub name: Key,
    /// What holds for it: a [`Filled`], as far as the spec is right.
    pub node: Node,
    /// Whether the host is no map, or has keys that the format does not know.
    pub has_unknown: bool,
}

/// What holds for a host: its own route, and what the spec says for all of them, filled in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Filled {
    /// The instance that it is.
    pub ec2: Option<Ec2>,
    /// How it is reached over SSH: the common `ssh` with the host's own laid over it.
    pub ssh: Option<Ssh>,
    /// That it is this machine.
    pub local: Option<Local>,
    /// The spec's `aws`.
    pub aws: Option<Aws>,
    /// The spec's `topics` as the host's variables make them; but for `name`, which is filled in table
    /// by table.
    pub topics: Option<Topics>,
    /// What stands under the keys of [`KINDS`]: the host's own over the common one.
    #[serde(flatten)]
    #[schemars(skip)]
    pub declared: Declarations,
}

/// Lays what a host has under a key over what all have.
fn merged(kind: &Registered, root: &Node, host: &Node) -> Option<(Key, Node)> {
    let least = usize::from(!kind.merges_maps);
    laid_over(root.entry(kind.key), host.entry(kind.key), least)
}

/// How a host is reached over SSH: its own keys over the common ones, each as a whole. This machine is not
/// reached like that, and an instance has an address of its own.
fn ssh(root: &Node, host: &Node, problems: &mut Vec<Problem>) -> Option<(Key, Node)> {
    let own = host.entry("ssh");
    let is_local = host.get("local").is_some();
    let Some((key, common)) = root.entry("ssh").filter(|_| !is_local) else {
        let is_removed = |own: &Node| is_local && own.value == Value::Null;
        return own.filter(|(_, own)| !is_removed(own)).cloned();
    };
    for (key, node) in own.map(|(_, own)| own.entries()).unwrap_or_default() {
        if node.value == Value::Null && common.get(&key.text).is_none() {
            problems.push(Problem::error(
                key.span,
                format!("`{}` has no value", key.text),
                "give it one, or leave the key out: there is none for all hosts to remove",
            ));
        }
    }
    let is_left = |name: &Key| name.text != "address" || host.get("ec2").is_none();
    let common = (key.clone(), common.only(is_left));
    laid_over(Some(&common), own, DEPTH)
}

fn laid_over(
    common: Option<&(Key, Node)>,
    own: Option<&(Key, Node)>,
    least: usize,
) -> Option<(Key, Node)> {
    match (common, own) {
        (common, None) => common.cloned(),
        (
            _,
            Some((
                _,
                Node {
                    value: Value::Null, ..
                },
            )),
        ) => None,
        (None, Some((key, own))) => Some((key.clone(), without_null(own, DEPTH))),
        (Some((_, common)), Some((key, own))) => {
            Some((key.clone(), overlay(common, own, DEPTH, least)))
        }
    }
}

fn overlay(common: &Node, own: &Node, depth: usize, least: usize) -> Node {
    let (Value::Map(lower), Value::Map(upper)) = (&common.value, &own.value) else {
        return without_null(own, depth);
    };
    let of_resource = depth + 1 == DEPTH;
    let decides = of_resource
        && upper
            .iter()
            .any(|(key, node)| DECIDING.contains(&key.text.as_str()) && node.value != Value::Null);
    let uppers: HashMap<&str, &(Key, Node)> = upper
        .iter()
        .map(|entry| (entry.0.text.as_str(), entry))
        .collect();
    let lowers: HashSet<&str> = lower.iter().map(|(key, _)| key.text.as_str()).collect();
    let mut entries: Vec<(Key, Node)> = Vec::new();
    for (key, node) in lower.iter() {
        match uppers.get(key.text.as_str()) {
            Some((
                _,
                Node {
                    value: Value::Null, ..
                },
            )) => {}
            Some((own_key, own)) if depth > least => {
                entries.push((own_key.clone(), overlay(node, own, depth - 1, least)));
            }
            Some(own) => entries.push((*own).clone()),
            None if decides && BELONGING.contains(&key.text.as_str()) => {}
            None => entries.push((key.clone(), node.clone())),
        }
    }
    for (key, node) in upper.iter() {
        if !lowers.contains(key.text.as_str()) && node.value != Value::Null {
            entries.push((key.clone(), without_null(node, depth.saturating_sub(1))));
        }
    }
    Node {
        span: own.span,
        value: Value::Map(entries.into_iter().collect()),
    }
}

/// A `null` of an overlay removes, also where there is nothing to remove.
fn without_null(own: &Node, depth: usize) -> Node {
    let Value::Map(entries) = &own.value else {
        return own.clone();
    };
    let entries = entries
        .iter()
        .filter(|(_, node)| node.value != Value::Null)
        .map(|(key, node)| {
            let node = if depth > 0 {
                without_null(node, depth - 1)
            } else {
                node.clone()
            };
            (key.clone(), node)
        })
        .collect();
    Node {
        span: own.span,
        value: Value::Map(entries),
    }
}

/// Fills in a host's route, its merged client and the topics.
pub fn host<'a>(
    root: &'a Node,
    name: &'a Key,
    entry: &'a Node,
    variables: &mut Variables<'a>,
    scope: &mut Scope<'a>,
    problems: &mut Vec<Problem>,
) -> HostTree {
    let mut entries = Vec::new();
    for (key, node) in entry.entries() {
        if matches!(key.text.as_str(), "ec2" | "local") {
            let filled = variables.fill(scope, node, Specials::NONE, problems);
            entries.push((key.clone(), filled));
        }
    }
    if let Some((key, node)) = ssh(root, entry, problems) {
        let filled = variables.fill(scope, &node, Specials::NONE, problems);
        entries.push((key, filled));
    }
    if let Some((key, node)) = root.entry("aws") {
        let filled = variables.fill(scope, node, Specials::NONE, problems);
        entries.push((key.clone(), filled));
    }
    for kind in KINDS {
        if let Some((key, node)) = merged(kind, root, entry) {
            let mut fill = |node: &Node, specials: Specials<'_>| {
                variables.fill(scope, node, specials, problems)
            };
            entries.push((key, (kind.fill)(&node, &mut fill)));
        }
    }
    if let Some((key, node)) = root.entry("topics") {
        entries.push((key.clone(), fill_topics(node, variables, scope, problems)));
    }
    let known = ["ec2", "ssh", "local", "vars"];
    let is_known = |key: &str| known.contains(&key) || of_key(key).is_some();
    let has_unknown = !matches!(entry.value, Value::Map(_))
        || entry.entries().iter().any(|(key, _)| !is_known(&key.text));
    let node = Node {
        span: entry.span,
        value: Value::Map(entries.into_iter().collect()),
    };
    HostTree {
        name: name.clone(),
        node,
        has_unknown,
    }
}

impl HostTree {
    /// The place of what a kind has, by its top-level key.
    pub fn of<D: Declaration>(&self) -> At<'_, D> {
        let entry = self.node.entry(D::KEY);
        At::new(entry.map(|(key, node)| (key, node)))
    }

    /// Without `topics`: another host's are the same.
    pub(crate) fn without_topics(&mut self) {
        self.node = self.node.only(|key| key.text != "topics");
    }
}

fn fill_topics<'a>(
    topics: &Node,
    variables: &mut Variables<'a>,
    scope: &mut Scope<'a>,
    problems: &mut Vec<Problem>,
) -> Node {
    let entries = topics.entries().iter().map(|(key, node)| {
        let node = match key.text.as_str() {
            "name" => node.clone(),
            _ => variables.fill(scope, node, Specials::NONE, problems),
        };
        (key.clone(), node)
    });
    topics.with_entries(entries.collect())
}
