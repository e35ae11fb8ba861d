//! What is read of a cluster, and at what cost.

use kafka_protocol::messages::ApiKey;
use trueup::broker::{Cluster, Security, Source, Stage, Topics};

use crate::fake::{Act, Fake, way};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("u.t{n:04}")).collect()
}

#[tokio::test(start_paused = true)]
async fn topics_partitions_and_brokers() {
    let fake = Fake::new();
    fake.has("u.pin", 3);
    fake.has("__consumer_offsets", 1);
    fake.state().brokers[2].1 = "-oProxyCommand=x".to_owned();
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .unwrap();
    let all = cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(all.controller, Some(2));
    assert_eq!(all.cluster.as_deref(), Some("cluster"));
    assert_eq!(
        all.brokers[0].address.as_ref().unwrap().to_string(),
        "b-1:9092"
    );
    assert!(all.brokers[2].address.is_err());
    let found: Vec<_> = all
        .topics
        .iter()
        .map(|t| (t.name.as_str(), t.internal))
        .collect();
    assert_eq!(found, [("__consumer_offsets", true), ("u.pin", false)]);
    let partitions = all.topics[1].partitions.as_ref().unwrap();
    let seen: Vec<_> = partitions
        .iter()
        .map(|p| (p.id, p.leader, p.error))
        .collect();
    assert_eq!(
        seen,
        [
            (0, Some(1), None),
            (1, Some(1), None),
            (2, None, Some("LEADER_NOT_AVAILABLE"))
        ]
    );
    assert_eq!(partitions[0].replicas, [1, 2]);
    assert_eq!(partitions[0].isr, [1]);

    let wanted = ["u.geo".to_owned()];
    let named = cluster.metadata(Topics::Named(&wanted)).await.unwrap();
    let refusal = named.topics[0].partitions.as_ref().unwrap_err();
    assert_eq!(
        (refusal.code, refusal.name),
        (3, "UNKNOWN_TOPIC_OR_PARTITION")
    );
    let none = cluster.metadata(Topics::Named(&[])).await.unwrap();
    assert_eq!(none.topics, []);
}

#[tokio::test(start_paused = true)]
async fn settings_and_where_they_come_from() {
    let fake = Fake::new();
    fake.has("u.pin", 1);
    fake.state()
        .topics
        .get_mut("u.pin")
        .unwrap()
        .config
        .insert("retention.ms".to_owned(), "1".to_owned());
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .unwrap();
    let asked = ["u.geo".to_owned(), "u.pin".to_owned()];
    let configs = cluster.configs(&asked).await.unwrap();
    assert_eq!(configs[0].0, "u.geo");
    assert_eq!(configs[0].1.as_ref().unwrap_err().code, 3);
    let pin = configs[1].1.as_ref().unwrap();
    let pin: Vec<_> = pin
        .iter()
        .map(|c| (c.key.as_str(), c.value.as_deref(), c.source))
        .collect();
    assert_eq!(
        pin,
        [
            ("retention.ms", Some("1"), Source::Topic),
            (
                "min.insync.replicas",
                Some("1"),
                Source::DynamicDefaultBroker
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_topics_cost_three_requests() {
    let fake = Fake::new();
    let names = names(1000);
    for name in &names {
        fake.has(name, 1);
    }
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .unwrap();
    let all = cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(all.topics.len(), 1000);
    assert_eq!(cluster.configs(&names).await.unwrap().len(), 1000);
    let counts: Vec<_> = cluster.requests().into_iter().collect();
    assert_eq!(
        counts,
        [("ApiVersions", 1), ("DescribeConfigs", 1), ("Metadata", 1)]
    );
    assert_eq!(fake.state().seen.len(), 3);
    assert_eq!(fake.dialled(), ["b-1"]);
    // One more topic is one more request.
    fake.has("u.more", 1);
    let mut more = names.clone();
    more.push("u.more".to_owned());
    assert_eq!(cluster.configs(&more).await.unwrap().len(), 1001);
    assert_eq!(cluster.requests()["DescribeConfigs"], 3);
}

#[tokio::test(start_paused = true)]
async fn reassignments_are_asked_of_the_controller() {
    let fake = Fake::new();
    fake.has("u.pin", 3);
    fake.state().moving = vec![("u.pin".to_owned(), 1)];
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .unwrap();
    cluster.metadata(Topics::All).await.unwrap();
    let asked = [("u.pin".to_owned(), vec![0, 1, 2])];
    let moving = cluster.reassignments(&asked).await.unwrap();
    assert_eq!(moving.len(), 1);
    assert_eq!(
        (moving[0].topic.as_str(), moving[0].partition),
        ("u.pin", 1)
    );
    assert_eq!(
        (&moving[0].adding[..], &moving[0].removing[..]),
        (&[3][..], &[1][..])
    );
    assert_eq!(
        fake.asked(ApiKey::ListPartitionReassignments)[0].broker,
        "b-2"
    );
    assert_eq!(fake.dialled(), ["b-1", "b-2"]);
    // No topics, no request: for Kafka, no list would mean all.
    assert_eq!(cluster.reassignments(&[]).await.unwrap(), []);
    assert_eq!(cluster.requests()["ListPartitionReassignments"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_names_what_is_missing() {
    let fake = Fake::new();
    fake.on(ApiKey::ListPartitionReassignments, 0, Act::Code(31));
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .unwrap();
    let asked = [("u.pin".to_owned(), vec![0])];
    let error = cluster.reassignments(&asked).await.unwrap_err();
    assert_eq!(error.code, Some(31));
    assert_eq!(error.stage, Stage::Request("ListPartitionReassignments"));
    let text = error.to_string();
    assert!(
        text.starts_with("the cluster refused `ListPartitionReassignments`"),
        "{text}"
    );
    assert!(text.contains("`Describe` on the cluster"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_leaves_out_is_not_absent() {
    let fake = Fake::new();
    fake.has("u.pin", 1);
    fake.script(|_| Act::LeaveOut);
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .unwrap();
    let asked = ["u.pin".to_owned()];
    let error = cluster.metadata(Topics::Named(&asked)).await.unwrap_err();
    assert_eq!(error.message, "the answer to `Metadata` leaves out `u.pin`");
    let error = cluster.configs(&asked).await.unwrap_err();
    assert_eq!(
        error.message,
        "the answer to `DescribeConfigs` leaves out `u.pin`"
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_kafka_would_not_take_is_no_topic() {
    let fake = Fake::new();
    fake.has("u\x1b[2J", 1);
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .unwrap();
    let error = cluster.metadata(Topics::All).await.unwrap_err();
    assert_eq!(
        error.message,
        "the answer to `Metadata` names a topic `u\\u{1b}[2J`"
    );
}

#[tokio::test(start_paused = true)]
async fn older_versions_read_the_same() {
    let fake = Fake::new();
    fake.has("u.pin", 3);
    let mut seen = Vec::new();
    // Oldest and newest that we speak, and what 2.8.1 speaks.
    for speaks in [
        vec![(3, (0, 4)), (32, (0, 1))],
        vec![(3, (0, 9)), (32, (0, 3))],
        vec![],
    ] {
        fake.state().speaks = speaks.into_iter().collect();
        let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
            .await
            .unwrap();
        let metadata = cluster.metadata(Topics::All).await.unwrap();
        let configs = cluster.configs(&["u.pin".to_owned()]).await.unwrap();
        seen.push((metadata, configs));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
    let versions: Vec<_> = fake
        .asked(ApiKey::Metadata)
        .iter()
        .map(|s| s.version)
        .collect();
    assert_eq!(versions, [4, 9, 9]);
}
