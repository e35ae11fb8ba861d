//! A scripted cluster in memory: brokers behind names, which answer as Kafka does, or as a test's
//! script wants. It reads requests and writes replies with `kafka-protocol`, not with our codec.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, BrokerId, CreatePartitionsRequest, CreateTopicsRequest,
        DeleteTopicsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest,
        ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, MetadataRequest,
        RequestHeader, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
        SaslHandshakeResponse,
        api_versions_response::ApiVersion,
        describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult},
        list_partition_reassignments_response::{
            OngoingPartitionReassignment, OngoingTopicReassignment,
        },
        metadata_response::{
            MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
    },
    messages::{DescribeConfigsResponse, MetadataResponse},
    protocol::Decodable,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use trueup::{
    broker::{
        BrokerAddress, DIRECT, Route, Security,
        sasl::{Authenticator, Conversation, SaslError},
    },
    transport::dial::{Dial, DialError, DialStage, Stream},
};

use crate::samples::{self, ids, text, topic};

/// A request that a broker has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The broker's name.
    pub broker: String,
    /// Which call.
    pub api: ApiKey,
    /// In which version.
    pub version: i16,
    /// How many were read before it, by all brokers.
    pub nth: usize,
    /// How many topics it names.
    pub topics: usize,
}

/// What a broker does with a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// What Kafka does.
    Serve,
    /// Closes the connection and does nothing else.
    Cut,
    /// Does what was asked, and closes the connection instead of saying so.
    CutAfter,
    /// What Kafka does, and closes the connection when it is done.
    Last,
    /// Sends these bytes and closes the connection.
    Raw(Vec<u8>),
    /// Says nothing, for ever.
    Silence,
    /// Refuses, every topic with this code; nothing is done.
    Code(i16),
    /// Refuses all topics but the first so many.
    CodeAfter(i16, usize),
    /// Does what was asked, and asks to be left alone for so many milliseconds.
    Throttle(i32),
    /// Tells the settings that the topics had before any was set.
    Before,
    /// Leaves the last topic out of the answer.
    LeaveOut,
    /// Answers with another request's number.
    Astray,
}

/// A topic of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub partitions: i32,
    pub config: BTreeMap<String, String>,
}

type Script = Box<dyn FnMut(&Seen) -> Act + Send>;

/// What all brokers share.
pub struct State {
    /// Names and ports that were dialled, in order.
    pub dials: Vec<String>,
    /// Requests that were read, in order.
    pub seen: Vec<Seen>,
    /// When they were read, in the runtime's (paused) time.
    pub times: Vec<tokio::time::Instant>,
    /// What becomes of each.
    pub script: Script,
    /// Ids, names and ports, as Metadata tells them.
    pub brokers: Vec<(i32, String, i32)>,
    /// The controller's id; brokers that are not it refuse what only it does.
    pub controller: i32,
    /// What Metadata says of it, where it is out of date.
    pub believed: Option<i32>,
    /// The topics.
    pub topics: BTreeMap<String, Known>,
    /// Settings of the cluster, shown with every topic.
    pub defaults: Vec<(String, String, i8)>,
    /// Versions that are not what a current broker speaks.
    pub speaks: BTreeMap<i16, (i16, i16)>,
    /// Whether ApiVersions 3 is answered as by a broker that does not know it.
    pub old: bool,
    /// Names that cannot be dialled.
    pub down: BTreeMap<String, DialError>,
    /// The mechanism of the listener.
    pub sasl: Option<&'static str>,
    /// How long SASL sessions last, in milliseconds.
    pub lifetime: i64,
    /// TLS of the listener.
    pub tls: Option<TlsAcceptor>,
    /// Partitions that are moving.
    pub moving: Vec<(String, i32)>,
    /// How often a topic was created.
    pub created: BTreeMap<String, usize>,
}

/// The cluster; clones are the same one.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<State>>);

