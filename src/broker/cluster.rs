//! A cluster, to be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    api::{self, Call},
    codes,
    error::Error,
    model::{Broker, Config, Metadata, Partition, Reassignment, Topic, Topics},
    pool::{Again, Patience, Pool},
    refusal::Refusal,
    route::Route,
    symptom,
};
use crate::{names::TopicName, text::escape_control, transport::dial::Dial};

/// Most topics of one DescribeConfigs: their settings are some 1.2 MB.
const TOPICS_A_READ: usize = 1000;

/// A cluster, and the calls that read. Nothing here can write.
pub struct Cluster<'d> {
    pub(super) pool: Pool<'d>,
}

impl<'d> Cluster<'d> {
    /// Connects to the first broker of the bootstrap list that takes us.
    ///
    /// # Errors
    /// When none does: that of the broker with which we came furthest.
    pub async fn connect(dial: &'d dyn Dial, way: Route) -> Result<Self, Error> {
        let pool = Pool::connect(dial, way).await?;
        Ok(Self { pool })
    }

    /// How many requests went out, by the call's name in Kafka.
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.pool.counts.requests.clone()
    }

    /// How many bytes went out and came back in them.
    pub fn bytes(&self) -> (u64, u64) {
        (self.pool.counts.sent, self.pool.counts.got)
    }

    /// Who we are to the brokers; `None` without SASL.
    pub fn caller(&self) -> Option<String> {
        self.pool.way.security.authenticator().map(|a| a.caller())
    }

    /// Brokers, controller and topics. It never creates a topic.
    ///
    /// # Errors
    /// When no broker answers, or not as Kafka does.
    pub async fn metadata(&mut self, topics: Topics<'_>) -> Result<Metadata, Error> {
        let named = match topics {
            Topics::All => None,
            Topics::Named(names) => Some(names),
        };
        let call = api::metadata::Metadata { topics: named };
        let reply = self.pool.ask(&call).await?;
        self.pool.learn(&reply);
        let api = api::metadata::Metadata::NAME;
        self.complete(api, named, reply.topics.iter().map(|t| t.name.as_str()))?;
        let mechanism = self.pool.mechanism;
        let refusal = |code| Refusal::unless_fine(code, None, api, mechanism);
        let asked: Option<BTreeSet<&str>> =
            named.map(|names| names.iter().map(String::as_str).collect());
        let topics = reply
            .topics
            .into_iter()
            .filter(|topic| {
                asked
                    .as_ref()
                    .is_none_or(|a| a.contains(topic.name.as_str()))
            })
            .map(|topic| Topic {
                partitions: match refusal(topic.code) {
                    Some(refusal) => Err(refusal),
                    None => {
                        let mut partitions: Vec<_> = topic
                            .partitions
                            .into_iter()
                            .map(|p| Partition {
                                id: p.id,
                                leader: Some(p.leader).filter(|id| *id >= 0),
                                replicas: p.replicas,
                                isr: p.isr,
                                error: (p.code != 0).then(|| codes::explain(p.code).0),
                            })
                            .collect();
                        partitions.sort_by_key(|p| p.id);
                        Ok(partitions)
                    }
                },
                name: topic.name,
                internal: topic.internal,
            })
            .collect();
        Ok(Metadata {
            cluster: reply.cluster,
            brokers: self
                .pool
                .brokers
                .iter()
                .map(|(id, address)| Broker {
                    id: *id,
                    address: address.clone(),
                })
                .collect(),
            controller: self.pool.controller,
            topics,
        })
    }

    /// All settings of topics, in the order of `topics`.
    ///
    /// # Errors
    /// When no broker answers, or not as Kafka does.
    pub async fn configs(
        &mut self,
        topics: &[String],
    ) -> Result<Vec<(String, Result<Vec<Config>, Refusal>)>, Error> {
        let api = api::describe_configs::DescribeConfigs::NAME;
        let mut all = Vec::with_capacity(topics.len());
        for topics in topics.chunks(TOPICS_A_READ) {
            let call = api::describe_configs::DescribeConfigs { topics };
            let reply = self.pool.ask(&call).await?;
            self.complete(
                api,
                Some(topics),
                reply.results.iter().map(|r| r.name.as_str()),
            )?;
            let mut found: HashMap<String, _> = reply
                .results
                .into_iter()
                .map(|r| (r.name.clone(), r))
                .collect();
            for topic in topics {
                // A name asked twice is answered once.
                let Some(result) = found.remove(topic) else {
                    continue;
                };
                let message = result.message.as_deref();
                let refused = Refusal::unless_fine(result.code, message, api, self.pool.mechanism);
                let configs = match refused {
                    Some(refusal) => Err(refusal),
                    None => Ok(result.entries.into_iter().map(config).collect()),
                };
                all.push((topic.clone(), configs));
            }
        }
        Ok(all)
    }

    /// What is moving between brokers, of these topics and partitions. The controller knows.
    ///
    /// # Errors
    /// When the controller does not answer, or refuses.
    pub async fn reassignments(
        &mut self,
        topics: &[(String, Vec<i32>)],
    ) -> Result<Vec<Reassignment>, Error> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let api = api::reassignments::Reassignments::NAME;
        let mut patience = Patience::new(self.pool.way.deadline);
        let reply = loop {
            let call = api::reassignments::Reassignments {
                topics,
                timeout: self.pool.broker_timeout(),
            };
            let reply = self.pool.ask_controller(&call, Again::Yes).await?;
            if reply.code != codes::NOT_CONTROLLER || !patience.pause().await {
                break reply;
            }
            self.pool.refresh().await?;
        };
        if reply.code != 0 {
            let (code, message) = (reply.code, reply.message.as_deref());
            let at = self.pool.at_home();
            return Err(symptom::refused_call(
                at,
                api,
                code,
                message,
                self.pool.mechanism,
            ));
        }
        // Only what was asked: a name of the broker's own making would be copied once a partition.
        let asked: BTreeSet<&str> = topics.iter().map(|(name, _)| name.as_str()).collect();
        let mut moving = Vec::new();
        for (topic, partitions) in reply.topics {
            if !asked.contains(topic.as_str()) {
                continue;
            }
            moving.extend(partitions.into_iter().map(|p| Reassignment {
                topic: topic.clone(),
                partition: p.partition,
                replicas: p.replicas,
                adding: p.adding,
                removing: p.removing,
            }));
        }
        Ok(moving)
    }

    /// All that was asked has to be answered: what is left out is not "not there". And a cluster
    /// has no topics with names that Kafka does not take.
    fn complete<'a>(
        &self,
        api: &'static str,
        asked: Option<&[String]>,
        answered: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let answered: BTreeSet<&str> = answered.collect();
        if let Some(asked) = asked {
            return match asked.iter().find(|name| !answered.contains(name.as_str())) {
                Some(name) => Err(self.pool.left_out(api, name)),
                None => Ok(()),
            };
        }
        let Some(odd) = answered.iter().find(|name| TopicName::parse(name).is_err()) else {
            return Ok(());
        };
        let shown: String = odd.chars().take(80).collect();
        let said = format!(
            "the answer to `{api}` names a topic `{}`",
            escape_control(&shown)
        );
        Err(symptom::wrong_reply(self.pool.at_home(), api, said))
    }
}

fn config(entry: api::describe_configs::Entry) -> Config {
    Config {
        key: entry.key,
        value: entry.value,
        source: entry.source.into(),
        sensitive: entry.sensitive,
        read_only: entry.read_only,
    }
}
