//! What costs no machine and no network: reading specs, selecting, comparing, showing.
//!
//! `cargo bench --bench pure` in release; `-- NAME` runs a part.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use divan::{Bencher, black_box};
use trueup::{
    exit::Code,
    facts::{
        Observation,
        cluster::{Cluster, Setting, Topic},
    },
    kinds::declared::Inputs,
    plan::{
        Plan, TopicsPlan,
        selection::{Chosen, Known},
    },
    report::{Detail, Format, Report, ReportKind, human::Style, render},
    spec::{Given, Resolved, ResolvedTopic, Source, load, several},
    utc::Utc,
};

#[path = "../tests/support/case.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod case;
#[path = "../tests/support/framed.rs"]
mod framed;
#[path = "../tests/support/simulated.rs"]
mod simulated;

fn main() {
    divan::main();
}

/// A spec of so many hosts with so many topics.
fn text(hosts: usize, topics: usize) -> String {
    let mut text = String::from(
        "version: 1\nvars: { user_id: u }\nclient:\n  java: { version: 17 }\n  \
         kafka: { version: 3.8.1, scala: 2.13 }\n  msk_iam_auth: { version: 2.2.0 }\n  \
         classpath: {}\n  properties: {}\ntopics:\n  cluster: { bootstrap: \"b-1:9098\" }\n  \
         name: \"${user_id}.${table}\"\n  defaults: { partitions: 3, replication_factor: 3, config: { retention.ms: 1 } }\n  \
         tables:\n",
    );
    for table in 0..topics {
        let _ = writeln!(text, "    - table_{table}");
    }
    text.push_str("hosts:\n");
    for host in 0..hosts {
        let _ = writeln!(text, "  c{host}: {{ ssh: {{ address: c{host}.example }} }}");
    }
    text
}

fn read(text: &str) -> Resolved {
    let (path, text) = ("bench.yaml".into(), text.to_owned());
    let (spec, problems) = load(&Source { path, text }, &Given::default());
    spec.unwrap_or_else(|| panic!("{problems:?}"))
}

/// `validate`.
#[divan::bench(args = [(1, 3), (1_000, 10), (1, 10_000), (1_000, 10_000)])]
fn validate(bencher: Bencher<'_, '_>, (hosts, topics): (usize, usize)) {
    let text = text(hosts, topics);
    bencher.bench_local(|| {
        let spec = read(black_box(&text));
        several::conflicts(std::slice::from_ref(&spec), |_| true)
    });
}

/// `--target client/properties`, which takes with it what that requires.
#[divan::bench(args = [10, 100, 1_000])]
fn target(bencher: Bencher<'_, '_>, hosts: usize) {
    let spec = read(&text(hosts, 1));
    let mut known = Vec::new();
    for host in &spec.hosts {
        for resource in host.resources(&Inputs::default()) {
            known.push(Known {
                host: Some(host.name.clone()),
                address: resource.address(),
                requires: resource.requires(),
            });
        }
    }
    let target = ["client/properties".to_owned()];
    bencher.bench_local(|| Chosen::new(&target, &[], black_box(&known)));
}

/// The plan of a cluster's topics, all as they should be.
#[divan::bench(args = [10, 1_000])]
fn topics(bencher: Bencher<'_, '_>, topics: usize) {
    let spec = read(&text(1, topics));
    let wanted: Vec<&ResolvedTopic> = spec.clusters[0].topics.iter().collect();
    let own = Setting {
        value: Some("1".into()),
        own: true,
    };
    let there = Topic {
        partitions: 3,
        replicas: (3, 3),
        reassigning: false,
        config: BTreeMap::from([("retention.ms".into(), own)]),
    };
    let name = |topic: &&ResolvedTopic| (topic.name.clone(), Observation::Present(there.clone()));
    let cluster = Cluster {
        brokers: 3,
        topics: wanted.iter().map(name).collect(),
        ..Cluster::default()
    };
    bencher.bench_local(|| TopicsPlan::new("c", "h", &wanted, &[], black_box(&cluster), "salt"));
}

fn planned(hosts: usize) -> Plan {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(simulated::plan(
        &simulated::fleet(hosts),
        &simulated::answer(),
    ))
}

/// Looking at hosts that answer at once.
#[divan::bench(args = [10, 1_000])]
fn look(bencher: Bencher<'_, '_>, hosts: usize) {
    let (spec, answer) = (simulated::fleet(hosts), simulated::answer());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    bencher.bench_local(|| runtime.block_on(simulated::plan(&spec, &answer)));
}

/// The plans of a thousand hosts, shown.
#[divan::bench(args = [Format::Human, Format::Json, Format::Markdown, Format::Junit])]
fn show(bencher: Bencher<'_, '_>, format: Format) {
    let plan = planned(1_000);
    let report = Report {
        kind: ReportKind::Plan,
        plan: &plan,
        outcomes: &[],
        proofs: &[],
        code: Code::Done,
        style: Style {
            color: false,
            width: 80,
        },
        at: Utc::of_seconds(1_795_749_000),
        took: Duration::from_secs(1),
        history: None,
        detail: Detail::default(),
        next: &[],
    };
    bencher.bench_local(|| render(format, black_box(&report)));
}
