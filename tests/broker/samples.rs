//! Random replies, made by the crate `kafka-protocol`, which is written from Kafka's own message
//! definitions by a program.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiVersionsResponse, BrokerId, CreatePartitionsResponse, CreateTopicsResponse,
        DeleteTopicsResponse, DescribeConfigsResponse, IncrementalAlterConfigsResponse,
        ListPartitionReassignmentsResponse, MetadataResponse, SaslAuthenticateResponse,
        SaslHandshakeResponse, TopicName,
        api_versions_response::ApiVersion,
        create_partitions_response::CreatePartitionsTopicResult,
        create_topics_response::{CreatableTopicConfigs, CreatableTopicResult},
        delete_topics_response::DeletableTopicResult,
        describe_configs_response::{
            DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
        },
        incremental_alter_configs_response::AlterConfigsResourceResponse,
        list_partition_reassignments_response::{
            OngoingPartitionReassignment, OngoingTopicReassignment,
        },
        metadata_response::{
            MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
    },
    protocol::{Encodable, HeaderVersion, StrBytes},
};
use proptest::{collection::vec, option, prelude::*};

/// Text for the oracle.
pub fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

/// A topic's name for the oracle.
pub fn topic(value: &str) -> TopicName {
    TopicName(text(value))
}

/// Broker ids for the oracle.
pub fn ids(values: &[i32]) -> Vec<BrokerId> {
    values.iter().copied().map(BrokerId).collect()
}

/// A reply's body behind the correlation id: rest of the header, and message.
pub fn body<M: Encodable + HeaderVersion>(message: &M, version: i16) -> Vec<u8> {
    let mut out = BytesMut::new();
    if M::header_version(version) == 1 {
        out.put_u8(0);
    }
    message.encode(&mut out, version).expect("encodes");
    out.to_vec()
}

/// Any text of some length.
pub fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9._-]{1,30}", "\\PC{0,20}"]
}

fn codes() -> impl Strategy<Value = i16> {
    prop_oneof![Just(0i16), -1i16..120]
}

fn brokers() -> impl Strategy<Value = Vec<i32>> {
    vec(any::<i32>(), 0..5)
}

/// Replies to ApiVersions.
pub fn versions() -> impl Strategy<Value = ApiVersionsResponse> {
    // Error 35 has a form of its own; a test of its own looks at it.
    (
        codes().prop_filter("35", |c| *c != 35),
        vec(any::<(i16, i16, i16)>(), 0..60),
        any::<i32>(),
    )
        .prop_map(|(code, apis, throttle)| {
            ApiVersionsResponse::default()
                .with_error_code(code)
                .with_throttle_time_ms(throttle)
                .with_api_keys(
                    apis.into_iter()
                        .map(|(key, min, max)| {
                            ApiVersion::default()
                                .with_api_key(key)
                                .with_min_version(min)
                                .with_max_version(max)
                        })
                        .collect(),
                )
        })
}

/// Replies to Metadata.
pub fn metadata() -> impl Strategy<Value = MetadataResponse> {
    let broker = (
        any::<i32>(),
        any_text(),
        any::<i32>(),
        option::of(any_text()),
    )
        .prop_map(|(id, host, port, rack)| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(id))
                .with_host(text(&host))
                .with_port(port)
                .with_rack(rack.as_deref().map(text))
        });
    let partition = (
        codes(),
        any::<i32>(),
        any::<i32>(),
        brokers(),
        brokers(),
        brokers(),
    )
        .prop_map(|(code, id, leader, replicas, isr, _)| {
            MetadataResponsePartition::default()
                .with_error_code(code)
                .with_partition_index(id)
                .with_leader_id(BrokerId(leader))
                .with_replica_nodes(ids(&replicas))
                .with_isr_nodes(ids(&isr))
        });
    let topics = (codes(), any_text(), any::<bool>(), vec(partition, 0..5)).prop_map(
        |(code, name, internal, partitions)| {
            MetadataResponseTopic::default()
                .with_error_code(code)
                .with_name(Some(topic(&name)))
                .with_is_internal(internal)
                .with_partitions(partitions)
        },
    );
    (
        any::<i32>(),
        vec(broker, 0..4),
        option::of(any_text()),
        any::<i32>(),
        vec(topics, 0..6),
    )
        .prop_map(|(throttle, brokers, cluster, controller, topics)| {
            MetadataResponse::default()
                .with_throttle_time_ms(throttle)
                .with_brokers(brokers)
                .with_cluster_id(cluster.as_deref().map(text))
                .with_controller_id(BrokerId(controller))
                .with_topics(topics)
        })
}

/// Replies to DescribeConfigs.
pub fn configs() -> impl Strategy<Value = DescribeConfigsResponse> {
    let synonym = (any_text(), option::of(any_text()), any::<i8>()).prop_map(|(n, v, s)| {
        DescribeConfigsSynonym::default()
            .with_name(text(&n))
            .with_value(v.as_deref().map(text))
            .with_source(s)
    });
    let entry = (
        any_text(),
        option::of(any_text()),
        any::<(bool, bool, i8)>(),
        vec(synonym, 0..3),
    )
        .prop_map(|(key, value, (read_only, sensitive, source), synonyms)| {
            DescribeConfigsResourceResult::default()
                .with_name(text(&key))
                .with_value(value.as_deref().map(text))
                .with_read_only(read_only)
                .with_is_sensitive(sensitive)
                .with_config_source(source)
                .with_synonyms(synonyms)
        });
    let result = (
        codes(),
        option::of(any_text()),
        any_text(),
        vec(entry, 0..8),
    )
        .prop_map(|(code, message, name, entries)| {
            DescribeConfigsResult::default()
                .with_error_code(code)
                .with_error_message(message.as_deref().map(text))
                .with_resource_type(2)
                .with_resource_name(text(&name))
                .with_configs(entries)
        });
    (any::<i32>(), vec(result, 0..5)).prop_map(|(throttle, results)| {
        DescribeConfigsResponse::default()
            .with_throttle_time_ms(throttle)
            .with_results(results)
    })
}

