//! Our codec against `kafka-protocol`: the same bytes out, the same values in, in all versions that
//! are spoken. proptest prints input and seed of what fails.

use std::{collections::BTreeMap, time::Duration};

use bytes::{Buf, Bytes};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest,
        DeleteTopicsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest,
        ListPartitionReassignmentsRequest, MetadataRequest, RequestHeader, SaslAuthenticateRequest,
        SaslHandshakeRequest,
        create_partitions_request::CreatePartitionsTopic,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        describe_configs_request::DescribeConfigsResource,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
        list_partition_reassignments_request::ListPartitionReassignmentsTopics,
        metadata_request::MetadataRequestTopic,
    },
    protocol::{Decodable, Encodable, HeaderVersion},
};
use proptest::{collection::vec, option, prelude::*};
use trueup::broker::{
    NewTopic,
    api::{
        self, Call,
        alter_configs::AlterConfigs,
        create_partitions::CreatePartitions,
        create_topics::CreateTopics,
        delete_topics::DeleteTopics,
        describe_configs::DescribeConfigs,
        metadata::Metadata,
        reassignments::Reassignments,
        sasl::{Authenticate, Handshake},
        versions::ApiVersions,
    },
};

use crate::samples::{self, any_text, text, topic};

/// Our request is the oracle's, byte by byte, and the oracle reads it as what was meant.
fn same_request<C, M>(call: &C, meant: &M, version: i16, correlation: i32)
where
    C: Call,
    M: Encodable + Decodable + HeaderVersion + PartialEq + std::fmt::Debug,
{
    let ours = api::request(call, version, correlation).expect("short texts");
    let header = RequestHeader::default()
        .with_request_api_key(C::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(text("trueup")));
    let mut theirs = Vec::new();
    header
        .encode(&mut theirs, M::header_version(version))
        .expect("a header");
    meant.encode(&mut theirs, version).expect("a body");
    let length = i32::try_from(theirs.len()).expect("short");
    assert_eq!(ours[..4], length.to_be_bytes(), "{} {version}", C::NAME);
    assert_eq!(ours[4..], theirs, "{} {version}", C::NAME);

    let mut rest = Bytes::from(ours).slice(4..);
    let read = RequestHeader::decode(&mut rest, M::header_version(version)).expect("a header");
    assert_eq!(read, header);
    assert_eq!(&M::decode(&mut rest, version).expect("a body"), meant);
    assert!(!rest.has_remaining());
}

/// What we read of the oracle's reply.
fn read<C: Call, M: Encodable + HeaderVersion>(theirs: &M, version: i16) -> C::Reply {
    let mut body = samples::body(theirs, version);
    match api::reply::<C>(&body, version) {
        Ok(reply) => {
            // A reply that is longer was written in another version than it is read in.
            body.push(0);
            assert!(
                api::reply::<C>(&body, version).is_err(),
                "{} {version}",
                C::NAME
            );
            reply
        }
        Err(problem) => panic!("{} {version}: {problem}", C::NAME),
    }
}

fn wait(milliseconds: i32) -> Duration {
    Duration::from_millis(milliseconds.max(0).unsigned_abs().into())
}

#[test]
fn keys_and_names_are_kafkas_own() {
    fn same<C: Call>() {
        let api = ApiKey::try_from(C::KEY).expect("a key");
        assert_eq!(format!("{api:?}"), C::NAME);
        for version in C::VERSIONS {
            let flexible = version >= C::FLEXIBLE;
            let header = if flexible { 2 } else { 1 };
            assert_eq!(
                api.request_header_version(version),
                header,
                "{} {version}",
                C::NAME
            );
            let reply = i16::from(flexible && api != ApiKey::ApiVersions);
            assert_eq!(
                api.response_header_version(version),
                reply,
                "{} {version}",
                C::NAME
            );
        }
    }
    same::<ApiVersions>();
    same::<Metadata<'_>>();
    same::<DescribeConfigs<'_>>();
    same::<CreateTopics<'_>>();
    same::<CreatePartitions<'_>>();
    same::<AlterConfigs<'_>>();
    same::<DeleteTopics<'_>>();
    same::<Reassignments<'_>>();
    same::<Handshake<'_>>();
    same::<Authenticate<'_>>();
}

#[test]
fn greetings() {
    for version in ApiVersions::VERSIONS {
        let meant = match version {
            3.. => ApiVersionsRequest::default()
                .with_client_software_name(text("trueup"))
                .with_client_software_version(text(env!("CARGO_PKG_VERSION"))),
            _ => ApiVersionsRequest::default(),
        };
        same_request(&ApiVersions, &meant, version, 7);
    }
}

