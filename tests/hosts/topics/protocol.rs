//! The protocol's calls, each against real brokers of both versions.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::timeout;
use trueup::{
    broker::{
        Admin, Cluster, Config, DIRECT, NewTopic, Outcomes, Rehearsal, Route, Security, Source,
        Topics, WritableCluster,
    },
    transport::direct::Direct,
};

use super::cluster::{self, BOTH, own};

/// How long a change may take to show.
const PATIENCE: Duration = Duration::from_secs(120);

async fn connect(cluster: &cluster::Cluster) -> WritableCluster<'static> {
    let brokers = cluster.listener("plaintext").split(',');
    let way = Route {
        bootstrap: brokers
            .map(|broker| broker.parse().expect("HOST:PORT"))
            .collect(),
        security: Security::Plaintext,
        deadline: Duration::from_secs(20),
        via: DIRECT.to_owned(),
    };
    let cluster = Cluster::connect(&Direct, way).await;
    WritableCluster::new(cluster.expect("a cluster"))
}

fn new(name: &str, partitions: Option<i32>) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: Some(1),
        config: vec![("retention.ms".to_owned(), "86400000".to_owned())],
    }
}

fn fine(outcomes: &Outcomes) {
    for (name, outcome) in outcomes {
        assert_eq!(*outcome, Ok(()), "{name}");
    }
}

/// Reads topics until they are as wanted: brokers learn of a change one after the other.
async fn until(cluster: &mut Cluster<'_>, wanted: impl Fn(&[String]) -> bool) {
    let seen = async {
        loop {
            let all = cluster.metadata(Topics::All).await.expect("metadata");
            let names: Vec<String> = all.topics.into_iter().map(|t| t.name).collect();
            if wanted(&names) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("topics that show");
}

fn overrides(configs: &[Config]) -> BTreeMap<&str, Option<&str>> {
    configs
        .iter()
        .filter(|c| c.source == Source::Topic)
        .map(|c| (c.key.as_str(), c.value.as_deref()))
        .collect()
}

#[tokio::test]
async fn every_call_of_a_topics_life() {
    for version in BOTH {
        life(cluster::Cluster::shared(version)).await;
    }
}

async fn life(real: &cluster::Cluster) {
    let name = own("life");
    let names = [name.clone()];
    let mut cluster = connect(real).await;

    let before = cluster
        .metadata(Topics::Named(&names))
        .await
        .expect("metadata");
    assert_eq!(before.topics[0].partitions.as_ref().unwrap_err().code, 3);
    // It was asked for by name, twice now, and is still not there.
    let before = cluster
        .metadata(Topics::Named(&names))
        .await
        .expect("metadata");
    assert_eq!(before.topics[0].partitions.as_ref().unwrap_err().code, 3);
    assert!(!before.brokers.is_empty());

    let topic = new(&name, Some(3));
    let mut rehearsal = Rehearsal::over(&mut cluster);
    let tried = rehearsal.create_topics(std::slice::from_ref(&topic)).await;
    let made = tried.expect("tried")[0].1.clone().expect("accepted");
    let made = made.expect("both versions tell what it would be");
    assert_eq!((made.partitions, made.replication_factor), (3, 1));
    let least = made
        .config
        .iter()
        .find(|(key, _)| key == "min.insync.replicas");
    let least = least.and_then(|(_, value)| value.as_deref());
    assert!(least.is_some_and(|least| least.parse::<u32>().is_ok()));
    let wide = NewTopic {
        replication_factor: Some(99),
        ..topic.clone()
    };
    let refused = rehearsal.create_topics(&[wide]).await.expect("tried");
    assert_eq!(
        refused[0].1.as_ref().unwrap_err().name,
        "INVALID_REPLICATION_FACTOR"
    );
    let odd = NewTopic {
        config: vec![("retention.ms".to_owned(), "soon".to_owned())],
        ..topic.clone()
    };
    let refused = rehearsal.create_topics(&[odd]).await.expect("tried");
    assert_eq!(refused[0].1.as_ref().unwrap_err().name, "INVALID_CONFIG");
    let mut admin = Admin::over(&mut cluster);
    fine(
        &admin
            .create_topics(std::slice::from_ref(&topic))
            .await
            .expect("created"),
    );
    let again = admin.create_topics(&[topic]).await.expect("asked");
    assert_eq!(
        again[0].1.as_ref().unwrap_err().name,
        "TOPIC_ALREADY_EXISTS"
    );
    until(&mut cluster, |all| all.contains(&name)).await;

    let configs = cluster.configs(&names).await.expect("configs");
    let configs = configs[0].1.as_ref().expect("settings");
    assert_eq!(
        overrides(configs),
        BTreeMap::from([("retention.ms", Some("86400000"))])
    );
    assert!(configs.len() > 20, "{}", configs.len());
    assert!(configs.iter().any(|c| c.source == Source::Default));

    let mut rehearsal = Rehearsal::over(&mut cluster);
    let fewer = rehearsal
        .create_partitions(&[(name.clone(), 2)])
        .await
        .expect("tried");
    assert_eq!(fewer[0].1.as_ref().unwrap_err().name, "INVALID_PARTITIONS");
    let tried = rehearsal.create_partitions(&[(name.clone(), 5)]).await;
    assert!(tried.expect("tried")[0].1.is_ok());
    let mut admin = Admin::over(&mut cluster);
    fine(
        &admin
            .create_partitions(&[(name.clone(), 5)])
            .await
            .expect("grown"),
    );
    let keys = vec![
        ("retention.ms".to_owned(), None),
        ("cleanup.policy".to_owned(), Some("compact".to_owned())),
    ];
    fine(
        &admin
            .alter_configs(&[(name.clone(), keys)])
            .await
            .expect("altered"),
    );
    let seen = async {
        loop {
            let now = cluster
                .metadata(Topics::Named(&names))
                .await
                .expect("metadata");
            let configs = cluster.configs(&names).await.expect("configs");
            let partitions = now.topics[0].partitions.as_ref().expect("partitions");
            let configs = configs[0].1.as_ref().expect("settings");
            if partitions.len() == 5
                && overrides(configs) == BTreeMap::from([("cleanup.policy", Some("compact"))])
            {
                assert!(partitions.iter().zip(0..).all(|(p, id)| p.id == id));
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("changes that show");

    let asked = [(name.clone(), vec![0, 1, 2, 3, 4])];
    assert_eq!(
        cluster.reassignments(&asked).await.expect("reassignments"),
        []
    );
    fine(
        &Admin::over(&mut cluster)
            .delete_topics(&names)
            .await
            .expect("deleted"),
    );
    let gone = Admin::over(&mut cluster)
        .delete_topics(&names)
        .await
        .expect("asked");
    assert_eq!(gone[0].1.as_ref().unwrap_err().code, 3);
}
