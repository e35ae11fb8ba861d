//! Each change by hand alone is seen by `drift`, named by its address, and repaired by `apply`.

use std::fs;

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

/// What the pager, the CI system and the mail get of a fault, and of an apply that mends it.
#[test]
fn a_fault_is_told_everywhere_with_since_when_until_it_is_mended() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    let spec = spec.to_str().expect("text");
    let at = |name: &str| host.folder.path().join(name).display().to_string();
    let (prom, junit) = (at("trueup.prom"), at("drift.xml"));
    let night = |code: i32| {
        let (prom, junit) = (format!("prom={prom}"), format!("junit={junit}"));
        let words = [
            "drift", spec, "--quiet", "--format", "human", "--format", &prom, "--format", &junit,
        ];
        let mail = trueup(&host, &words).code(code);
        let read = |file: &str| fs::read_to_string(file).expect("written");
        (
            mail.out + &mail.err,
            read(&at("trueup.prom")),
            read(&at("drift.xml")),
        )
    };
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    let (mail, metrics, tests) = night(0);
    assert_eq!(mail, "");
    assert!(
        metrics.contains("state=\"drifted\"} 0\n") && !tests.contains("<failure"),
        "{metrics}{tests}"
    );

    let properties = format!("{KAFKA}/bin/client.properties");
    host.user(&format!("sed -i 's/^sasl.mechanism=.*/sasl.mechanism=PLAIN/' ~/{properties}; chmod 644 ~/{properties}"));
    night(2);
    let (mail, metrics, tests) = night(2);
    let flat = mail.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "drifted client since 20",
        "(last in sync ",
        "sasl.mechanism PLAIN → AWS_MSK_IAM",
        "mode 0644 → 0600",
        &format!("~/{properties} changed "),
        ", owner ec2-user",
        &format!("fix: trueup apply {spec}"),
        "exit 2: ",
    ] {
        assert!(flat.contains(said), "no {said:?} in {mail}");
    }
    for said in [
        "address=\"client/properties\"} 1\n",
        "trueup_drift_exit_code",
        "last_in_sync_timestamp",
    ] {
        assert!(metrics.contains(said), "no {said:?} in {metrics}");
    }
    assert!(
        tests.contains("(last in sync ") && tests.contains(" timestamp=\"20"),
        "{tests}"
    );

    // A plan of it holds, whenever the file was touched.
    let plan = at("plan.json");
    trueup(&host, &["plan", spec, "--out", &plan]).code(0);
    host.user(&format!("touch ~/{properties}"));
    trueup(&host, &["apply", &plan]).code(0);
    let (mail, metrics, _) = night(0);
    assert!(
        mail.is_empty() && metrics.contains("state=\"in_sync\"} 1\n"),
        "{mail}{metrics}"
    );

    // The apply vouched for what it left: the next fault is none of the last one's row.
    host.user(&format!("chmod 644 ~/{properties}"));
    let words = ["drift", spec, "--format", "json"];
    let first = trueup(&host, &words).code(2).json();
    let again = trueup(&host, &words).code(2).json();
    let since = &again["hosts"][0]["since"];
    assert_eq!(since["at"], first["run"]["at"]);
    assert!(since["last_in_sync"].is_string());
}
