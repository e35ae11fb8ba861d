//! What is said of the way to the brokers, and of topics' settings, goes together.

use crate::{caret, errors, good, read, shown, with_topics};

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
    assert_eq!(warned(&least(2)), vec![]);
    let [(message, _)] = warned(&least(1)).try_into().expect("one");
    assert_eq!(
        message,
        "the topic `pin` has 1 replicas, and `min.insync.replicas` is 2"
    );

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
