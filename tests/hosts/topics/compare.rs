//! What differs, what is changed, and what is left alone.

use serde_json::json;

use super::{
    Desk,
    cluster::{BOTH, Cluster, Version, own},
};

fn plain(cluster: &Cluster) -> String {
    format!(
        "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext",
        cluster.listener("plaintext")
    )
}

#[test]
fn three_tables_and_then_a_fourth() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let (desk, user) = (Desk::new(), own("four"));
        let replicas = cluster.brokers();
        let spec = |tables: &str| {
            desk.spec(&format!(
                "{}\nname: \"{user}.${{table}}\"\ntables: [{tables}]\n\
                 defaults: {{ partitions: 3, replication_factor: {replicas}, config: {{ retention.ms: 604800000 }} }}",
                plain(cluster)
            ))
        };
        let three = spec("pin, geo, user");
        desk.run(&three, &["plan", "--detailed-exitcode"])
            .code(2)
            .says("3 to add");
        desk.run(&three, &["apply", "--auto-approve"])
            .code(0)
            .says("3 changes applied and verified");
        desk.run(&three, &["plan", "--detailed-exitcode"])
            .code(0)
            .says("up to date, 3 topics");
        let four = spec("pin, geo, user, board");
        let plan = desk
            .run(&four, &["plan", "--detailed-exitcode", "--format", "json"])
            .code(2);
        let plan = plan.json();
        assert_eq!(plan["summary"]["create"], 1, "{plan}");
        assert_eq!(plan["summary"]["none"], 3, "{plan}");
        assert_eq!(
            plan["topics"][0]["steps"][3]["address"],
            format!("topics/{user}.board")
        );
        desk.run(&four, &["drift"])
            .code(2)
            .says(&format!("topics/{user}.board"));
        desk.run(&four, &["apply", "--auto-approve"]).code(0);
        desk.run(&four, &["drift"]).code(0);
        let all = cluster.described(&format!("{user}[.].*"));
        for table in ["pin", "geo", "user", "board"] {
            // `Topic: NAME  TopicId: …  PartitionCount: 3  ReplicationFactor: 1  Configs: …`
            let words = all.lines().map(|line| line.split_whitespace().collect());
            let said: Vec<&str> = words
                .filter(|words: &Vec<&str>| words.get(1) == Some(&&*format!("{user}.{table}")))
                .find(|words| words.contains(&"PartitionCount:"))
                .unwrap_or_else(|| panic!("no {user}.{table} in {all}"));
            let after = |word: &str| {
                let at = said.iter().position(|other| *other == word);
                said[at.unwrap_or_else(|| panic!("no {word} in {said:?}")) + 1]
            };
            assert_eq!(after("PartitionCount:"), "3", "{said:?}");
            assert_eq!(
                after("ReplicationFactor:"),
                replicas.to_string(),
                "{said:?}"
            );
            let configs = said.join(" ");
            assert!(configs.contains("retention.ms=604800000"), "{configs}");
        }
    }
}

#[test]
fn names_that_look_alike_are_never_confused() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let (desk, user) = (Desk::new(), own("u"));
        // As a regular expression, `u.pin` would mean the first, the second and the fifth.
        let dotted = format!("{user}.pin");
        let others = [
            format!("{user}xpin"),
            format!("x{user}.pin"),
            format!("{user}.pins"),
            format!("{user}-pin"),
            format!("a{user}.pin"),
        ];
        cluster.make(&dotted, 1, 1, json!({}));
        for other in &others {
            cluster.make(other, 1, 1, json!({ "retention.ms": "1000" }));
        }
        let spec = desk.spec(&format!(
            "{}\nname: \"{user}.${{table}}\"\ntables: {{ pin: {{ partitions: 2, config: {{ retention.ms: 5000 }} }} }}",
            plain(cluster)
        ));
        let plan = desk
            .run(&spec, &["plan", "--format", "json"])
            .code(0)
            .json();
        let steps = plan["topics"][0]["steps"].as_array().expect("a list");
        assert_eq!(steps.len(), 1, "{plan}");
        assert_eq!(
            plan["topics"][0]["unmanaged"],
            json!([format!("{user}.pins")]),
            "{plan}"
        );
        desk.run(&spec, &["apply", "--auto-approve"])
            .code(0)
            .says("2 partitions");
        let pins = format!("topics/{user}.pins");
        desk.run(&spec, &["apply", "--auto-approve", "--allow-delete", &pins])
            .code(0)
            .says("will be deleted");
        let topics = cluster.topics();
        assert_eq!(topics[&dotted]["partitions"], 2, "{topics}");
        assert_eq!(topics[&dotted]["config"], json!({ "retention.ms": "5000" }));
        for other in &others {
            if *other == format!("{user}.pins") {
                assert!(topics[other].is_null(), "{other} was to go: {topics}");
                continue;
            }
            assert_eq!(topics[other]["partitions"], 1, "{other} was not meant");
            assert_eq!(
                topics[other]["config"],
                json!({ "retention.ms": "1000" }),
                "{other}"
            );
        }
    }
}

