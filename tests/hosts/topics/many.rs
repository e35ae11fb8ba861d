//! A thousand topics: what a plan costs, and in which batches they are made.

use serde_json::{Value, json};

use super::{
    Desk,
    cluster::{Cluster, Proxy, Version, own},
};

/// A cluster of a version behind a proxy that counts; its plaintext listener is the proxy.
pub fn proxied(version: Version, name: &str, number: u8, options: &[&str]) -> (Cluster, Proxy) {
    let (address, port) = (format!("10.77.0.{number}"), 20_000 + u16::from(number) * 10);
    let count = match version {
        Version::V4 => 1,
        Version::V2 => 3,
    };
    let mut advertise = Vec::new();
    let mut routes = Vec::new();
    for id in 1..=count {
        let proxy = format!("10.77.0.1:{}", port + id);
        advertise.push(format!("plaintext.{id}={proxy}"));
        routes.push(format!(
            "{proxy}=10.77.0.{}:9092",
            u16::from(number) + id - 1
        ));
    }
    let mut all = vec!["--open"];
    all.extend(options);
    for one in &advertise {
        all.extend(["--advertise", one]);
    }
    let cluster = Cluster::start(name, version, &address, &all);
    let proxy = Proxy::start(&format!("{name}-proxy"), &routes);
    (cluster, proxy)
}

/// The bootstrap string that leads through the proxy.
pub fn through(number: u8) -> String {
    format!("10.77.0.1:{}", 20_000 + u16::from(number) * 10 + 1)
}

#[test]
fn a_thousand_topics_cost_what_ten_cost() {
    for (version, name, number) in [(Version::V4, "many-4", 180), (Version::V2, "many-2", 184)] {
        let (cluster, proxy) = proxied(version, name, number, &[]);
        // From 4.x on a broker shows this as a setting of every topic.
        cluster.ask(json!({ "clusterwide": { "min.insync.replicas": "1" } }));
        let (desk, user) = (Desk::new(), own("m"));
        let spec = |count: usize| {
            let tables: Vec<String> = (0..count).map(|n| format!("t{n:04}")).collect();
            desk.spec(&format!(
                "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nconfig_policy: exact\n\
                 name: \"{user}.${{table}}\"\ntables: [{}]\n\
                 defaults: {{ partitions: 1, replication_factor: 1, config: {{ retention.ms: 604800000 }} }}",
                through(number),
                tables.join(", ")
            ))
        };
        let requests = |counts: &Value| counts["requests"].clone();
        let ten = spec(10);
        desk.run(&ten, &["apply", "--auto-approve"]).code(0);
        proxy.verb("reset", &[]);
        desk.run(&ten, &["plan", "--detailed-exitcode"]).code(0);
        let of_ten = requests(&proxy.counts());
        assert_eq!(
            of_ten,
            json!({ "ApiVersions": 1, "DescribeConfigs": 1, "Metadata": 1 })
        );

        let thousand = spec(1000);
        proxy.verb("reset", &[]);
        desk.run(&thousand, &["apply", "--auto-approve", "--timeout", "2m"])
            .code(0)
            .says("990 changes applied and verified");
        // Tried first, two hundred a request; then a hundred a request.
        let made = requests(&proxy.counts());
        assert_eq!(made["CreateTopics"], 15, "{made}");

        proxy.verb("reset", &[]);
        let plan = desk
            .run(&thousand, &["plan", "--detailed-exitcode"])
            .code(0);
        assert_eq!(requests(&proxy.counts()), of_ten);
        assert_eq!(proxy.counts()["connections"], 1);
        assert!(plan.out.contains("up to date, 1000 topics"), "{}", plan.out);
        let topics = cluster.topics();
        assert_eq!(topics.as_object().map(serde_json::Map::len), Some(1000));
        cluster.verb("stop", &[]);
        proxy.verb("stop", &[]);
    }
}
