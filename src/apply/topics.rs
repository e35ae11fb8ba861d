//! Carries out one cluster's part of a plan: batches of one kind, one kind after another. What
//! cannot be taken back comes last.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use indexmap::IndexMap;
use tokio::time::Instant;

use super::holder::Stop;
use crate::{
    action::{Action, TopicAction},
    broker::{
        Admin, Cluster, Config, Error, NewTopic, Outcomes, Refusal, Source, Topic, Topics, codes,
    },
    plan::{Step, TopicsPlan},
    report::event::{Event, Failure, HostOutcome, Sink},
    resource::topic::same,
};

/// So many topics are asked for at once: Ctrl-C and progress come in between.
const BATCH: usize = 100;

/// Applies the changes of a plan to its cluster, and stops at the first that fails. It comes back
/// when the topics show as they were made, or after `deadline`.
pub async fn apply_topics(
    cluster: &mut Cluster<'_>,
    plan: &TopicsPlan,
    deadline: Duration,
    stop: &Stop,
    sink: &mut dyn Sink,
) -> HostOutcome {
    let started = Instant::now();
    let mut run = Run {
        cluster,
        plan,
        stop,
        sink,
        open: plan
            .steps
            .iter()
            .filter(|step| step.action.changes())
            .map(|step| (&*step.address, step.actions.len()))
            .collect(),
        outcome: HostOutcome {
            host: plan.cluster.clone(),
            is_cluster: true,
            ..HostOutcome::default()
        },
    };
    run.all().await;
    let mut outcome = run.outcome;
    if !outcome.applied.is_empty() && outcome.failure.is_none() {
        settle(cluster, plan, &outcome.applied, deadline).await;
    }
    let done: BTreeSet<&String> = outcome.applied.iter().collect();
    let failed = outcome.failure.as_ref().map(|failure| &failure.address);
    outcome.not_reached = plan
        .steps
        .iter()
        .filter(|step| step.action.changes())
        .map(|step| &step.address)
        .filter(|address| !done.contains(address) && failed != Some(address))
        .cloned()
        .collect();
    outcome.took = started.elapsed();
    outcome
}

struct Run<'r, 'd> {
    cluster: &'r mut Cluster<'d>,
    plan: &'r TopicsPlan,
    stop: &'r Stop,
    sink: &'r mut dyn Sink,
    /// How many actions each step still has.
    open: BTreeMap<&'r str, usize>,
    outcome: HostOutcome,
}

