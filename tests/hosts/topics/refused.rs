//! What a cluster refuses is found by the plan, in the cluster's own words, and holds no other topic
//! back.

use serde_json::json;

use super::{
    Desk,
    cluster::{BOTH, Cluster, own},
};

#[test]
fn what_the_brokers_would_refuse_is_blocked_and_the_rest_is_applied() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let (desk, user) = (Desk::new(), own("ref"));
        let at = |name: &str| format!("topics/{user}.{name}");
        let is = |name: &str| format!("{user}.{name}");
        // `.` and `_` are one to Kafka's metrics.
        cluster.make(&format!("{user}_alike"), 1, 1, json!({}));
        cluster.make(&is("there"), 1, 1, json!({}));
        cluster.make(&is("grows"), 1, 1, json!({}));
        let spec = desk.spec(&format!(
            "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nname: \"{user}.${{table}}\"\n\
             defaults: {{ replication_factor: 1 }}\n\
             tables:\n    alike: null\n    wide: {{ replication_factor: 99 }}\n    \
             new: {{ config: {{ retention.ms: 7d }} }}\n    \
             there: {{ partitions: 2, config: {{ retention.ms: 7d }} }}\n    \
             grows: {{ partitions: 3 }}\n    fine: {{ partitions: 2, topic: \"{user}-other\" }}",
            cluster.listener("plaintext")
        ));
        let before = cluster.ask(json!({ "describe": true }));
        let plan = desk
            .run(&spec, &["plan", "--format", "json"])
            .code(5)
            .json();
        let ours = |all: &serde_json::Value| {
            let all = all.as_object().expect("a map").iter();
            let ours = all.filter(|(name, _)| name.starts_with(&user));
            json!(ours.collect::<std::collections::BTreeMap<_, _>>())
        };
        let after = cluster.ask(json!({ "describe": true }));
        assert_eq!(ours(&before), ours(&after), "a plan wrote something");
        let steps = plan["topics"][0]["steps"].as_array().expect("a list");
        let step = |address: String| {
            let found = steps
                .iter()
                .find(|step| step["address"] == address.as_str());
            found.unwrap_or_else(|| panic!("no {address} in {plan}"))
        };
        for (name, words, help) in [
            ("alike", "collides with existing topic", "another name"),
            (
                "wide",
                "INVALID_REPLICATION_FACTOR",
                "lower `replication_factor`",
            ),
            ("new", "7d", "without a unit"),
            ("there", "7d", "without a unit"),
        ] {
            let step = step(at(name));
            assert_eq!(step["action"], "blocked", "{step}");
            let said = |key: &str| step[key].as_str().expect("text").to_owned();
            assert!(said("reason").contains(words), "{step}");
            assert!(said("help").contains(help), "{step}");
            assert!(!said("help").contains("249"), "{step}");
        }
        assert_eq!(step(at("grows"))["action"], "update");
        assert_eq!(step(format!("topics/{user}-other"))["action"], "create");

        let said = desk.run(&spec, &["apply", "--auto-approve"]).code(5);
        said.says("2 changes applied and verified")
            .says("(blocked)");
        let topics = cluster.topics();
        assert_eq!(topics[is("grows")]["partitions"], 3, "{topics}");
        assert_eq!(topics[format!("{user}-other")]["partitions"], 2, "{topics}");
        assert_eq!(topics[is("there")]["partitions"], 1, "{topics}");
        for name in ["alike", "wide", "new"] {
            assert!(topics[is(name)].is_null(), "{name}: {topics}");
        }
    }
}

