//! Topics, over all hosts.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
};

use super::{Text, View};
use crate::{
    at,
    diagnostic::Problem,
    names::{BrokerAddress, TopicName},
    spec::{
        at::word,
        suggestions::nearest,
        topics::Row,
        tree::Value,
        types::{Cluster, LOGINS, ReplicationFactor, Security, Tables},
    },
};

/// The name, ARN or brokers of the cluster are valid.
pub fn cluster(view: &View<'_>, problems: &mut Vec<Problem>) {
    for host in view.hosts {
        if let Some(Text { text, span }) = at!(host, topics.cluster[Cluster::Name]).text() {
            let is_valid = (1..=64).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if !is_valid {
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
        if let Some(Text { text, span }) = at!(host, topics.cluster[Cluster::Arn]).text() {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            let is_valid = matches!(parts.as_slice(), ["arn", _, "kafka", _, _, id] if id.starts_with("cluster/"));
            if !is_valid {
                problems.push(Problem::error(
                    span,
                    format!("`{text}` is no ARN of an MSK cluster"),
                    "write `arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID`",
                ));
            }
        }
        if let Some(Text { text, span }) = at!(host, topics.cluster[Cluster::Bootstrap]).text() {
            for broker in text.split(',').map(str::trim) {
                if is_zookeepers(broker) {
                    problems.push(Problem::error(
                        span,
                        format!("`{broker}` is a ZooKeeper's, and no broker"),
                        ZOOKEEPER,
                    ));
                    break;
                }
                if let Err(wrong) = broker.parse::<BrokerAddress>() {
                    let label = if broker.is_empty() {
                        "one comma too many".into()
                    } else {
                        wrong.help
                    };
                    let message = format!("`{}` is no broker", wrong.shown);
                    problems.push(Problem::error(span, message, label));
                }
            }
        }
    }
}

/// Help for a ZooKeeper's connection string.
const ZOOKEEPER: &str = "name brokers, such as `b-1.….kafka.REGION.amazonaws.com:9098`: the console's \
                         \"View client information\", `aws kafka get-bootstrap-brokers`, or \
                         `cluster: { name: … }`, which is looked up";

/// Whether this is part of a ZooKeeper's connection string: its port is 2181, MSK's names begin with `z-` (2182
/// with TLS), and the string may end in a path.
fn is_zookeepers(entry: &str) -> bool {
    let server = entry.split('/').next().unwrap_or_default();
    let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
    let is_of_msk = host.starts_with("z-") && host.contains(".kafka.");
    is_of_msk || port == "2181"
}

/// There are tables, each once.
pub fn tables(view: &View<'_>, problems: &mut Vec<Problem>) {
    for host in view.hosts {
        let tables = at!(host, topics.tables);
        let Some((key, node)) = tables.entry() else {
            continue;
        };
        let empty = match &node.value {
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
        for Text { text, span } in at!(tables, (Tables::Names)).texts() {
            if let Some(first) = seen.insert(text, span.line) {
                problems.push(Problem::error(
                    span,
                    format!("the table `{text}` is listed twice"),
                    format!("it is in line {first} already"),
                ));
            }
        }
    }
}

/// Names are valid in Kafka.
pub fn names(rows: &[Row], problems: &mut Vec<Problem>) {
    for row in rows {
        let name = row.name.as_str();
        let (what, label) = match TopicName::parse(name) {
            Ok(name) if !name.is_internal() => continue,
            Ok(_) => (
                "is one of Kafka's own".into(),
                "names that begin with `__` are internal".into(),
            ),
            Err(wrong) => (wrong.what, wrong.help),
        };
        let shown: String = name.chars().take(80).collect();
        problems.push(Problem::error(
            row.place,
            format!("the topic name `{shown}` (table `{}`) {what}", row.table),
            label,
        ));
    }
}

/// A topic has the same settings from all its hosts and tables.
pub(crate) fn one_setting(rows: &[Row], problems: &mut Vec<Problem>) {
    let mut seen: HashMap<(&Option<Cluster>, &str), &Row> = HashMap::new();
    for row in rows {
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
                    "let `topics.name` hold `${table}`, or give one of them another `topic`",
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
pub(crate) fn dots_and_underscores(rows: &[Row], problems: &mut Vec<Problem>) {
    let mut seen: HashMap<(&Option<Cluster>, String), &Row> = HashMap::new();
    for row in rows {
        let normalized = (&row.cluster, row.name.replace('.', "_"));
        let first = *seen.entry(normalized).or_insert(row);
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
    let names = view.hosts.iter().map(|host| host.name.text.as_str());
    let names: Vec<&str> = names.collect();
    let known: HashSet<&str> = names.iter().copied().collect();
    for host in view.hosts {
        let Some(Text { text, span }) = at!(host, topics.via).text() else {
            continue;
        };
        if text != "direct" && !known.contains(text) {
            let label = match nearest(text, names.iter().copied().chain(["direct"])) {
                Some(suggestion) => format!("did you mean `{suggestion}`?"),
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

/// The settings of access to the brokers fit together.
pub fn access(view: &View<'_>, problems: &mut Vec<Problem>) {
    for host in view.hosts {
        let at = at!(host, topics.security);
        let default = word(&Security::default());
        let security = match at.node().map(|node| (node.text(), node.entries())) {
            None => default.as_str(),
            Some((Some(text), _)) => text,
            Some((None, [(mechanism, _)])) => &mechanism.text,
            Some(_) => continue,
        };
        if let Some(span) = at!(host, topics.credentials).key()
            && security != word(&Security::Iam)
        {
            problems.push(Problem::error(
                span,
                format!("`credentials` are AWS's, and `security: {security}` asks for none"),
                "take it out, or say `security: iam`",
            ));
        }
        let is_plaintext = security == word(&Security::Plaintext)
            || LOGINS.iter().any(|&login| at!(at, [login].tls).is(false));
        if let Some(span) = at!(host, topics.ca).key()
            && is_plaintext
        {
            problems.push(Problem::error(
                span,
                "`ca` vouches for TLS, which is not spoken here",
                "take it out",
            ));
        }
        if let Some(span) = at!(at, [Security::Plain]).key()
            && is_plaintext
        {
            problems.push(Problem::warning(
                span,
                "PLAIN without TLS sends the password as it is",
                "say `tls: true`, or use `scram_sha_512`",
            ));
        }
        let Some(Text { text, span }) = at!(host, topics.cluster[Cluster::Bootstrap]).text() else {
            continue;
        };
        for broker in text.split(',').map(str::trim) {
            if let Some(expected) = security_of_port(broker)
                && expected != security
                && (expected, security) != ("scram_sha_512", "scram_sha_256")
            {
                let security_of_port = expected.replace('_', "-").replace("scram-sha-512", "SCRAM");
                problems.push(Problem::warning(
                    span,
                    format!("the port of `{broker}` speaks {security_of_port} on MSK, and `security` is `{security}`"),
                    format!("say `security: {expected}`, or name the port that fits"),
                ));
                break;
            }
        }
    }
}

/// The `security` of an MSK broker's port, by Amazon's documentation: private, public.
fn security_of_port(broker: &str) -> Option<&'static str> {
    let (name, port) = broker.rsplit_once(':')?;
    if !name.contains(".kafka.") || !name.contains(".amazonaws.com") {
        return None;
    }
    match port {
        "9092" => Some("plaintext"),
        "9094" | "9194" => Some("tls"),
        "9096" | "9196" => Some("scram_sha_512"),
        "9098" | "9198" => Some("iam"),
        _ => None,
    }
}

/// The settings that Kafka's topics have (`TopicConfig` of Kafka 2.8 to 4.3).
const KEYS: [&str; 38] = [
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.copy.disable",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
    "internal.segment.bytes",
];

/// Settings that no Kafka has are most likely misspelt; another kind of broker may have them.
pub(crate) fn config_keys(view: &View<'_>, problems: &mut Vec<Problem>) {
    // `topics` is common to all hosts, and no key of it has variables.
    let Some(host) = view.hosts.first() else {
        return;
    };
    let tables = at!(host, topics.tables);
    // With a database, settings of single tables have a key of their own.
    let own: Vec<_> = match at!(tables, (Tables::Database).from).is_there() {
        true => at!(tables, (Tables::Database).settings).values().collect(),
        false => {
            let tables = at!(tables, (Tables::Settings)).values();
            tables.map(|table| at!(table, (Some))).collect()
        }
    };
    let own = own.into_iter().flat_map(|table| at!(table, config).keys());
    for Text { text, span } in at!(host, topics.defaults.config).keys().chain(own) {
        if !KEYS.contains(&text) {
            let label = match nearest(text, KEYS.into_iter()) {
                Some(suggestion) => format!("did you mean `{suggestion}`?"),
                None => "the broker refuses what it does not know".into(),
            };
            problems.push(Problem::warning(
                span,
                format!("Kafka has no topic setting `{text}`"),
                label,
            ));
        }
    }
}

/// A topic whose `min.insync.replicas` is beyond its replicas takes no message with `acks=all`; where
/// it is as many, none while one of its brokers is patched. A single replica has nothing to lose.
pub(crate) fn enough_replicas(rows: &[Row], problems: &mut Vec<Problem>) {
    for row in rows {
        let Some(ReplicationFactor::Count(replicas)) = row.settings.replication_factor else {
            continue;
        };
        let least = row.settings.config.get("min.insync.replicas").cloned();
        let Some(least) = least.flatten().and_then(|text| text.parse::<u32>().ok()) else {
            continue;
        };
        let replicas = u32::from(replicas);
        let label = match replicas.cmp(&least) {
            Ordering::Less => "it would take no message with `acks=all`",
            Ordering::Equal if replicas > 1 => {
                "it would take no message with `acks=all` while one of its brokers is patched"
            }
            Ordering::Equal | Ordering::Greater => continue,
        };
        let noun = if replicas == 1 { "replica" } else { "replicas" };
        problems.push(Problem::warning(
            row.place,
            format!(
                "the topic `{}` has {replicas} {noun}, and `min.insync.replicas` is {least}",
                row.name
            ),
            label,
        ));
    }
}
