//! Topics, over all hosts.

use std::collections::HashMap;

use super::{Host, Text, View};
use crate::{
    diagnostic::Problem,
    spec::{
        near::nearest,
        topics::{ClusterText, Row},
        tree::Value,
    },
};

/// Longest name of a topic.
const LONGEST: usize = 249;

/// The cluster is named as clusters are.
pub fn cluster(view: &View<'_>, problems: &mut Vec<Problem>) {
    for tree in view.hosts {
        let host = Host { tree };
        if let Some(Text { text, span }) = host.text("topics.cluster.name") {
            let good = (1..=64).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if !good {
                let label = if text.starts_with("arn:") {
                    "write `arn: …`"
                } else {
                    "use letters, digits and `-`, up to 64"
                };
                problems.push(Problem::error(
                    span,
                    format!("`{text}` is no name of an MSK cluster"),
                    label,
                ));
            }
        }
        if let Some(Text { text, span }) = host.text("topics.cluster.arn") {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            let good = matches!(parts.as_slice(), ["arn", _, "kafka", _, _, id] if id.starts_with("cluster/"));
            if !good {
                problems.push(Problem::error(
                    span,
                    format!("`{text}` is no ARN of an MSK cluster"),
                    "write `arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID`",
                ));
            }
        }
        if let Some(Text { text, span }) = host.text("topics.cluster.bootstrap") {
            for broker in text.split(',').map(str::trim) {
                if !is_host_and_port(broker) {
                    let label = if broker.is_empty() {
                        "one comma too many"
                    } else {
                        "write `HOST:PORT`, with commas between; IAM listens on 9098"
                    };
                    problems.push(Problem::error(
                        span,
                        format!("`{broker}` is no broker"),
                        label,
                    ));
                }
            }
        }
    }
}

fn is_host_and_port(broker: &str) -> bool {
    let Some((host, port)) = broker.rsplit_once(':') else {
        return false;
    };
    let port = port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0);
    let host = match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && !host.starts_with('-')
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        }
    };
    host && port
}

/// Tables are there, and each once.
pub fn tables(view: &View<'_>, problems: &mut Vec<Problem>) {
    for tree in view.hosts {
        let host = Host { tree };
        let Some((key, tables)) = host.entry("topics.tables") else {
            continue;
        };
        let empty = match &tables.value {
            Value::Seq(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            _ => false,
        };
        if empty {
            problems.push(Problem::error(
                key.span,
                "`tables` is empty",
                "name a table, or leave `topics` out",
            ));
        }
        let mut seen: HashMap<&str, u32> = HashMap::new();
        for item in tables.items() {
            let Some(text) = item.text() else { continue };
            if let Some(first) = seen.insert(text, item.span.line) {
                problems.push(Problem::error(
                    item.span,
                    format!("the table `{text}` is listed twice"),
                    format!("it is in line {first} already"),
                ));
            }
        }
    }
}

/// Names are what Kafka takes.
pub fn names(view: &View<'_>, problems: &mut Vec<Problem>) {
    for row in view.rows {
        let name = row.name.as_str();
        let odd = name
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || "._-".contains(*c)));
        let (what, label) = if name.is_empty() {
            ("is empty".to_owned(), "give it a name")
        } else if let Some(odd) = odd {
            (
                format!("holds `{odd}`"),
                "names have letters, digits, `.`, `_` and `-`",
            )
        } else if name.len() > LONGEST {
            (
                format!("has {} characters", name.len()),
                "Kafka takes 249 at most",
            )
        } else if name == "." || name == ".." {
            (
                "is a folder".to_owned(),
                "Kafka takes any name but `.` and `..`",
            )
        } else if name.starts_with("__") {
            (
                "is one of Kafka's own".to_owned(),
                "names that begin with `__` are internal",
            )
        } else {
            continue;
        };
        let shown: String = name.chars().take(80).collect();
        problems.push(Problem::error(
            row.place,
            format!("the topic name `{shown}` (table `{}`) {what}", row.table),
            label,
        ));
    }
}

/// A topic has the same settings wherever it comes from.
pub fn one_setting(view: &View<'_>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<(&ClusterText, &str), &Row> = HashMap::new();
    for row in view.rows {
        let Some(first) = seen.insert((&row.cluster, &row.name), row) else {
            continue;
        };
        if first.host == row.host {
            if first.table != row.table {
                problems.push(Problem::error(
                    row.place,
                    format!(
                        "the tables `{}` and `{}` both make the topic `{}`",
                        first.table, row.table, row.name
                    ),
                    "let `topics.name` hold `${table}`",
                ));
            }
        } else if first.settings != row.settings || first.policy != row.policy {
            problems.push(Problem::error(
                row.place,
                format!(
                    "hosts `{}` and `{}` want the topic `{}` with different settings",
                    first.host, row.host, row.name
                ),
                "let the name hold what differs, or make the settings equal",
            ));
        }
    }
}

/// Kafka refuses names that differ in `.` and `_` only.
pub fn dots_and_underscores(view: &View<'_>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<(&ClusterText, String), &Row> = HashMap::new();
    for row in view.rows {
        let alike = (&row.cluster, row.name.replace('.', "_"));
        let first = *seen.entry(alike).or_insert(row);
        if first.name != row.name {
            problems.push(Problem::error(
                row.place,
                format!(
                    "the topics `{}` and `{}` differ in `.` and `_` only",
                    first.name, row.name
                ),
                "Kafka's metrics cannot tell them apart, and it refuses the second: rename one",
            ));
        }
    }
}

/// `via` names a host.
pub fn via(view: &View<'_>, problems: &mut Vec<Problem>) {
    let names: Vec<&str> = view
        .hosts
        .iter()
        .map(|tree| tree.name.text.as_str())
        .collect();
    for tree in view.hosts {
        let host = Host { tree };
        let Some(Text { text, span }) = host.text("topics.via") else {
            continue;
        };
        if text != "direct" && !names.contains(&text) {
            let label = match nearest(text, names.iter().copied().chain(["direct"])) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a host of this spec, or `direct`".into(),
            };
            problems.push(Problem::error(
                span,
                format!("`via` names no host: `{text}`"),
                label,
            ));
        }
    }
}
