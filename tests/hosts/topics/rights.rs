//! The rights on topics that the policies in examples/iam give, held against the authorizer of a real
//! broker: they suffice, and `apply` needs each of them.

use std::path::PathBuf;

use serde_json::json;

use super::{
    Desk,
    cluster::{Cluster, Version, own},
};
use crate::{
    policy::Policy,
    rig::{Said, script},
};

/// MSK's action, and the operation of Kafka's own lists that it is.
const OPERATIONS: [(&str, &str); 6] = [
    ("CreateTopic", "Create"),
    ("AlterTopic", "Alter"),
    ("AlterTopicDynamicConfiguration", "AlterConfigs"),
    ("DeleteTopic", "Delete"),
    ("DescribeTopic", "Describe"),
    ("DescribeTopicDynamicConfiguration", "DescribeConfigs"),
];

/// A user of the broker's with some rights on topics of its own: one to be made, one to grow, one to be
/// set, and one to be deleted.
struct User {
    name: String,
    desk: Desk,
    spec: PathBuf,
}

impl User {
    fn new(cluster: &Cluster, name: &str, operations: &[&str]) -> Self {
        let name = own(name);
        let wanted = json!({
            "scram": { &name: "right" },
            "allow": [{ "principal": name, "topics": format!("{name}."), "operations": operations }],
            "await": [cluster.listener("sasl_plaintext")],
        });
        let broker = cluster.listener("plaintext");
        script("broker/access.py", &[broker], &wanted.to_string());
        for topic in ["grows", "set", "old"] {
            cluster.make(&format!("{name}.{topic}"), 1, 1, json!({}));
        }
        let desk = Desk::new();
        let spec = desk.spec(&format!(
            "cluster: {{ bootstrap: \"{}\" }}\nsecurity: {{ scram_sha_256: {{ username: {name}, password: {{ env: PW }}, \
             tls: false }} }}\nname: \"{name}.${{table}}\"\ntables: {{ new: null, grows: {{ partitions: 2 }}, set: {{ \
             config: {{ retention.ms: 1000000 }} }} }}",
            cluster.listener("sasl_plaintext")
        ));
        Self { name, desk, spec }
    }

    fn run(&self, words: &[&str]) -> Said {
        let old = format!("topics/{}.old", self.name);
        let mut all = words.to_vec();
        if words[0] != "drift" {
            all.extend(["--allow-delete", &old]);
        }
        self.desk.run_with(&self.spec, &all, &[("PW", "right")])
    }
}

/// The operations that a policy allows on topics.
fn operations(of: &str) -> Vec<&'static str> {
    let actions = Policy::of(of).actions();
    let all = actions
        .iter()
        .filter_map(|name| name.strip_prefix("kafka-cluster:"));
    // Each connection needs `Connect`. `DescribeCluster` is for where replicas are being moved.
    let of_topics = all.filter(|name| !["Connect", "DescribeCluster"].contains(name));
    let operation = |name: &str| {
        let found = OPERATIONS.iter().find(|(action, _)| *action == name);
        found.unwrap_or_else(|| panic!("{name} is of no topic")).1
    };
    of_topics.map(operation).collect()
}

#[test]
fn what_the_policies_give_is_what_topics_need() {
    let cluster = Cluster::shared(Version::V4);
    for of in ["plan", "drift"] {
        let user = User::new(cluster, of, &operations(of));
        // It may not even try what an apply would do.
        user.run(&["plan"]).code(5).says("1 to delete");
        user.run(&["drift"]).code(2);
        let said = user.run(&["apply", "--auto-approve"]);
        assert_ne!(said.code, 0, "{}", said.out);
        assert!(cluster.topics()[format!("{}.new", user.name)].is_null());
    }
    let all = operations("apply");
    let user = User::new(cluster, "apply", &all);
    user.run(&["plan"]).code(0);
    user.run(&["apply", "--auto-approve"])
        .code(0)
        .says("4 changes applied and verified");
    user.run(&["drift"]).code(0);
    let without = |all: &[&'static str], missing: &str| -> Vec<&'static str> {
        all.iter().filter(|one| **one != missing).copied().collect()
    };
    let reads = operations("plan");
    for missing in &reads {
        let user = User::new(
            cluster,
            &format!("plan{missing}"),
            &without(&reads, missing),
        );
        let said = user.run(&["plan"]);
        assert_ne!(said.code, 0, "a plan does without {missing}: {}", said.out);
        said.says(&format!("`{missing}`"));
    }
    // For Kafka's own lists, and not for IAM, who may change a thing may look at it.
    for missing in all.iter().filter(|one| !reads.contains(one)) {
        let user = User::new(cluster, missing, &without(&all, missing));
        let said = user.run(&["apply", "--auto-approve"]);
        assert_ne!(
            said.code, 0,
            "an apply does without {missing}: {}",
            said.out
        );
        said.says(&format!("`{missing}`"));
    }
}
