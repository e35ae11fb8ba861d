//! A machine that was set up by hand with the walkthrough's own commands is adopted as it is.

use std::fs;

use crate::{
    client,
    rig::{Host, ROLE_ARN, SITE, trueup},
};

fn by_hand(kind: &str, java: &str, package: &[&str]) {
    let host = Host::start(kind, &[]);
    let script = fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/rig/walkthrough.sh"
    ))
    .expect("the script");
    let command = format!("sh -s -- {SITE}/files {ROLE_ARN} {}", package.join(" "));
    host.ssh(&command, &script).code(0);

    let spec = host.spec(&client(java));
    let spec = spec.to_str().expect("text");
    let plan = trueup(
        &host,
        &["plan", spec, "--detailed-exitcode", "--format", "json"],
    )
    .code(2)
    .json();
    let steps = plan["hosts"][0]["steps"].as_array().expect("steps");
    for step in steps {
        let expected = if step["address"] == "client/properties" {
            "update"
        } else {
            "none"
        };
        assert_eq!(step["action"], expected, "{step}");
    }
    let changes = &steps
        .iter()
        .find(|step| step["action"] == "update")
        .expect("a step")["changes"];
    let only = serde_json::json!([{ "path": "mode", "before": "0644", "after": "0600", "sensitive": false }]);
    assert_eq!(*changes, only);

    trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("1 change applied");
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
}

#[test]
fn by_hand_on_amazon_linux() {
    by_hand("amazon", "1.8.0", &[]);
}

#[test]
fn by_hand_on_debian() {
    by_hand("debian", "21", &["openjdk-21-jre-headless"]);
}
