//! A connection that is cut at every request: the next run converges, and no error passes for
//! success.

use serde_json::{Value, json};

use super::{
    Desk,
    cluster::{Cluster, Version},
    many::{proxied, through},
};
use std::path::Path;

/// Waits for the topics as an apply has to leave them: of three brokers one may hear of it later.
fn converged(cluster: &Cluster, user: &str, what: &str) {
    crate::rig::until(what, || {
        let topics = cluster.ask(json!({ "describe": true }));
        let is = |name: &str, partitions: u32, retention: Value| {
            let topic = &topics[format!("{user}.{name}")];
            topic["partitions"] == partitions
                && topic["config"]["retention.ms"]["value"] == retention
        };
        is("new", 2, json!("5000"))
            && is("grows", 2, Value::Null)
            && is("set", 1, json!("5000"))
            && topics[format!("{user}.gone")].is_null()
    });
}

fn cut_everywhere(version: Version, name: &str, number: u8, modes: &[&str]) {
    let (cluster, proxy) = proxied(version, name, number, &[]);
    let desk = Desk::new();
    let mut cuts = 0;
    for when in modes {
        for request in 1.. {
            let user = format!("{when}{request}");
            for topic in ["grows", "set", "gone"] {
                cluster.make(&format!("{user}.{topic}"), 1, 1, json!({}));
            }
            let spec = desk.spec(&format!(
                "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nname: \"{user}.${{table}}\"\n\
                 tables:\n    new: {{ partitions: 2, config: {{ retention.ms: 5000 }} }}\n    \
                 grows: {{ partitions: 2 }}\n    set: {{ config: {{ retention.ms: 5000 }} }}",
                through(number)
            ));
            let gone = format!("topics/{user}.gone");
            let apply =
                |spec: &Path| desk.run(spec, &["apply", "--auto-approve", "--allow-delete", &gone]);
            proxy.verb("cut", &[&request.to_string(), "--when", when]);
            let first = apply(&spec);
            let happened = proxy.counts()["cut"]["done"] == true;
            if !happened {
                proxy.verb("reset", &[]);
            }
            if first.code == 0 {
                // A read is asked again, once; a write never is.
                converged(&cluster, &user, &format!("{when} {request}: {}", first.out));
            } else {
                assert!(
                    first.code == 4 || first.code == 5,
                    "{when} {request}: {first:?}"
                );
                assert!(happened, "{when} {request} failed by itself: {first:?}");
            }
            apply(&spec).code(0);
            converged(&cluster, &user, &format!("{when} {request}"));
            desk.run(&spec, &["plan", "--detailed-exitcode"]).code(0);
            if !happened {
                break;
            }
            cuts += 1;
        }
    }
    // Two connections with plan and verification: fewer would mean that nothing was cut.
    assert!(cuts >= 10 * modes.len(), "only {cuts} requests were cut");
    cluster.verb("stop", &[]);
    proxy.verb("stop", &[]);
}

#[test]
fn a_cut_at_every_request_of_one_broker() {
    cut_everywhere(Version::V4, "cut-4", 190, &["before", "within"]);
}

#[test]
fn a_cut_at_every_request_of_three_brokers() {
    cut_everywhere(Version::V2, "cut-2", 194, &["before", "after"]);
}
