//! Many instances, few calls.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::json;

use crate::world::{Desk, Front, Said, name};

/// How often each call of a look-up came: not who we are.
fn counted(front: &Front) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let calls = front.calls().into_iter();
    for call in calls.filter(|call| !call.starts_with("sts:")) {
        *counts.entry(call).or_default() += 1;
    }
    counts
}

#[test]
fn forty_instances_with_keys_of_their_own_take_six_calls() {
    let front = Front::new();
    let of = name("many");
    let instance = |n: usize| {
        let name = format!("{of}-{n}");
        json!({ "tags": { "Name": name }, "key": name, "key_text": "no key" })
    };
    let instances: Vec<_> = (0..40).map(instance).collect();
    front.make(json!({ "instances": instances }));
    let mut spec = "version: 1\nhosts:\n".to_owned();
    for n in 0..40 {
        let _ = writeln!(
            spec,
            "  c{n}: {{ ec2: {{ name: {of}-{n}, via: private_ip }}, ssh: {{ port: 1, key: {{ from_instance: true }} }} }}"
        );
    }
    let desk = Desk::new(&front);
    let facts = ["facts", "--timeout", "60s"];
    let wanted = |parameters: usize, alone: usize| {
        let mut wanted = BTreeMap::from([
            ("ec2:DescribeInstances".to_owned(), 1),
            ("ec2:DescribeKeyPairs".to_owned(), 1),
            ("ssm:GetParameters".to_owned(), parameters),
        ]);
        if alone > 0 {
            wanted.insert("ssm:GetParameter".to_owned(), alone);
        }
        wanted
    };
    let all_read = |said: &Said| {
        let text = said.flat();
        (0..40).all(|n| text.contains(&format!("host c{n}: its private key cannot be used")))
    };
    let said = desk.run(&spec, &facts);
    assert_eq!(counted(&front), wanted(4, 0), "{}{}", said.out, said.err);
    assert!(all_read(&said), "{}{}", said.out, said.err);

    // Throttling is waited out; two tries more.
    let front = Front::new();
    let desk = Desk::new(&front);
    front.fault("ssm:GetParameters", "throttle", 2);
    let said = desk.run(&spec, &facts);
    assert_eq!(counted(&front), wanted(6, 0), "{}{}", said.out, said.err);

    // A policy that allows one at a time is enough.
    let front = Front::new();
    let desk = Desk::new(&front);
    front.fault("ssm:GetParameters", "denied", 9);
    let said = desk.run(&spec, &facts);
    assert!(all_read(&said), "{}{}", said.out, said.err);
    assert_eq!(counted(&front)["ssm:GetParameter"], 40);
}

#[test]
fn what_one_call_for_several_leaves_open_is_said_of_each() {
    let front = Front::new();
    let of = name("some");
    let made = front.make(json!({
        "instances": [{ "tags": { "Name": of, "site": "a" } }, { "tags": { "Name": of, "site": "b" } }],
        "parameters": { format!("/{of}/there"): "x" },
    }));
    let id = |n: usize| {
        made["instances"][n]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let spec = format!(
        "version: 1\nhosts:\n  a: {{ ec2: {{ tags: {{ Name: {of}, site: a }} }}, ssh: {{ port: 1 }} }}\n  \
         none: {{ ec2: {{ tags: {{ Name: {of}, site: \"*\" }} }}, ssh: {{ port: 1 }} }}\n  \
         b: {{ ec2: {{ instance_id: {} }}, ssh: {{ port: 1 }} }}\n  \
         gone: {{ ec2: {{ instance_id: i-0123456789abcdef0 }}, ssh: {{ port: 1 }} }}\n  \
         here: {{ local: {{}}, client: {{ properties: {{ path: ~/p, extra: {{ \
         ssl.truststore.password: {{ ssm_parameter: /{of}/there }}, \
         ssl.keystore.password: {{ ssm_parameter: /{of}/gone }} }} }} }} }}\n",
        id(1)
    );
    let desk = Desk::new(&front);
    let said = desk.run(&spec, &["facts", "--timeout", "60s"]);
    let all = said.flat();
    for words in [
        id(0),
        id(1),
        "no instance is".to_owned(),
        "the instance `i-0123456789abcdef0` is not there".to_owned(),
        format!("the parameter `/{of}/gone` is not there"),
    ] {
        assert!(all.contains(&words), "{words}: {}{}", said.out, said.err);
    }
    assert!(
        !all.contains(&format!("the parameter `/{of}/there`")),
        "{all}"
    );
    let counts = counted(&front);
    // Tags in one call, ids in another, and what is not there once more alone.
    assert_eq!(counts["ec2:DescribeInstances"], 3, "{counts:?}");
    assert_eq!(
        (counts["ssm:GetParameters"], counts["ssm:GetParameter"]),
        (1, 1)
    );
}
