//! Large specs: what they cost grows as they do. Allocations are counted, not time.

use std::fmt::Write as _;

use allocation_counter::measure;
use trueup::{
    kinds::declared::Inputs,
    plan::selection::{Chosen, Known},
    spec::several,
};

use super::{errors, good};

/// A spec of so many hosts with a usual client, whose tables are these; `name` is that of topics.
fn spec(hosts: usize, tables: &str, name: &str) -> String {
    let mut text = format!(
        "version: 1\nvars: {{ user_id: u }}\nclient:\n  java: {{ version: 17 }}\n  \
         kafka: {{ version: 3.8.1, scala: 2.13 }}\n  msk_iam_auth: {{ version: 2.2.0 }}\n  \
         classpath: {{}}\n  properties: {{}}\ntopics:\n  cluster: {{ bootstrap: \"b-1:9098\" }}\n  \
         name: \"{name}\"\n  defaults: {{ partitions: 3, replication_factor: 3 }}\n  \
         tables:\n{tables}hosts:\n"
    );
    for host in 0..hosts {
        let _ = writeln!(
            text,
            "  c{host}: {{ ssh: {{ address: c{host}.example, user: ec2-user }}, \
             vars: {{ own: o{host} }} }}"
        );
    }
    text
}

/// A list of so many tables.
fn tables(count: usize) -> String {
    (0..count).fold(String::new(), |mut all, table| {
        let _ = writeln!(all, "    - table_{table}");
        all
    })
}

/// So many tables with settings of their own.
fn settings(count: usize) -> String {
    (0..count).fold(String::new(), |mut all, table| {
        let _ = writeln!(
            all,
            "    table_{table}:\n      partitions: 12\n      replication_factor: 3\n      config:\n        \
             retention.ms: 604800000\n        cleanup.policy: compact"
        );
        all
    })
}

/// How many allocations it takes to validate a spec.
fn validated(text: &str) -> f64 {
    let mut found = None;
    let counted = measure(|| {
        let spec = good(text);
        assert!(several::conflicts(std::slice::from_ref(&spec), |_| true).is_empty());
        found = Some(spec);
    });
    drop(found);
    counted.count_total as f64
}

#[test]
fn what_all_hosts_have_is_read_once() {
    let all = |hosts, count| validated(&spec(hosts, &tables(count), "${user_id}.${table}"));
    let (hosts, topics, both) = (all(200, 1), all(1, 2_000), all(200, 2_000));
    assert!(
        both < 1.1 * (hosts + topics),
        "{both} for both, {hosts} for the hosts, {topics} for the topics"
    );
}

#[test]
fn each_host_costs_as_much_as_another() {
    for name in ["${user_id}.${table}", "${own}.${table}"] {
        let of = |hosts| validated(&spec(hosts, &tables(10), name));
        let (few, many) = (of(50) / 50.0, of(500) / 500.0);
        assert!(many < 1.1 * few, "{name}: {few} of 50, {many} of 500");
    }
}

#[test]
fn a_thousand_hosts_have_ten_thousand_topics() {
    for tables in [tables(10_000), settings(10_000)] {
        let read = good(&spec(1_000, &tables, "${user_id}.${table}"));
        let [cluster] = &read.clusters[..] else {
            panic!("{} clusters", read.clusters.len())
        };
        assert_eq!(cluster.hosts.len(), 1_000);
        assert_eq!(cluster.topics.len(), 10_000);
        assert!(
            cluster
                .topics
                .iter()
                .all(|topic| topic.hosts.names().count() == 1_000)
        );
    }
    // As many, ten for each host.
    let read = good(&spec(1_000, &tables(10), "${own}.${table}"));
    assert_eq!(read.clusters[0].topics.len(), 10_000);
    assert_eq!(read.clusters[0].topics[9_999].hosts, ["c999"]);
    // Ten million are too many.
    let found = errors(&spec(1_000, &tables(10_000), "${own}.${table}"));
    let [only] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(only.message.contains("are too many for one spec"));
}

/// How many allocations it takes to select addresses of so many hosts.
fn chosen(hosts: usize, target: &[&str], exclude: &[&str]) -> f64 {
    let read = good(&spec(hosts, &tables(1), "${table}"));
    let mut known = Vec::new();
    for host in &read.hosts {
        for resource in host.resources(&Inputs::default()) {
            known.push(Known {
                host: Some(host.name.clone()),
                address: resource.address(),
                requires: resource.requires(),
            });
        }
    }
    let owned = |words: &[&str]| -> Vec<String> { words.iter().map(|w| (*w).into()).collect() };
    let (target, exclude) = (owned(target), owned(exclude));
    let counted = measure(|| {
        let chosen = Chosen::new(&target, &exclude, &known).expect("they are there");
        assert!(chosen.has("c0", &"client/properties".into()));
    });
    counted.count_total as f64
}

#[test]
fn selecting_of_ten_times_as_many_hosts_is_ten_times_the_work() {
    for (target, exclude) in [
        (&["client/properties", "client/classpath"][..], &[][..]),
        (&["client/properties"], &["client/kafka"]),
        (&[], &["client/java"]),
    ] {
        let (few, many) = (chosen(100, target, exclude), chosen(1_000, target, exclude));
        assert!(
            many < 11.0 * few,
            "{target:?}: {few} of 100, {many} of 1000"
        );
    }
}
