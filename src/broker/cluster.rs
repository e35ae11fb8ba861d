//! A cluster, to be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::time::{Duration, Instant, sleep};

use super::{
    address::{Address, NoAddress},
    api::{self, Call},
    channel::{Channel, Counts},
    codes,
    error::{Error, Stage},
    open::open,
    refusal::Refusal,
    symptom::{self, At},
    way::Way,
};
use crate::{text::escape_control, transport::dial::Dial};

/// Most topics of one DescribeConfigs: their settings are some 1.2 MB.
const TOPICS_A_READ: usize = 1000;

/// Which topics.
#[derive(Debug, Clone, Copy)]
pub enum Topics<'a> {
    /// All that we may see.
    All,
    /// These.
    Named(&'a [String]),
}

/// What a cluster says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its id.
    pub cluster: Option<String>,
    /// The brokers that are up.
    pub brokers: Vec<Broker>,
    /// The controller's id. Clusters without ZooKeeper name any broker: each hands requests on.
    pub controller: Option<i32>,
    /// The topics asked for.
    pub topics: Vec<Topic>,
}

/// A broker that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Where it says that it listens; an error where that cannot be dialled.
    pub address: Result<Address, NoAddress>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Whether it is Kafka's own.
    pub internal: bool,
    /// Its partitions, by number; or why they are not known. UNKNOWN_TOPIC_OR_PARTITION is how a
    /// broker says that there is none of this name.
    pub partitions: Result<Vec<Partition>, Refusal>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from zero.
    pub id: i32,
    /// The leader's id; `None` while there is none.
    pub leader: Option<i32>,
    /// Ids of the brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those that are in step.
    pub isr: Vec<i32>,
    /// What is wrong with it.
    pub error: Option<Refusal>,
}

/// One setting of a topic. Texts are as the broker sent them: escape them before they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its key.
    pub key: String,
    /// Its value; `None` where it is a secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// Whether it is a secret.
    pub sensitive: bool,
    /// Whether it cannot be set.
    pub read_only: bool,
}

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The topic's own: the only one that is an override.
    Topic,
    /// Set on this broker while it runs.
    DynamicBroker,
    /// Set on all brokers while they run. From Kafka 4 on `min.insync.replicas` may be here.
    DynamicDefaultBroker,
    /// The broker's file.
    StaticBroker,
    /// Kafka's own default.
    Default,
    /// Another, by its number in Kafka (`DescribeConfigsResponse.ConfigSource`).
    Unknown(i8),
}

impl From<i8> for Source {
    fn from(number: i8) -> Self {
        match number {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            other => Self::Unknown(other),
        }
    }
}

/// A partition that is moving between brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reassignment {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// Ids of the brokers that hold it now.
    pub replicas: Vec<i32>,
    /// Those that it moves to.
    pub adding: Vec<i32>,
    /// Those that it moves from.
    pub removing: Vec<i32>,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    /// Any broker will do.
    Any,
    /// This one.
    Broker(Address),
}

/// Whether a call may go out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It changes nothing.
    Yes,
    /// It writes.
    No,
}

/// Connections to a cluster, one a broker, and the calls that read. Nothing here can write.
pub struct Cluster<'d> {
    dial: &'d dyn Dial,
    way: Way,
    channels: HashMap<Address, Channel>,
    /// The broker that is asked what any can answer.
    home: Address,
    brokers: BTreeMap<i32, Result<Address, NoAddress>>,
    controller: Option<i32>,
    counts: Counts,
    mechanism: Option<&'static str>,
}

impl<'d> Cluster<'d> {
    /// Connects to the first broker of the bootstrap list that takes us.
    ///
    /// # Errors
    /// When none does: that of the broker with which we came furthest.
    pub async fn connect(dial: &'d dyn Dial, way: Way) -> Result<Self, Error> {
        let Some(home) = way.bootstrap.first().cloned() else {
            let nowhere = Address {
                host: "bootstrap".to_owned(),
                port: 0,
            };
            return Err(Error::new(
                &way,
                &nowhere,
                Stage::Machine,
                "the cluster names no broker for this listener".to_owned(),
                "ask the cluster for its bootstrap brokers, or write them into the spec".to_owned(),
            ));
        };
        let mut cluster = Self {
            dial,
            way,
            channels: HashMap::new(),
            home,
            brokers: BTreeMap::new(),
            controller: None,
            counts: Counts::new(),
            mechanism: None,
        };
        let channel = cluster.enter().await?;
        cluster.channels.insert(cluster.home.clone(), channel);
        Ok(cluster)
    }

