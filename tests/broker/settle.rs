//! A cluster that tells its brokers later than it answers: an apply comes back when it shows.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use kafka_protocol::messages::ApiKey;
use tokio::sync::watch;
use trueup::{
    action::{Action, TopicAction},
    apply::apply_topics,
    broker::{Cluster, Security},
    facts::cluster,
    plan::{Step, StepAction, TopicsPlan},
    report::event::{Event, Sink},
};

use crate::fake::{Act, Fake, way};

struct Nobody;

impl Sink for Nobody {
    fn event(&mut self, _: Event<'_>) {}
}

/// A plan that does one thing to one topic.
fn plan(action: TopicAction) -> TopicsPlan {
    let nothing = cluster::Cluster {
        caller: None,
        brokers: 1,
        topics: BTreeMap::new(),
        unmanaged: vec![],
    };
    let mut plan = TopicsPlan::new("b-1:9092", "direct", &[], &[], &nothing, "s");
    plan.steps = vec![Step {
        address: format!("topics/{}", action.name()),
        action: StepAction::Update,
        reason: String::new(),
        help: None,
        changes: vec![],
        observed_digest: String::new(),
        actions_digest: String::new(),
        requires: vec![],
        text: None,
        notes: vec![],
        warning: None,
        remains: None,
        actions: vec![Action::Topic(action)],
    }];
    plan
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
    let mut cluster = Cluster::connect(&fake, way(Security::Plaintext))
        .await
        .expect("a cluster");
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