impl Fake {
    /// Three brokers, the second of which is the controller.
    pub fn new() -> Self {
        let brokers = (1..=3).map(|id| (id, format!("b-{id}"), 9092)).collect();
        Self(Arc::new(Mutex::new(State {
            dials: Vec::new(),
            seen: Vec::new(),
            times: Vec::new(),
            script: Box::new(|_| Act::Serve),
            brokers,
            controller: 2,
            believed: None,
            topics: BTreeMap::new(),
            defaults: vec![
                ("min.insync.replicas".to_owned(), "1".to_owned(), 3),
                ("retention.ms".to_owned(), "604800000".to_owned(), 5),
            ],
            speaks: BTreeMap::new(),
            old: false,
            down: BTreeMap::new(),
            sasl: None,
            lifetime: 0,
            tls: None,
            moving: Vec::new(),
            created: BTreeMap::new(),
        })))
    }

    /// With what becomes of each request.
    pub fn script(&self, script: impl FnMut(&Seen) -> Act + Send + 'static) {
        self.state().script = Box::new(script);
    }

    /// The n-th request of this call (from zero) meets this; the others are served.
    pub fn on(&self, api: ApiKey, nth: usize, act: Act) {
        let mut count = 0;
        self.script(move |seen| {
            if seen.api != api {
                return Act::Serve;
            }
            count += 1;
            if count == nth + 1 {
                act.clone()
            } else {
                Act::Serve
            }
        });
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panicked in here")
    }

    /// Adds a topic.
    pub fn has(&self, name: &str, partitions: i32) {
        let known = Known {
            partitions,
            ..Known::default()
        };
        self.state().topics.insert(name.to_owned(), known);
    }

    /// The requests of one call.
    pub fn asked(&self, api: ApiKey) -> Vec<Seen> {
        let seen = &self.state().seen;
        seen.iter().filter(|s| s.api == api).cloned().collect()
    }

    /// Names that were dialled, without ports.
    pub fn dialled(&self) -> Vec<String> {
        self.state().dials.clone()
    }
}

/// A way to the cluster's first broker.
pub fn way(security: Security) -> Route {
    Route {
        bootstrap: vec![address("b-1"), address("b-2"), address("b-3")],
        security,
        deadline: Duration::from_secs(30),
        via: DIRECT.to_owned(),
    }
}

pub fn address(host: &str) -> BrokerAddress {
    BrokerAddress::new(host, 9092).expect("a name")
}

/// A mechanism of one or two tokens.
pub struct Test {
    pub mechanism: &'static str,
    pub token: &'static str,
}

impl Authenticator for Test {
    fn begin(&self, broker: &str) -> Box<dyn Conversation> {
        assert!(
            broker.starts_with("b-") || broker == "localhost",
            "{broker}"
        );
        Box::new(Talk {
            mechanism: self.mechanism,
            token: self.token,
            asked: 0,
        })
    }

    fn caller(&self) -> String {
        "somebody".to_owned()
    }
}

struct Talk {
    mechanism: &'static str,
    token: &'static str,
    asked: usize,
}

impl Conversation for Talk {
    fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        if self.token.is_empty() {
            return Err(SaslError {
                message: "no credentials are found".to_owned(),
                help: "bring some".to_owned(),
            });
        }
        Ok(self.token.as_bytes().to_vec())
    }

    fn next(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        self.asked += 1;
        Ok((answer == b"more").then(|| format!("{} {}", self.token, self.asked).into_bytes()))
    }
}

#[async_trait]
impl Dial for Fake {
    async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialError> {
        let (tls, down) = {
            let mut state = self.state();
            state.dials.push(host.to_owned());
            (state.tls.clone(), state.down.get(host).cloned())
        };
        assert_eq!(port, 9092);
        if let Some(error) = down {
            return Err(error);
        }
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (cluster, name) = (self.clone(), host.to_owned());
        tokio::spawn(async move {
            match tls {
                None => cluster.serve(name, Box::new(theirs)).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(theirs).await {
                        cluster.serve(name, Box::new(stream)).await;
                    }
                }
            }
        });
        Ok(Box::new(ours))
    }
}

/// A dial that nobody takes.
pub fn refused(stage: DialStage, message: &str) -> DialError {
    DialError {
        stage,
        message: message.to_owned(),
        help: None,
    }
}

