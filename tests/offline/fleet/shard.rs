//! `--shard`.

use std::collections::BTreeMap;

use trueup::shard;

use super::{HOSTS, desk, plan, run, run_with};

#[test]
fn each_host_and_cluster_is_in_one_shard() {
    let desk = desk();
    let (mut hosts, mut clusters) = (Vec::new(), Vec::new());
    for index in 1..=4 {
        let share = format!("{index}/4");
        let said = plan(desk.path(), &["--shard", &share]);
        let own: Vec<String> = said.hosts();
        let expected = HOSTS.iter().filter(|name| shard::of(name, 4) == index);
        assert_eq!(own, expected.copied().collect::<Vec<_>>());
        let of_it = said.clusters();
        assert_eq!(
            !of_it.is_empty(),
            own.iter().any(|name| name == HOSTS[0]),
            "{share}"
        );
        let record = &said.json()["shard"];
        assert_eq!(
            (&record["index"], &record["total"]),
            (&index.into(), &4.into())
        );
        assert_eq!(record["hosts"].as_array().map(Vec::len), Some(HOSTS.len()));
        let said = said.says(&format!("shard {index} of 4: {} of 10 hosts", own.len()));
        assert_eq!(said.code, if own.is_empty() { 0 } else { 4 });
        hosts.extend(own);
        clusters.extend(of_it);
    }
    hosts.sort_unstable();
    let mut all = HOSTS.to_vec();
    all.sort_unstable();
    assert_eq!(
        (hosts, clusters.len()),
        (all.into_iter().map(str::to_owned).collect(), 1)
    );
    assert!(plan(desk.path(), &["--host", "single"]).json()["shard"].is_null());
}

#[test]
fn a_shard_without_hosts_is_no_error() {
    let desk = desk();
    let empty = 3 - shard::of("single", 2);
    for command in ["plan", "drift", "facts", "prove", "apply"] {
        let share = format!("{empty}/2");
        let mut words = vec![command, "fleet.yaml", "--host", "single", "--shard", &share];
        if command == "apply" {
            words.push("--auto-approve");
        }
        run(desk.path(), &words).code(0).says("0 of 1 host");
    }
}

#[test]
fn what_is_selected_is_known_in_every_shard() {
    let desk = desk();
    for index in 1..=3 {
        let share = format!("{index}/3");
        let words = ["--shard", &share, "--target", "db-2:client/java"];
        let said = plan(desk.path(), &words);
        let here = shard::of("db-2", 3) == index;
        assert_eq!(said.hosts().len(), usize::from(here), "{}", said.err);
        assert_eq!(said.json()["shard"]["hosts"], serde_json::json!(["db-2"]));
        let said = said.code(if here { 4 } else { 0 });
        assert!(said.clusters().is_empty());
    }
}

#[test]
fn the_engine_is_asked_only_where_the_flag_says_so() {
    let desk = desk();
    let gitlab = BTreeMap::from([("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "3")]);
    let base = ["plan", "fleet.yaml", "--format", "json"];
    let said = run_with(desk.path(), &base, &gitlab);
    assert_eq!(said.hosts(), HOSTS);
    assert!(!said.err.contains("shard"), "{}", said.err);
    let auto = [&base[..], &["--shard", "auto"]].concat();
    run_with(desk.path(), &auto, &gitlab)
        .says("shard 2 of 3, by CI_NODE_INDEX and CI_NODE_TOTAL: ");
    run_with(desk.path(), &auto, &BTreeMap::new())
        .code(3)
        .says("none is set: say I/N");
    let kubernetes = BTreeMap::from([("JOB_COMPLETION_INDEX", "0")]);
    run_with(desk.path(), &auto, &kubernetes)
        .code(3)
        .says("say `auto/N`");
    let auto = [&base[..], &["--shard", "auto/3"]].concat();
    run_with(desk.path(), &auto, &kubernetes).says("shard 1 of 3, by JOB_COMPLETION_INDEX: ");
}