    /// How many requests went out, by the call's name in Kafka.
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.counts.clone()
    }

    /// Who we are to the brokers; `None` without SASL.
    pub fn caller(&self) -> Option<String> {
        self.way.security.authenticator().map(|a| a.caller())
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
        let reply = self.ask(&call).await?;
        self.brokers = reply
            .brokers
            .iter()
            .map(|b| (b.id, Address::new(&b.host, b.port.into())))
            .collect();
        self.controller = Some(reply.controller).filter(|id| *id >= 0);
        let api = api::metadata::Metadata::NAME;
        self.complete(api, named, reply.topics.iter().map(|t| t.name.as_str()))?;
        let mechanism = self.mechanism;
        let refusal = |code| Refusal::unless_fine(code, None, api, mechanism);
        let topics = reply
            .topics
            .into_iter()
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
                                error: refusal(p.code),
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
                .brokers
                .iter()
                .map(|(id, address)| Broker {
                    id: *id,
                    address: address.clone(),
                })
                .collect(),
            controller: self.controller,
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
            let reply = self.ask(&call).await?;
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
                let refused = Refusal::unless_fine(result.code, message, api, self.mechanism);
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
        let mut patience = Patience::new(self.way.deadline);
        let reply = loop {
            let call = api::reassignments::Reassignments {
                topics,
                timeout: self.broker_timeout(),
            };
            let reply = self.ask_controller(&call, Again::Yes).await?;
            if reply.code != codes::NOT_CONTROLLER || !patience.pause().await {
                break reply;
            }
            self.refresh().await?;
        };
        if reply.code != 0 {
            let (code, message) = (reply.code, reply.message.as_deref());
            let at = self.at(&self.home);
            return Err(symptom::refused_call(
                at,
                api,
                code,
                message,
                self.mechanism,
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

    /// Reads again who the controller is.
    pub(super) async fn refresh(&mut self) -> Result<(), Error> {
        self.metadata(Topics::Named(&[])).await.map(drop)
    }

    /// How long a broker may take over a request, in milliseconds: less than we wait for it.
    pub(super) fn broker_timeout(&self) -> i32 {
        let most = self.way.deadline.mul_f32(0.75).as_millis();
        i32::try_from(most).unwrap_or(i32::MAX).max(1)
    }

    pub(super) fn deadline(&self) -> Duration {
        self.way.deadline
    }

    pub(super) fn mechanism(&self) -> Option<&'static str> {
        self.mechanism
    }

    /// The answer to a call does not speak of one that was asked for.
    pub(super) fn left_out(&self, api: &'static str, name: &str) -> Error {
        let said = format!(
            "the answer to `{api}` leaves out `{}`",
            escape_control(name)
        );
        symptom::wrong_reply(self.at(&self.home), api, said)
    }

    fn at<'a>(&'a self, address: &'a Address) -> At<'a> {
        At {
            way: &self.way,
            address,
        }
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
                Some(name) => Err(self.left_out(api, name)),
                None => Ok(()),
            };
        }
        let Some(odd) = answered.iter().find(|name| !is_topic(name)) else {
            return Ok(());
        };
        let shown: String = odd.chars().take(80).collect();
        let said = format!(
            "the answer to `{api}` names a topic `{}`",
            escape_control(&shown)
        );
        Err(symptom::wrong_reply(self.at(&self.home), api, said))
    }

    /// A call that reads, to any broker.
    async fn ask<C: Call>(&mut self, call: &C) -> Result<C::Reply, Error> {
        self.exchange(&To::Any, call, Again::Yes).await
    }

    /// A call to the controller. While it is down, another may be chosen: this is waited for, as
    /// long as nothing was sent.
    pub(super) async fn ask_controller<C: Call>(
        &mut self,
        call: &C,
        again: Again,
    ) -> Result<C::Reply, Error> {
        let mut patience = Patience::new(self.way.deadline);
        loop {
            let to = To::Broker(self.controller().await?);
            match self.exchange(&to, call, again).await {
                Err(error)
                    if matches!(error.stage, Stage::Tcp | Stage::Protocol)
                        && patience.pause().await =>
                {
                    self.refresh().await?;
                }
                result => return result,
            }
        }
    }

    /// One call. A read whose connection is cut goes out once more over a new one; a write never
    /// does, and says that it was sent.
    async fn exchange<C: Call>(
        &mut self,
        to: &To,
        call: &C,
        again: Again,
    ) -> Result<C::Reply, Error> {
        let mut tries = if again == Again::Yes { 2 } else { 1 };
        loop {
            tries -= 1;
            let (address, mut channel) = self.channel(to, again).await?;
            channel.wait(self.way.deadline).await;
            // The channel is ours until it has answered: one that is dropped half-way is closed.
            let result = channel
                .call(call, self.way.deadline, &mut self.counts)
                .await;
            let fault = match result {
                Ok(reply) => {
                    self.channels.insert(address, channel);
                    return Ok(reply);
                }
                Err(fault) => fault,
            };
            if fault.is_cut() && tries > 0 {
                continue;
            }
            let error = symptom::request(self.at(&address), C::NAME, &fault, channel.answered);
            if fault.sent() {
                return Err(error.with_sent(again == Again::No));
            }
            self.channels.insert(address, channel);
            return Err(error);
        }
    }

    /// A connection to the right broker, taken out of the pool, or opened.
    async fn channel(&mut self, to: &To, again: Again) -> Result<(Address, Channel), Error> {
        let address = match to {
            To::Any => &self.home,
            To::Broker(address) => address,
        };
        if let Some((address, mut channel)) = self.channels.remove_entry(address) {
            let dead = channel.is_stale() || (again == Again::No && channel.is_gone().await);
            if !dead {
                return Ok((address, channel));
            }
        }
        match to {
            To::Any => {
                let channel = self.enter().await?;
                Ok((self.home.clone(), channel))
            }
            To::Broker(address) => {
                let channel = open(self.dial, &self.way, address, &mut self.counts).await?;
                Ok((address.clone(), channel))
            }
        }
    }

    /// Opens a connection to the first broker that takes us: the last one, those of the bootstrap
    /// list, those that the cluster has named.
    async fn enter(&mut self) -> Result<Channel, Error> {
        let mut candidates = vec![self.home.clone()];
        let named = self.brokers.values().filter_map(|a| a.as_ref().ok());
        for address in self.way.bootstrap.iter().chain(named) {
            if !candidates.contains(address) {
                candidates.push(address.clone());
            }
        }
        let mut furthest: Option<Error> = None;
        for address in &candidates {
            // It may be connected already, as the controller.
            let opened = match self.channels.remove(address) {
                Some(channel) if !channel.is_stale() => Ok(channel),
                _ => open(self.dial, &self.way, address, &mut self.counts).await,
            };
            match opened {
                Ok(channel) => {
                    self.home = address.clone();
                    self.mechanism = channel.mechanism;
                    return Ok(channel);
                }
                Err(error) => {
                    if furthest.as_ref().is_none_or(|f| error.stage > f.stage) {
                        furthest = Some(error);
                    }
                }
            }
        }
        let error = furthest.expect("at least one broker was tried");
        Err(error.with_tried(candidates.len()))
    }

    /// The controller's address.
    async fn controller(&mut self) -> Result<Address, Error> {
        let mut patience = Patience::new(self.way.deadline);
        let mut unread = self.brokers.is_empty();
        loop {
            let known = self.controller.and_then(|id| self.brokers.get(&id));
            match known {
                Some(Ok(address)) => return Ok(address.clone()),
                Some(Err(wrong)) => {
                    let said = format!(
                        "the cluster's controller is said to be at `{}`",
                        wrong.shown
                    );
                    let api = api::metadata::Metadata::NAME;
                    return Err(symptom::wrong_reply(self.at(&self.home), api, said));
                }
                None => {}
            }
            // The first time nothing was read yet; later an election may be under way.
            if !unread && !patience.pause().await {
                return Err(Error::new(
                    &self.way,
                    &self.home,
                    Stage::Request(api::metadata::Metadata::NAME),
                    "the cluster has no controller".to_owned(),
                    "wait until it has chosen one; more than half of its controllers (or of \
                     ZooKeeper) have to be up"
                        .to_owned(),
                ));
            }
            unread = false;
            self.refresh().await?;
        }
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

/// Whether Kafka takes this as a topic's name.
fn is_topic(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Growing pauses within a deadline.
pub(super) struct Patience {
    until: Instant,
    next: Duration,
}

impl Patience {
    /// From now on, for this long.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            next: Duration::from_millis(100),
        }
    }

    /// Pauses; false when the time is up.
    pub(super) async fn pause(&mut self) -> bool {
        if Instant::now() + self.next > self.until {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(Duration::from_secs(5));
        true
    }
}