impl Fake {
    async fn serve(&self, broker: String, mut stream: Stream) {
        let mut authenticated = false;
        loop {
            let mut prefix = [0; 4];
            if stream.read_exact(&mut prefix).await.is_err() {
                return;
            }
            // As Kafka, which takes no more than 100 MB: a ClientHello is 369 MB.
            let length = u32::from_be_bytes(prefix);
            if length > 100_000_000 {
                return;
            }
            let mut frame = vec![0; usize::try_from(length).expect("small")];
            if stream.read_exact(&mut frame).await.is_err() {
                return;
            }
            let act = self.note(&broker, &frame);
            let plain = self.state().sasl.is_none();
            let api = i16::from_be_bytes([frame[0], frame[1]]);
            // A listener with SASL greets everybody, and hangs up on other calls.
            if !plain && !authenticated && ![17, 18, 36].contains(&api) {
                return;
            }
            let last = matches!(act, Act::Last);
            let reply = match act {
                Act::Cut => return,
                Act::Silence => {
                    std::future::pending::<()>().await;
                    return;
                }
                Act::Raw(bytes) => {
                    let _ = stream.write_all(&bytes).await;
                    return;
                }
                Act::CutAfter => {
                    self.answer(&broker, &frame, &Act::Serve, &mut authenticated);
                    return;
                }
                act => self.answer(&broker, &frame, &act, &mut authenticated),
            };
            let length = u32::try_from(reply.len()).expect("small");
            let mut framed = length.to_be_bytes().to_vec();
            framed.extend(reply);
            if stream.write_all(&framed).await.is_err() {
                return;
            }
            let _ = stream.flush().await;
            if last {
                return;
            }
        }
    }

    fn note(&self, broker: &str, frame: &[u8]) -> Act {
        let (api, version, _, mut rest) = header(frame);
        let topics = match api {
            ApiKey::Metadata => {
                MetadataRequest::decode(&mut rest, version).map(|r| r.topics.map_or(0, |t| t.len()))
            }
            ApiKey::DescribeConfigs => {
                DescribeConfigsRequest::decode(&mut rest, version).map(|r| r.resources.len())
            }
            ApiKey::CreateTopics => {
                CreateTopicsRequest::decode(&mut rest, version).map(|r| r.topics.len())
            }
            ApiKey::CreatePartitions => {
                CreatePartitionsRequest::decode(&mut rest, version).map(|r| r.topics.len())
            }
            ApiKey::IncrementalAlterConfigs => {
                IncrementalAlterConfigsRequest::decode(&mut rest, version)
                    .map(|r| r.resources.len())
            }
            ApiKey::DeleteTopics => {
                DeleteTopicsRequest::decode(&mut rest, version).map(|r| r.topic_names.len())
            }
            _ => Ok(0),
        }
        .expect("a request");
        let mut state = self.state();
        let seen = Seen {
            broker: broker.to_owned(),
            api,
            version,
            nth: state.seen.len(),
            topics,
        };
        state.seen.push(seen.clone());
        state.times.push(tokio::time::Instant::now());
        (state.script)(&seen)
    }

    /// A frame without its length.
    fn answer(&self, broker: &str, frame: &[u8], act: &Act, authenticated: &mut bool) -> Vec<u8> {
        let (api, version, correlation, rest) = header(frame);
        let mut state = self.state();
        let me = state.brokers.iter().find(|b| b.1 == broker).map(|b| b.0);
        let controls = me == Some(state.controller);
        let body = match api {
            ApiKey::ApiVersions => greeting(&state, act, version),
            ApiKey::SaslHandshake => handshake(&state, rest, version),
            ApiKey::SaslAuthenticate => {
                let (body, let_in) = authenticate(&state, act, rest, version);
                *authenticated |= let_in;
                body
            }
            ApiKey::Metadata => metadata(&state, act, rest, version),
            ApiKey::DescribeConfigs => configs(&state, act, rest, version),
            ApiKey::ListPartitionReassignments => moving(&state, act, controls, rest, version),
            _ => state.write(api, act, controls, rest, version),
        };
        let number = if matches!(act, Act::Astray) {
            correlation.wrapping_add(1)
        } else {
            correlation
        };
        let mut reply = number.to_be_bytes().to_vec();
        reply.extend(body);
        reply
    }
}

