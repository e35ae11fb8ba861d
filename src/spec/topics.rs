//! The topics that each host renders.

use indexmap::IndexMap;

use super::{
    merge::HostTree,
    tree::{Node, Value},
    types::{ConfigPolicy, Keep, ReplicationFactor, TopicSettings},
    vars::{Scope, Special, Specials, Variables},
};
use crate::diagnostic::{Problem, Span};

/// A cluster, as a kind (`name`, `arn`, `bootstrap`) and a text; `None` when the spec does not say.
pub type ClusterText = Option<(String, String)>;

/// One topic as one host's variables make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The host.
    pub host: String,
    /// The table.
    pub table: String,
    /// The topic.
    pub name: String,
    /// Where the table stands.
    pub place: Span,
    /// The cluster.
    pub cluster: ClusterText,
    /// The table's settings over the defaults.
    pub settings: TopicSettings,
    /// What happens to other overrides.
    pub policy: ConfigPolicy,
    /// Through which host.
    pub via: Option<String>,
}

/// Renders the topics of one host.
pub fn rows<'a>(
    tree: &HostTree,
    variables: &mut Variables<'a>,
    scope: &mut Scope<'a>,
    problems: &mut Vec<Problem>,
) -> Vec<Row> {
    let Some(topics) = tree.node.get("topics") else {
        return Vec::new();
    };
    let own = |key: &str| topics.get(key).and_then(Node::text).map(str::to_owned);
    let pattern = topics.entry("name");
    let cluster = topics
        .get("cluster")
        .and_then(|cluster| match cluster.entries() {
            [(kind, node)] => Some((kind.text.clone(), node.text()?.to_owned())),
            _ => None,
        });
    let policy = match own("config_policy").as_deref() {
        Some("exact") => ConfigPolicy::Exact,
        _ => ConfigPolicy::Merge,
    };
    let defaults = topics.get("defaults").map(settings).unwrap_or_default();
    let mut rows = Vec::new();
    let mut add = |table: &str, place: Span, node: Option<&Node>| {
        let specials = Specials {
            table: Special::Is(table),
            ..Specials::NONE
        };
        let name = match pattern {
            None => Some(table.to_owned()),
            Some((_, node)) => node
                .text()
                .and_then(|text| variables.text(scope, text, node.span, specials, problems)),
        };
        let Some(name) = name else { return };
        rows.push(Row {
            host: tree.name.text.clone(),
            table: table.to_owned(),
            name,
            place,
            cluster: cluster.clone(),
            settings: node.map_or_else(|| defaults.clone(), |node| over(&defaults, settings(node))),
            policy,
            via: own("via"),
        });
    };
    match topics.get("tables").map(|tables| &tables.value) {
        Some(Value::Seq(items)) => {
            for item in items {
                if let Some(table) = item.text() {
                    add(table, item.span, None);
                }
            }
        }
        Some(Value::Map(entries)) => {
            for (key, node) in entries {
                add(&key.text, key.span, Some(node));
            }
        }
        _ => {}
    }
    rows
}

/// Settings as far as they are well-formed; what is not has been said.
fn settings(node: &Node) -> TopicSettings {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let config = node.get("config").map(Node::entries).unwrap_or_default();
    TopicSettings {
        partitions: text("partitions").and_then(|text| text.parse().ok()),
        replication_factor: text("replication_factor").and_then(|text| match text {
            "keep" => Some(ReplicationFactor::Keep(Keep::Keep)),
            text => text.parse().ok().map(ReplicationFactor::Count),
        }),
        config: config
            .iter()
            .map(|(key, node)| (key.text.clone(), node.text().map(str::to_owned)))
            .collect(),
    }
}

/// A table's settings over the defaults, key by key.
fn over(defaults: &TopicSettings, own: TopicSettings) -> TopicSettings {
    let mut config: IndexMap<String, Option<String>> = defaults.config.clone();
    config.extend(own.config);
    TopicSettings {
        partitions: own.partitions.or(defaults.partitions),
        replication_factor: own
            .replication_factor
            .or_else(|| defaults.replication_factor.clone()),
        config,
    }
}
