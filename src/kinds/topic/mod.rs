//! `topics/NAME`: one topic of a cluster. It is no part of a host, so it has no probe: what was
//! read of the cluster is given in.

use indexmap::IndexMap;
use serde_json::json;

use super::{Address, Assessment, Change, Effect, Verdict, Work};
use crate::{
    action::{Action, TopicAction},
    facts::{
        Observation,
        cluster::{Cluster, Rehearsed, Setting, Topic},
    },
    spec::{ConfigPolicy, ReplicationFactor, ResolvedTopic},
};

/// The address of a topic.
pub fn address(name: &str) -> Address {
    Address::named("topics", name)
}

/// Compares a topic with what the spec wants.
///
/// Compared are partitions, replicas and the settings that the spec names; of other settings only
/// the topic's own, and only where the policy is `exact`. What the brokers give by default is never
/// a difference. What the cluster refuses in a rehearsal is blocked.
pub fn assess(wanted: &ResolvedTopic, cluster: &Cluster) -> Assessment {
    let (observed, verdict) = compare(wanted, cluster);
    let rehearsed = cluster.rehearsed.get(&wanted.name);
    Assessment {
        observed,
        verdict: as_rehearsed(verdict, rehearsed),
        warnings: vec![],
    }
}

fn compare(wanted: &ResolvedTopic, cluster: &Cluster) -> (serde_json::Value, Verdict) {
    match cluster.topics.get(&wanted.name) {
        Some(Observation::Unknown(reason)) => (
            json!({ "unknown": reason }),
            Verdict::Unknown {
                reason: reason.clone(),
            },
        ),
        Some(Observation::Present(topic)) => (observed(wanted, topic), differ(wanted, topic)),
        Some(Observation::Absent) | None => (json!("absent"), create(wanted)),
    }
}

/// A change, after the cluster was asked whether it would make it.
fn as_rehearsed(verdict: Verdict, rehearsed: Option<&Rehearsed>) -> Verdict {
    let Verdict::Change(mut work) = verdict else {
        return verdict;
    };
    match rehearsed {
        Some(Rehearsed::Refused { message, help }) => Verdict::Blocked {
            reason: format!("{}; the cluster refuses it: {message}", work.reason),
            help: help
                .clone()
                .unwrap_or_else(|| "ask who runs the cluster what it takes".into()),
        },
        Some(Rehearsed::Undecided { why, help }) => {
            let help = help.iter().map(|help| format!("\nhelp: {help}"));
            let unsure = format!(
                "whether the cluster takes it is not known: {why}{}",
                help.collect::<String>()
            );
            work.warning = Some(match work.warning.take() {
                Some(before) => format!("{before}\n{unsure}"),
                None => unsure,
            });
            Verdict::Change(work)
        }
        Some(Rehearsed::Accepted { .. }) | None => Verdict::Change(work),
    }
}

/// Replicas that leave no room: as many as have to be in step for a message to be taken with
/// `acks=all`, or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tight {
    /// How many replicas a topic has, or will have.
    pub replicas: u32,
    /// How many have to be in step: its `min.insync.replicas`.
    pub least: u32,
}

impl Tight {
    /// The warning, with its help; `topics` are named in it, and `brokers` are alive.
    pub fn warning(self, topics: &str, brokers: usize) -> String {
        let Self { replicas, least } = self;
        let consequence = match replicas < least {
            true => "never a message is taken with `acks=all`",
            false => "no message is taken with `acks=all` while one of their brokers is patched",
        };
        let more = format!("raise `replication_factor` to {} or more", least + 1);
        let fewer = format!("lower `min.insync.replicas` below {replicas}");
        let help = match (
            usize::try_from(least).is_ok_and(|l| l < brokers),
            replicas > 1,
        ) {
            (true, true) => format!("{more}, or {fewer}"),
            (true, false) => more,
            (false, true) => fewer,
            (false, false) => "add brokers, and raise `replication_factor`".to_owned(),
        };
        format!(
            "{topics}: {}, and `min.insync.replicas` is {least}: {consequence}\nhelp: {help}",
            counted(replicas, "replica")
        )
    }
}