fn header(frame: &[u8]) -> (ApiKey, i16, i32, Bytes) {
    let key = i16::from_be_bytes([frame[0], frame[1]]);
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let api = ApiKey::try_from(key).expect("a known call");
    let mut rest = Bytes::copy_from_slice(frame);
    let header = RequestHeader::decode(&mut rest, api.request_header_version(version));
    let header = header.expect("a header");
    (api, version, header.correlation_id, rest)
}

fn throttle(act: &Act) -> i32 {
    match act {
        Act::Throttle(milliseconds) => *milliseconds,
        _ => 0,
    }
}

fn greeting(state: &State, act: &Act, version: i16) -> Vec<u8> {
    let spoken = [
        (3, (0, 13)),
        (17, (0, 1)),
        (18, (0, 4)),
        (19, (2, 7)),
        (20, (1, 6)),
        (32, (1, 4)),
        (36, (0, 2)),
        (37, (0, 3)),
        (44, (0, 1)),
        (46, (0, 0)),
    ];
    let keys = |r: ApiVersionsResponse| {
        r.with_api_keys(
            spoken
                .iter()
                .map(|(key, range)| (*key, state.speaks.get(key).unwrap_or(range)))
                // Nothing from one to nought: a call that it does not know.
                .filter(|(_, (min, max))| min <= max)
                .map(|(key, (min, max))| {
                    ApiVersion::default()
                        .with_api_key(key)
                        .with_min_version(*min)
                        .with_max_version(*max)
                })
                .collect(),
        )
    };
    let reply = ApiVersionsResponse::default();
    if state.old && version > 0 {
        return samples::body(&reply.with_error_code(35), 0);
    }
    match act {
        Act::Code(code) => samples::body(&reply.with_error_code(*code), version),
        _ => samples::body(&keys(reply), version),
    }
}

fn handshake(state: &State, mut rest: Bytes, version: i16) -> Vec<u8> {
    let wanted = SaslHandshakeRequest::decode(&mut rest, version).expect("a request");
    let reply = match state.sasl {
        None => SaslHandshakeResponse::default().with_error_code(34),
        Some(mechanism) => SaslHandshakeResponse::default()
            .with_error_code(if wanted.mechanism.as_str() == mechanism {
                0
            } else {
                33
            })
            .with_mechanisms(vec![text(mechanism), text("EXTERNAL")]),
    };
    samples::body(&reply, version)
}

fn authenticate(state: &State, act: &Act, mut rest: Bytes, version: i16) -> (Vec<u8>, bool) {
    let asked = SaslAuthenticateRequest::decode(&mut rest, version).expect("a request");
    let reply = SaslAuthenticateResponse::default();
    let (reply, let_in) = match (&asked.auth_bytes[..], act) {
        (_, Act::Code(code)) => (
            reply
                .with_error_code(*code)
                .with_error_message(Some(text("Access\ndenied"))),
            false,
        ),
        (b"open" | b"twice 1", _) => (reply.with_auth_bytes("welcome".into()), true),
        (b"twice", _) => (reply.with_auth_bytes("more".into()), false),
        (b"endless", _) => (reply.with_auth_bytes("more".into()), false),
        (token, _) if token.starts_with(b"endless") => {
            (reply.with_auth_bytes("more".into()), false)
        }
        _ => (reply.with_error_code(58).with_error_message(None), false),
    };
    let reply = if version >= 1 {
        reply.with_session_lifetime_ms(state.lifetime)
    } else {
        reply
    };
    (samples::body(&reply, version), let_in)
}