#[test]
fn only_what_is_asked_for_by_name_is_deleted() {
    let cluster = Cluster::shared(Version::V4);
    let (desk, user) = (Desk::new(), own("del"));
    for name in ["pin", "old", "older"] {
        cluster.make(&format!("{user}.{name}"), 1, 1, json!({}));
    }
    let spec = desk.spec(&format!(
        "{}\nname: \"{user}.${{table}}\"\ntables: [pin]",
        plain(cluster)
    ));
    desk.run(&spec, &["plan", "--detailed-exitcode"])
        .code(0)
        .says(&format!(
            "{user}.old, {user}.older: on the cluster, in no table of the spec: left alone"
        ));
    desk.run(&spec, &["apply", "--auto-approve"]).code(0);
    assert!(
        cluster.topics()[format!("{user}.old")].is_object(),
        "nobody asked"
    );
    for (address, why) in [
        (format!("topics/{user}.pin"), "the spec wants this topic"),
        (
            "topics/elsewhere".to_owned(),
            "no table could make this topic",
        ),
        ("client/kafka".to_owned(), "only topics can be deleted"),
    ] {
        desk.run(&spec, &["plan", "--allow-delete", &address])
            .code(3)
            .says(why);
    }
    let old = format!("topics/{user}.old");
    let plan = desk.run(
        &spec,
        &["plan", "--detailed-exitcode", "--allow-delete", &old],
    );
    let plan = plan
        .code(2)
        .says("nothing brings them back")
        .says("0 to add, 0 to change, 1 to delete");
    assert!(!plan.out.contains("older  will be deleted"), "{}", plan.out);
    desk.run(&spec, &["apply", "--auto-approve", "--allow-delete", &old])
        .code(0);
    let topics = cluster.topics();
    assert!(topics[format!("{user}.old")].is_null() && topics[format!("{user}.older")].is_object());
    // It is gone: asking again asks for nothing.
    desk.run(&spec, &["apply", "--auto-approve", "--allow-delete", &old])
        .code(0);
    // With the bare pattern every topic could be the spec's: Kafka's own still are not.
    let bare = desk.spec(&format!("{}\ntables: [{user}.pin]", plain(cluster)));
    desk.run(
        &bare,
        &["plan", "--allow-delete", "topics/__consumer_offsets"],
    )
    .code(3);
}

#[test]
fn partitions_grow_and_never_shrink() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let (desk, topic) = (Desk::new(), own("grow"));
        cluster.make(&topic, 2, 1, json!({}));
        let spec = |partitions: u8| {
            desk.spec(&format!(
                "{}\ntables: {{ {topic}: {{ partitions: {partitions} }} }}",
                plain(cluster)
            ))
        };
        let more = spec(4);
        desk.run(&more, &["plan", "--detailed-exitcode"])
            .code(2)
            .says("keys move");
        desk.run(&more, &["apply", "--auto-approve"]).code(0);
        assert_eq!(cluster.topics()[&topic]["partitions"], 4);
        let fewer = spec(3);
        desk.run(&fewer, &["plan", "--detailed-exitcode"])
            .code(2)
            .says("Kafka takes no partition away");
        desk.run(&fewer, &["apply", "--auto-approve"])
            .code(5)
            .says("blocked");
        assert_eq!(cluster.topics()[&topic]["partitions"], 4);
    }
}

