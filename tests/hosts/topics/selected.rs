//! Selecting topics, several specs of one cluster, events, and what `-v` says of brokers.

use std::path::PathBuf;

use serde_json::Value;

use super::{
    Desk,
    cluster::{Cluster, Version, own},
};

/// A spec under a name of its own.
fn spec(desk: &Desk, file: &str, cluster: &Cluster, user: &str, tables: &str) -> PathBuf {
    let path = desk.folder.path().join(file);
    let text = format!(
        "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nname: \"{user}.${{table}}\"\ntables: [{tables}]",
        cluster.listener("plaintext")
    );
    std::fs::rename(desk.spec(&text), &path).expect("renamed");
    path
}

/// The addresses of a plan's only cluster.
fn addresses(plan: &Value) -> Vec<&str> {
    let steps = plan["topics"][0]["steps"].as_array().expect("steps");
    steps
        .iter()
        .filter_map(|step| step["address"].as_str())
        .collect()
}

#[test]
fn a_topic_alone_and_all_but_one() {
    let cluster = Cluster::shared(Version::V4);
    let (desk, user) = (Desk::new(), own("sel"));
    let three = spec(&desk, "three.yaml", cluster, &user, "pin, geo, user");
    let topic = |table: &str| format!("topics/{user}.{table}");
    let (pin, geo) = (topic("pin"), topic("geo"));

    let plan = ["plan", "--format", "json", "--target", &geo];
    let said = desk.run(&three, &plan).code(0).json();
    assert_eq!(addresses(&said), [&geo]);
    assert!(
        said["hosts"].as_array().is_some_and(Vec::is_empty),
        "{said}"
    );

    // What happens, line by line; and nothing is made that was not selected.
    let apply = [
        "apply",
        "--auto-approve",
        "--format",
        "jsonl",
        "--exclude",
        &geo,
    ];
    let said = desk.run(&three, &apply).code(0);
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let done: Vec<&Value> = lines
        .iter()
        .filter(|line| line["event"] == "done")
        .collect();
    assert_eq!(done.len(), 2, "{lines:?}");
    assert!(done.iter().all(|line| line["host"].is_null()), "{done:?}");
    let last = lines.last().expect("a line");
    assert_eq!(
        last["topics"][0]["applied"].as_array().map(Vec::len),
        Some(2),
        "{last}"
    );
    let topics = cluster.topics();
    assert!(topics[format!("{user}.geo")].is_null() && !topics[format!("{user}.pin")].is_null());
    let exclude = ["drift", "--exclude", &geo];
    desk.run(&three, &exclude).code(0);
    desk.run(&three, &["drift"]).code(2).says(&geo);
    // What is left out is the spec's all the same, and no leftover.
    let target = ["plan", "--format", "json", "--target", &geo];
    let said = desk.run(&three, &target).code(0).json();
    assert_eq!(
        said["topics"][0]["unmanaged"],
        serde_json::json!([]),
        "{said}"
    );

    desk.run(&three, &["plan", "--target", &topic("pni")])
        .code(3)
        .says(&format!("did you mean `{pin}`?"));
    let old = topic("old");
    let delete = ["plan", "--allow-delete", &old, "--target", &pin];
    desk.run(&three, &delete)
        .code(3)
        .says("this topic is not selected");
}

#[test]
fn two_specs_of_one_cluster_leave_each_others_topics_alone() {
    let cluster = Cluster::shared(Version::V4);
    let (desk, user) = (Desk::new(), own("two"));
    let a = spec(&desk, "a.yaml", cluster, &user, "pin, geo");
    let b = spec(&desk, "b.yaml", cluster, &user, "user");
    let second = b.display().to_string();
    desk.run(&a, &["apply", &second, "--auto-approve"])
        .code(0)
        .says("3 changes applied and verified");
    // Each alone sees the other's as a leftover; together neither does.
    desk.run(&a, &["plan"])
        .code(0)
        .says("in no table of the spec");
    let both = desk.run(&a, &["plan", &second]).code(0);
    assert!(!both.out.contains("in no table"), "{}", both.out);
    let theirs = format!("topics/{user}.user");
    desk.run(&a, &["plan", &second, "--allow-delete", &theirs])
        .code(3)
        .says("the spec wants this topic");
    let c = spec(&desk, "c.yaml", cluster, &user, "geo");
    desk.run(&a, &["plan", &c.display().to_string()])
        .code(3)
        .says(&format!(
            "`topics/{user}.geo` of one cluster is given by two specs"
        ));
}

#[test]
fn verbose_tells_the_requests_to_brokers() {
    let cluster = Cluster::shared(Version::V4);
    let (desk, user) = (Desk::new(), own("verb"));
    let one = spec(&desk, "one.yaml", cluster, &user, "pin");
    let said = desk.run(&one, &["plan", "-v"]).code(0);
    let call = said
        .err
        .lines()
        .find(|line| line.starts_with("call: "))
        .expect("a call");
    for part in [
        "  read  ",
        " round trips, ",
        " sent, ",
        "ApiVersions ",
        "Metadata ",
    ] {
        assert!(call.contains(part), "no `{part}` in {call}");
    }
    let said = desk.run(&one, &["apply", "--auto-approve", "-v"]).code(0);
    assert!(
        said.err.matches("CreateTopics 1").count() == 2,
        "{}",
        said.err
    );
    let last = said.err.lines().last().expect("a line");
    assert!(
        last.starts_with("time: ") && last.contains("topics "),
        "{last}"
    );
}
