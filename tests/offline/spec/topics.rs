//! What is said of the way to the brokers, and of topics' settings, goes together.

use super::{caret, errors, good, read, shown, with_topics};

fn topics(more: &str) -> String {
    with_topics(&format!(
        "{{ cluster: {{ bootstrap: \"b:9098\" }}, tables: [pin], {more} }}"
    ))
}

const LOGIN: &str = "username: u, password: { env: P }";

#[test]
fn the_way_to_the_brokers_goes_together() {
    for (bad, message, under, right) in [
        (
            "security: tls, credentials: env",
            "`credentials` are AWS's, and `security: tls` asks for none",
            "credentials",
            "security: iam, credentials: env",
        ),
        (
            &format!("security: {{ plain: {{ {LOGIN} }} }}, credentials: env"),
            "`credentials` are AWS's, and `security: plain` asks for none",
            "credentials",
            &format!("security: {{ plain: {{ {LOGIN} }} }}"),
        ),
        (
            "security: plaintext, ca: ca.pem",
            "`ca` vouches for TLS, which is not spoken here",
            "ca",
            "security: tls, ca: ca.pem",
        ),
        (
            &format!("security: {{ plain: {{ {LOGIN}, tls: false }} }}, ca: ca.pem"),
            "`ca` vouches for TLS, which is not spoken here",
            "ca",
            &format!("security: {{ plain: {{ {LOGIN}, tls: true }} }}, ca: ca.pem"),
        ),
        (
            "security: scram",
            "`scram` is not a value of `security`",
            "scram",
            &format!("security: {{ scram_sha_256: {{ {LOGIN} }} }}"),
        ),
        (
            "security: { plain: { username: u, password: canary } }",
            "`password` is text",
            "canary",
            &format!("security: {{ plain: {{ {LOGIN} }} }}"),
        ),
        (
            "security: { plain: { username: u } }",
            "`plain` lacks `password`",
            "plain",
            &format!("security: {{ plain: {{ {LOGIN} }} }}"),
        ),
    ] {
        let text = topics(bad);
        let found = errors(&text);
        let listing = shown(&text, &found);
        let [only] = found.as_slice() else {
            panic!("one error was expected, `{message}`; found\n{listing}");
        };
        assert_eq!(only.message, *message, "{listing}");
        assert_eq!(caret(&text, only), under, "{listing}");
        assert!(!only.label.is_empty(), "no way out: {listing}");
        good(&topics(right));
    }
}

#[test]
fn what_is_odd_is_warned_of() {
    let warned = |text: &str| -> Vec<(String, String)> {
        let (resolved, problems) = read(text);
        assert!(resolved.is_some(), "{}", shown(text, &problems));
        problems
            .iter()
            .map(|one| (one.message.clone(), one.label.clone()))
            .collect()
    };
    let config = |config: &str| topics(&format!("defaults: {{ config: {{ {config} }} }}"));
    assert_eq!(warned(&config("retention.ms: 1")), vec![]);
    let [(message, label)] = warned(&config("retentoin.ms: 1")).try_into().expect("one");
    assert_eq!(message, "Kafka has no topic setting `retentoin.ms`");
    assert_eq!(label, "did you mean `retention.ms`?");
    let own = topics("").replace("[pin]", "{ pin: { config: { nothing.like.it: 1 } } }");
    let [(_, label)] = warned(&own).try_into().expect("one");
    assert_eq!(label, "the broker refuses what it does not know");

    let least = |replicas: u8| {
        topics(&format!(
            "defaults: {{ replication_factor: {replicas}, config: {{ min.insync.replicas: 2 }} }}"
        ))
    };
    assert_eq!(warned(&least(3)), vec![]);
    for (replicas, of, label) in [
        (
            2,
            "2 replicas",
            "it would take no message with `acks=all` while one of its brokers is patched",
        ),
        (1, "1 replica", "it would take no message with `acks=all`"),
    ] {
        let [(message, said)] = warned(&least(replicas)).try_into().expect("one");
        assert_eq!(
            message,
            format!("the topic `pin` has {of}, and `min.insync.replicas` is 2")
        );
        assert_eq!(said, label);
    }

    let plain = |tls: bool| topics(&format!("security: {{ plain: {{ {LOGIN}, tls: {tls} }} }}"));
    assert_eq!(warned(&plain(true)), vec![]);
    let [(message, _)] = warned(&plain(false)).try_into().expect("one");
    assert_eq!(message, "PLAIN without TLS sends the password as it is");

    let port = |port: u16, security: &str| {
        topics(&format!("security: {security}")).replace(
            "b:9098",
            &format!("b-1.c.a1.c2.kafka.us-east-1.amazonaws.com:{port}"),
        )
    };
    for (at, security) in [
        (9092, "plaintext"),
        (9094, "tls"),
        (9098, "iam"),
        (9198, "iam"),
    ] {
        assert_eq!(warned(&port(at, security)), vec![], "{at} {security}");
    }
    let [(message, label)] = warned(&port(9092, "iam")).try_into().expect("one");
    assert!(
        message.contains("speaks plaintext on MSK, and `security` is `iam`"),
        "{message}"
    );
    assert_eq!(
        label,
        "say `security: plaintext`, or name the port that fits"
    );
}