#[test]
fn replicas_that_leave_no_room_are_warned_of() {
    let cluster = Cluster::shared(super::cluster::Version::V2);
    let (desk, user) = (Desk::new(), own("room"));
    let spec = |replicas: u8, least: u8| {
        desk.spec(&format!(
            "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\n\
             tables: {{ {user}: {{ replication_factor: {replicas}, config: {{ min.insync.replicas: {least} }} }} }}",
            cluster.listener("plaintext")
        ))
    };
    let even = "no message is taken with `acks=all` while one of their brokers is patched";
    // The cluster's own default, which nobody has named.
    let bare = desk.spec(&format!(
        "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\ntables: {{ {user}: {{ replication_factor: 1 }} }}",
        cluster.listener("plaintext")
    ));
    desk.run(&bare, &["plan"])
        .code(0)
        .says("1 replica, and `min.insync.replicas` is 2");
    desk.run(&spec(2, 2), &["plan"]).code(0).says(even);
    desk.run(&spec(2, 3), &["plan"])
        .code(0)
        .says("never a message is taken with `acks=all`");
    let roomy = spec(3, 2);
    let said = desk.run(&roomy, &["plan"]).code(0);
    assert!(!said.out.contains("acks=all"), "{}", said.out);
    // What is in place and takes no message is not silently in sync.
    desk.run(&spec(2, 2), &["apply", "--auto-approve"]).code(0);
    desk.run(&spec(2, 2), &["plan"]).code(0).says(even);
}

#[test]
fn what_a_policy_of_the_cluster_refuses_is_blocked_in_its_words() {
    let options = ["--open", "--express"];
    let cluster = Cluster::start(
        "express",
        super::cluster::Version::V2,
        "10.77.0.216",
        &options,
    );
    let (desk, user) = (Desk::new(), own("exp"));
    let is = |name: &str| format!("{user}.{name}");
    for name in ["there", "grows"] {
        cluster.make(&is(name), 1, 3, json!({}));
    }
    let spec = desk.spec(&format!(
        "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nname: \"{user}.${{table}}\"\n\
         tables:\n    two: {{ replication_factor: 2 }}\n    least: {{ config: {{ min.insync.replicas: 1 }} }}\n    \
         there: {{ config: {{ segment.bytes: 1048576 }} }}\n    grows: {{ partitions: 3 }}\n    \
         fine: {{ config: {{ retention.ms: 1000000 }} }}",
        cluster.listener("plaintext")
    ));
    let plan = desk
        .run(&spec, &["plan", "--format", "json"])
        .code(5)
        .json();
    let steps = plan["topics"][0]["steps"].as_array().expect("a list");
    let step = |name: &str| {
        let address = format!("topics/{}", is(name));
        let found = steps.iter().find(|step| step["address"] == address);
        found.unwrap_or_else(|| panic!("no {address} in {plan}"))
    };
    for (name, words) in [
        (
            "two",
            format!("{} has 3 replicas on Express, not 2", is("two")),
        ),
        (
            "least",
            format!("min.insync.replicas of {} is kept by Express", is("least")),
        ),
        (
            "there",
            format!("segment.bytes of {} is kept by Express", is("there")),
        ),
    ] {
        let step = step(name);
        assert_eq!(step["action"], "blocked", "{step}");
        let said = |key: &str| step[key].as_str().expect("text").to_owned();
        assert!(said("reason").contains(&words), "{step}");
        assert!(said("reason").contains("POLICY_VIOLATION"), "{step}");
        assert!(said("help").contains("MSK's Express brokers"), "{step}");
    }
    assert_eq!(step("grows")["action"], "update");
    assert_eq!(step("fine")["action"], "create");

    let said = desk.run(&spec, &["apply", "--auto-approve"]).code(5);
    said.says("2 changes applied and verified")
        .says("(blocked)");
    let topics = cluster.topics();
    assert_eq!(topics[is("grows")]["partitions"], 3, "{topics}");
    assert_eq!(
        topics[is("fine")]["config"]["retention.ms"],
        "1000000",
        "{topics}"
    );
    assert_eq!(topics[is("there")]["config"], json!({}), "{topics}");
    for name in ["two", "least"] {
        assert!(topics[is(name)].is_null(), "{name}: {topics}");
    }
    cluster.verb("stop", &[]);
}
