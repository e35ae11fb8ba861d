//! Reading of a cluster.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    api::{self, Call},
    codes,
    error::Error,
    model::{Broker, Config, Metadata, Partition, Reassignment, Topic, Topics},
    pool::{Backoff, Intent, Pool},
    refusal::Refusal,
    route::Route,
    symptom,
};
use crate::{names::TopicName, text::escape_control, transport::dial::Dial};

/// Most topics of one DescribeConfigs: their settings are about 1.2 MB.
const TOPICS_A_READ: usize = 1000;

/// A connected cluster, and the calls that read. Nothing here can write.
pub struct Cluster<'d> {
    pub(super) pool: Pool<'d>,
}

impl<'d> Cluster<'d> {
    /// Connects to the first broker of the bootstrap list that accepts the connection.
    ///
    /// # Errors
    /// When none does: the error of the broker that got furthest.
    pub async fn connect(dial: &'d dyn Dial, route: Route) -> Result<Self, Error> {
        let pool = Pool::connect(dial, route).await?;
        Ok(Self { pool })
    }

    /// The number of requests, by the call's name in Kafka.
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.pool.counts.requests.clone()
    }

    /// The number of bytes sent and received.
    pub fn bytes(&self) -> (u64, u64) {
        (self.pool.counts.sent, self.pool.counts.received)
    }

    /// The authenticated caller; `None` without SASL.
    pub fn caller(&self) -> Option<String> {
        self.pool.route.security.authenticator().map(|a| a.caller())
    }

    /// Brokers, controller and topics. It never creates a topic.
    ///
    /// # Errors
    /// When no broker gives a valid reply.
    pub async fn metadata(&mut self, topics: Topics<'_>) -> Result<Metadata, Error> {
        let named = match topics {
            Topics::All => None,
            Topics::Named(names) => Some(names),
        };
        let call = api::metadata::Metadata { topics: named };
        let reply = self.pool.call_any(&call).await?;
        self.pool.update_brokers(&reply);
        let api = api::metadata::Metadata::NAME;
        self.check_complete(api, named, reply.topics.iter().map(|t| t.name.as_str()))?;
        let mechanism = self.pool.mechanism;
        let refusal = |code| Refusal::from_code(code, None, api, mechanism);
        let requested: Option<BTreeSet<&str>> =
            named.map(|names| names.iter().map(String::as_str).collect());
        let topics = reply
            .topics
            .into_iter()
            .filter(|topic| {
                requested
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
    /// When no broker gives a valid reply.
    pub async fn configs(
        &mut self,
        topics: &[String],
    ) -> Result<Vec<(String, Result<Vec<Config>, Refusal>)>, Error> {
        let api = api::describe_configs::DescribeConfigs::NAME;
        let mut all = Vec::with_capacity(topics.len());
        for topics in topics.chunks(TOPICS_A_READ) {
            let call = api::describe_configs::DescribeConfigs { topics };
            let reply = self.pool.call_any(&call).await?;
            self.check_complete(
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
                // A name that is requested twice has one result.
                let Some(result) = found.remove(topic) else {
                    continue;
                };
                let message = result.message.as_deref();
                let refused = Refusal::from_code(result.code, message, api, self.pool.mechanism);
                let configs = match refused {
                    Some(refusal) => Err(refusal),
                    None => Ok(result.entries.into_iter().map(config).collect()),
                };
                all.push((topic.clone(), configs));
            }
        }
        Ok(all)
    }

    /// The partitions of these that are moving between brokers, as the controller knows them.
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
        let mut backoff = Backoff::new(self.pool.route.deadline);
        let reply = loop {
            let call = api::reassignments::Reassignments {
                topics,
                timeout: self.pool.broker_timeout(),
            };
            let reply = self.pool.call_controller(&call, Intent::Read).await?;
            if reply.code != codes::NOT_CONTROLLER || !backoff.pause().await {
                break reply;
            }
            self.pool.refresh().await?;
        };
        if reply.code != 0 {
            let (code, message) = (reply.code, reply.message.as_deref());
            let endpoint = self.pool.home_endpoint();
            return Err(symptom::refused_call(
                endpoint,
                api,
                code,
                message,
                self.pool.mechanism,
            ));
        }
        // Only requested topics: any other name would be copied once a partition.
        let requested: BTreeSet<&str> = topics.iter().map(|(name, _)| name.as_str()).collect();
        let mut moving = Vec::new();
        for (topic, partitions) in reply.topics {
            if !requested.contains(topic.as_str()) {
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

    /// Checks that a reply has all requested topics (one that is left out is not "missing"), or, if
    /// all were requested, only valid names.
    fn check_complete<'a>(
        &self,
        api: &'static str,
        requested: Option<&[String]>,
        received: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let received: BTreeSet<&str> = received.collect();
        if let Some(requested) = requested {
            return match requested
                .iter()
                .find(|name| !received.contains(name.as_str()))
            {
                Some(name) => Err(self.pool.missing_from_reply(api, name)),
                None => Ok(()),
            };
        }
        let Some(invalid) = received.iter().find(|name| TopicName::parse(name).is_err()) else {
            return Ok(());
        };
        let shown: String = invalid.chars().take(80).collect();
        let message = format!(
            "the answer to `{api}` names a topic `{}`",
            escape_control(&shown)
        );
        Err(symptom::wrong_reply(
            self.pool.home_endpoint(),
            api,
            message,
        ))
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