fn metadata(state: &State, act: &Act, mut rest: Bytes, version: i16) -> Vec<u8> {
    let asked = MetadataRequest::decode(&mut rest, version).expect("a request");
    assert!(!asked.allow_auto_topic_creation, "it would create topics");
    let names: Vec<String> = match &asked.topics {
        None => state.topics.keys().cloned().collect(),
        Some(topics) => topics
            .iter()
            .map(|t| t.name.as_ref().expect("a name").to_string())
            .collect(),
    };
    let mut topics: Vec<_> = names
        .iter()
        .map(|name| {
            let found = MetadataResponseTopic::default()
                .with_name(Some(topic(name)))
                .with_is_internal(name.starts_with("__"));
            match (state.topics.get(name), act) {
                (_, Act::Code(code)) => found.with_error_code(*code),
                (None, _) => found.with_error_code(3),
                (Some(known), _) => found.with_partitions(
                    // Brokers list them in no order.
                    (0..known.partitions)
                        .rev()
                        .map(|id| {
                            MetadataResponsePartition::default()
                                .with_partition_index(id)
                                .with_leader_id(BrokerId(if id == 2 { -1 } else { 1 }))
                                .with_error_code(if id == 2 { 5 } else { 0 })
                                .with_replica_nodes(ids(&[1, 2]))
                                .with_isr_nodes(ids(&[1]))
                        })
                        .collect(),
                ),
            }
        })
        .collect();
    if matches!(act, Act::LeaveOut) {
        topics.pop();
    }
    let brokers = state.brokers.iter().map(|(id, host, port)| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(*id))
            .with_host(text(host))
            .with_port(*port)
    });
    let reply = MetadataResponse::default()
        .with_throttle_time_ms(throttle(act))
        .with_cluster_id(Some(text("cluster")))
        .with_controller_id(BrokerId(state.believed.unwrap_or(state.controller)))
        .with_brokers(brokers.collect())
        .with_topics(topics);
    samples::body(&reply, version)
}

fn configs(state: &State, act: &Act, mut rest: Bytes, version: i16) -> Vec<u8> {
    let asked = DescribeConfigsRequest::decode(&mut rest, version).expect("a request");
    let mut results: Vec<_> = asked
        .resources
        .iter()
        .map(|resource| {
            let result = DescribeConfigsResult::default()
                .with_resource_type(2)
                .with_resource_name(resource.resource_name.clone());
            let known = state.topics.get(resource.resource_name.as_str());
            match (known, act) {
                (_, Act::Code(code)) => result
                    .with_error_code(*code)
                    .with_error_message(Some(text("no"))),
                (None, _) => result.with_error_code(3).with_error_message(None),
                (Some(known), _) => {
                    let entry = |key: &str, value: &str, source: i8| {
                        DescribeConfigsResourceResult::default()
                            .with_name(text(key))
                            .with_value(Some(text(value)))
                            .with_config_source(source)
                    };
                    let none = BTreeMap::new();
                    let own = match act {
                        Act::Before => &none,
                        _ => &known.config,
                    };
                    let shown = own;
                    let own = own.iter().map(|(k, v)| entry(k, v, 1));
                    let rest = state
                        .defaults
                        .iter()
                        .filter(|(k, ..)| !shown.contains_key(k))
                        .map(|(k, v, s)| entry(k, v, *s));
                    result.with_configs(own.chain(rest).collect())
                }
            }
        })
        .collect();
    if matches!(act, Act::LeaveOut) {
        results.pop();
    }
    let reply = DescribeConfigsResponse::default()
        .with_throttle_time_ms(throttle(act))
        .with_results(results);
    samples::body(&reply, version)
}

fn moving(state: &State, act: &Act, controls: bool, mut rest: Bytes, version: i16) -> Vec<u8> {
    let asked = ListPartitionReassignmentsRequest::decode(&mut rest, version).expect("a request");
    let reply = ListPartitionReassignmentsResponse::default().with_throttle_time_ms(throttle(act));
    let code = match act {
        Act::Code(code) => *code,
        _ if !controls => 41,
        _ => 0,
    };
    let named: BTreeSet<String> = asked
        .topics
        .iter()
        .flatten()
        .map(|t| t.name.to_string())
        .collect();
    let topics = state.moving.iter().filter(|(name, _)| named.contains(name));
    let topics = topics.map(|(name, partition)| {
        OngoingTopicReassignment::default()
            .with_name(topic(name))
            .with_partitions(vec![
                OngoingPartitionReassignment::default()
                    .with_partition_index(*partition)
                    .with_replicas(ids(&[1, 2, 3]))
                    .with_adding_replicas(ids(&[3]))
                    .with_removing_replicas(ids(&[1])),
            ])
    });
    let reply = if code == 0 {
        reply.with_topics(topics.collect())
    } else {
        reply.with_error_code(code)
    };
    samples::body(&reply, version)
}