/// Rows of replies to calls that write: name, code, message.
pub fn rows() -> impl Strategy<Value = Vec<(String, i16, Option<String>)>> {
    vec((any_text(), codes(), option::of(any_text())), 0..6)
}

/// A reply to CreateTopics.
pub fn created(throttle: i32, rows: &[(String, i16, Option<String>)]) -> CreateTopicsResponse {
    let rows = rows.iter().enumerate().map(|(at, (name, code, message))| {
        let config = CreatableTopicConfigs::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("1")));
        CreatableTopicResult::default()
            .with_name(topic(name))
            .with_error_code(*code)
            .with_error_message(message.as_deref().map(text))
            .with_num_partitions(3)
            // Both forms of the settings, and the tagged field beside them.
            .with_configs((at % 2 == 0).then(|| vec![config]))
            .with_topic_config_error_code(if at % 3 == 0 { 29 } else { 0 })
    });
    CreateTopicsResponse::default()
        .with_throttle_time_ms(throttle)
        .with_topics(rows.collect())
}

/// A reply to CreatePartitions.
pub fn grown(throttle: i32, rows: &[(String, i16, Option<String>)]) -> CreatePartitionsResponse {
    let rows = rows.iter().map(|(name, code, message)| {
        CreatePartitionsTopicResult::default()
            .with_name(topic(name))
            .with_error_code(*code)
            .with_error_message(message.as_deref().map(text))
    });
    CreatePartitionsResponse::default()
        .with_throttle_time_ms(throttle)
        .with_results(rows.collect())
}

/// A reply to IncrementalAlterConfigs.
pub fn altered(
    throttle: i32,
    rows: &[(String, i16, Option<String>)],
) -> IncrementalAlterConfigsResponse {
    let rows = rows.iter().map(|(name, code, message)| {
        AlterConfigsResourceResponse::default()
            .with_resource_type(2)
            .with_resource_name(text(name))
            .with_error_code(*code)
            .with_error_message(message.as_deref().map(text))
    });
    IncrementalAlterConfigsResponse::default()
        .with_throttle_time_ms(throttle)
        .with_responses(rows.collect())
}

/// A reply to DeleteTopics.
pub fn deleted(
    throttle: i32,
    rows: &[(String, i16, Option<String>)],
    version: i16,
) -> DeleteTopicsResponse {
    let rows = rows.iter().map(|(name, code, message)| {
        let row = DeletableTopicResult::default()
            .with_name(Some(topic(name)))
            .with_error_code(*code);
        match version {
            5.. => row.with_error_message(message.as_deref().map(text)),
            _ => row,
        }
    });
    DeleteTopicsResponse::default()
        .with_throttle_time_ms(throttle)
        .with_responses(rows.collect())
}

/// Replies to ListPartitionReassignments.
pub fn moving() -> impl Strategy<Value = ListPartitionReassignmentsResponse> {
    let partition = (any::<i32>(), brokers(), brokers(), brokers()).prop_map(|(id, r, a, d)| {
        OngoingPartitionReassignment::default()
            .with_partition_index(id)
            .with_replicas(ids(&r))
            .with_adding_replicas(ids(&a))
            .with_removing_replicas(ids(&d))
    });
    let topics = (any_text(), vec(partition, 0..4)).prop_map(|(name, partitions)| {
        OngoingTopicReassignment::default()
            .with_name(topic(&name))
            .with_partitions(partitions)
    });
    (
        any::<i32>(),
        codes(),
        option::of(any_text()),
        vec(topics, 0..4),
    )
        .prop_map(|(throttle, code, message, topics)| {
            ListPartitionReassignmentsResponse::default()
                .with_throttle_time_ms(throttle)
                .with_error_code(code)
                .with_error_message(message.as_deref().map(text))
                .with_topics(topics)
        })
}

/// Replies to SaslHandshake.
pub fn offered() -> impl Strategy<Value = SaslHandshakeResponse> {
    (codes(), vec(any_text(), 0..5)).prop_map(|(code, names)| {
        SaslHandshakeResponse::default()
            .with_error_code(code)
            .with_mechanisms(names.iter().map(|n| text(n)).collect())
    })
}

/// Replies to SaslAuthenticate. Version 0 has no lifetime.
pub fn answers(version: i16) -> impl Strategy<Value = SaslAuthenticateResponse> {
    (
        codes(),
        option::of(any_text()),
        any::<Vec<u8>>(),
        any::<i64>(),
    )
        .prop_map(move |(code, message, token, lifetime)| {
            let answer = SaslAuthenticateResponse::default()
                .with_error_code(code)
                .with_error_message(message.as_deref().map(text))
                .with_auth_bytes(Bytes::from(token));
            if version >= 1 {
                answer.with_session_lifetime_ms(lifetime)
            } else {
                answer
            }
        })
}