/// Whether the replicas of a topic leave no room, as it is or as it will be. A single replica where
/// there is one broker cannot be helped, and is no warning.
pub(crate) fn tight(wanted: &ResolvedTopic, cluster: &Cluster) -> Option<Tight> {
    const KEY: &str = "min.insync.replicas";
    let name = &wanted.name;
    let configured = wanted.settings.config.get(KEY);
    let configured =
        configured.map(|value| value.as_ref().and_then(|value| value.trim().parse().ok()));
    let (replicas, default) = match (cluster.topics.get(name), cluster.rehearsed.get(name)) {
        (Some(Observation::Present(topic)), _) => {
            let now = topic.config.get(KEY);
            // What the spec takes away leaves the brokers' default, which is not shown then.
            let now = now.filter(|now| configured.is_none() || !now.own);
            let now = now.and_then(|now| now.value.as_ref()?.parse().ok());
            (Some(topic.replicas.0), now)
        }
        (
            None | Some(Observation::Absent),
            Some(Rehearsed::Accepted {
                replicas,
                min_insync_replicas,
            }),
        ) => (*replicas, *min_insync_replicas),
        _ => return None,
    };
    let (replicas, least) = (replicas?, configured.flatten().or(default)?);
    let helpless = replicas == 1 && least == 1 && cluster.brokers <= 1;
    (replicas <= least && !helpless).then_some(Tight { replicas, least })
}

/// What `--allow-delete` asks for: the end of a topic that no table of the spec names.
pub fn removal(name: &str, cluster: &Cluster) -> Option<Assessment> {
    cluster.unmanaged.iter().find(|other| *other == name)?;
    let mut work = Work::new(
        Effect::Delete,
        "on the cluster, in no table of the spec, and `--allow-delete` names it".into(),
        vec![],
        vec![Action::Topic(TopicAction::Delete {
            name: name.to_owned(),
        })],
    );
    work.warning = Some("the topic goes with every message in it; nothing brings them back".into());
    Some(Assessment {
        observed: json!("there"),
        verdict: work.verdict(),
        warnings: vec![],
    })
}

/// The compared fields, for the digest.
fn observed(wanted: &ResolvedTopic, topic: &Topic) -> serde_json::Value {
    let exact = wanted.config_policy == ConfigPolicy::Exact;
    let config: IndexMap<&String, &Setting> = topic
        .config
        .iter()
        .filter(|(key, setting)| wanted.settings.config.contains_key(*key) || exact && setting.own)
        .collect();
    json!({ "partitions": topic.partitions, "replicas": topic.replicas, "config": config })
}

fn create(wanted: &ResolvedTopic) -> Verdict {
    let settings = &wanted.settings;
    let replicas = match settings.replication_factor {
        Some(ReplicationFactor::Count(count)) => Some(count),
        Some(ReplicationFactor::Keep(_)) | None => None,
    };
    let config: IndexMap<String, String> = settings
        .config
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
        .collect();
    let mut changes = Vec::new();
    for (path, value) in [
        ("partitions", settings.partitions),
        ("replication_factor", replicas.map(u32::from)),
    ] {
        if let Some(value) = value {
            changes.push(Change::shown(path, None, Some(&value.to_string())));
        }
    }
    for (key, value) in &config {
        changes.push(Change::shown(format!("config.{key}"), None, Some(value)));
    }
    let action = TopicAction::Create {
        name: wanted.name.clone(),
        partitions: settings.partitions,
        replication_factor: replicas,
        config,
    };
    Work::new(
        Effect::Create,
        "not on the cluster".into(),
        changes,
        vec![Action::Topic(action)],
    )
    .verdict()
}

