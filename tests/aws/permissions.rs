//! The policies in examples/iam allow what the code asks for, and no more.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use serde_json::json;

use crate::{
    found::Machine,
    policy::Policy,
    wires::Signed,
    world::{Desk, Front, name, text},
};

type Names = BTreeSet<String>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All that a pattern's group finds in the sources of a folder or file.
fn found(below: &str, pattern: &str) -> Names {
    let pattern = Regex::new(pattern).expect("a pattern");
    let place = root().join("src").join(below);
    let files = match place.is_dir() {
        true => fs::read_dir(&place)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect(),
        false => vec![place],
    };
    let mut names = Names::new();
    for file in files {
        let source = fs::read_to_string(file).expect("read");
        names.extend(
            pattern
                .captures_iter(&source)
                .map(|found| found[1].to_owned()),
        );
    }
    assert!(!names.is_empty());
    names
}

fn control_plane(names: &Names) -> Names {
    let own = |name: &&String| !name.starts_with("kafka-cluster:");
    names.iter().filter(own).cloned().collect()
}

#[test]
fn the_policies_are_what_the_sources_ask_for() {
    let actions = found("lookup/aws", r#""((?:ec2|ssm|iam|kafka|sts):[A-Z]\w+)""#);
    // Each call of the SDK names its action, so that none is missing in the list above.
    let operations = found("lookup/aws", r"\.((?:describe|get|list)_[a-z0-9_]+)\(\)");
    let camel = |operation: &String| {
        let words = operation.split('_').map(|word| {
            let (first, rest) = word.split_at(1);
            format!("{}{rest}", first.to_uppercase())
        });
        words.collect::<String>()
    };
    let mut called: Names = operations.iter().map(camel).collect();
    // aws-config does this one.
    called.insert("AssumeRole".into());
    let named: Names = actions
        .iter()
        .filter_map(|action| Some(action.split_once(':')?.1.to_owned()))
        .collect();
    assert_eq!(called, named);
    for of in ["plan", "drift", "apply"] {
        assert_eq!(
            control_plane(&Policy::of(of).actions()),
            actions,
            "examples/iam/{of}.json"
        );
    }

    // What brokers check, by the table that their refusals are explained from.
    let mut topics = found(
        "broker/refusal.rs",
        r#""((?:Create|Alter|Describe|Delete)(?:Topic\w*|Cluster))",\s+"[A-Z]"#,
    );
    topics.insert("Connect".into());
    topics.remove("CreateTopics");
    let of_brokers = |of: &str| -> Names {
        let names = Policy::of(of).actions();
        let names = names
            .iter()
            .filter_map(|name| name.strip_prefix("kafka-cluster:"));
        names.map(str::to_owned).collect()
    };
    assert_eq!(of_brokers("apply"), topics);
    let reads: Names = topics
        .into_iter()
        .filter(|name| name.starts_with("Describe") || name == "Connect")
        .collect();
    assert_eq!(
        (of_brokers("plan"), of_brokers("drift")),
        (reads.clone(), reads)
    );
}

#[test]
fn a_run_asks_for_nothing_else() {
    let front = Front::new();
    let machine = Machine::start();
    let (role, profile, of, cluster) = (
        name("role"),
        name("profile"),
        name("client"),
        name("cluster"),
    );
    let [parameter, other] = ["p", "q"].map(|of| format!("/kafka/{}", name(of)));
    let made = front.make(json!({
        "parameters": { &parameter: "x", &other: "y" },
        "roles": { &role: { "trust": { "Version": "2012-10-17", "Statement": [] } } },
        "profiles": { &profile: role },
        "instances": [{ "tags": { "Name": of }, "key": of, "profile": profile, "private_ip": "127.0.0.1" }],
        "clusters": [{ "name": cluster, "bootstrap": { "bootstrapBrokerStringTls": "127.0.0.1:1" } }],
    }));
    let arn = text(&made["clusters"][0]["arn"]);
    let spec = |cluster: &str, ssh: &str| {
        format!(
            "version: 1\naws: {{ assume_role: \"arn:aws:iam::123456789012:role/trueup-reader\" }}\nhosts:\n  client:\n    \
             ec2: {{ name: {of}, via: private_ip }}\n    ssh: {ssh}\nclient:\n  kafka: {{ version: 2.8.1, scala: 2.12, \
             home: {} }}\n  msk_iam_auth: {{ version: 1.1.5, role: {role} }}\n  properties:\n    path: {}\n    \
             extra: {{ ssl.truststore.password: {{ ssm_parameter: {parameter} }}, ssl.keystore.password: {{ \
             ssm_parameter: {other} }} }}\ntopics:\n  cluster: {cluster}\n  \
             security: tls\n  tables: [pin]\n",
            machine.home.path().join("kafka").display(),
            machine.file()
        )
    };
    let desk = Desk::new(&front);
    let (by_name, by_arn) = (
        format!("{{ name: {cluster} }}"),
        format!("{{ arn: \"{arn}\" }}"),
    );
    desk.run(&spec(&by_name, &machine.ssh), &["facts"])
        .says(0, &["127.0.0.1:1"]);
    for verb in ["plan", "drift"] {
        desk.run(&spec(&by_arn, &machine.ssh), &[verb])
            .says(4, &["127.0.0.1:1"]);
    }
    // The key of the instance's pair, and what its console vouches for.
    let port = machine.port();
    let ssh = format!(
        "{{ port: {port}, key: {{ from_instance: true }}, host_key: {{ console: true }} }}"
    );
    desk.run(&spec(&by_name, &ssh), &["plan"])
        .says(4, &["console"]);
    let calls = front.record();
    for of in ["plan", "drift", "apply"] {
        let policy = Policy::of(of);
        policy.allows_all(&calls);
        // And nothing is allowed that nobody asks.
        let asked: Names = calls.iter().map(|call| text(&call["action"])).collect();
        assert_eq!(
            control_plane(&policy.actions()),
            asked,
            "examples/iam/{of}.json"
        );
    }
}

#[test]
fn specs_that_name_no_thing_of_aws_ask_nothing() {
    let front = Front::new();
    let pattern = |text: &str| Regex::new(text).expect("a pattern");
    let asks =
        pattern(r#"(?m)^ *ec2:|^ *role: "?\$|cluster: \{ (?:name|arn)|^aws:|ssm_parameter:"#);
    // Addresses and brokers of others are not ours to dial.
    let addresses = pattern(r"address: [\w.-]+(?:, port: \d+)?");
    let brokers = pattern(r"[\w.-]+:909\d(?:,[\w.-]+:909\d)*");
    let folders = ["specs", "examples"].map(|folder| root().join(folder));
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let (mut silent, signed) = (0, Signed::new());
    for file in files.map(|file| file.expect("an entry").path()) {
        if file.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let spec = fs::read_to_string(&file).expect("read");
        if asks.is_match(&spec) {
            continue;
        }
        silent += 1;
        let mut port = 0;
        let spec = addresses.replace_all(&spec, |_: &regex::Captures<'_>| {
            port += 1;
            format!("address: 127.0.0.1, port: {port}")
        });
        let spec = brokers.replace_all(&spec, "127.0.0.1:1");
        let mut desk = Desk::new(&front);
        for ca in ["certs/global-bundle.pem", "certs/kafka-ca.pem"] {
            desk.write(ca, &signed.pem);
        }
        for secret in ["KAFKA_PASSWORD", "MYSQL_PASSWORD", "TRUSTSTORE_PASSWORD"] {
            desk.set(secret, "x");
        }
        for verb in ["plan", "drift"] {
            let said = desk.run(&spec, &[verb]);
            let both = format!("{}: {}\n{}", file.display(), said.out, said.err);
            assert!([0, 2, 4].contains(&said.code), "{both}");
        }
    }
    assert_eq!(front.calls(), Vec::<String>::new());
    // The two that are left are done on a real host: tests/hosts/from_aws.rs.
    assert_eq!(silent, 7);
}

#[test]
fn what_the_specs_name_is_what_the_policies_allow() {
    let named = |pattern: &str| {
        let pattern = Regex::new(pattern).expect("a pattern");
        let folders = ["specs", "examples"].map(|folder| root().join(folder));
        let files = folders
            .iter()
            .flat_map(|folder| fs::read_dir(folder).expect("a folder"));
        let mut names = Names::new();
        for file in files.map(|file| file.expect("an entry").path()) {
            if file.extension().is_some_and(|ending| ending == "yaml") {
                let text = fs::read_to_string(file).expect("read");
                names.extend(
                    pattern
                        .captures_iter(&text)
                        .map(|found| found[1].to_owned()),
                );
            }
        }
        names
    };
    let parameters = named(r"ssm_parameter: (/[\w/.-]+)");
    assert!(parameters.len() >= 2, "{parameters:?}");
    for of in ["plan", "drift", "apply"] {
        let policy = Policy::of(of);
        for name in &parameters {
            let arn = format!("arn:aws:ssm:us-east-1:123456789012:parameter{name}");
            assert!(
                policy.allows("ssm:GetParameter", &arn),
                "{name}, examples/iam/{of}.json"
            );
        }
        for arn in named(r#"assume_role: "?(arn:[\w:/-]+)"#) {
            assert!(
                policy.allows("sts:AssumeRole", &arn),
                "{arn}, examples/iam/{of}.json"
            );
        }
    }
}
