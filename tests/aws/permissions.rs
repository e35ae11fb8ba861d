//! The policies in examples/iam allow what the code asks for, and no more.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use serde_json::{Value, json};

use crate::{
    found::Machine,
    world::{Desk, Front, name, text},
};

type Names = BTreeSet<String>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The actions that a policy allows.
fn policy(of: &str) -> Names {
    let file = root().join(format!("examples/iam/{of}.json"));
    let policy: Value =
        serde_json::from_str(&fs::read_to_string(file).expect("read")).expect("JSON");
    let mut names = Names::new();
    for statement in policy["Statement"].as_array().expect("statements") {
        assert_eq!(statement["Effect"], "Allow");
        for action in statement["Action"].as_array().expect("actions") {
            let action = text(action);
            assert!(!action.contains('*'), "{action}");
            assert!(names.insert(action.clone()), "twice: {action}");
        }
    }
    names
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
            control_plane(&policy(of)),
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
        let names = policy(of);
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
    let parameter = format!("/kafka/{}", name("p"));
    let made = front.make(json!({
        "parameters": { &parameter: "x" },
        "roles": { &role: { "trust": { "Version": "2012-10-17", "Statement": [] } } },
        "profiles": { &profile: role },
        "instances": [{ "tags": { "Name": of }, "key": of, "profile": profile, "private_ip": "127.0.0.1" }],
        "clusters": [{ "name": cluster, "bootstrap": { "bootstrapBrokerStringTls": "127.0.0.1:1" } }],
    }));
    let arn = text(&made["clusters"][0]["arn"]);
    let spec = |cluster: &str| {
        format!(
            "version: 1\naws: {{ assume_role: \"arn:aws:iam::123456789012:role/trueup-reader\" }}\nhosts:\n  client:\n    \
             ec2: {{ name: {of}, via: private_ip }}\n    ssh: {}\nclient:\n  kafka: {{ version: 2.8.1, scala: 2.12, \
             home: {} }}\n  msk_iam_auth: {{ version: 1.1.5, role: {role} }}\n  properties:\n    path: {}\n    \
             extra: {{ ssl.truststore.password: {{ ssm_parameter: {parameter} }} }}\ntopics:\n  cluster: {cluster}\n  \
             security: tls\n  tables: [pin]\n",
            machine.ssh,
            machine.home.path().join("kafka").display(),
            machine.file()
        )
    };
    let desk = Desk::new(&front);
    desk.run(&spec(&format!("{{ name: {cluster} }}")), &["facts"])
        .says(0, &["127.0.0.1:1"]);
    desk.run(&spec(&format!("{{ arn: \"{arn}\" }}")), &["plan"])
        .says(4, &["127.0.0.1:1"]);
    let asked: Names = front.calls().into_iter().collect();
    let allowed = control_plane(&policy("plan"));
    let wrong: Vec<_> = asked.difference(&allowed).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let unasked: Vec<_> = allowed.difference(&asked).map(String::as_str).collect();
    // Asked for by what is not part of this spec: host keys, and the key of the instance's pair.
    assert_eq!(unasked, ["ec2:DescribeKeyPairs", "ec2:GetConsoleOutput"]);
}

/// The resources that a policy names for an action, as patterns.
fn resources(of: &str, action: &str) -> Vec<Regex> {
    let file = root().join(format!("examples/iam/{of}.json"));
    let policy: Value =
        serde_json::from_str(&fs::read_to_string(file).expect("read")).expect("JSON");
    let all = policy["Statement"].as_array().expect("statements");
    let of_action = all.iter().filter(|one| {
        let mut actions = one["Action"].as_array().expect("actions").iter();
        actions.any(|one| one == action)
    });
    let patterns = of_action.flat_map(|one| one["Resource"].as_array().expect("resources"));
    patterns
        .map(|pattern| {
            let pattern = regex::escape(pattern.as_str().expect("text")).replace(r"\*", ".*");
            Regex::new(&format!("^{pattern}$")).expect("a pattern")
        })
        .collect()
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
        let allowed =
            |action: &str, arn: &str| resources(of, action).iter().any(|one| one.is_match(arn));
        for name in &parameters {
            let arn = format!("arn:aws:ssm:us-east-1:123456789012:parameter{name}");
            assert!(
                allowed("ssm:GetParameter", &arn),
                "{name}, examples/iam/{of}.json"
            );
        }
        for arn in named(r#"assume_role: "?(arn:[\w:/-]+)"#) {
            assert!(
                allowed("sts:AssumeRole", &arn),
                "{arn}, examples/iam/{of}.json"
            );
        }
    }
}
