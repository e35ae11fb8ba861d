//! A saved plan.

use std::collections::BTreeSet;

use serde_json::Value;
use trueup::{
    kinds::Address,
    plan::{Saved, Step, is_saved, moved_on_host, moved_topics},
    report::{ReportKind, json},
};

use super::{sealed::sealed, shown::plan_is_fit_to_show};

/// Reads a file as it is, and with a checksum that fits; what is taken is shown, and kept again.
pub fn plan_file(bytes: &[u8]) {
    let known = is_saved(bytes);
    if let Ok(saved) = Saved::load(bytes) {
        assert!(known, "it is loaded, and not known for a plan");
        is_sound(&saved);
    }
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    if !value.is_object() {
        return;
    }
    let sealed = sealed(value);
    if let Ok(saved) = Saved::load(&sealed) {
        assert!(is_saved(&sealed));
        is_sound(&saved);
    }
}

fn is_sound(saved: &Saved) {
    plan_is_fit_to_show(&saved.plan, ReportKind::Saved);
    let kept = json::text(&saved.to_value());
    let back = Saved::load(kept.as_bytes()).expect("what was kept");
    assert_eq!(json::text(&back.to_value()), kept);
    assert!(is_saved(kept.as_bytes()));
    match (saved.desired(), back.desired()) {
        (Ok(one), Ok(other)) => {
            let value = |desired| serde_json::to_value(desired).expect("plain data");
            assert_eq!(value(&one), value(&other));
        }
        (one, other) => assert!(one.is_err() && other.is_err()),
    }
    // Nothing has moved where nothing has changed.
    for host in &saved.plan.hosts {
        if each_once(&host.steps) {
            assert_eq!(moved_on_host(host, host), []);
        }
    }
    for topics in &saved.plan.topics {
        if each_once(&topics.steps) {
            assert_eq!(moved_topics(topics, topics), []);
        }
    }
}

/// A plan of ours has each address once.
fn each_once(steps: &[Step]) -> bool {
    let addresses: BTreeSet<&Address> = steps.iter().map(|step| &step.address).collect();
    addresses.len() == steps.len()
}
