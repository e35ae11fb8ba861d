//! A cluster that tells its brokers later than it answers: an apply comes back when it shows.

use indexmap::IndexMap;
use kafka_protocol::messages::ApiKey;
use tokio::sync::watch;
use trueup::{
    action::{Action, TopicAction},
    apply::{
        apply_topics,
        event::{Event, Sink},
        outcome::Outcome,
    },
    broker::{Cluster, Security, WritableCluster},
    facts::cluster,
    plan::{Step, StepAction, TopicsPlan},
};

use crate::fake::{Act, Fake, way};

struct Nobody;

impl Sink for Nobody {
    fn event(&mut self, _: Event<'_>) {}
}

/// A plan that does one thing to one topic.
fn plan(action: TopicAction) -> TopicsPlan {
    steps(vec![vec![action]])
}

/// A plan that does something to topics, step by step.
fn steps(all: Vec<Vec<TopicAction>>) -> TopicsPlan {
    let nothing = cluster::Cluster::default();
    let mut plan = TopicsPlan::new("b-1:9092", "direct", &[], &[], &nothing, "s");
    plan.steps = all.into_iter().map(step).collect();
    plan
}

fn step(actions: Vec<TopicAction>) -> Step {
    let address = format!("topics/{}", actions[0].name());
    Step {
        action: StepAction::Update,
        actions: actions.into_iter().map(Action::Topic).collect(),
        ..Step::none(address)
    }
}

fn more(name: &str) -> TopicAction {
    TopicAction::AddPartitions {
        name: name.into(),
        total: 4,
    }
}

fn set_of(name: &str) -> TopicAction {
    TopicAction::Configure {
        name: name.into(),
        set: IndexMap::from([("retention.ms".to_owned(), "1000".to_owned())]),
        reset: vec![],
    }
}

async fn applied(fake: &Fake, plan: &TopicsPlan, stop: watch::Receiver<u8>) -> Outcome {
    let cluster = Cluster::connect(fake, way(Security::Plaintext)).await;
    let mut cluster = WritableCluster::new(cluster.expect("a cluster"));
    let limit = std::time::Duration::from_secs(30);
    apply_topics(&mut cluster, plan, limit, &stop, &mut Nobody).await
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_of_one_topic_holds_no_other_back_and_what_was_done_of_it_is_said() {
    let fake = Fake::new();
    ["u.a", "u.b", "u.c"]
        .iter()
        .for_each(|name| fake.has(name, 1));
    // The first of each request is taken, the others are refused by a policy.
    fake.script(|seen| match seen.api {
        ApiKey::IncrementalAlterConfigs => Act::CodeAfter(44, 1),
        _ => Act::Serve,
    });
    let both = |name: &str| vec![more(name), set_of(name)];
    let plan = steps(vec![both("u.a"), both("u.b"), vec![set_of("u.c")]]);
    let (_keep, stop) = watch::channel(0);
    let outcome = applied(&fake, &plan, stop).await;
    assert_eq!(outcome.applied, ["topics/u.a"]);
    let failures: Vec<_> = outcome.failures().collect();
    assert_eq!(failures[0].address, Some("topics/u.b".into()));
    assert_eq!(failures[0].done, ["4 partitions"]);
    assert_eq!(failures[1].address, Some("topics/u.c".into()));
    assert!(failures[1].done.is_empty() && outcome.not_reached.is_empty());
    assert_eq!(fake.state().topics["u.b"].partitions, 4);

    // What was refused more partitions is not changed any further.
    let fake = Fake::new();
    fake.has("u.a", 1);
    fake.on(ApiKey::CreatePartitions, 0, Act::Code(37));
    let (_keep, stop) = watch::channel(0);
    let outcome = applied(&fake, &steps(vec![both("u.a")]), stop).await;
    assert!(!outcome.wrote() && outcome.failure.is_some(), "{outcome:?}");
    assert!(fake.asked(ApiKey::IncrementalAlterConfigs).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_was_interrupted_half_way_has_been_written() {
    let fake = Fake::new();
    ["u.a", "u.b"].iter().for_each(|name| fake.has(name, 1));
    let (press, stop) = watch::channel(0);
    fake.script(move |seen| {
        if seen.api == ApiKey::CreatePartitions {
            press.send_replace(1);
        }
        Act::Serve
    });
    let plan = steps(vec![vec![more("u.a"), set_of("u.a")], vec![set_of("u.b")]]);
    let outcome = applied(&fake, &plan, stop).await;
    assert!(
        outcome.interrupted && outcome.applied.is_empty(),
        "{outcome:?}"
    );
    assert!(outcome.wrote(), "{outcome:?}");
    let failure = outcome.failure.as_ref().expect("said");
    assert_eq!(
        (failure.address.as_deref(), &*failure.done),
        (Some("topics/u.a"), &["4 partitions".to_owned()][..])
    );
    assert_eq!(outcome.not_reached, ["topics/u.b"]);
}

/// How often settings are asked for until an apply comes back, by a cluster that shows them only
/// when it is asked for the nth time.
async fn asked(shown_at: usize, action: TopicAction) -> usize {
    let fake = Fake::new();
    fake.has("u.pin", 1);
    let mut before = 0;
    fake.script(move |seen| match seen.api {
        ApiKey::DescribeConfigs => {
            before += 1;
            if before < shown_at {
                Act::Before
            } else {
                Act::Serve
            }
        }
        _ => Act::Serve,
    });
    let cluster = Cluster::connect(&fake, way(Security::Plaintext)).await;
    let mut cluster = WritableCluster::new(cluster.expect("a cluster"));
    let (_keep, stop) = watch::channel(0);
    let limit = std::time::Duration::from_secs(30);
    let outcome = apply_topics(&mut cluster, &plan(action), limit, &stop, &mut Nobody).await;
    assert_eq!(outcome.applied, ["topics/u.pin"], "{:?}", outcome.failure);
    let state = fake.state();
    let seen = state.seen.iter();
    seen.filter(|seen| seen.api == ApiKey::DescribeConfigs)
        .count()
}

fn set(value: &str) -> TopicAction {
    TopicAction::Configure {
        name: "u.pin".into(),
        set: IndexMap::from([("retention.ms".to_owned(), value.to_owned())]),
        reset: vec![],
    }
}

#[tokio::test(start_paused = true)]
async fn a_setting_is_waited_for_until_it_shows() {
    assert_eq!(asked(1, set("1000")).await, 1);
    assert_eq!(asked(4, set("1000")).await, 4);
    // A broker has a form of its own for numbers.
    assert_eq!(asked(1, set(" 01000")).await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_never_shows_is_not_waited_for_beyond_the_limit() {
    // Pauses of 20 ms to 1 s fill 30 s about 35 times.
    let times = asked(usize::MAX, set("1000")).await;
    assert!((30..40).contains(&times), "{times}");
}
