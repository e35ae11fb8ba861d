//! Carries out one cluster's part of a plan: batches of one kind, one kind after another. What
//! cannot be taken back comes last.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use indexmap::IndexMap;
use tokio::time::Instant;

use super::{
    event::{Event, Sink},
    holder::Stop,
    outcome::{Failure, Outcome},
};
use crate::{
    action::{Action, TopicAction},
    broker::{
        Admin, Cluster, Config, Error, Outcomes, Refusal, Source, Topic, Topics, WritableCluster,
        codes, requests,
    },
    kinds::{Address, topic::same},
    plan::{Step, Subject, TopicsPlan},
};

/// So many topics are asked for at once: Ctrl-C and progress come in between.
const BATCH: usize = 100;

/// Applies the changes of a plan to its cluster. What the cluster refuses of one topic holds no other
/// back. It comes back when the topics show as they were made, or after `deadline`.
pub async fn apply_topics(
    cluster: &mut WritableCluster<'_>,
    plan: &TopicsPlan,
    deadline: Duration,
    stop: &Stop,
    sink: &mut dyn Sink,
) -> Outcome {
    let started = Instant::now();
    let steps = plan.steps.iter().filter(|step| step.action.changes());
    let mut run = Run {
        cluster,
        plan,
        stop,
        sink,
        done: BTreeMap::new(),
        failures: Vec::new(),
        outcome: Outcome::new(Subject::Cluster(plan.cluster.clone())),
    };
    let lost = run.all().await.is_break() && !run.outcome.interrupted;
    run.rest();
    let (mut outcome, failures) = (run.outcome, run.failures);
    if !outcome.applied.is_empty() && !lost {
        settle(cluster, plan, &outcome.applied, deadline).await;
    }
    let open = |address: &&Address| {
        !outcome.applied.contains(address)
            && failures
                .iter()
                .all(|one| one.address.as_ref() != Some(address))
    };
    outcome.not_reached = steps
        .map(|step| &step.address)
        .filter(open)
        .cloned()
        .collect();
    let mut failures = failures.into_iter();
    outcome.failure = failures.next();
    outcome.also_failed = failures.collect();
    outcome.took = started.elapsed();
    outcome
}

struct Run<'r, 'd> {
    cluster: &'r mut WritableCluster<'d>,
    plan: &'r TopicsPlan,
    stop: &'r Stop,
    sink: &'r mut dyn Sink,
    /// What has been done of each step, action by action.
    done: BTreeMap<&'r Address, Vec<String>>,
    /// The first one that happened comes first.
    failures: Vec<Failure>,
    outcome: Outcome,
}

