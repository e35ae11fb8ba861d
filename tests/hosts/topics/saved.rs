//! Saved plans of topics: as they were shown, or not at all.

use serde_json::json;

use super::{
    Desk,
    cluster::{BOTH, Cluster, own},
    spec_through,
};
use crate::rig::{Host, Said, differences, start, trueup, wait};

fn topics(cluster: &Cluster, user: &str) -> String {
    format!(
        "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nname: \"{user}.${{table}}\"\n\
         tables: {{ pin: null, geo: {{ partitions: 3 }} }}\n\
         defaults: {{ partitions: 2, replication_factor: 1, config: {{ retention.ms: 5000 }} }}",
        cluster.listener("plaintext")
    )
}

#[test]
fn a_cluster_that_moved_is_left_alone() {
    for version in BOTH {
        let cluster = Cluster::shared(version);
        let (desk, user) = (Desk::new(), own("kept"));
        let mine = |what: &str| format!("{user}.{what}");
        for gone in ["old", "older"] {
            cluster.make(&mine(gone), 1, 1, json!({}));
        }
        let spec = desk.spec(&topics(cluster, &user));
        let plan = desk.folder.path().join("plan.json");
        let plan = plan.to_str().expect("text");
        let delete = format!("topics/{}", mine("old"));
        desk.run(&spec, &["plan", "--out", plan, "--allow-delete", &delete])
            .code(0);
        let apply = || -> Said { wait(start(desk.folder.path(), &["apply", plan])) };
        let ours = || {
            let mut all = cluster.ask(json!({ "describe": true }));
            let map = all.as_object_mut().expect("a map");
            map.retain(|name, _| name.starts_with(&format!("{user}.")));
            all
        };

        // Somebody makes one of the topics otherwise.
        cluster.make(&mine("geo"), 1, 1, json!({}));
        let before = ours();
        apply()
            .code(6)
            .says(&format!(
                "`topics/{}` has changed since the plan was made",
                mine("geo")
            ))
            .says("the plan says that it would be created; now it would be changed");
        assert_eq!(ours(), before, "something was written");
        // Gone again, it is as it was: the plan holds.
        cluster.ask(json!({ "delete": [mine("geo")] }));
        crate::rig::until("the topic is gone", || ours()[mine("geo")].is_null());
        apply().code(0).says("3 changes applied and verified");
        let now = ours();
        assert!(
            now[mine("old")].is_null() && !now[mine("older")].is_null(),
            "{now}"
        );
        assert_eq!(now[mine("geo")]["partitions"], 3, "{now}");
        apply().code(0).says("up to date, 2 topics");

        // One that was not there when the plan was made is not deleted.
        desk.run(&spec, &["plan", "--out", plan, "--allow-delete", &delete])
            .code(0);
        cluster.make(&mine("old"), 1, 1, json!({}));
        apply().code(6).says("it is not in the plan");
        assert!(!ours()[mine("old")].is_null());
    }
}

#[test]
fn a_host_and_its_cluster_move_each_for_itself() {
    let cluster = Cluster::shared(super::cluster::Version::V4);
    let user = own("both");
    let host = Host::start("amazon", &[]);
    let client = "properties: { path: ~/c.properties, extra: { client.id: x } }";
    let spec = spec_through(&host, client, &topics(cluster, &user));
    let spec = spec.to_str().expect("text");
    let plan = host.folder.path().join("plan.json");
    let plan = plan.to_str().expect("text");
    trueup(&host, &["plan", spec, "--out", plan]).code(0);
    let made = |what: &str| {
        let all = cluster.ask(json!({ "describe": true }));
        !all[format!("{user}.{what}")].is_null()
    };

    // The host moved: nothing is written there, and its cluster is not reached.
    host.user("echo client.id=y >~/c.properties");
    let before = host.tree();
    trueup(&host, &["apply", plan])
        .code(6)
        .says("`client/properties` has changed")
        .says(&format!(
            "topics/{user}.pin, topics/{user}.geo (not reached)"
        ));
    assert_eq!(differences(&before, &host.tree()), [] as [&str; 0]);
    assert!(!made("pin") && !made("geo"));
    host.user("rm ~/c.properties");

    // The cluster moved: the host's own steps are done.
    cluster.make(&format!("{user}.pin"), 1, 1, json!({}));
    let said = trueup(&host, &["apply", plan, "--format", "json"])
        .code(6)
        .json();
    assert_eq!(
        said["outcome"]["hosts"][0]["applied"],
        json!(["client/properties"])
    );
    assert_eq!(
        said["outcome"]["topics"][0]["moved"][0]["address"],
        format!("topics/{user}.pin")
    );
    assert_eq!(host.read("c.properties").trim(), "client.id=x");
    assert!(!made("geo"), "something of the cluster was written");
}
