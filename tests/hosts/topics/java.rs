//! Our reading of random topics, held against Java's AdminClient.

use std::{collections::BTreeMap, time::Duration};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng},
};
use serde_json::{Value, json};
use trueup::{
    broker::{Cluster as Brokers, DIRECT, Route, Security},
    facts::Observation,
    observe::cluster::{Question, observe},
    spec::{Given, ResolvedTopic, Source, load},
    transport::direct::Direct,
};

use super::cluster::{BOTH, Cluster, own};

/// Keys whose values the brokers show in a form of their own, among others.
const SETTINGS: [(&str, &[&str]); 9] = [
    (
        "retention.ms",
        &["-1", "1", "604800000", "9223372036854775807"],
    ),
    ("retention.bytes", &["-1", "1024"]),
    (
        "cleanup.policy",
        &["delete", "compact", "compact,delete", "delete,compact"],
    ),
    ("compression.type", &["producer", "gzip", "lz4", "zstd"]),
    ("min.cleanable.dirty.ratio", &["0", "0.25", "1.0"]),
    ("preallocate", &["true", "false"]),
    ("segment.bytes", &["1048576", "1073741824"]),
    ("max.message.bytes", &["0", "1048588"]),
    ("message.timestamp.type", &["CreateTime", "LogAppendTime"]),
];

type Made = (u32, u16, BTreeMap<&'static str, &'static str>);

fn topics(most_replicas: u16) -> impl Strategy<Value = Vec<Made>> {
    let setting = (0..SETTINGS.len(), any::<prop::sample::Index>())
        .prop_map(|(at, value)| (SETTINGS[at].0, *value.get(SETTINGS[at].1)));
    let config = prop::collection::vec(setting, 0..5)
        .prop_map(|pairs| pairs.into_iter().collect::<BTreeMap<_, _>>());
    prop::collection::vec((1..8_u32, 1..=most_replicas, config), 30)
}

/// What is asked of topics of these names: their settings are of no matter here.
fn wanted(names: &[String]) -> Vec<ResolvedTopic> {
    let text = format!(
        "version: 1\nhosts: {{ h: {{ local: {{}} }} }}\ntopics: {{ cluster: {{ bootstrap: \"b:1\" }}, tables: [{}] }}\n",
        names.join(", ")
    );
    let source = Source {
        path: "s.yaml".into(),
        text,
    };
    let (spec, problems) = load(&source, &Given::default());
    let mut spec = spec.unwrap_or_else(|| panic!("{problems:?}"));
    spec.clusters.remove(0).topics
}

#[tokio::test]
async fn we_read_what_java_reads() {
    let seed: [u8; 32] = match std::env::var("TRUEUP_SEED") {
        Ok(text) => {
            let mut seed = [0; 32];
            seed[..16].copy_from_slice(&text.parse::<u128>().expect("a number").to_le_bytes());
            seed
        }
        Err(_) => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed[..16]).expect("random bytes");
            seed
        }
    };
    let number = u128::from_le_bytes(seed[..16].try_into().expect("16 bytes"));
    println!("TRUEUP_SEED={number}");
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let mut runner = proptest::test_runner::TestRunner::new_with_rng(
            Config::default(),
            TestRng::from_seed(RngAlgorithm::ChaCha, &seed),
        );
        let most = u16::try_from(cluster.brokers()).expect("few");
        let made = topics(most)
            .new_tree(&mut runner)
            .expect("topics")
            .current();
        let user = own("java");
        let names: Vec<String> = (0..made.len()).map(|n| format!("{user}-{n}")).collect();
        let asked: Vec<Value> = names
            .iter()
            .zip(&made)
            .map(|(name, (partitions, replication, config))| {
                json!({ "name": name, "partitions": partitions, "replication": replication, "config": config })
            })
            .collect();
        cluster.ask(json!({ "create": asked }));
        let shows = |all: &Value| names.iter().all(|name| all[name].is_object());
        let mut java = Value::Null;
        crate::rig::until("Java sees all topics", || {
            java = cluster.ask(json!({ "describe": { "all_keys": true } }));
            shows(&java)
        });

        let way = Route {
            bootstrap: cluster
                .listener("plaintext")
                .split(',')
                .map(|broker| broker.parse().expect("HOST:PORT"))
                .collect(),
            security: Security::Plaintext,
            deadline: Duration::from_secs(30),
            via: DIRECT.to_owned(),
        };
        let wanted = wanted(&names);
        let question = Question {
            wanted: wanted.iter().collect(),
            ..Question::default()
        };
        let mut brokers = Brokers::connect(&Direct, way).await.expect("a cluster");
        // Of three brokers one may hear of a new topic after the one that Java asked.
        let seen = async {
            loop {
                let facts = observe(&mut brokers, &question).await.expect("facts");
                let is_seen =
                    |name| matches!(facts.topics.get(name), Some(Observation::Present(_)));
                if names.iter().all(is_seen) {
                    return facts;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let facts = tokio::time::timeout(Duration::from_secs(60), seen)
            .await
            .expect("all topics are seen");
        for name in &names {
            let Some(Observation::Present(ours)) = facts.topics.get(name) else {
                panic!("seed {number}: {name} is {:?}", facts.topics.get(name));
            };
            let theirs = &java[name];
            assert_eq!(
                theirs["partitions"], ours.partitions,
                "seed {number}: {name}"
            );
            let replicas = (theirs["replication"].clone(), theirs["replication"].clone());
            assert_eq!(
                replicas,
                (json!(ours.replicas.0), json!(ours.replicas.1)),
                "seed {number}: {name}"
            );
            let theirs = theirs["config"].as_object().expect("settings");
            assert!(theirs.len() > 20, "{theirs:?}");
            let keys: Vec<&String> = ours.config.keys().collect();
            let mut java_keys: Vec<&String> = theirs.keys().collect();
            java_keys.sort();
            assert_eq!(keys, java_keys, "seed {number}: {name}");
            for (key, setting) in &ours.config {
                let java = &theirs[key];
                assert_eq!(
                    java["value"],
                    json!(setting.value),
                    "seed {number}: {name} {key}"
                );
                let own = java["source"] == "DYNAMIC_TOPIC_CONFIG";
                assert_eq!(own, setting.own, "seed {number}: {name} {key}");
            }
        }
    }
}
