//! A saved plan.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};
use trueup::{
    plan::{Saved, Step, is_saved, moved_on_host, moved_topics},
    report::{Told, json},
};

use super::shown::plan_is_fit_to_show;

/// Reads a file as it is, and with a checksum that fits; what is taken is shown, and kept again.
pub fn plan_file(bytes: &[u8]) {
    let known = is_saved(bytes);
    if let Ok(saved) = Saved::load(bytes) {
        assert!(known, "it is loaded, and not known for a plan");
        is_sound(&saved);
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let Some(map) = value.as_object_mut() else {
        return;
    };
    map.shift_remove("checksum");
    value["checksum"] = checksum(&value).into();
    let sealed = value.to_string().into_bytes();
    if let Ok(saved) = Saved::load(&sealed) {
        assert!(is_saved(&sealed));
        is_sound(&saved);
    }
}

fn is_sound(saved: &Saved) {
    plan_is_fit_to_show(&saved.plan, Told::Saved);
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
    let addresses: BTreeSet<&str> = steps.iter().map(|step| step.address.as_str()).collect();
    addresses.len() == steps.len()
}

/// The checksum of a value, made another way than the program does.
fn checksum(value: &Value) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(map) => {
                let mut sorted: Vec<_> = map.iter().collect();
                sorted.sort_by_key(|(key, _)| *key);
                out.push('{');
                for (at, (key, value)) in sorted.into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&format!("{}:", Value::from(key.as_str())));
                    write(value, out);
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for (at, value) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write(value, out);
                }
                out.push(']');
            }
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    let digest = Sha256::digest(out.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
