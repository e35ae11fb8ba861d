//! Several specs in one command, with fleets: who is meant by a name, and who is whom.

use serde_json::{Value, json};

use crate::world::{Desk, Front, Said, name};

const CLIENT: &str = "client: { properties: { path: ~/p, extra: { client.id: x } }, kafka: { version: 2.8.1, scala: \
    2.12 } }\n";

/// A spec whose only host leads nowhere, which is enough to be told of.
fn spec(ec2: &str) -> String {
    format!(
        "version: 1\nhosts:\n  client:\n    ec2: {{ {ec2}, via: private_ip }}\n    ssh: {{ port: 1, user: u }}\n{CLIENT}"
    )
}

/// The hosts that a plan is about.
fn hosts(said: &Said) -> Vec<String> {
    let plan: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.err));
    let hosts = plan["hosts"].as_array().expect("hosts").iter();
    hosts
        .map(|host| host["name"].as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn names_of_specs_of_fleets_and_of_members() {
    let front = Front::new();
    let of = name("several");
    let machine = |tags: Value| front.instance(json!({ "tags": tags, "private_ip": "127.0.0.1" }));
    let mut fleet = [
        machine(json!({ "fleet": of })),
        machine(json!({ "fleet": of })),
    ];
    fleet.sort();
    let single = machine(json!({ "Name": of }));
    let desk = Desk::new(&front);
    desk.write(
        "a.yaml",
        &spec(&format!("tags: {{ fleet: {of} }}, all: true")),
    );
    desk.write("b.yaml", &spec(&format!("name: {of}")));
    let plan = |more: &[&str]| {
        let words = [&["plan", "a.yaml", "b.yaml", "--format", "json"], more].concat();
        desk.trueup(&words)
    };
    let [first, second] = [&fleet[0], &fleet[1]].map(|id| format!("a/client/{id}"));
    let b = "b/client".to_owned();
    let (calls, before) = (|| front.calls(), front.calls().len());
    let all = plan(&[]);
    assert_eq!(all.code, 4, "{}", all.err);
    assert_eq!(hosts(&all), [first.clone(), second.clone(), b.clone()]);
    assert_eq!(calls()[before..].len(), 2, "each question once");

    let short = format!("client/{}", fleet[1]);
    for (wanted, meant) in [
        ("client", vec![&first, &second, &b]),
        ("a/client", vec![&first, &second]),
        ("b/client", vec![&b]),
        (first.as_str(), vec![&first]),
        (short.as_str(), vec![&second]),
    ] {
        let said = plan(&["--host", wanted]);
        assert_eq!(hosts(&said).iter().collect::<Vec<_>>(), meant, "{wanted}");
    }
    // Who is not asked for costs no question.
    let before = calls().len();
    plan(&["--host", "b/client"]);
    assert_eq!(calls()[before..].len(), 1);

    let stranger = "a/client/i-0123456789abcdef0";
    plan(&["--host", stranger]).says(3, &["no host", stranger, &first, &second]);
    // What is no fleet has no members; nobody has to be asked for that.
    let before = calls().len();
    let member = format!("b/client/{single}");
    plan(&["--host", &member]).says(3, &["no host", &member, "a/client, b/client"]);
    assert_eq!(calls()[before..].len(), 0);

    let kafka = |who: &str| format!("{who}:client/kafka");
    for (word, meant) in [
        ("client/kafka".to_owned(), vec![&first, &second, &b]),
        (kafka("a/client"), vec![&first, &second]),
        (kafka(&second), vec![&second]),
        (kafka("b/client"), vec![&b]),
    ] {
        let said = plan(&["--target", &word]);
        assert_eq!(hosts(&said).iter().collect::<Vec<_>>(), meant, "{word}");
    }
    plan(&["--target", &kafka(stranger)]).says(3, &["there is no such address"]);
}

#[test]
fn two_names_of_one_machine_are_one_machine() {
    let front = Front::new();
    let of = name("twice");
    let id = front.instance(json!({ "tags": { "Name": of }, "private_ip": "127.0.0.1" }));
    let desk = Desk::new(&front);
    desk.write("a.yaml", &spec(&format!("name: {of}")));
    desk.write("b.yaml", &spec(&format!("instance_id: {id}")));
    // Nobody knows before EC2 is asked.
    desk.trueup(&["validate", "a.yaml", "b.yaml"]).says(0, &[]);
    let conflict = format!("`client/kafka` of u@{id}:1 is given by two specs: a.yaml and b.yaml");
    desk.trueup(&["plan", "a.yaml", "b.yaml"])
        .says(3, &[&conflict]);
    // In one account the same words mean the same machine, whoever it is.
    desk.write("c.yaml", &spec(&format!("name: {of}")));
    let conflict = format!("of u@Name={of}:1 is given by two specs: a.yaml and c.yaml");
    desk.trueup(&["validate", "a.yaml", "c.yaml"])
        .says(3, &[&conflict]);
    desk.write("c.yaml", &spec(&format!("region: eu-west-1, name: {of}")));
    desk.trueup(&["validate", "a.yaml", "c.yaml"]).says(0, &[]);
}

#[test]
fn one_instance_by_its_id_and_in_a_fleet_is_not_two_clients() {
    let front = Front::new();
    let of = name("once");
    let id = front.instance(json!({ "tags": { "fleet": of }, "private_ip": "127.0.0.1" }));
    let desk = Desk::new(&front);
    let both = |own: &str| {
        format!(
            "version: 1\nhosts:\n  one:\n    ec2: {{ instance_id: {id}, via: private_ip }}\n    ssh: {{ port: 1, user: u \
             }}\n    client: {{ {own} }}\n  fleet:\n    ec2: {{ tags: {{ fleet: {of} }}, all: true, via: private_ip \
             }}\n    ssh: {{ port: 1, user: u }}\n{CLIENT}"
        )
    };
    let other = both("properties: { extra: { client.id: y } }");
    for words in [&["plan"][..], &["drift"], &["apply", "--auto-approve"]] {
        desk.run(&other, words).says(
            3,
            &[&format!(
                "`client/properties` of u@{id}:1 is to be two things: the hosts `one` and `fleet/{id}` are one machine"
            )],
        );
    }
    // Alone each is what it is; so is what is the same, or stands elsewhere.
    desk.run(&other, &["plan", "--host", "one"])
        .says(4, &["refused"]);
    desk.run(&both(""), &["plan"]).says(4, &["refused"]);
    desk.run(
        &both("properties: { path: ~/q, extra: { client.id: y } }"),
        &["plan"],
    )
    .says(4, &["refused"]);
}