impl<'r> Run<'r, '_> {
    async fn all(&mut self) {
        let creates = self.of(|action| match action {
            TopicAction::Create {
                name,
                partitions,
                replication_factor,
                config,
            } => Some(NewTopic {
                name: name.clone(),
                // Counts beyond 31 bits are refused by the spec's schema.
                partitions: partitions.and_then(|count| count.try_into().ok()),
                replication_factor: replication_factor.and_then(|count| count.try_into().ok()),
                config: config
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            }),
            _ => None,
        });
        let grows = self.of(|action| match action {
            TopicAction::AddPartitions { name, total } => {
                Some((name.clone(), i32::try_from(*total).unwrap_or(i32::MAX)))
            }
            _ => None,
        });
        let configures = self.of(|action| match action {
            TopicAction::Configure { name, set, reset } => {
                let set = set
                    .iter()
                    .map(|(key, value)| (key.clone(), Some(value.clone())));
                let reset = reset.iter().map(|key| (key.clone(), None));
                Some((name.clone(), set.chain(reset).collect::<Vec<_>>()))
            }
            _ => None,
        });
        let deletes = self.of(|action| match action {
            TopicAction::Delete { name } => Some(name.clone()),
            _ => None,
        });

        // The cluster looks at all new topics before the first is made.
        for (steps, topics) in batches(&creates) {
            if self.stopped() {
                return;
            }
            let answers = Admin::over(self.cluster).create_topics(&topics, true).await;
            if !self.take(&steps, answers, "", false) {
                return;
            }
        }
        for (steps, topics) in batches(&creates) {
            if !self.begin(&steps, "create") {
                return;
            }
            let answers = Admin::over(self.cluster)
                .create_topics(&topics, false)
                .await;
            if !self.take(&steps, answers, "created", true) {
                return;
            }
        }
        for (steps, topics) in batches(&grows) {
            if !self.begin(&steps, "add partitions") {
                return;
            }
            let answers = Admin::over(self.cluster)
                .create_partitions(&topics, false)
                .await;
            if !self.take(&steps, answers, "partitions added", true) {
                return;
            }
        }
        for (steps, topics) in batches(&configures) {
            if !self.begin(&steps, "configure") {
                return;
            }
            let answers = Admin::over(self.cluster).alter_configs(&topics).await;
            if !self.take(&steps, answers, "configured", true) {
                return;
            }
        }
        for (steps, topics) in batches(&deletes) {
            if !self.begin(&steps, "delete") {
                return;
            }
            let answers = Admin::over(self.cluster).delete_topics(&topics).await;
            if !self.take(&steps, answers, "deleted", true) {
                return;
            }
        }
    }

    /// What one kind of action asks for, with its step.
    fn of<T>(&self, what: impl Fn(&TopicAction) -> Option<T>) -> Vec<(&'r Step, T)> {
        let steps = self.plan.steps.iter().filter(|step| step.action.changes());
        let pairs = steps.flat_map(|step| step.actions.iter().map(move |action| (step, action)));
        pairs
            .filter_map(|(step, action)| match action {
                Action::Topic(action) => Some((step, what(action)?)),
                _ => None,
            })
            .collect()
    }

    fn stopped(&mut self) -> bool {
        let stopped = *self.stop.borrow() > 0;
        self.outcome.interrupted |= stopped;
        stopped
    }

    /// Says that a batch begins; not after Ctrl-C.
    fn begin(&mut self, steps: &[&Step], verb: &str) -> bool {
        if self.stopped() {
            return false;
        }
        let address = match steps {
            [only] => only.address.clone(),
            more => format!("{} topics", more.len()),
        };
        self.sink.event(Event::Started {
            host: "",
            address: &address,
            verb,
        });
        true
    }

    /// Takes the answers to a batch; whether all was well. `counts`: it was no rehearsal.
    fn take(
        &mut self,
        steps: &[&'r Step],
        answers: Result<Outcomes, Error>,
        did: &str,
        counts: bool,
    ) -> bool {
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                let first = steps.first().map(|step| step.address.clone());
                self.fail(lost(first.unwrap_or_default(), &error));
                return false;
            }
        };
        let mut by_name: BTreeMap<String, Result<(), Refusal>> = answers.into_iter().collect();
        let mut refused: Vec<(&Step, Refusal)> = Vec::new();
        for &step in steps {
            let name = step.address.trim_start_matches("topics/");
            let did = match by_name.remove(name) {
                Some(Ok(())) => did,
                // Somebody made it meanwhile. What is read afterwards tells whether it is right.
                Some(Err(refusal)) if refusal.code == codes::TOPIC_ALREADY_EXISTS => {
                    "was there already"
                }
                Some(Err(refusal))
                    if refusal.code == codes::UNKNOWN_TOPIC_OR_PARTITION && did == "deleted" =>
                {
                    "was gone already"
                }
                Some(Err(refusal)) => {
                    refused.push((step, refusal));
                    continue;
                }
                // The broker's module answers for each topic that it was given.
                None => continue,
            };
            if counts {
                self.done(step, did);
            }
        }
        let Some((step, refusal)) = refused.first() else {
            return true;
        };
        let mut reasons = vec![format!("{} ({})", refusal.said, refusal.name)];
        if refused.len() > 1 {
            let others: Vec<&str> = refused[1..]
                .iter()
                .take(10)
                .map(|(step, _)| &*step.address)
                .collect();
            let more = match refused.len() - 1 {
                more if more > others.len() => format!(" and {} more", more - others.len()),
                _ => String::new(),
            };
            reasons.push(format!("refused, too: {}{more}", others.join(", ")));
        }
        self.fail(Failure {
            address: step.address.clone(),
            reasons,
            help: refusal.help.clone(),
            outcome_unknown: counts && refusal.code == codes::REQUEST_TIMED_OUT,
        });
        false
    }

    fn done(&mut self, step: &'r Step, did: &str) {
        let open = self.open.entry(&step.address).or_insert(1);
        *open = open.saturating_sub(1);
        if *open > 0 {
            return;
        }
        let summary = summary(step, did);
        self.sink.event(Event::Done {
            host: "",
            address: &step.address,
            summary: &summary,
        });
        self.outcome.applied.push(step.address.clone());
    }

    fn fail(&mut self, failure: Failure) {
        self.sink.event(Event::Failed {
            host: "",
            address: &failure.address,
        });
        self.outcome.failure = Some(failure);
    }
}

/// Pairs in batches, apart.
fn batches<'s, T: Clone>(all: &[(&'s Step, T)]) -> Vec<(Vec<&'s Step>, Vec<T>)> {
    all.chunks(BATCH)
        .map(|batch| batch.iter().cloned().unzip())
        .collect()
}