impl<'r> Run<'r, '_> {
    /// All kinds of actions, one after another. It breaks off at Ctrl-C and where the cluster no
    /// longer answers.
    async fn all(&mut self) -> ControlFlow<()> {
        for (steps, topics) in self.batches(requests::new_topic) {
            self.begin(&steps, "create")?;
            let answers = Admin::over(self.cluster).create_topics(&topics).await;
            self.take(&steps, answers, "created")?;
        }
        for (steps, topics) in self.batches(requests::partition_increase) {
            self.begin(&steps, "add partitions")?;
            let answers = Admin::over(self.cluster).create_partitions(&topics).await;
            self.take(&steps, answers, "partitions added")?;
        }
        // What was refused more partitions is left as it is: its batch is made only now.
        for (steps, topics) in self.batches(requests::settings) {
            self.begin(&steps, "configure")?;
            let answers = Admin::over(self.cluster).alter_configs(&topics).await;
            self.take(&steps, answers, "configured")?;
        }
        for (steps, topics) in self.batches(requests::deleted_topic) {
            self.begin(&steps, "delete")?;
            let answers = Admin::over(self.cluster).delete_topics(&topics).await;
            self.take(&steps, answers, "deleted")?;
        }
        ControlFlow::Continue(())
    }

    /// What one kind of action asks for, with its steps, in batches; not of steps that have failed.
    fn batches<T: Clone>(
        &self,
        what: impl Fn(&TopicAction) -> Option<T>,
    ) -> Vec<(Vec<&'r Step>, Vec<T>)> {
        let plan = self.plan;
        let steps = plan.steps.iter().filter(|step| step.action.changes());
        let failed = |step: &&Step| {
            self.failures
                .iter()
                .any(|one| one.address.as_ref() == Some(&step.address))
        };
        let pairs = steps
            .filter(|step| !failed(step))
            .flat_map(|step| step.actions.iter().map(move |action| (step, action)));
        let all: Vec<(&Step, T)> = pairs
            .filter_map(|(step, action)| match action {
                Action::Topic(action) => Some((step, what(action)?)),
                _ => None,
            })
            .collect();
        all.chunks(BATCH)
            .map(|batch| batch.iter().cloned().unzip())
            .collect()
    }

    /// Says that a batch begins; not after Ctrl-C.
    fn begin(&mut self, steps: &[&Step], verb: &str) -> ControlFlow<()> {
        if *self.stop.borrow() > 0 {
            self.outcome.interrupted = true;
            return ControlFlow::Break(());
        }
        let addresses: Vec<&Address> = steps.iter().map(|step| &step.address).collect();
        self.sink.event(Event::Started {
            subject: &self.outcome.subject,
            addresses: &addresses,
            verb,
        });
        ControlFlow::Continue(())
    }

    /// Takes the answers to a batch.
    fn take(
        &mut self,
        steps: &[&'r Step],
        answers: Result<Outcomes, Error>,
        did: &str,
    ) -> ControlFlow<()> {
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                if let Some(first) = steps.first() {
                    self.fail(&first.address, lost(&error));
                }
                return ControlFlow::Break(());
            }
        };
        let mut by_name: BTreeMap<String, Result<(), Refusal>> = answers.into_iter().collect();
        for &step in steps {
            match by_name.remove(step.address.name().unwrap_or_default()) {
                Some(Ok(())) => self.done(step, did),
                // Somebody made it meanwhile. What is read afterwards tells whether it is right.
                Some(Err(refusal)) if refusal.code == codes::TOPIC_ALREADY_EXISTS => {
                    self.done(step, "was there already");
                }
                Some(Err(refusal))
                    if refusal.code == codes::UNKNOWN_TOPIC_OR_PARTITION && did == "deleted" =>
                {
                    self.done(step, "was gone already");
                }
                Some(Err(refusal)) => {
                    let failure = Failure {
                        reasons: vec![format!("{} ({})", refusal.message, refusal.name)],
                        help: refusal.help,
                        outcome_unknown: refusal.code == codes::REQUEST_TIMED_OUT,
                        ..Failure::default()
                    };
                    self.fail(&step.address, failure);
                }
                // The broker's module answers for each topic that it was given.
                None => {}
            }
        }
        ControlFlow::Continue(())
    }

    /// One more action of a step is done.
    fn done(&mut self, step: &'r Step, did: &str) {
        let done = self.done.entry(&step.address).or_default();
        let nth = done.len();
        let action = step.actions.get(nth);
        done.push(action.map_or_else(|| did.to_owned(), |action| in_words(action, did)));
        if nth + 1 < step.actions.len() {
            return;
        }
        let summary = summary(step, did);
        self.sink.event(Event::Done {
            subject: &self.outcome.subject,
            address: &step.address,
            summary: &summary,
        });
        self.outcome.applied.push(step.address.clone());
    }

    fn fail(&mut self, address: &Address, failure: Failure) {
        let subject = &self.outcome.subject;
        self.sink.event(Event::Failed { subject, address });
        self.failures.push(Failure {
            address: Some(address.clone()),
            done: self.done.get(address).cloned().unwrap_or_default(),
            ..failure
        });
    }

    /// Steps of which a part is done, and the rest was not come to.
    fn rest(&mut self) {
        let whole = |address: &Address| self.outcome.applied.contains(address);
        let failed = |address| {
            self.failures
                .iter()
                .any(|one| one.address.as_ref() == Some(address))
        };
        let open = self.done.keys().copied();
        let open: Vec<&Address> = open.filter(|one| !whole(one) && !failed(one)).collect();
        for address in open {
            let why = match self.outcome.interrupted {
                true => "interrupted before the rest of it",
                false => "the rest of it was not reached",
            };
            let failure = Failure {
                reasons: vec![why.to_owned()],
                help: Some("apply again: what is done stays, the rest follows".to_owned()),
                ..Failure::default()
            };
            self.fail(address, failure);
        }
    }
}

/// `4 partitions`, `retention.ms=5000`: what one action did.
fn in_words(action: &Action, did: &str) -> String {
    match action {
        Action::Topic(TopicAction::AddPartitions { total, .. }) => {
            format!("{total} partitions")
        }
        Action::Topic(TopicAction::Configure { set, reset, .. }) => {
            let set = set.iter().map(|(key, value)| format!("{key}={value}"));
            let reset = reset
                .iter()
                .map(|key| format!("{key} as the brokers have it"));
            set.chain(reset).collect::<Vec<_>>().join(", ")
        }
        _ => did.to_owned(),
    }
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
fn lost(error: &Error) -> Failure {
    let text = error.to_string();
    let (reasons, help): (Vec<&str>, Vec<&str>) = text
        .lines()
        .map(str::trim)
        .partition(|line| !line.starts_with("help: "));
    Failure {
        reasons: reasons.into_iter().map(str::to_owned).collect(),
        help: help
            .first()
            .map(|line| line.trim_start_matches("help: ").to_owned()),
        outcome_unknown: error.sent,
        ..Failure::default()
    }
}

/// Waits until what was made and set shows and what was deleted does not: a cluster tells its
/// brokers a little later than it answers. What does not settle in time is seen by the reading that
/// follows.
async fn settle(
    cluster: &mut Cluster<'_>,
    plan: &TopicsPlan,
    applied: &[Address],
    limit: Duration,
) {
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