impl State {
    /// The calls that write.
    fn write(
        &mut self,
        api: ApiKey,
        act: &Act,
        controls: bool,
        mut rest: Bytes,
        version: i16,
    ) -> Vec<u8> {
        let refusal = |nth: usize| match act {
            Act::Code(code) => Some(*code),
            Act::CodeAfter(code, served) if nth >= *served => Some(*code),
            // Settings can be changed at any broker.
            _ if !controls && api != ApiKey::IncrementalAlterConfigs => Some(41),
            _ => None,
        };
        let mut rows: Vec<(String, i16, Option<String>)> = Vec::new();
        match api {
            ApiKey::CreateTopics => {
                let asked = CreateTopicsRequest::decode(&mut rest, version).expect("a request");
                for (nth, new) in asked.topics.iter().enumerate() {
                    let name = new.name.to_string();
                    let code = match refusal(nth) {
                        Some(code) => code,
                        None if self.topics.contains_key(&name) => 36,
                        None => 0,
                    };
                    if code == 0 && !asked.validate_only {
                        let known = Known {
                            partitions: new.num_partitions.max(1),
                            config: new
                                .configs
                                .iter()
                                .map(|c| (c.name.to_string(), c.value.clone().unwrap().to_string()))
                                .collect(),
                        };
                        *self.created.entry(name.clone()).or_default() += 1;
                        self.topics.insert(name.clone(), known);
                    }
                    rows.push((name, code, Some(String::new())));
                }
            }
            ApiKey::CreatePartitions => {
                let asked = CreatePartitionsRequest::decode(&mut rest, version).expect("a request");
                for (nth, more) in asked.topics.iter().enumerate() {
                    assert!(more.assignments.is_none(), "error 39");
                    let name = more.name.to_string();
                    let code = match (refusal(nth), self.topics.get_mut(&name)) {
                        (Some(code), _) => code,
                        (None, None) => 3,
                        (None, Some(known)) if known.partitions >= more.count => 37,
                        (None, Some(known)) => {
                            if !asked.validate_only {
                                known.partitions = more.count;
                            }
                            0
                        }
                    };
                    rows.push((name, code, None));
                }
            }
            ApiKey::IncrementalAlterConfigs => {
                let asked =
                    IncrementalAlterConfigsRequest::decode(&mut rest, version).expect("a request");
                for (nth, altered) in asked.resources.iter().enumerate() {
                    let name = altered.resource_name.to_string();
                    let code = match (refusal(nth), self.topics.get_mut(&name)) {
                        (Some(code), _) => code,
                        (None, None) => 3,
                        (None, Some(_)) if asked.validate_only => 0,
                        (None, Some(known)) => {
                            for config in &altered.configs {
                                let key = config.name.to_string();
                                match (config.config_operation, &config.value) {
                                    (0, Some(value)) => {
                                        known.config.insert(key, value.to_string());
                                    }
                                    (1, None) => {
                                        known.config.remove(&key);
                                    }
                                    other => panic!("{other:?}"),
                                }
                            }
                            0
                        }
                    };
                    rows.push((name, code, None));
                }
            }
            ApiKey::DeleteTopics => {
                let asked = DeleteTopicsRequest::decode(&mut rest, version).expect("a request");
                for (nth, name) in asked.topic_names.iter().enumerate() {
                    let name = name.to_string();
                    let code = match refusal(nth) {
                        Some(code) => code,
                        None if self.topics.remove(&name).is_some() => 0,
                        None => 3,
                    };
                    rows.push((name, code, None));
                }
            }
            other => panic!("{other:?} is not spoken here"),
        }
        if matches!(act, Act::LeaveOut) {
            rows.pop();
        }
        // Brokers answer in an order of their own.
        rows.reverse();
        let throttle = throttle(act);
        match api {
            ApiKey::CreateTopics => samples::body(&samples::created(throttle, &rows), version),
            ApiKey::CreatePartitions => samples::body(&samples::grown(throttle, &rows), version),
            ApiKey::DeleteTopics => {
                samples::body(&samples::deleted(throttle, &rows, version), version)
            }
            _ => samples::body(&samples::altered(throttle, &rows), version),
        }
    }
}
