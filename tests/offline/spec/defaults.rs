//! What is said once for all hosts: `ssh`, and `x-…` keys for anchors.

use serde_json::{Value, json};
use trueup::{
    diagnostic::Problem,
    spec::{Given, Resolved, Source, load, schema, several::conflicts},
};

use super::{caret, errors, good, read, shown};

/// How a host is reached, as a saved plan keeps it; without what nothing is said of.
fn way(spec: &Resolved, host: &str) -> Value {
    let host = spec.hosts.iter().find(|one| one.name == host);
    let mut kept = serde_json::to_value(host.expect("the host")).expect("JSON")["way"].take();
    let places = ["/ec2/ssh", "/ssh"];
    let place = places
        .into_iter()
        .find(|place| kept.pointer(place).is_some());
    let ssh = place
        .and_then(|place| kept.pointer_mut(place))
        .map(Value::take);
    let Some(Value::Object(mut ssh)) = ssh else {
        return kept;
    };
    ssh.retain(|_, value| !value.is_null());
    Value::Object(ssh)
}

fn warnings(text: &str) -> Vec<(String, String)> {
    let (spec, problems) = read(text);
    assert!(spec.is_some(), "{}", shown(text, &problems));
    let warned = problems.iter().filter(|one| !one.is_error());
    let warned = warned.map(|one| (caret(text, one).to_owned(), one.message.clone()));
    warned.collect()
}

fn is_valid(text: &str) -> bool {
    let schema = jsonschema::validator_for(&schema()).expect("a schema");
    schema.is_valid(&serde_yaml::from_str::<Value>(text).expect("YAML"))
}