#[test]
fn a_table_may_have_a_topic_of_another_name() {
    let text = |tables: &str| {
        format!(
            "version: 1\nvars: {{ u: me }}\nhosts: {{ h: {{ local: {{}} }} }}\ntopics:\n  \
             cluster: {{ bootstrap: \"b:9098\" }}\n  name: \"${{u}}.${{table}}\"\n  tables: {tables}\n"
        )
    };
    let read = |tables: &str| {
        let source = trueup::spec::Source {
            path: "s.yaml".into(),
            text: text(tables),
        };
        trueup::spec::load(&source, &trueup::spec::Given::default())
    };
    let (spec, problems) = read("{ pin: { topic: \"${u}-pins\", partitions: 2 }, geo: null }");
    let spec = spec.unwrap_or_else(|| panic!("{problems:?}"));
    let cluster = &spec.clusters[0];
    let names: Vec<&str> = cluster.topics.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["me-pins", "me.geo"]);
    assert_eq!(cluster.topics[0].table, "pin");
    assert_eq!(cluster.topics[0].settings.partitions, Some(2));
    // What it would have been called is a leftover like any other; its own name is none.
    assert!(cluster.makes("me.pin") && !cluster.makes("me-pins"));
    for (tables, says) in [
        ("{ pin: { topic: \"a b\" } }", "a b"),
        (
            "{ pin: { topic: same }, geo: { topic: same } }",
            "both make the topic `same`",
        ),
        (
            "{ pin: { topic: me_geo }, geo: null }",
            "differ in `.` and `_` only",
        ),
        ("{ pin: { topic: \"${table}s\" } }", "${table}"),
    ] {
        let (spec, problems) = read(tables);
        assert!(spec.is_none(), "{tables}");
        let said = problems
            .iter()
            .any(|one| format!("{} {}", one.message, one.label).contains(says));
        assert!(said, "{tables}: {problems:?}");
    }
    let settings = "{ from: { mysql: { host: d, user: u, password: { env: P }, database: d } }, \
                    settings: { pin: { topic: other } } }";
    let (spec, problems) = read(settings);
    let spec = spec.unwrap_or_else(|| panic!("{problems:?}"));
    let cluster = &spec.clusters[0];
    assert!(cluster.may_come_to("other") && !cluster.makes("other"));
    let tables = ["pin".to_owned(), "geo".to_owned()];
    let expanded = trueup::spec::expand(cluster, &[&tables]).expect("topics");
    let names: Vec<&str> = expanded.topics.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["other", "me.geo"]);
}

#[test]
fn zookeepers_string_is_no_brokers() {
    for (bootstrap, is_it) in [
        (
            "z-1.c.a1.c2.kafka.us-east-1.amazonaws.com:2181,z-2.c.a1.c2.kafka.us-east-1.amazonaws.com:2181",
            true,
        ),
        ("z-1.c.a1.c2.kafka.us-east-1.amazonaws.com:2182", true),
        ("zk.internal:2181", true),
        ("zk.internal:2181/kafka", true),
        ("b-1.c.a1.c2.kafka.us-east-1.amazonaws.com:9098", false),
        ("z-1.internal:9092", false),
    ] {
        let source = trueup::spec::Source {
            path: "s.yaml".into(),
            text: format!(
                "version: 1\nhosts: {{ h: {{ local: {{}} }} }}\ntopics: {{ cluster: {{ bootstrap: \"{bootstrap}\" }}, security: plaintext, tables: [a] }}\n"
            ),
        };
        let (_, problems) = trueup::spec::load(&source, &trueup::spec::Given::default());
        let named = problems
            .iter()
            .filter(|one| one.message.contains("ZooKeeper"));
        let named: Vec<_> = named.collect();
        assert_eq!(named.len(), usize::from(is_it), "{bootstrap}: {problems:?}");
        assert!(
            named
                .iter()
                .all(|one| one.is_error() && one.label.contains("get-bootstrap-brokers"))
        );
    }
}