fn differ(wanted: &ResolvedTopic, topic: &Topic) -> Verdict {
    let name = &wanted.name;
    let (mut reasons, mut changes, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    let mut warnings = Vec::new();
    if let Some(total) = wanted.settings.partitions {
        let now = topic.partitions;
        if now > total {
            return Verdict::Blocked {
                reason: format!(
                    "it has {}, the spec wants {total}: Kafka takes no partition away",
                    counted(now, "partition")
                ),
                help: format!(
                    "say `partitions: {now}`, or make a new topic and move the messages over"
                ),
            };
        }
        if now < total {
            reasons.push(format!(
                "it has {}, the spec wants {total}",
                counted(now, "partition")
            ));
            changes.push(Change::shown(
                "partitions",
                Some(&now.to_string()),
                Some(&total.to_string()),
            ));
            actions.push(Action::Topic(TopicAction::AddPartitions {
                name: name.clone(),
                total,
            }));
            warnings.push(
                "keys move: a message goes to another partition than earlier ones of its key"
                    .to_owned(),
            );
        }
    }
    let settings = Settings::compare(wanted, topic);
    let replicas = replicas(wanted, topic);
    let remains = replicas.as_ref().map(|(reason, _)| reason.clone());
    if let Some((reason, help)) = replicas {
        if actions.is_empty() && settings.is_empty() {
            return Verdict::Blocked { reason, help };
        }
        warnings.push(format!(
            "{reason}: an apply cannot change that\nhelp: {help}"
        ));
    }
    let kept = settings.kept.clone();
    settings.add_to(name, &mut reasons, &mut changes, &mut actions);
    if actions.is_empty() {
        return Verdict::InPlace;
    }
    let mut work = Work::new(Effect::Update, reasons.join("; "), changes, actions);
    work.remains = remains;
    if !kept.is_empty() {
        work.notes.push(format!(
            "kept: {}, which the spec does not name",
            kept.join(", ")
        ));
    }
    if !warnings.is_empty() {
        work.warning = Some(warnings.join("\n"));
    }
    work.verdict()
}

/// The drift that an apply cannot close, with the help.
fn replicas(wanted: &ResolvedTopic, topic: &Topic) -> Option<(String, String)> {
    let Some(ReplicationFactor::Count(count)) = wanted.settings.replication_factor else {
        return None;
    };
    let (fewest, most) = topic.replicas;
    if (fewest, most) == (count.into(), count.into()) {
        return None;
    }
    let has = if fewest == most {
        counted(fewest, "replica")
    } else {
        format!("{fewest} to {most} replicas")
    };
    let moving = if topic.reassigning {
        " when the running reassignment is done"
    } else {
        ""
    };
    let help = "Kafka changes it by reassignment alone: name the replicas of each partition in \
                FILE, and run `kafka-reassign-partitions.sh --bootstrap-server BROKER \
                --reassignment-json-file FILE --execute`; or say `replication_factor: keep`";
    Some((
        format!("it has {has}{moving}, the spec wants {count}"),
        help.into(),
    ))
}

/// How the settings of a topic differ.
#[derive(Default)]
struct Settings {
    reasons: Vec<String>,
    changes: Vec<Change>,
    set: IndexMap<String, String>,
    reset: Vec<String>,
    /// The topic's own settings that stay.
    kept: Vec<String>,
}

impl Settings {
    fn compare(wanted: &ResolvedTopic, topic: &Topic) -> Self {
        let mut out = Self::default();
        for (key, value) in &wanted.settings.config {
            match (value, topic.config.get(key)) {
                // The brokers list every setting that they know; they may take this one all the same.
                (Some(value), None) => out.set_unknown(key, value),
                (Some(value), Some(now)) => {
                    if !now.value.as_deref().is_some_and(|now| same(now, value)) {
                        out.set(key, value, now);
                    }
                }
                (None, Some(now)) if now.own => out.reset(key, now, "the spec takes it away"),
                (None, _) => {}
            }
        }
        for (key, now) in &topic.config {
            if !now.own || wanted.settings.config.contains_key(key) {
                continue;
            }
            match wanted.config_policy {
                ConfigPolicy::Exact => out.reset(key, now, "the spec does not name it"),
                ConfigPolicy::Merge => {
                    let value = now.value.as_deref().unwrap_or("(not shown)");
                    out.kept.push(format!("{key}={value}"));
                }
            }
        }
        out
    }

    fn set_unknown(&mut self, key: &str, value: &str) {
        self.reasons.push(format!(
            "the cluster names no setting `{key}`, the spec wants {value}"
        ));
        self.changes
            .push(Change::shown(format!("config.{key}"), None, Some(value)));
        self.set.insert(key.to_owned(), value.to_owned());
    }

    fn set(&mut self, key: &str, value: &str, now: &Setting) {
        let before = now.value.as_deref();
        let origin = if now.own {
            ""
        } else {
            " by the brokers' default"
        };
        self.reasons.push(format!(
            "`{key}` is {}{origin}, the spec wants {value}",
            before.unwrap_or("not shown")
        ));
        self.changes
            .push(Change::shown(format!("config.{key}"), before, Some(value)));
        self.set.insert(key.to_owned(), value.to_owned());
    }

    fn reset(&mut self, key: &str, now: &Setting, why: &str) {
        let before = now.value.as_deref().unwrap_or("not shown");
        self.reasons
            .push(format!("`{key}` is {before} of the topic's own, {why}"));
        self.changes
            .push(Change::shown(format!("config.{key}"), Some(before), None));
        self.reset.push(key.to_owned());
    }

    fn is_empty(&self) -> bool {
        self.set.is_empty() && self.reset.is_empty()
    }

    fn add_to(
        self,
        name: &str,
        reasons: &mut Vec<String>,
        changes: &mut Vec<Change>,
        actions: &mut Vec<Action>,
    ) {
        if self.is_empty() {
            return;
        }
        reasons.extend(self.reasons);
        changes.extend(self.changes);
        actions.push(Action::Topic(TopicAction::Configure {
            name: name.to_owned(),
            set: self.set,
            reset: self.reset,
        }));
    }
}

fn counted(number: u32, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        more => format!("{more} {thing}s"),
    }
}