proptest! {
    #[test]
    fn requests_for_metadata(
        topics in option::of(vec(any_text(), 0..8)),
        correlation: i32,
    ) {
        for version in Metadata::VERSIONS {
            let meant = MetadataRequest::default()
                .with_topics(topics.as_ref().map(|topics| {
                    topics
                        .iter()
                        .map(|t| MetadataRequestTopic::default().with_name(Some(topic(t))))
                        .collect()
                }))
                .with_allow_auto_topic_creation(false);
            let ours = Metadata { topics: topics.as_deref() };
            same_request(&ours, &meant, version, correlation);
        }
    }

    #[test]
    fn requests_for_configs(topics in vec(any_text(), 0..8), correlation: i32) {
        for version in DescribeConfigs::VERSIONS {
            let meant = DescribeConfigsRequest::default().with_resources(
                topics
                    .iter()
                    .map(|t| {
                        DescribeConfigsResource::default()
                            .with_resource_type(2)
                            .with_resource_name(text(t))
                            .with_configuration_keys(None)
                    })
                    .collect(),
            );
            same_request(&DescribeConfigs { topics: &topics }, &meant, version, correlation);
        }
    }

    #[test]
    fn requests_to_create(
        topics in vec((any_text(), option::of(0..i32::MAX), option::of(0..i16::MAX), vec((any_text(), any_text()), 0..4)), 0..5),
        timeout: i32,
        validate_only: bool,
    ) {
        let ours: Vec<NewTopic> = topics
            .iter()
            .map(|(name, partitions, replicas, config)| NewTopic {
                name: name.clone(),
                partitions: *partitions,
                replication_factor: *replicas,
                config: config.clone(),
            })
            .collect();
        let meant = CreateTopicsRequest::default()
            .with_timeout_ms(timeout)
            .with_validate_only(validate_only)
            .with_topics(
                topics
                    .iter()
                    .map(|(name, partitions, replicas, config)| {
                        CreatableTopic::default()
                            .with_name(topic(name))
                            .with_num_partitions(partitions.unwrap_or(-1))
                            .with_replication_factor(replicas.unwrap_or(-1))
                            .with_configs(
                                config
                                    .iter()
                                    .map(|(key, value)| {
                                        CreatableTopicConfig::default()
                                            .with_name(text(key))
                                            .with_value(Some(text(value)))
                                    })
                                    .collect(),
                            )
                    })
                    .collect(),
            );
        for version in CreateTopics::VERSIONS {
            let ours = CreateTopics { topics: ours.iter().collect(), timeout, validate_only };
            same_request(&ours, &meant, version, 1);
        }
    }

    #[test]
    fn requests_for_partitions(
        topics in vec((any_text(), any::<i32>()), 0..5),
        timeout: i32,
        validate_only: bool,
    ) {
        let meant = CreatePartitionsRequest::default()
            .with_timeout_ms(timeout)
            .with_validate_only(validate_only)
            .with_topics(
                topics
                    .iter()
                    .map(|(name, count)| {
                        CreatePartitionsTopic::default()
                            .with_name(topic(name))
                            .with_count(*count)
                            .with_assignments(None)
                    })
                    .collect(),
            );
        for version in CreatePartitions::VERSIONS {
            let ours = CreatePartitions {
                topics: topics.iter().map(|(n, c)| (n.as_str(), *c)).collect(),
                timeout,
                validate_only,
            };
            same_request(&ours, &meant, version, 1);
        }
    }

    #[test]
    fn requests_to_alter(
        topics in vec((any_text(), vec((any_text(), option::of(any_text())), 0..4)), 0..5),
        validate_only: bool,
    ) {
        let meant = IncrementalAlterConfigsRequest::default().with_validate_only(validate_only).with_resources(
            topics
                .iter()
                .map(|(name, keys)| {
                    AlterConfigsResource::default()
                        .with_resource_type(2)
                        .with_resource_name(text(name))
                        .with_configs(
                            keys.iter()
                                .map(|(key, value)| {
                                    AlterableConfig::default()
                                        .with_name(text(key))
                                        .with_config_operation(i8::from(value.is_none()))
                                        .with_value(value.as_deref().map(text))
                                })
                                .collect(),
                        )
                })
                .collect(),
        );
        for version in AlterConfigs::VERSIONS {
            let ours = AlterConfigs {
                topics: topics.iter().map(|(n, k)| (n.as_str(), k)).collect(),
                validate_only,
            };
            same_request(&ours, &meant, version, 1);
        }
    }

    #[test]
    fn requests_to_delete(topics in vec(any_text(), 0..8), timeout: i32) {
        let meant = DeleteTopicsRequest::default()
            .with_timeout_ms(timeout)
            .with_topic_names(topics.iter().map(|t| topic(t)).collect());
        for version in DeleteTopics::VERSIONS {
            let ours = DeleteTopics {
                topics: topics.iter().map(String::as_str).collect(),
                timeout,
            };
            same_request(&ours, &meant, version, 1);
        }
    }

    #[test]
    fn requests_for_reassignments(
        topics in vec((any_text(), vec(any::<i32>(), 0..5)), 0..5),
        timeout: i32,
    ) {
        let meant = ListPartitionReassignmentsRequest::default()
            .with_timeout_ms(timeout)
            .with_topics(Some(
                topics
                    .iter()
                    .map(|(name, partitions)| {
                        ListPartitionReassignmentsTopics::default()
                            .with_name(topic(name))
                            .with_partition_indexes(partitions.clone())
                    })
                    .collect(),
            ));
        same_request(&Reassignments { topics: &topics, timeout }, &meant, 0, 1);
    }

    #[test]
    fn requests_of_conversations(mechanism in any_text(), token: Vec<u8>) {
        let meant = SaslHandshakeRequest::default().with_mechanism(text(&mechanism));
        same_request(&Handshake { mechanism: &mechanism }, &meant, 1, 1);
        let meant = SaslAuthenticateRequest::default().with_auth_bytes(token.clone().into());
        for version in Authenticate::VERSIONS {
            same_request(&Authenticate { token: &token }, &meant, version, 1);
        }
    }

    #[test]
    fn answers_to_greetings(theirs in samples::versions()) {
        for version in ApiVersions::VERSIONS {
            let ours = read::<ApiVersions, _>(&theirs, version);
            prop_assert_eq!(ours.code, theirs.error_code);
            let meant: BTreeMap<i16, (i16, i16)> = theirs
                .api_keys
                .iter()
                .map(|a| (a.api_key, (a.min_version, a.max_version)))
                .collect();
            prop_assert_eq!(ours.versions, meant);
        }
    }

    #[test]
    fn answers_with_metadata(theirs in samples::metadata()) {
        for version in Metadata::VERSIONS {
            let ours = read::<Metadata<'_>, _>(&theirs, version);
            prop_assert_eq!(ours.throttle, wait(theirs.throttle_time_ms));
            prop_assert_eq!(ours.cluster.as_deref(), theirs.cluster_id.as_deref());
            prop_assert_eq!(ours.controller, theirs.controller_id.0);
            prop_assert_eq!(ours.brokers.len(), theirs.brokers.len());
            for (ours, theirs) in ours.brokers.iter().zip(&theirs.brokers) {
                prop_assert_eq!(ours.id, theirs.node_id.0);
                prop_assert_eq!(&ours.host, theirs.host.as_str());
                prop_assert_eq!(ours.port, theirs.port);
            }
            prop_assert_eq!(ours.topics.len(), theirs.topics.len());
            for (ours, theirs) in ours.topics.iter().zip(&theirs.topics) {
                prop_assert_eq!(ours.code, theirs.error_code);
                prop_assert_eq!(Some(ours.name.as_str()), theirs.name.as_ref().map(|n| n.as_str()));
                prop_assert_eq!(ours.internal, theirs.is_internal);
                prop_assert_eq!(ours.partitions.len(), theirs.partitions.len());
                for (ours, theirs) in ours.partitions.iter().zip(&theirs.partitions) {
                    prop_assert_eq!(ours.code, theirs.error_code);
                    prop_assert_eq!(ours.id, theirs.partition_index);
                    prop_assert_eq!(ours.leader, theirs.leader_id.0);
                    prop_assert_eq!(samples::ids(&ours.replicas), theirs.replica_nodes.clone());
                    prop_assert_eq!(samples::ids(&ours.isr), theirs.isr_nodes.clone());
                }
            }
        }
    }

    #[test]
    fn answers_with_configs(theirs in samples::configs()) {
        for version in DescribeConfigs::VERSIONS {
            let ours = read::<DescribeConfigs<'_>, _>(&theirs, version);
            prop_assert_eq!(ours.throttle, wait(theirs.throttle_time_ms));
            prop_assert_eq!(ours.results.len(), theirs.results.len());
            for (ours, theirs) in ours.results.iter().zip(&theirs.results) {
                prop_assert_eq!(ours.code, theirs.error_code);
                prop_assert_eq!(ours.message.as_deref(), theirs.error_message.as_deref());
                prop_assert_eq!(&ours.name, theirs.resource_name.as_str());
                prop_assert_eq!(ours.entries.len(), theirs.configs.len());
                for (ours, theirs) in ours.entries.iter().zip(&theirs.configs) {
                    prop_assert_eq!(&ours.key, theirs.name.as_str());
                    prop_assert_eq!(ours.value.as_deref(), theirs.value.as_deref());
                    prop_assert_eq!(ours.read_only, theirs.read_only);
                    prop_assert_eq!(ours.sensitive, theirs.is_sensitive);
                    prop_assert_eq!(ours.source, theirs.config_source);
                }
            }
        }
    }

    #[test]
    fn answers_to_writes(rows in samples::rows(), throttle: i32) {
        let meant: Vec<_> = rows
            .iter()
            .map(|(name, code, message)| api::Row {
                name: name.clone(),
                code: *code,
                message: message.clone(),
                created: None,
            })
            .collect();
        for version in CreateTopics::VERSIONS {
            let theirs = samples::created(throttle, &rows);
            let mut ours = read::<CreateTopics<'_>, _>(&theirs, version);
            for (ours, theirs) in ours.rows.iter_mut().zip(&theirs.topics) {
                let made = ours.created.take();
                prop_assert_eq!(made.is_some(), version >= 5);
                let Some(made) = made else { continue };
                prop_assert_eq!(made.partitions, theirs.num_partitions);
                prop_assert_eq!(made.replication_factor, theirs.replication_factor);
                let meant: Vec<_> = theirs
                    .configs
                    .iter()
                    .flatten()
                    .map(|c| (c.name.to_string(), c.value.as_ref().map(ToString::to_string)))
                    .collect();
                prop_assert_eq!(made.config, meant);
            }
            prop_assert_eq!(&ours.rows, &meant);
            prop_assert_eq!(ours.throttle, wait(throttle));
        }
        for version in CreatePartitions::VERSIONS {
            let theirs = samples::grown(throttle, &rows);
            let ours = read::<CreatePartitions<'_>, _>(&theirs, version);
            prop_assert_eq!(&ours.rows, &meant);
            prop_assert_eq!(ours.throttle, wait(throttle));
        }
        for version in AlterConfigs::VERSIONS {
            let theirs = samples::altered(throttle, &rows);
            let ours = read::<AlterConfigs<'_>, _>(&theirs, version);
            prop_assert_eq!(&ours.rows, &meant);
            prop_assert_eq!(ours.throttle, wait(throttle));
        }
        for version in DeleteTopics::VERSIONS {
            let theirs = samples::deleted(throttle, &rows, version);
            let ours = read::<DeleteTopics<'_>, _>(&theirs, version);
            prop_assert_eq!(ours.throttle, wait(throttle));
            for (ours, meant) in ours.rows.iter().zip(&meant) {
                prop_assert_eq!(&ours.name, &meant.name);
                prop_assert_eq!(ours.code, meant.code);
                prop_assert_eq!(&ours.message, if version >= 5 { &meant.message } else { &None });
            }
            prop_assert_eq!(ours.rows.len(), meant.len());
        }
    }

    #[test]
    fn answers_with_reassignments(theirs in samples::moving()) {
        let ours = read::<Reassignments<'_>, _>(&theirs, 0);
        prop_assert_eq!(ours.throttle, wait(theirs.throttle_time_ms));
        prop_assert_eq!(ours.code, theirs.error_code);
        prop_assert_eq!(ours.message.as_deref(), theirs.error_message.as_deref());
        prop_assert_eq!(ours.topics.len(), theirs.topics.len());
        for ((name, ours), theirs) in ours.topics.iter().zip(&theirs.topics) {
            prop_assert_eq!(name, theirs.name.as_str());
            prop_assert_eq!(ours.len(), theirs.partitions.len());
            for (ours, theirs) in ours.iter().zip(&theirs.partitions) {
                prop_assert_eq!(ours.partition, theirs.partition_index);
                prop_assert_eq!(samples::ids(&ours.replicas), theirs.replicas.clone());
                prop_assert_eq!(samples::ids(&ours.adding), theirs.adding_replicas.clone());
                prop_assert_eq!(samples::ids(&ours.removing), theirs.removing_replicas.clone());
            }
        }
    }

    #[test]
    fn answers_of_conversations(
        offered in samples::offered(),
        zero in samples::answers(0),
        newer in samples::answers(1),
    ) {
        let ours = read::<Handshake<'_>, _>(&offered, 1);
        prop_assert_eq!(ours.code, offered.error_code);
        let names: Vec<&str> = offered.mechanisms.iter().map(|m| m.as_str()).collect();
        prop_assert_eq!(ours.mechanisms, names);
        for (version, theirs) in [(0, &zero), (1, &newer), (2, &newer)] {
            let ours = read::<Authenticate<'_>, _>(theirs, version);
            prop_assert_eq!(ours.code, theirs.error_code);
            prop_assert_eq!(ours.message.as_deref(), theirs.error_message.as_deref());
            prop_assert_eq!(ours.token, theirs.auth_bytes.to_vec());
            let lifetime = u64::try_from(theirs.session_lifetime_ms).unwrap_or(0);
            prop_assert_eq!(ours.lifetime, Duration::from_millis(lifetime));
        }
    }
}