/// `3 partitions, retention.ms=604800000`: what the step made, in a few words.
fn summary(step: &Step, did: &str) -> String {
    let parts: Vec<String> = step
        .changes
        .iter()
        .map(|change| {
            let key = change.path.trim_start_matches("config.");
            match (key, &change.after) {
                ("partitions", Some(count)) if count == "1" => "1 partition".into(),
                ("partitions", Some(count)) => format!("{count} partitions"),
                ("replication_factor", Some(count)) if count == "1" => "1 replica".into(),
                ("replication_factor", Some(count)) => format!("{count} replicas"),
                (key, Some(value)) => format!("{key}={value}"),
                (key, None) => format!("{key} as the brokers have it"),
            }
        })
        .collect();
    match (did, parts.is_empty()) {
        ("was there already" | "was gone already" | "deleted", _) | (_, true) => did.to_owned(),
        _ => parts.join(", "),
    }
}

/// The failure of a batch whose request did not come back.
fn lost(address: String, error: &Error) -> Failure {
    let text = error.to_string();
    let (said, help): (Vec<&str>, Vec<&str>) = text
        .lines()
        .map(str::trim)
        .partition(|line| !line.starts_with("help: "));
    Failure {
        address,
        reasons: said.into_iter().map(str::to_owned).collect(),
        help: help
            .first()
            .map(|line| line.trim_start_matches("help: ").to_owned()),
        outcome_unknown: error.sent,
    }
}

/// Waits until what was made and set shows and what was deleted does not: a cluster tells its
/// brokers a little later than it answers. What does not settle in time is seen by the reading that
/// follows.
async fn settle(cluster: &mut Cluster<'_>, plan: &TopicsPlan, applied: &[String], limit: Duration) {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(20);
    let (mut shapes, mut settings) = (BTreeMap::new(), BTreeMap::new());
    let steps = plan.steps.iter();
    let done = steps.filter(|step| applied.contains(&step.address));
    for action in done.flat_map(|step| &step.actions) {
        let Action::Topic(action) = action else {
            continue;
        };
        let name = action.name();
        match action {
            TopicAction::Create { partitions, .. } => {
                shapes.insert(name, Shape::Partitions(partitions.unwrap_or(1)));
            }
            TopicAction::AddPartitions { total, .. } => {
                shapes.insert(name, Shape::Partitions(*total));
            }
            TopicAction::Delete { .. } => {
                shapes.insert(name, Shape::Gone);
            }
            TopicAction::Configure { set, reset, .. } => {
                settings.insert(name, Settings { set, reset });
            }
        }
    }
    while (!shapes.is_empty() || !settings.is_empty()) && Instant::now() < end {
        if !shapes.is_empty() {
            let Ok(metadata) = cluster.metadata(Topics::Named(&names(&shapes))).await else {
                return;
            };
            for topic in metadata.topics {
                let name = topic.name.as_str();
                if shapes.get(name).is_some_and(|shape| shape.shows(&topic)) {
                    shapes.remove(name);
                }
            }
        }
        if !settings.is_empty() {
            let Ok(now) = cluster.configs(&names(&settings)).await else {
                return;
            };
            for (name, configs) in now {
                let wanted = settings.get(name.as_str());
                if wanted.is_some_and(|wanted| configs.is_ok_and(|now| wanted.show(&now))) {
                    settings.remove(name.as_str());
                }
            }
        }
        if !shapes.is_empty() || !settings.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

fn names<T>(open: &BTreeMap<&str, T>) -> Vec<String> {
    open.keys().map(|name| (*name).to_owned()).collect()
}

/// How a topic shows once an action on it has settled.
enum Shape {
    Gone,
    Partitions(u32),
}

impl Shape {
    fn shows(&self, topic: &Topic) -> bool {
        match (self, &topic.partitions) {
            (Self::Gone, Err(refusal)) => refusal.code == codes::UNKNOWN_TOPIC_OR_PARTITION,
            (Self::Partitions(count), Ok(partitions)) => {
                partitions.len() >= *count as usize
                    && partitions
                        .iter()
                        .all(|partition| partition.leader.is_some())
            }
            _ => false,
        }
    }
}

/// What was set on a topic and taken back.
struct Settings<'a> {
    set: &'a IndexMap<String, String>,
    reset: &'a [String],
}

impl Settings<'_> {
    fn show(&self, now: &[Config]) -> bool {
        let own = |key: &String| {
            let mut now = now.iter();
            now.find(|one| one.key == *key && one.source == Source::Topic)
        };
        let is_set = |(key, value): (&String, &String)| {
            let now = own(key);
            now.is_some_and(|now| now.value.as_ref().is_none_or(|now| same(now, value)))
        };
        self.set.iter().all(is_set) && self.reset.iter().all(|key| own(key).is_none())
    }
}
