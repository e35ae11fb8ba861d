//! What `apply` asks on a terminal when topics are concerned.

use serde_json::json;

use super::{
    Desk,
    cluster::{Cluster, Version, own},
    spec_through,
};
use crate::{prompt::Terminal, rig::Host};

fn topics(cluster: &Cluster, user: &str) -> String {
    format!(
        "cluster: {{ bootstrap: \"{}\" }}\nsecurity: plaintext\nname: \"{user}.${{table}}\"\n\
         tables: [pin, geo]\ndefaults: {{ partitions: 2, replication_factor: 1 }}",
        cluster.listener("plaintext")
    )
}

/// No, yes, and a cluster that moves between plan and yes.
fn asked(folder: &std::path::Path, spec: &std::path::Path, cluster: &Cluster, user: &str) {
    let spec = spec.to_str().expect("text");
    for (answer, code) in [("n\n", 1), ("\u{3}", 130)] {
        let mut terminal = Terminal::apply(folder, spec);
        terminal.until("Apply these 2 changes? [y/N] ");
        terminal.type_in(answer);
        let (ended, said) = terminal.end();
        assert_eq!(ended, code, "{said}");
        assert!(said.contains("nothing was changed"), "{said}");
    }
    let (pin, geo) = (format!("{user}.pin"), format!("{user}.geo"));
    assert!(cluster.topics()[&pin].is_null());

    let mut terminal = Terminal::apply(folder, spec);
    terminal.until("Apply these 2 changes? [y/N] ");
    cluster.make(&pin, 2, 1, json!({}));
    crate::rig::until("every broker knows it", || {
        cluster.topics()[&pin].is_object()
    });
    terminal.type_in("y\n");
    let again = terminal.until("Apply this change? [y/N] ");
    assert!(
        again.contains("the cluster has changed since the plan was shown"),
        "{again}"
    );
    terminal.type_in("y\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 change applied and verified"), "{said}");
    assert_eq!(cluster.topics()[&geo]["partitions"], 2);
}

#[test]
fn through_a_host_and_from_here() {
    let cluster = Cluster::shared(Version::V4);
    let (desk, user) = (Desk::new(), own("ask"));
    let spec = desk.spec(&topics(cluster, &user));
    asked(desk.folder.path(), &spec, cluster, &user);

    let (host, user) = (Host::start("debian", &[]), own("askhost"));
    let spec = spec_through(&host, "", &topics(cluster, &user));
    asked(host.folder.path(), &spec, cluster, &user);
}
