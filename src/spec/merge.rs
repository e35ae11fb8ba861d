//! What each host must be: the common `ssh` and `client` with the host's own laid over them, filled in.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    at::At,
    tree::{Key, Node, Value},
    types::{Aws, Ec2, Local, Ssh, Topics},
    vars::{Scope, Special, Specials, Variables},
};
use crate::{
    at,
    diagnostic::Problem,
    kinds::{KINDS, client::Client, declared::Declarations, kafka::Kafka, of_key},
};

/// Keys that decide what is fetched: a host that sets one of them…
const DECIDING: [&str; 3] = ["version", "scala", "url"];
/// …inherits none of these of the same resource: they belong to what the others fetch.
const BELONGING: [&str; 5] = ["home", "url", "sha256", "sha512", "package"];
/// How deep keys are merged: `client`, a resource, a map of a resource.
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

/// What holds for a host: its own way, and what the spec says for all of them, filled in.
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
    /// The common `client` with the host's own laid over it.
    pub client: Option<Client>,
    /// The spec's `topics` as the host's variables make them; but for `name`, which is filled in table
    /// by table.
    pub topics: Option<Topics>,
    /// What stands under the keys of [`KINDS`], likewise the host's own over the common one.
    #[serde(flatten)]
    #[schemars(skip)]
    pub declared: Declarations,
}

/// Lays what a host has under a key over what all have.
fn merged(key: &str, root: &Node, host: &Node) -> Option<(Key, Node)> {
    // What the value of another kind's key is, is one thing: a reference is no map to be merged.
    let least = usize::from(key != "client");
    laid_over(root.entry(key), host.entry(key), least)
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

/// Fills in a host's way, its merged client and the topics.
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
    if let Some((key, node)) = merged("client", root, entry) {
        entries.push((key, fill_client(&node, variables, scope, problems)));
    }
    for kind in KINDS {
        if let Some((key, node)) = merged(kind.key, root, entry) {
            let filled = variables.fill(scope, &node, Specials::NONE, problems);
            entries.push((key, filled));
        }
    }
    if let Some((key, node)) = root.entry("topics") {
        entries.push((key.clone(), fill_topics(node, variables, scope, problems)));
    }
    let known = ["ec2", "ssh", "local", "vars", "client"];
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
    /// Without `topics`: another host's are the same.
    pub fn without_topics(&mut self) {
        self.node = self.node.only(|key| key.text != "topics");
    }
}

fn fill_client<'a>(
    client: &Node,
    variables: &mut Variables<'a>,
    scope: &mut Scope<'a>,
    problems: &mut Vec<Problem>,
) -> Node {
    let mut entries = Vec::new();
    for (key, node) in client
        .entries()
        .iter()
        .filter(|(key, _)| key.text != "properties")
    {
        entries.push((
            key.clone(),
            variables.fill(scope, node, Specials::NONE, problems),
        ));
    }
    let Some((key, properties)) = client.entry("properties") else {
        return with_entries(client, entries);
    };
    let kafka = entries.iter().find(|(key, _)| key.text == "kafka");
    let home = kafka.and_then(|(key, node)| home(At::new(Some((key, node)))));
    let of_path = match (kafka, &home) {
        (None, _) => Special::Not("there is no `kafka` under `client`: write the path in full"),
        (Some(_), None) => Special::Silent,
        (Some(_), Some(home)) => Special::Is(home),
    };
    let of_value = match of_path {
        Special::Is(home) if home.starts_with('~') => Special::Not(
            "Java does not expand `~`: give `kafka` an absolute `home`, or write the path in full",
        ),
        other => other,
    };
    let mut filled = Vec::new();
    for (key, node) in properties.entries() {
        let home = match key.text.as_str() {
            "path" => of_path,
            "extra" => of_value,
            _ => Specials::NONE.home,
        };
        let specials = Specials {
            home,
            ..Specials::NONE
        };
        filled.push((key.clone(), variables.fill(scope, node, specials, problems)));
    }
    let properties = match properties.value {
        Value::Map(_) => with_entries(properties, filled),
        _ => properties.clone(),
    };
    entries.push((key.clone(), properties));
    with_entries(client, entries)
}

fn with_entries(node: &Node, entries: Vec<(Key, Node)>) -> Node {
    match node.value {
        Value::Map(_) => Node {
            span: node.span,
            value: Value::Map(entries.into_iter().collect()),
        },
        _ => node.clone(),
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
    let entries = entries.collect();
    with_entries(topics, entries)
}

/// Kafka's home as the spec has it, `~` and all; `None` when the spec does not say enough.
pub fn home(kafka: At<'_, Kafka>) -> Option<String> {
    let text = |at: At<'_, String>| Some(at.text()?.text.to_owned());
    let home = at!(kafka, home);
    let kafka = match home.is_there() {
        true => Kafka {
            home: Some(text(home)?),
            ..Kafka::default()
        },
        false => Kafka {
            version: text(at!(kafka, version))?,
            scala: text(at!(kafka, scala))?,
            ..Kafka::default()
        },
    };
    Some(kafka.home())
}