#[test]
fn settings_are_changed_one_by_one() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let (desk, topic) = (Desk::new(), own("conf"));
        let before =
            json!({ "retention.ms": "1000", "segment.ms": "2000", "max.message.bytes": "3000" });
        cluster.make(&topic, 1, 1, before);
        let spec = |policy: &str| {
            desk.spec(&format!(
                "{}\nconfig_policy: {policy}\ntables: {{ {topic}: {{ config: {{ retention.ms: 5000, segment.ms: null, cleanup.policy: \"compact, delete\" }} }} }}",
                plain(cluster)
            ))
        };
        let merge = spec("merge");
        desk.run(&merge, &["plan"])
            .code(0)
            .says("kept: max.message.bytes=3000");
        desk.run(&merge, &["apply", "--auto-approve"]).code(0);
        let config = cluster.topics()[&topic]["config"].clone();
        let after = json!({ "retention.ms": "5000", "max.message.bytes": "3000", "cleanup.policy": "compact,delete" });
        assert_eq!(config, after);
        desk.run(&merge, &["plan", "--detailed-exitcode"]).code(0);
        let exact = spec("exact");
        desk.run(&exact, &["plan", "--detailed-exitcode"])
            .code(2)
            .says("`max.message.bytes` is 3000 of the topic's own, the spec does not name it");
        desk.run(&exact, &["apply", "--auto-approve"]).code(0);
        let config = cluster.topics()[&topic]["config"].clone();
        assert_eq!(
            config,
            json!({ "retention.ms": "5000", "cleanup.policy": "compact,delete" })
        );
        // A slip of the pen is refused before anything is made.
        let absent = own("never");
        let wrong = desk.spec(&format!(
            "{}\ntables: {{ {absent}: null, {absent}2: {{ config: {{ retentoin.ms: 1 }} }} }}",
            plain(cluster)
        ));
        desk.run(&wrong, &["apply", "--auto-approve"])
            .code(5)
            .says(&format!("topics/{absent}2 (blocked)"))
            .says("retentoin.ms")
            .says("1 change applied and verified");
        let topics = cluster.topics();
        assert!(
            topics[&absent].is_object() && topics[format!("{absent}2")].is_null(),
            "one that is refused holds no other back: {topics}"
        );
        let wrong = desk.spec(&format!(
            "{}\ntables: {{ {absent}: {{ config: {{ retentoin.ms: 1 }} }} }}",
            plain(cluster)
        ));
        desk.run(&wrong, &["plan"])
            .code(5)
            .says("the cluster refuses it")
            .says("retentoin.ms");
    }
}

#[test]
fn replicas_that_differ_are_drift_that_an_apply_cannot_close() {
    let cluster = Cluster::shared(Version::V2);
    let (desk, topic) = (Desk::new(), own("repl"));
    cluster.make(&topic, 1, 1, json!({}));
    let spec = |settings: &str| {
        desk.spec(&format!(
            "{}\ntables: {{ {topic}: {{ {settings} }} }}",
            plain(cluster)
        ))
    };
    let two = spec("replication_factor: 2");
    desk.run(&two, &["drift"])
        .code(2)
        .says("it has 1 replica, the spec wants 2");
    desk.run(&two, &["apply", "--auto-approve"])
        .code(5)
        .says("kafka-reassign-partitions.sh");
    // What can be changed is changed all the same.
    let both = spec("replication_factor: 2, partitions: 2");
    desk.run(&both, &["apply", "--auto-approve"])
        .code(5)
        .says("was applied, and still differs from the spec");
    assert_eq!(cluster.topics()[&topic]["partitions"], 2);
    desk.run(&spec("replication_factor: keep, partitions: 2"), &["drift"])
        .code(0);
    // Somebody runs the command: what it leads to counts, also while it runs.
    cluster.ask(json!({ "reassign": { &topic: { "0": [1, 2], "1": [2, 3] } } }));
    crate::rig::until("the reassignment", || {
        desk.run(&spec("replication_factor: 2, partitions: 2"), &["drift"])
            .code
            == 0
    });
    let four = spec("replication_factor: 4");
    let absent = std::fs::read_to_string(&four)
        .expect("text")
        .replace(&topic, &own("none"));
    std::fs::write(&four, absent).expect("written");
    desk.run(&four, &["plan", "--detailed-exitcode"])
        .code(2)
        .says("INVALID_REPLICATION_FACTOR");
    desk.run(&four, &["apply", "--auto-approve"]).code(5);
}

#[test]
fn a_cluster_wide_setting_is_no_drift() {
    for version in BOTH {
        let name = if version == Version::V4 {
            "wide-4"
        } else {
            "wide-2"
        };
        let address = if version == Version::V4 {
            "10.77.0.230"
        } else {
            "10.77.0.231"
        };
        let brokers: &[&str] = if version == Version::V4 {
            &[]
        } else {
            &["--brokers", "1"]
        };
        let options: Vec<&str> = brokers.iter().copied().chain(["--open"]).collect();
        let cluster = Cluster::start(name, version, address, &options);
        let desk = Desk::new();
        cluster.make("wide", 1, 1, json!({}));
        cluster.ask(
            json!({ "clusterwide": { "min.insync.replicas": "1", "log.retention.ms": "123456" } }),
        );
        let spec = desk.spec(&format!(
            "{}\nconfig_policy: exact\ntables: [wide]",
            plain(&cluster)
        ));
        desk.run(&spec, &["drift"]).code(0);
        let spec = desk.spec(&format!(
            "{}\nconfig_policy: exact\ntables: {{ wide: {{ config: {{ retention.ms: 123456 }} }} }}",
            plain(&cluster)
        ));
        desk.run(&spec, &["drift"]).code(0);
        let spec = desk.spec(&format!(
            "{}\ntables: {{ wide: {{ config: {{ retention.ms: 9 }} }} }}",
            plain(&cluster)
        ));
        desk.run(&spec, &["drift"])
            .code(2)
            .says("`retention.ms` is 123456 by the brokers' default, the spec wants 9");
        cluster.verb("stop", &[]);
    }
}