/// Whether two texts mean the same value: a broker shows numbers, booleans and lists in a form of
/// its own (`ConfigDef.convertToString`), whatever it was given.
pub fn same(left: &str, right: &str) -> bool {
    let list = |text: &str| -> Vec<String> {
        text.split(',')
            .map(|item| item.trim().to_owned())
            .filter(|item| !item.is_empty())
            .collect()
    };
    let (left, right) = (left.trim(), right.trim());
    if let (Ok(left), Ok(right)) = (left.parse::<i64>(), right.parse::<i64>()) {
        return left == right;
    }
    if let (Ok(left), Ok(right)) = (left.parse::<f64>(), right.parse::<f64>()) {
        return left == right;
    }
    let boolean = |text: &str| text.to_ascii_lowercase().parse::<bool>().ok();
    if let (Some(left), Some(right)) = (boolean(left), boolean(right)) {
        return left == right;
    }
    list(left) == list(right)
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn a_value_is_the_same_in_another_form() {
        for (left, right, equal) in [
            ("604800000", "604800000", true),
            ("0.5", "0.50", true),
            ("1", "1.0", true),
            ("-1", "-01", true),
            ("true", "TRUE", true),
            ("compact,delete", "compact, delete", true),
            ("", " ", true),
            ("9007199254740993", "9007199254740992", false),
            ("true", "false", false),
            ("compact,delete", "delete,compact", false),
            ("lz4", "LZ4", false),
            ("1", "true", false),
        ] {
            assert_eq!(same(left, right), equal, "{left} {right}");
            assert_eq!(same(right, left), equal, "{right} {left}");
        }
    }
}
