//! Connections: one a broker, reused, opened again where that is safe.

use std::{sync::Arc, time::Duration};

use kafka_protocol::messages::ApiKey;
use tokio::time::{Instant, advance, sleep};
use trueup::{
    broker::{Admin, Cluster, Error, Security, Stage, Topics, WritableCluster},
    transport::dial::DialStage,
};

use crate::fake::{Act, Fake, Test, refused, way};

async fn connect(fake: &Fake) -> WritableCluster<'_> {
    let cluster = Cluster::connect(fake, way(Security::Plaintext)).await;
    WritableCluster::new(cluster.expect("a cluster"))
}

fn moving() -> [(String, Vec<i32>); 1] {
    [("u.pin".to_owned(), vec![0])]
}

#[tokio::test(start_paused = true)]
async fn one_connection_a_broker() {
    let fake = Fake::new();
    fake.has("u.pin", 1);
    let mut cluster = connect(&fake).await;
    for _ in 0..3 {
        cluster.metadata(Topics::All).await.unwrap();
        cluster.configs(&["u.pin".to_owned()]).await.unwrap();
        cluster.reassignments(&moving()).await.unwrap();
        let gone = Admin::over(&mut cluster)
            .delete_topics(&["no".to_owned()])
            .await
            .unwrap();
        assert!(gone[0].1.is_err());
    }
    assert_eq!(fake.dialled(), ["b-1", "b-2"]);
    assert_eq!(cluster.requests()["ApiVersions"], 2);
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_serves_when_it_is_the_controllers() {
    let fake = Fake::new();
    fake.state().controller = 1;
    let mut cluster = connect(&fake).await;
    cluster.metadata(Topics::All).await.unwrap();
    cluster.reassignments(&moving()).await.unwrap();
    assert_eq!(fake.dialled(), ["b-1"]);
}

/// All that is read, once.
async fn read(fake: &Fake) -> Result<(), Error> {
    let mut cluster = Cluster::connect(fake, way(Security::Plaintext)).await?;
    cluster.metadata(Topics::All).await?;
    cluster.configs(&["u.pin".to_owned()]).await?;
    cluster.reassignments(&moving()).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_read_survives_one_cut_at_any_boundary() {
    let whole = Fake::new();
    whole.has("u.pin", 1);
    read(&whole).await.unwrap();
    let requests = whole.state().seen.len();
    assert_eq!(requests, 5);
    for nth in 0..requests {
        for act in [Act::Cut, Act::CutAfter, Act::Last] {
            let fake = Fake::new();
            fake.has("u.pin", 1);
            let cut = act.clone();
            fake.script(move |seen| {
                if seen.nth == nth {
                    cut.clone()
                } else {
                    Act::Serve
                }
            });
            read(&fake)
                .await
                .unwrap_or_else(|e| panic!("{nth} {act:?}: {e}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_tried_twice_and_no_more() {
    let fake = Fake::new();
    fake.has("u.pin", 1);
    let mut cluster = connect(&fake).await;
    cluster.metadata(Topics::All).await.unwrap();
    fake.script(|seen| match seen.api {
        ApiKey::DescribeConfigs => Act::Cut,
        _ => Act::Serve,
    });
    let error = cluster.configs(&["u.pin".to_owned()]).await.unwrap_err();
    assert_eq!(error.stage, Stage::Request("DescribeConfigs"));
    assert!(!error.sent);
    assert_eq!(fake.asked(ApiKey::DescribeConfigs).len(), 2);
    assert_eq!(fake.dialled(), ["b-1", "b-1"]);
    // What broke is not used again; the next call has a connection of its own.
    fake.script(|_| Act::Serve);
    cluster.configs(&["u.pin".to_owned()]).await.unwrap();
    assert_eq!(fake.dialled(), ["b-1", "b-1", "b-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_gone_is_replaced_by_the_next() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    fake.on(ApiKey::Metadata, 0, Act::Cut);
    let down = refused(DialStage::Tcp, "Connection refused");
    fake.state().down.insert("b-1".to_owned(), down);
    cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(fake.dialled(), ["b-1", "b-1", "b-2"]);
    // And stays so: the next call does not try the first one again.
    cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(fake.dialled().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_request_ends_the_connection() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    fake.on(ApiKey::Metadata, 0, Act::Astray);
    let error = cluster.metadata(Topics::All).await.unwrap_err();
    assert!(
        error.message.contains("another request than `Metadata`"),
        "{error}"
    );
    cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(fake.dialled(), ["b-1", "b-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_asks_to_be_left_alone_is() {
    let fake = Fake::new();
    fake.has("u.pin", 1);
    fake.on(ApiKey::Metadata, 0, Act::Throttle(7000));
    let mut cluster = connect(&fake).await;
    cluster.metadata(Topics::All).await.unwrap();
    // Another broker is not concerned.
    cluster.reassignments(&moving()).await.unwrap();
    cluster.configs(&["u.pin".to_owned()]).await.unwrap();
    let state = fake.state();
    let at = |api: ApiKey| {
        state
            .seen
            .iter()
            .position(|s| s.api == api)
            .map(|n| state.times[n])
    };
    let asked = at(ApiKey::Metadata).unwrap();
    let other = at(ApiKey::ListPartitionReassignments).unwrap();
    let next = at(ApiKey::DescribeConfigs).unwrap();
    assert!(
        other - asked < Duration::from_secs(1),
        "{:?}",
        other - asked
    );
    assert!(next - asked >= Duration::from_secs(7), "{:?}", next - asked);
}

#[tokio::test(start_paused = true)]
async fn but_not_for_longer_than_the_deadline() {
    let fake = Fake::new();
    fake.on(ApiKey::Metadata, 0, Act::Throttle(i32::MAX));
    let mut cluster = connect(&fake).await;
    cluster.metadata(Topics::All).await.unwrap();
    let start = Instant::now();
    cluster.metadata(Topics::All).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(30));
    assert!(start.elapsed() < Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_is_begun_anew() {
    let fake = Fake::new();
    fake.state().sasl = Some("TEST");
    fake.state().lifetime = 100_000;
    let security = Security::Sasl {
        authenticator: Arc::new(Test {
            mechanism: "TEST",
            token: "open",
        }),
        tls: None,
    };
    let mut cluster = Cluster::connect(&fake, way(security)).await.unwrap();
    advance(Duration::from_secs(50)).await;
    cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(fake.dialled().len(), 1);
    advance(Duration::from_secs(40)).await;
    cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(fake.dialled().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_idle_for_long_is_not_trusted() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    advance(Duration::from_secs(230)).await;
    cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(fake.dialled().len(), 1);
    advance(Duration::from_secs(250)).await;
    cluster.metadata(Topics::All).await.unwrap();
    assert_eq!(fake.dialled().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_has_moved_is_found() {
    let fake = Fake::new();
    fake.state().believed = Some(1);
    let mut cluster = connect(&fake).await;
    cluster.metadata(Topics::All).await.unwrap();
    let later = fake.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(2)).await;
        later.state().believed = None;
    });
    cluster.reassignments(&moving()).await.unwrap();
    let asked = fake.asked(ApiKey::ListPartitionReassignments);
    assert_eq!(asked.last().unwrap().broker, "b-2");
    // Pauses grow: 0.1, 0.2, 0.4, 0.8, 1.6 s.
    assert_eq!(asked.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_does_not_move_is_given_up() {
    let fake = Fake::new();
    fake.state().believed = Some(1);
    let mut cluster = connect(&fake).await;
    let start = Instant::now();
    let error = cluster.reassignments(&moving()).await.unwrap_err();
    assert_eq!(error.code, Some(41));
    assert!(
        start.elapsed() <= Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    assert!(error.help.contains("choosing a controller"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_down_is_waited_for() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    let down = refused(DialStage::Tcp, "Connection refused");
    fake.state().down.insert("b-2".to_owned(), down);
    let later = fake.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        later.state().controller = 3;
    });
    cluster.reassignments(&moving()).await.unwrap();
    let asked = fake.asked(ApiKey::ListPartitionReassignments);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].broker, "b-3");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_a_controller() {
    let fake = Fake::new();
    fake.state().believed = Some(-1);
    let mut cluster = connect(&fake).await;
    let start = Instant::now();
    let error = cluster.reassignments(&moving()).await.unwrap_err();
    assert_eq!(error.message, "the cluster has no controller");
    assert!(start.elapsed() <= Duration::from_secs(30));
    // Nor one whose brokers are none at all.
    fake.state().brokers.clear();
    let error = cluster.reassignments(&moving()).await.unwrap_err();
    assert_eq!(error.message, "the cluster has no controller");
}

#[tokio::test(start_paused = true)]
async fn a_controller_at_an_address_that_is_none_is_not_dialled() {
    let fake = Fake::new();
    fake.state().brokers[1].1 = "-N".to_owned();
    let mut cluster = connect(&fake).await;
    let error = cluster.reassignments(&moving()).await.unwrap_err();
    assert!(error.message.contains("`-N:9092`"), "{error}");
    assert_eq!(fake.dialled(), ["b-1"]);
}
