//! Saved plans of instances: where a machine is is looked up again, which one it is must stay.

use serde_json::json;

use crate::{
    found::Machine,
    world::{Desk, Front, name},
};

#[test]
fn a_saved_plan_holds_for_the_instance_that_it_was_made_for_and_for_no_other() {
    let front = Front::new();
    let machine = Machine::start();
    let of = name("saved");
    let id = front.instance(json!({ "tags": { "Name": of }, "private_ip": "127.0.0.1" }));
    let spec = format!(
        "version: 1\nhosts:\n  client:\n    ec2: {{ name: {of}, via: private_ip }}\n    ssh: {}\nclient:\n  \
         properties: {{ path: {}, extra: {{ client.id: loader }} }}\n",
        machine.ssh,
        machine.file()
    );
    let desk = Desk::new(&front);
    desk.run(&spec, &["plan", "--out", "plan.json"])
        .says(0, &[&id, "saved: "]);
    let saved = desk.read("plan.json");
    let plan: serde_json::Value = serde_json::from_str(&saved).expect("JSON");
    assert_eq!(plan["hosts"][0]["identity"]["instance_id"], id.as_str());
    let way = &plan["desired"]["hosts"][0]["host"]["way"]["ec2"];
    assert_eq!(
        way["ec2"]["name"],
        of.as_str(),
        "the reference is kept: {way}"
    );
    assert!(
        !way.to_string().contains("127.0.0.1"),
        "where it was is not: {way}"
    );

    // Another instance has taken its name, and even its address.
    front.make(json!({ "remove": [id] }));
    let other = front.instance(json!({ "tags": { "Name": of }, "private_ip": "127.0.0.1" }));
    let stale = desk.trueup(&["apply", "plan.json"]);
    stale.says(
        6,
        &[&format!(
            "it is the instance {other}, and was {id} when it was planned"
        )],
    );
    assert!(!std::path::Path::new(&machine.file()).exists());
    desk.run(&spec, &["plan", "--out", "plan.json"])
        .says(0, &[&other]);
    desk.trueup(&["apply", "plan.json"])
        .says(0, &["client/properties"]);
    assert!(std::path::Path::new(&machine.file()).exists());
    desk.trueup(&["apply", "plan.json"]).says(0, &[]);
}

#[test]
fn a_member_of_a_fleet_is_looked_up_by_its_id() {
    let front = Front::new();
    let machine = Machine::start();
    let of = name("fleet");
    let tags = json!({ "fleet": of });
    let id = front.instance(json!({ "tags": tags, "private_ip": "127.0.0.1" }));
    let spec = format!(
        "version: 1\nhosts:\n  client:\n    ec2: {{ tags: {{ fleet: {of} }}, all: true, via: private_ip }}\n    \
         ssh: {}\nclient:\n  properties: {{ path: {}, extra: {{ client.id: loader }} }}\n",
        machine.ssh,
        machine.file()
    );
    let desk = Desk::new(&front);
    desk.run(&spec, &["plan", "--out", "plan.json"])
        .says(0, &[&format!("client/{id}")]);
    // One more is of the fleet now; the plan is not about it.
    front.instance(json!({ "tags": tags, "private_ip": "127.0.0.1" }));
    let said = desk.trueup(&["apply", "plan.json"]);
    said.says(0, &[&format!("{id} is {id} at 127.0.0.1")]);
    assert!(std::path::Path::new(&machine.file()).exists());
}
