//! Topics for the tables of a real MariaDB, over TLS, through SSH and from here.

mod doors;
mod lists;
pub mod server;

use std::path::Path;

use crate::{
    rig::{self, Host, Said},
    topics::{
        Desk,
        cluster::{Cluster, Version, own},
        spec_through,
    },
};
use server::{Asked, PASSWORD, Server};

fn topics(cluster: &Cluster, user: &str, tables: &str) -> String {
    format!(
        "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nname: \"{user}.${{table}}\"\n\
         defaults: {{ partitions: 2, replication_factor: 1 }}\ntables: {tables}",
        cluster.listener("plaintext")
    )
}

/// Runs trueup with the password in its environment, as loud as it gets; the password is nowhere.
#[track_caller]
fn run_in(folder: &Path, words: &[&str]) -> Said {
    let mut all = vec!["-vv"];
    all.extend(words);
    let said = rig::wait(rig::start_with(
        folder,
        &all,
        &[("MYSQL_PASSWORD", PASSWORD)],
    ));
    assert!(
        !format!("{said:?}").contains(PASSWORD),
        "the password is shown"
    );
    said
}

#[test]
fn a_new_table_is_drift_and_one_that_went_is_left() {
    let cluster = Cluster::shared(Version::V4);
    let host = Host::start("debian", &[]);
    // Only the host reaches it, and only the host knows its name.
    let server = Server::start("mysql-hidden", "10.77.0.241", &[]);
    server.introduce(&host);
    let (base, user) = (own("dbjourney"), own("dbtopics"));
    server.database(&base, &["pin", "geo", "user"]);
    server.sql(&format!(
        "CREATE VIEW {base}.seen AS SELECT * FROM {base}.pin"
    ));
    let from = server.source(&base, "");
    let tables = format!("{{ from: {from}, settings: {{ pin: {{ partitions: 3 }} }} }}");
    let spec = spec_through(&host, "", &topics(cluster, &user, &tables));
    let spec = spec.to_str().expect("text");
    let run = |words: &[&str]| run_in(host.folder.path(), words);

    let (before, execs) = host.seen_by_sshd();
    run(&["plan", spec, "--detailed-exitcode"])
        .code(2)
        .says("3 to add");
    // The tables, the brokers and the host's facts come through one connection.
    let (after, execs_after) = host.seen_by_sshd();
    assert_eq!(after - before, 1);
    assert_eq!(execs_after.len() - execs.len(), 1, "{execs_after:?}");
    let once = Asked {
        connections: 1,
        prepared: 1,
        executed: 1,
        others: vec![],
    };
    assert_eq!(server.asked_by(&base), once);

    run(&["apply", spec, "--auto-approve"])
        .code(0)
        .says("3 changes applied and verified");
    let made = cluster.topics();
    assert_eq!(made[format!("{user}.pin")]["partitions"], 3);
    assert_eq!(made[format!("{user}.geo")]["partitions"], 2);
    assert!(made[format!("{user}.seen")].is_null(), "a view has a topic");
    run(&["plan", spec, "--detailed-exitcode"])
        .code(0)
        .says("up to date, 3 topics");

    // A plan that is kept has the topics, and nothing is read again to apply it.
    let board = format!("topics/{user}.board");
    server.tables(&base, &["board"]);
    run(&["drift", spec]).code(2).says(&board);
    let file = host.folder.path().join("plan.json");
    let file = file.to_str().expect("text");
    run(&["plan", spec, "--out", file]).code(0);
    let kept = std::fs::read_to_string(file).expect("the plan");
    assert!(kept.contains(&board) && !kept.contains(PASSWORD), "{kept}");
    server.tables(&base, &["later"]);
    let asked = server.asked_by(&base);
    run(&["apply", file])
        .code(0)
        .says("1 change applied and verified");
    assert_eq!(
        server.asked_by(&base),
        asked,
        "the database was asked again"
    );
    run(&["drift", spec])
        .code(2)
        .says(&format!("topics/{user}.later"));
    run(&["apply", spec, "--auto-approve"]).code(0);
    run(&["drift", spec]).code(0);

    // We take leave each time: who hangs up is an entry in the server's log.
    let complaints = server.complaints();
    assert!(!complaints.contains("Aborted"), "{complaints}");

    // A table that goes leaves its topic; it goes when it is named.
    server.sql(&format!("DROP TABLE {base}.geo"));
    let gone = format!("topics/{user}.geo");
    run(&["drift", spec]).code(0);
    let plan = run(&["plan", spec, "--format", "json"]).code(0).json();
    assert_eq!(
        plan["topics"][0]["unmanaged"],
        serde_json::json!([format!("{user}.geo")])
    );
    run(&["apply", spec, "--auto-approve", "--allow-delete", &board])
        .code(0)
        .says("the topic stays, its table is in the database");
    assert!(cluster.topics()[format!("{user}.board")].is_object());
    run(&["apply", spec, "--auto-approve", "--allow-delete", &gone])
        .code(0)
        .says("1 change applied and verified");
    assert!(cluster.topics()[format!("{user}.geo")].is_null());

    // From here nobody knows its name. What is wrong with the database hides nothing of the host.
    let direct = Desk::new();
    let text = topics(cluster, &user, &tables);
    let here = direct.spec(&text);
    run_in(
        direct.folder.path(),
        &["plan", here.to_str().expect("text")],
    )
    .code(4)
    .says("the database of the tables was not reached at DNS");
    server.sql(&format!("DROP USER {base}@'%'"));
    let client = "properties: { path: ~/p, extra: { client.id: loader } }";
    spec_through(&host, client, &text);
    run(&["drift", spec])
        .code(4)
        .says("client/properties")
        .says("the database of the tables refused us at login, after DNS, TCP and TLS were fine")
        .says("through client");
    run(&["apply", spec, "--auto-approve"])
        .code(4)
        .says("1 change applied and verified");
}
