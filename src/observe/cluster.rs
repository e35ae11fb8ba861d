//! The facts of a cluster: what the brokers say of the topics that a spec names, and of names like
//! theirs. A fixed number of requests, whatever the number of topics; nothing is made by asking.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    broker::{
        Cluster, Config, Error, Metadata, Partition, Refusal, Source, Topic as Described, Topics,
        codes,
    },
    facts::{
        Observation,
        cluster::{Cluster as Facts, Setting, Topic},
    },
    spec::{Pattern, ReplicationFactor, ResolvedTopic},
};

/// What is asked of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Question<'q> {
    /// The topics that are compared.
    pub wanted: Vec<&'q ResolvedTopic>,
    /// Names of all topics that the spec has, selected or not.
    pub declared: BTreeSet<&'q str>,
    /// What the spec's names look like.
    pub patterns: Vec<&'q Pattern>,
    /// Names that `--allow-delete` gives.
    pub deletable: Vec<&'q str>,
}

/// Asks.
///
/// # Errors
/// When the cluster does not answer in full. What it refuses to say of one topic is an unknown
/// observation of that topic.
pub async fn observe(cluster: &mut Cluster<'_>, question: &Question<'_>) -> Result<Facts, Error> {
    let Metadata {
        brokers, topics, ..
    } = cluster.metadata(Topics::All).await?;
    let mut seen: HashMap<String, Described> = topics
        .into_iter()
        .map(|topic| (topic.name.clone(), topic))
        .collect();
    let mut unmanaged: Vec<String> = seen
        .values()
        .filter(|topic| question.is_leftover(topic))
        .map(|topic| topic.name.clone())
        .collect();
    unmanaged.sort();
    // Who may not describe a topic does not find it among all of them: only asked for by name does
    // the cluster tell "not there" from "not for you".
    let missing: Vec<String> = question
        .wanted
        .iter()
        .filter(|topic| !seen.contains_key(&topic.name))
        .map(|topic| topic.name.clone())
        .collect();
    if !missing.is_empty() {
        let named = cluster.metadata(Topics::Named(&missing)).await?;
        seen.extend(
            named
                .topics
                .into_iter()
                .map(|topic| (topic.name.clone(), topic)),
        );
    }
    let mut facts = BTreeMap::new();
    let mut there: Vec<(&ResolvedTopic, &[Partition])> = Vec::new();
    for wanted in &question.wanted {
        let name = &wanted.name;
        let observation = match seen.get(name) {
            None => Observation::Absent,
            Some(topic) => match &topic.partitions {
                Ok(partitions) => {
                    there.push((*wanted, partitions));
                    continue;
                }
                Err(refusal) if refusal.code == codes::UNKNOWN_TOPIC_OR_PARTITION => {
                    Observation::Absent
                }
                Err(refusal) => Observation::Unknown(refused(refusal)),
            },
        };
        facts.insert(name.clone(), observation);
    }
    let moving = reassignments(cluster, &there).await?;
    let names: Vec<String> = there
        .iter()
        .map(|(wanted, _)| wanted.name.clone())
        .collect();
    let mut configs: HashMap<String, Result<Vec<Config>, Refusal>> = if names.is_empty() {
        HashMap::new()
    } else {
        cluster.configs(&names).await?.into_iter().collect()
    };
    for (wanted, partitions) in there {
        let name = &wanted.name;
        let observation = match configs.remove(name) {
            Some(Ok(configs)) => Observation::Present(read(partitions, configs, moving.get(name))),
            // Nothing of the settings is compared, so nobody need be allowed to see them.
            Some(Err(refusal))
                if wanted.settings.config.is_empty()
                    && refusal.code == codes::TOPIC_AUTHORIZATION_FAILED =>
            {
                Observation::Present(read(partitions, vec![], moving.get(name)))
            }
            Some(Err(refusal)) if refusal.code == codes::UNKNOWN_TOPIC_OR_PARTITION => {
                Observation::Absent
            }
            Some(Err(refusal)) => Observation::Unknown(refused(&refusal)),
            None => Observation::Unknown("the cluster said nothing of its settings".into()),
        };
        facts.insert(name.clone(), observation);
    }
    Ok(Facts {
        caller: cluster.caller(),
        brokers: brokers.len(),
        topics: facts,
        unmanaged,
        rehearsed: BTreeMap::new(),
    })
}

impl Question<'_> {
    /// Whether a topic looks like the spec's, and no table of it names it. Kafka's own are never.
    fn is_leftover(&self, topic: &Described) -> bool {
        let name = topic.name.as_str();
        let asked_for = self.deletable.contains(&name);
        !topic.internal
            && !name.starts_with("__")
            && !self.declared.contains(name)
            && self
                .patterns
                .iter()
                .any(|pattern| (pattern.is_telling() || asked_for) && pattern.makes(name))
    }
}

/// Running reassignments, by topic and partition: how many replicas each leads to. Asked only where
/// replicas differ, since they add some for a while.
async fn reassignments(
    cluster: &mut Cluster<'_>,
    there: &[(&ResolvedTopic, &[Partition])],
) -> Result<HashMap<String, HashMap<i32, u32>>, Error> {
    let differ: Vec<(String, Vec<i32>)> = there
        .iter()
        .filter(
            |(wanted, partitions)| match wanted.settings.replication_factor {
                Some(ReplicationFactor::Count(count)) => partitions
                    .iter()
                    .any(|partition| partition.replicas.len() != usize::from(count)),
                _ => false,
            },
        )
        .map(|(wanted, partitions)| {
            let ids = partitions.iter().map(|partition| partition.id);
            (wanted.name.clone(), ids.collect())
        })
        .collect();
    let mut moving: HashMap<String, HashMap<i32, u32>> = HashMap::new();
    if differ.is_empty() {
        return Ok(moving);
    }
    for one in cluster.reassignments(&differ).await? {
        let left = one.replicas.iter().filter(|id| !one.removing.contains(id));
        moving
            .entry(one.topic)
            .or_default()
            .insert(one.partition, counted(left.count()));
    }
    Ok(moving)
}

fn read(
    partitions: &[Partition],
    configs: Vec<Config>,
    moving: Option<&HashMap<i32, u32>>,
) -> Topic {
    let replicas = partitions.iter().map(|partition| {
        let leads_to = moving.and_then(|moving| moving.get(&partition.id));
        leads_to
            .copied()
            .unwrap_or(counted(partition.replicas.len()))
    });
    let (fewest, most) = (replicas.clone().min(), replicas.max());
    Topic {
        partitions: counted(partitions.len()),
        replicas: (fewest.unwrap_or(0), most.unwrap_or(0)),
        reassigning: moving.is_some(),
        config: configs
            .into_iter()
            .map(|config| {
                let own = config.source == Source::Topic;
                let value = config.value;
                (config.key, Setting { value, own })
            })
            .collect(),
    }
}

fn counted(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A refusal's message and help, as a reason.
fn refused(refusal: &Refusal) -> String {
    match &refusal.help {
        Some(help) => format!("{}: {}", refusal.message, help),
        None => refusal.message.clone(),
    }
}
