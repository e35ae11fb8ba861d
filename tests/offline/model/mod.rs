//! Random specs and machines: what is shown agrees, what is applied converges, in whatever order,
//! and a saved plan holds wherever it was cut.

mod machine;
mod random;

use machine::Machine;
use proptest::{prelude::*, test_runner::RngSeed};
use random::{host_plan, machines, resolved, specs};
use trueup::{
    plan::{Moved, Plan, Step, StepAction, TopicsPlan, moved_on_host, moved_topics},
    spec::Resolved,
};

use crate::{sweep::seed::seed, told::agree};

const DELETABLE: &str = "u.old";

fn plan(spec: &Resolved, machine: &Machine) -> Plan {
    let host = host_plan(spec, machine);
    let wanted: Vec<_> = spec.clusters[0].topics.iter().collect();
    let deletable = [DELETABLE.to_owned()];
    let topics = TopicsPlan::new(
        "b:9092",
        "client",
        &wanted,
        &deletable,
        &machine.cluster,
        "s",
    );
    Plan::new("s".into(), vec![], vec![host], vec![topics])
}

/// The steps that do something, in a legal order that `choice` picks; those of the host before
/// those of the cluster.
fn order(plan: &Plan, mut choice: u64) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    for part in plan.parts() {
        let mut waiting: Vec<&Step> = part
            .steps
            .iter()
            .filter(|step| step.action.changes())
            .collect();
        while !waiting.is_empty() {
            let free: Vec<usize> = (0..waiting.len())
                .filter(|&at| {
                    let needs = &waiting[at].requires;
                    !waiting.iter().any(|other| needs.contains(&other.address))
                })
                .collect();
            let at = free[usize::try_from(choice % free.len() as u64).expect("a place")];
            choice /= free.len() as u64;
            out.push(waiting.remove(at).clone());
        }
    }
    out
}

fn through_a_file(plan: &Plan) -> Plan {
    let text = serde_json::to_string(plan).expect("JSON");
    serde_json::from_str(&text).expect("the same")
}

fn held(saved: &Plan, now: &Plan, what: &str) {
    assert_eq!(
        moved_on_host(&saved.hosts[0], &now.hosts[0]),
        [] as [Moved; 0],
        "{what}"
    );
    assert_eq!(
        moved_topics(&saved.topics[0], &now.topics[0]),
        [] as [Moved; 0],
        "{what}"
    );
}

#[test]
fn plans_agree_converge_and_hold() {
    let seed = seed();
    let config = ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let seen = std::cell::RefCell::new(std::collections::BTreeMap::<String, usize>::new());
    proptest!(config, |(text in specs(), start in machines(), choices in any::<[u64; 2]>())| {
        let spec = resolved(&text);
        let first = plan(&spec, &start);
        agree(&first);
        for step in first.steps() {
            let kind = step.address.split('/').take(2).collect::<Vec<_>>().join("/");
            let kind = if kind.starts_with("topics/") { "topics" } else { &*kind };
            *seen.borrow_mut().entry(format!("{kind} {:?}", step.action)).or_default() += 1;
        }
        let saved = through_a_file(&first);
        let mut ends = Vec::new();
        for choice in choices {
            let mut machine = start.clone();
            held(&saved, &plan(&spec, &machine), "at once");
            for step in order(&first, choice) {
                machine.apply(&step);
                held(&saved, &plan(&spec, &machine), &format!("cut after {}", step.address));
            }
            let last = plan(&spec, &machine);
            agree(&last);
            let open: Vec<&str> = last.steps().filter(|step| step.action.changes()).map(|step| &*step.address).collect();
            prop_assert!(open.is_empty(), "{open:?} are still to be done");
            let blocked = |plan: &Plan| plan.summary.blocked;
            prop_assert!(blocked(&last) >= blocked(&first) || start.tree == machine.tree);
            ends.push(machine);
        }
        prop_assert_eq!(&ends[0], &ends[1], "two orders end in two states");
    });
    // Nothing of it was for nothing: each kind was seen in each way that it has.
    let seen = seen.into_inner();
    for kind in [
        "client/java",
        "client/kafka",
        "client/msk_iam_auth",
        "client/classpath",
        "client/properties",
        "topics",
    ] {
        for action in [
            StepAction::None,
            StepAction::Create,
            StepAction::Update,
            StepAction::Blocked,
        ] {
            let count = seen
                .get(&format!("{kind} {action:?}"))
                .copied()
                .unwrap_or(0);
            assert!(count > 0, "{kind} was never {action:?}: {seen:?}");
        }
    }
    assert!(seen.contains_key("topics Delete"), "{seen:?}");
}
