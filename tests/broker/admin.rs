//! What is written, how often, and what is said when it is not known.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::messages::ApiKey;
use tokio::time::{Instant, sleep};
use trueup::{
    broker::{
        Admin, Cluster, Error, NewTopic, Rehearsal, Security, Stage, Topics, WritableCluster,
    },
    transport::dial::DialStage,
};

use crate::fake::{Act, Fake, refused, way};

async fn connect(fake: &Fake) -> WritableCluster<'_> {
    let cluster = Cluster::connect(fake, way(Security::Plaintext)).await;
    WritableCluster::new(cluster.expect("a cluster"))
}

fn new(name: &str) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: Some(3),
        replication_factor: None,
        config: vec![("retention.ms".to_owned(), "1".to_owned())],
    }
}

fn many(count: usize, partitions: i32) -> Vec<NewTopic> {
    (0..count)
        .map(|n| NewTopic {
            partitions: Some(partitions),
            ..new(&format!("u.t{n:04}"))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn topics_are_created_changed_and_deleted() {
    let fake = Fake::new();
    fake.has("u.old", 1);
    let mut cluster = connect(&fake).await;
    let topics = [new("u.pin"), new("u.old")];
    let tried = Rehearsal::over(&mut cluster)
        .create_topics(&topics)
        .await
        .unwrap();
    assert!(tried[0].0 == "u.pin" && tried[0].1.is_ok(), "{tried:?}");
    assert_eq!(
        tried[1].1.as_ref().unwrap_err().name,
        "TOPIC_ALREADY_EXISTS"
    );
    assert!(!fake.state().topics.contains_key("u.pin"));

    let mut admin = Admin::over(&mut cluster);
    let made = admin.create_topics(&topics).await.unwrap();
    assert_eq!(made[0], ("u.pin".to_owned(), Ok(())));
    assert_eq!(made[1].1.as_ref().unwrap_err().code, 36);
    assert_eq!(fake.state().topics["u.pin"].partitions, 3);

    let more = [("u.pin".to_owned(), 5), ("u.old".to_owned(), 1)];
    let mut rehearsal = Rehearsal::over(&mut cluster);
    let tried = rehearsal.create_partitions(&more).await.unwrap();
    assert!(tried[0].1.is_ok());
    let keys = vec![("retention.ms".to_owned(), None)];
    let keys = [("u.pin".to_owned(), keys)];
    assert!(rehearsal.alter_configs(&keys).await.unwrap()[0].1.is_ok());
    let pin = fake.state().topics["u.pin"].clone();
    assert!(pin.partitions == 3 && pin.config.len() == 1, "{pin:?}");
    let mut admin = Admin::over(&mut cluster);
    let grown = admin.create_partitions(&more).await.unwrap();
    assert!(grown[0].1.is_ok());
    assert_eq!(grown[1].1.as_ref().unwrap_err().name, "INVALID_PARTITIONS");
    assert_eq!(fake.state().topics["u.pin"].partitions, 5);

    let keys = vec![
        ("retention.ms".to_owned(), None),
        ("cleanup.policy".to_owned(), Some("compact".to_owned())),
    ];
    let altered = admin
        .alter_configs(&[("u.pin".to_owned(), keys)])
        .await
        .unwrap();
    assert_eq!(altered, [("u.pin".to_owned(), Ok(()))]);
    let config = fake.state().topics["u.pin"].config.clone();
    let meant = BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
    assert_eq!(config, meant);

    let names = ["u.pin".to_owned(), "u.none".to_owned()];
    let gone = admin.delete_topics(&names).await.unwrap();
    assert!(gone[0].1.is_ok());
    assert_eq!(gone[1].1.as_ref().unwrap_err().code, 3);
    assert!(!fake.state().topics.contains_key("u.pin"));
    // All of it at the controller, over one connection.
    assert!(fake.state().seen.iter().skip(2).all(|s| s.broker == "b-2"));
    assert_eq!(fake.dialled(), ["b-1", "b-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_topics_go_in_batches() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    // Three partitions and a setting are five records: 200 topics are 1000 records.
    let topics = many(1000, 3);
    let made = Admin::over(&mut cluster)
        .create_topics(&topics)
        .await
        .unwrap();
    let names: Vec<_> = made.iter().map(|(name, _)| name.clone()).collect();
    let meant: Vec<_> = topics.iter().map(|t| t.name.clone()).collect();
    assert_eq!(names, meant);
    assert!(made.iter().all(|(_, outcome)| outcome.is_ok()));
    let sizes: Vec<_> = fake
        .asked(ApiKey::CreateTopics)
        .iter()
        .map(|s| s.topics)
        .collect();
    assert_eq!(sizes, [200; 5]);
    assert_eq!(cluster.requests()["CreateTopics"], 5);
    assert!(fake.state().created.values().all(|count| *count == 1));

    // Fifty partitions are 52 records: 38 topics are 1976.
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    let made = Admin::over(&mut cluster)
        .create_topics(&many(100, 50))
        .await
        .unwrap();
    assert_eq!(made.len(), 100);
    let sizes: Vec<_> = fake
        .asked(ApiKey::CreateTopics)
        .iter()
        .map(|s| s.topics)
        .collect();
    assert_eq!(sizes, [38, 38, 24]);

    let names: Vec<_> = made.into_iter().map(|(name, _)| name).collect();
    let more: Vec<_> = names
        .iter()
        .map(|n| (n.clone(), 60))
        .cycle()
        .take(300)
        .collect();
    Admin::over(&mut cluster)
        .create_partitions(&more)
        .await
        .unwrap();
    let sizes: Vec<_> = fake
        .asked(ApiKey::CreatePartitions)
        .iter()
        .map(|s| s.topics)
        .collect();
    assert_eq!(sizes, [200, 100]);
}

#[tokio::test(start_paused = true)]
async fn not_the_controller_finds_the_controller() {
    for validate_only in [false, true] {
        let fake = Fake::new();
        fake.state().believed = Some(1);
        let mut cluster = connect(&fake).await;
        let later = fake.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs(1)).await;
            later.state().believed = None;
        });
        let topics = [new("u.pin")];
        let fine = match validate_only {
            true => {
                let tried = Rehearsal::over(&mut cluster).create_topics(&topics).await;
                tried.unwrap()[0].1.is_ok()
            }
            false => {
                let made = Admin::over(&mut cluster).create_topics(&topics).await;
                made.unwrap()[0].1.is_ok()
            }
        };
        assert!(fine);
        let asked = fake.asked(ApiKey::CreateTopics);
        assert_eq!(asked[0].broker, "b-1");
        assert_eq!(asked.last().unwrap().broker, "b-2");
        let count = usize::from(!validate_only);
        assert_eq!(fake.state().created.values().sum::<usize>(), count);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_a_head_is_given_up_within_the_deadline() {
    let fake = Fake::new();
    fake.state().believed = Some(1);
    let mut cluster = connect(&fake).await;
    let start = Instant::now();
    let made = Admin::over(&mut cluster)
        .create_topics(&[new("u.pin")])
        .await
        .unwrap();
    let refusal = made[0].1.as_ref().unwrap_err();
    assert_eq!((refusal.code, refusal.name), (41, "NOT_CONTROLLER"));
    assert_eq!(
        refusal.message,
        "the broker is not the cluster's controller"
    );
    assert!(
        start.elapsed() <= Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    assert!(fake.asked(ApiKey::CreateTopics).len() > 5);
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_waited_for_and_only_the_rest_is_sent_again() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    let mut served = 0;
    fake.script(move |seen| {
        if seen.api != ApiKey::CreateTopics {
            return Act::Serve;
        }
        served += 1;
        if served < 3 {
            Act::CodeAfter(89, 4)
        } else {
            Act::Serve
        }
    });
    let made = Admin::over(&mut cluster)
        .create_topics(&many(10, 1))
        .await
        .unwrap();
    assert!(made.iter().all(|(_, outcome)| outcome.is_ok()), "{made:?}");
    let sizes: Vec<_> = fake
        .asked(ApiKey::CreateTopics)
        .iter()
        .map(|s| s.topics)
        .collect();
    assert_eq!(sizes, [10, 6, 2]);
    assert!(fake.state().created.values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_lets_nothing_through_is_given_up() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    fake.script(|seen| match seen.api {
        ApiKey::DeleteTopics => Act::Code(89),
        _ => Act::Serve,
    });
    let gone = Admin::over(&mut cluster)
        .delete_topics(&["u.pin".to_owned()])
        .await
        .unwrap();
    let refusal = gone[0].1.as_ref().unwrap_err();
    assert_eq!(refusal.name, "THROTTLING_QUOTA_EXCEEDED");
    assert_eq!(fake.asked(ApiKey::DeleteTopics).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_cut_is_never_sent_again() {
    for act in [
        Act::Cut,
        Act::CutAfter,
        Act::Silence,
        Act::Astray,
        Act::LeaveOut,
    ] {
        let fake = Fake::new();
        fake.has("u.old", 1);
        let mut cluster = connect(&fake).await;
        let mut admin = Admin::over(&mut cluster);
        for api in [
            ApiKey::CreateTopics,
            ApiKey::CreatePartitions,
            ApiKey::IncrementalAlterConfigs,
            ApiKey::DeleteTopics,
        ] {
            fake.on(api, 0, act.clone());
            let before = fake.asked(api).len();
            let topic = "u.old".to_owned();
            let error = match api {
                ApiKey::CreateTopics => admin.create_topics(&[new("u.pin")]).await,
                ApiKey::CreatePartitions => admin.create_partitions(&[(topic, 2)]).await,
                ApiKey::IncrementalAlterConfigs => admin.alter_configs(&[(topic, vec![])]).await,
                _ => admin.delete_topics(&[topic]).await,
            }
            .expect_err("it was cut");
            assert!(error.sent, "{act:?}: {error}");
            assert!(matches!(error.stage, Stage::Request(_)), "{error}");
            assert!(error.to_string().contains("had been sent"), "{error}");
            assert_eq!(fake.asked(api).len(), before + 1, "{act:?} {api:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_tries_may_be_tried_again() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    fake.on(ApiKey::CreateTopics, 0, Act::CutAfter);
    let tried = Rehearsal::over(&mut cluster)
        .create_topics(&[new("u.pin")])
        .await
        .unwrap();
    assert!(tried[0].1.is_ok());
    fake.script(|seen| match seen.api {
        ApiKey::CreateTopics => Act::Cut,
        _ => Act::Serve,
    });
    let tried = Rehearsal::over(&mut cluster)
        .create_topics(&[new("u.pin")])
        .await;
    assert!(!tried.expect_err("cut twice").sent);
}

#[tokio::test(start_paused = true)]
async fn a_write_does_not_go_out_on_a_connection_that_is_closed_already() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    let mut admin = Admin::over(&mut cluster);
    fake.on(ApiKey::CreateTopics, 0, Act::Last);
    admin.create_topics(&[new("u.pin")]).await.unwrap();
    admin.create_topics(&[new("u.geo")]).await.unwrap();
    assert_eq!(fake.dialled(), ["b-1", "b-2", "b-2"]);
    assert_eq!(fake.asked(ApiKey::CreateTopics).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_sent_counts_when_the_next_cannot_be() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    cluster.metadata(Topics::All).await.unwrap();
    let down = refused(DialStage::Tcp, "Connection refused");
    let later = fake.clone();
    fake.on(ApiKey::CreateTopics, 0, Act::Last);
    tokio::spawn(async move {
        // Once the controller has been dialled.
        while later.dialled().len() < 2 {
            tokio::task::yield_now().await;
        }
        later.state().down.insert("b-2".to_owned(), down);
    });
    let error = Admin::over(&mut cluster)
        .create_topics(&many(300, 1))
        .await
        .unwrap_err();
    assert_eq!(error.stage, Stage::Tcp);
    assert!(error.sent, "{error}");
    assert_eq!(fake.state().created.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn nothing_was_sent_where_nothing_could_be() {
    let fake = Fake::new();
    let mut cluster = connect(&fake).await;
    let down = refused(DialStage::Tcp, "Connection refused");
    fake.state().down.insert("b-2".to_owned(), down);
    let error = Admin::over(&mut cluster)
        .create_topics(&[new("u.pin")])
        .await
        .unwrap_err();
    assert_eq!(error.stage, Stage::Tcp);
    assert!(!error.sent, "{error}");
    assert_eq!(fake.asked(ApiKey::CreateTopics), []);
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_the_protocol_cannot_carry_is_not_sent() {
    let fake = Fake::new();
    fake.state().speaks.insert(19, (2, 4));
    let mut cluster = connect(&fake).await;
    let mut topic = new("u.pin");
    topic.config[0].1 = "x".repeat(40_000);
    let mut admin = Admin::over(&mut cluster);
    let error = admin.create_topics(&[topic]).await.unwrap_err();
    assert_eq!(
        error.message,
        "a text of 40000 bytes is longer than the protocol carries"
    );
    assert!(!error.sent);
    admin.create_topics(&[new("u.pin")]).await.unwrap();
    assert_eq!(fake.dialled(), ["b-1", "b-2"]);
}

/// An apply in small: reads, and then does what is missing. Nothing is done twice.
async fn converge(fake: &Fake) -> Result<(), Error> {
    let cluster = Cluster::connect(fake, way(Security::Plaintext)).await?;
    let mut cluster = WritableCluster::new(cluster);
    let all = cluster.metadata(Topics::All).await?;
    let has = |name: &str| all.topics.iter().any(|t| t.name == name);
    let wanted: Vec<NewTopic> = ["u.pin", "u.geo"]
        .iter()
        .filter(|n| !has(n))
        .map(|n| new(n))
        .collect();
    let grown = all
        .topics
        .iter()
        .any(|t| t.name == "u.old" && t.partitions.as_ref().is_ok_and(|p| p.len() == 4));
    let set = cluster.configs(&["u.old".to_owned()]).await?;
    let set = set[0]
        .1
        .as_ref()
        .is_ok_and(|c| c.iter().any(|c| c.key == "cleanup.policy"));
    if !wanted.is_empty() {
        let tried = Rehearsal::over(&mut cluster).create_topics(&wanted).await?;
        assert!(tried.iter().all(|(_, answer)| answer.is_ok()), "{tried:?}");
    }
    let mut admin = Admin::over(&mut cluster);
    let mut outcomes = Vec::new();
    if !wanted.is_empty() {
        outcomes.extend(admin.create_topics(&wanted).await?);
    }
    if !grown {
        outcomes.extend(admin.create_partitions(&[("u.old".to_owned(), 4)]).await?);
    }
    if !set {
        let keys = vec![("cleanup.policy".to_owned(), Some("compact".to_owned()))];
        outcomes.extend(admin.alter_configs(&[("u.old".to_owned(), keys)]).await?);
    }
    if has("u.gone") {
        outcomes.extend(admin.delete_topics(&["u.gone".to_owned()]).await?);
    }
    for (name, outcome) in outcomes {
        assert_eq!(outcome, Ok(()), "{name}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cut_at_any_boundary_leaves_what_the_next_run_finishes() {
    let start = || {
        let fake = Fake::new();
        fake.has("u.old", 1);
        fake.has("u.gone", 1);
        fake
    };
    let whole = start();
    converge(&whole).await.unwrap();
    let requests = whole.state().seen.len();
    assert_eq!(requests, 9);
    let done = whole.state().topics.clone();
    let mut unknown = 0;
    for nth in 0..requests {
        for act in [Act::Cut, Act::CutAfter, Act::Last] {
            let fake = start();
            let cut = act.clone();
            fake.script(move |seen| {
                if seen.nth == nth {
                    cut.clone()
                } else {
                    Act::Serve
                }
            });
            match converge(&fake).await {
                Ok(()) => {}
                Err(error) => {
                    assert!(error.sent, "{nth} {act:?}: {error}");
                    unknown += 1;
                    converge(&fake).await.unwrap();
                }
            }
            assert_eq!(fake.state().topics, done, "{nth} {act:?}");
            assert!(
                fake.state().created.values().all(|count| *count == 1),
                "{nth} {act:?}"
            );
        }
    }
    // Four writes, cut before and after.
    assert_eq!(unknown, 8);
}
