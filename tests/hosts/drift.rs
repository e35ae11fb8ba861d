//! Each change by hand alone is seen by `drift`, named by its address, and repaired by `apply`.

use crate::{
    KAFKA, client,
    rig::{Host, trueup},
};

#[test]
fn every_change_by_hand_is_seen_and_repaired() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    // What is the user's own has to survive every repair.
    host.user(&format!(
        "cd ~/{KAFKA} && echo mine >libs/mine.jar && echo mine >bin/mine.sh && echo '# mine' >>config/consumer.properties \
         && echo 'client.id = mine' >>bin/client.properties && echo 'alias mine=ls' >>~/.bashrc"
    ));
    trueup(&host, &["drift", spec]).code(0);

    let jar = format!("~/{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar");
    let properties = format!("~/{KAFKA}/bin/client.properties");
    let cases = [
        (
            "client/kafka",
            format!("cd ~/{KAFKA}/libs && truncate -s -100 kafka-clients-2.8.1.jar"),
        ),
        ("client/kafka", format!("rm ~/{KAFKA}/bin/kafka-topics.sh")),
        (
            "client/msk_iam_auth",
            format!("echo '<!DOCTYPE html><title>404</title>' >{jar}"),
        ),
        ("client/classpath", "sed -i '/CLASSPATH/d' ~/.bashrc".into()),
        (
            "client/classpath",
            "echo 'export CLASSPATH=/opt/x.jar' >>~/.bashrc".into(),
        ),
        (
            "client/properties",
            format!("sed -i 's/^sasl.mechanism=.*/sasl.mechanism=PLAIN/' {properties}"),
        ),
        ("client/properties", format!("chmod 644 {properties}")),
    ];
    for (address, change) in cases {
        host.user(&change);
        seen_and_repaired(&host, spec, &[address], &change);
    }
    host.root("yum remove -y -q java-1.8.0-openjdk >/dev/null 2>&1");
    seen_and_repaired(&host, spec, &["client/java"], "yum remove");

    for (file, text) in [
        (format!("{KAFKA}/libs/mine.jar"), "mine"),
        (format!("{KAFKA}/bin/mine.sh"), "mine"),
        (format!("{KAFKA}/config/consumer.properties"), "# mine"),
        (format!("{KAFKA}/bin/client.properties"), "client.id = mine"),
        (".bashrc".into(), "alias mine=ls"),
    ] {
        assert!(
            host.read(&file).contains(text),
            "{file} lost what was the user's"
        );
    }

    // The whole tree last: what was the user's in it goes with it.
    host.user(&format!("rm -rf ~/{KAFKA}"));
    seen_and_repaired(
        &host,
        spec,
        &["client/kafka", "client/msk_iam_auth", "client/properties"],
        "rm -rf",
    );
}

#[track_caller]
fn seen_and_repaired(host: &Host, spec: &str, addresses: &[&str], change: &str) {
    let drift = trueup(host, &["drift", spec, "--format", "json"])
        .code(2)
        .json();
    let steps = drift["hosts"][0]["steps"].as_array().expect("steps");
    let changed: Vec<&str> = steps
        .iter()
        .filter(|step| step["action"] != "none")
        .map(|step| step["address"].as_str().expect("text"))
        .collect();
    assert_eq!(changed, addresses, "after `{change}`");
    let text = trueup(host, &["drift", spec]).code(2);
    for address in addresses {
        assert!(text.out.contains(address), "{}", text.out);
    }
    trueup(host, &["apply", spec, "--auto-approve"]).code(0);
    trueup(host, &["drift", spec]).code(0);
}