const FLEET: &str = "\
version: 1
vars: { me: ops }
ssh:
  address: ${host.name}.example.com
  user: ${me}
  key: { file: ~/.ssh/fleet.pem }
  host_key: { pinned: [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlIOLmyXWoSVmgqXF8w0hbtCKEU5YPX0ApSEhdUfFBf\"] }
hosts:
  c01: {}
  c02:
    vars: { me: root }
    ssh: { port: 2222, key: { ssm_parameter: /c02 }, host_key: strict }
  c03: { ssh: { address: 10.0.0.3, user: null } }
  cloud: { ec2: { name: kafka-client }, ssh: { host_key: { console: true } } }
  here: { local: {} }
";

#[test]
fn a_host_is_reached_as_all_are_unless_it_says_otherwise() {
    let spec = good(FLEET);
    let pinned = json!({ "pinned": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlIOLmyXWoSVmgqXF8w0hbtCKEU5YPX0ApSEhdUfFBf"] });
    let file = json!({ "file": "~/.ssh/fleet.pem" });
    assert_eq!(
        way(&spec, "c01"),
        json!({ "address": "c01.example.com", "user": "ops", "key": file, "host_key": pinned, "reuse_master": false })
    );
    // What stands under a key is one thing: nothing of the common one is left in it.
    assert_eq!(
        way(&spec, "c02"),
        json!({
            "address": "c02.example.com", "port": 2222, "user": "root",
            "key": { "ssm_parameter": "/c02" }, "host_key": "strict", "reuse_master": false,
        })
    );
    assert_eq!(
        way(&spec, "c03"),
        json!({ "address": "10.0.0.3", "key": file, "host_key": pinned, "reuse_master": false })
    );
    // An instance has an address of its own, and this machine no way at all.
    assert_eq!(
        way(&spec, "cloud"),
        json!({ "user": "ops", "key": file, "host_key": { "console": true }, "reuse_master": false })
    );
    assert_eq!(way(&spec, "here"), json!("local"));
    assert_eq!(warnings(FLEET), []);
    assert!(is_valid(FLEET));
    let own = "port: 2222, key: { ssm_parameter: /c02 }";
    let common = "user: ${me}\n  key: { file: ~/.ssh/fleet.pem }";
    for wrong in ["usr: x", "key: { files: x }", "port: no"] {
        assert!(!is_valid(&FLEET.replace(own, wrong)), "{wrong}");
        assert!(!is_valid(&FLEET.replace(common, wrong)), "{wrong}");
    }
}

#[test]
fn a_mistake_in_it_is_told_once_and_where_it_is() {
    for (bad, message, under) in [
        ("usr: x", "unknown key `usr`", "usr"),
        ("user: ${you}", "unknown variable `you`", "${you}"),
        ("port: many", "`port` takes a whole number", "many"),
        ("port: 0", "`port` cannot be 0", "0"),
        ("key: ~/.ssh/x.pem", "`key` is text", "~/.ssh/x.pem"),
        ("user:", "`user` has no value", "user"),
        (
            "host_key: { pinned: [] }",
            "`pinned` is empty: no key would do",
            "pinned",
        ),
        (
            "host_key: { console: true }",
            "`console` needs an instance to ask about",
            "console",
        ),
    ] {
        let text = format!(
            "version: 1\nssh:\n  {bad}\nhosts: {{ a: {{ ssh: {{ address: a }} }}, b: {{ ssh: {{ address: b }} }} }}\n"
        );
        let found = errors(&text);
        let [only] = found.as_slice() else {
            panic!("one error was expected: {}", shown(&text, &found));
        };
        assert_eq!(
            (only.message.as_str(), caret(&text, only)),
            (message, under)
        );
    }
    let found = errors("version: 1\nssh: { user: me }\nhosts: { a: {} }\n");
    assert_eq!(found[0].message, "host `a` has no way to it");
    // Nothing to remove: the value has been forgotten.
    let text =
        "version: 1\nssh: { user: me }\nhosts: { a: { ssh: { address: a, user: null, port: } } }\n";
    let found = errors(text);
    assert_eq!(found.len(), 1, "{}", shown(text, &found));
    assert_eq!(
        (found[0].message.as_str(), caret(text, &found[0])),
        ("`port` has no value", "port")
    );
    // All are one machine then.
    let text = "version: 1\nssh: { address: a }\nhosts: { a: {}, b: {} }\n";
    assert_eq!(
        errors(text)[0].message,
        "hosts `a` and `b` are the same account of the same machine"
    );
}

#[test]
fn what_no_host_takes_is_warned_of() {
    let text = |hosts: &str| format!("version: 1\nssh: {{ user: me, port: 22 }}\nhosts: {hosts}\n");
    let user = "no host takes the common `user`".to_owned();
    assert_eq!(
        warnings(&text(
            "{ a: { ssh: { address: a, user: x } }, b: { ssh: { address: b, user: null } } }"
        )),
        [("user".to_owned(), user)]
    );
    assert_eq!(
        warnings(&text(
            "{ a: { ssh: { address: a, user: x } }, b: { ssh: { address: b } } }"
        )),
        []
    );
    let all = "no host takes anything of the common `ssh`".to_owned();
    assert_eq!(
        warnings(&text("{ a: { local: {} } }")),
        [("ssh".to_owned(), all)]
    );
    let address = "version: 1\nssh: { address: x, user: me }\nhosts: { a: { ec2: { name: n } } }\n";
    let said = "no host takes the common `address`".to_owned();
    assert_eq!(warnings(address), [("address".to_owned(), said)]);
}

#[test]
fn two_specs_of_one_machine_are_known_by_it() {
    let one = "version: 1\nssh: { address: 10.0.0.5, user: me }\nhosts: { a: {} }\nclient: { java: { version: 8 } }\n";
    let other = "version: 1\nhosts: { b: { ssh: { address: 10.0.0.5, user: me } } }\nclient: { java: { version: 11 } }\n";
    let spec = |path: &str, text: &str| {
        let source = Source {
            path: path.into(),
            text: text.into(),
        };
        load(&source, &Given::default()).0.expect("a spec")
    };
    let found = conflicts(&[spec("one.yaml", one), spec("other.yaml", other)], |_| {
        true
    });
    assert_eq!(
        found,
        ["`client/java` of me@10.0.0.5 is given by two specs: one.yaml and other.yaml"]
    );
}

#[test]
fn x_keys_hold_what_others_refer_to() {
    let text = "\
version: 1
x-way: &way { user: me, port: 2222 }
x-more:
  - any ${thing}: [ä, { 1: null }]
  - &key { file: ~/.ssh/x.pem }
x-: true
hosts:
  a:
    ssh:
      <<: *way
      address: a
      port: 22
  b: { ssh: { <<: [*way, { address: b, port: 1 }], key: *key } }
  c: { ssh: { address: c } }
";
    let spec = good(text);
    assert_eq!(
        way(&spec, "a"),
        json!({ "address": "a", "user": "me", "port": 22, "host_key": "strict", "reuse_master": false })
    );
    let key = json!({ "file": "~/.ssh/x.pem" });
    assert_eq!(
        way(&spec, "b"),
        json!({ "address": "b", "user": "me", "port": 2222, "host_key": "strict", "key": key, "reuse_master": false })
    );
    assert!(is_valid(
        "version: 1\nx-a: [1]\nhosts: { a: { local: {} } }\n"
    ));
    // They are keys of the spec itself, and no others.
    for wrong in [
        "hosts: { a: { local: {}, x-a: 1 } }",
        "X-a: 1\nhosts: { a: { local: {} } }",
        "xa: 1\nhosts: { a: { local: {} } }",
    ] {
        let text = format!("version: 1\n{wrong}\n");
        assert_eq!(errors(&text).len(), 1, "{wrong}");
        assert!(!is_valid(&text), "{wrong}");
    }
    // What is wrong with a value is said where it is written.
    let text = text.replace("port: 2222", "prot: 2222");
    let found: Vec<Problem> = errors(&text);
    assert_eq!(found.len(), 1, "{}", shown(&text, &found));
    assert_eq!(
        (
            found[0].message.as_str(),
            found[0].span.expect("a place").line
        ),
        ("unknown key `prot`", 2)
    );
}
