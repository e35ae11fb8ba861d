//! Two names of one machine: what is said of one is not turned back by the other.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    thread,
};

use crate::rig::{Host, trueup};

/// Another way to a host: a port of this machine that leads there.
fn relay(host: &Host) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let there = format!("{}:{}", host.get("address"), host.record["port"]);
    thread::spawn(move || {
        for near in listener.incoming() {
            let near = near.expect("a connection");
            let far = TcpStream::connect(&there).expect("the host");
            for (mut from, mut to) in [
                (
                    near.try_clone().expect("a clone"),
                    far.try_clone().expect("a clone"),
                ),
                (far, near),
            ] {
                thread::spawn(move || {
                    // Whoever closes first ends both.
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    port
}

/// A spec of hosts, each with its way and the client id that its properties have.
fn spec(host: &Host, name: &str, hosts: &[(&str, &str, &str)]) -> String {
    let mut text = String::from("version: 1\nhosts:\n");
    for (name, way, id) in hosts {
        text.push_str(&format!(
            "  {name}:\n    {way}\n    client: {{ properties: {{ path: ~/c.properties, extra: {{ client.id: {id} }} }} }}\n"
        ));
    }
    let path = host.folder.path().join(name);
    fs::write(&path, text).expect("written");
    path.to_str().expect("text").to_owned()
}

#[test]
fn two_names_of_one_machine_are_refused_where_they_want_two_things() {
    let host = Host::start("amazon", &[]);
    let way = host.way();
    let far = format!(
        "address: {}, port: {},",
        host.get("address"),
        host.record["port"]
    );
    let near = format!("address: 127.0.0.1, port: {},", relay(&host));
    let other = way.replace(&far, &near);
    assert_ne!(way, other);

    let differ = spec(
        &host,
        "differ.yaml",
        &[("one", &way, "a"), ("two", &other, "b")],
    );
    for command in [&["plan"][..], &["drift"]] {
        let words = [command, &[&differ]].concat();
        trueup(&host, &words)
            .code(3)
            .says("`client/properties` is to be two things: the hosts `one` and `two` lead to one machine")
            .says("--host");
    }
    // Whoever comes first is made what it must be, and nobody turns that back.
    trueup(&host, &["apply", &differ, "--auto-approve"])
        .code(3)
        .says("lead to one machine");
    // One after another, that is the first of the spec.
    for _ in 0..2 {
        trueup(
            &host,
            &["apply", &differ, "--auto-approve", "--parallel", "1"],
        )
        .code(3)
        .says("the hosts `one` and `two` lead to one machine");
        assert_eq!(host.read("c.properties"), "client.id=a\n");
    }
    // A saved plan of both is none.
    let saved = host.folder.path().join("saved.json");
    let saved = saved.to_str().expect("text");
    trueup(&host, &["plan", &differ, "--out", saved]).code(3);
    trueup(&host, &["plan", &differ, "--host", "two"]).code(0);

    // Two specs are one too many, whatever they say.
    let (one, two) = (
        spec(&host, "one.yaml", &[("one", &way, "a")]),
        spec(&host, "two.yaml", &[("two", &other, "a")]),
    );
    trueup(&host, &["apply", &one, &two, "--auto-approve"])
        .code(3)
        .says("given by two specs");

    // The same twice does no harm.
    let same = spec(
        &host,
        "same.yaml",
        &[("one", &way, "c"), ("two", &other, "c")],
    );
    trueup(&host, &["apply", &same, "--auto-approve"])
        .code(0)
        .says("it is the machine that `");
    assert_eq!(host.read("c.properties"), "client.id=c\n");

    // A copy of the machine has its machine id, and is another.
    let copy = Host::start("amazon", &[]);
    let id = fs::read(host.path("/etc/machine-id")).expect("readable");
    fs::write(copy.path("/etc/machine-id"), id).expect("written");
    let two = spec(
        &host,
        "copy.yaml",
        &[("one", &way, "c"), ("two", &copy.way(), "d")],
    );
    trueup(&host, &["apply", &two, "--auto-approve"]).code(0);
    assert_eq!(copy.read("c.properties"), "client.id=d\n");
}
