//! `files` in a spec: what is checked, and what a host's own makes of the common ones.

use serde_json::{Value, json};
use trueup::{
    kinds::declared::Inputs,
    spec::several::{conflicts, contested},
};

use super::{caret, errors, good, read, shown};

/// A spec of one host with these files.
fn with_files(files: &str) -> String {
    format!(
        "version: 1\nhosts: {{ a: {{ ssh: {{ address: a.example }} }} }}\nfiles: {files}\n\
         client: {{ kafka: {{ version: 2.8.1, scala: 2.12 }}, msk_iam_auth: {{ version: 1.1.5 }}, properties: {{}} }}\n"
    )
}

#[test]
fn each_file_is_whole_and_has_a_place_of_its_own() {
    let long = format!("{{ {}: {{ path: /a, content: x }} }}", "n".repeat(65));
    let cases: [(&str, &str, &str); 19] = [
        ("{ m: { path: /a } }", "the file has no content", "m"),
        (
            "{ m: { path: /a, content: x, source: y } }",
            "the file has `content` and `source`",
            "source",
        ),
        (
            "{ m: { path: /a, source: '' } }",
            "`source` is empty",
            "source",
        ),
        (
            "{ m: { path: /a, content: { env: a-b } } }",
            "`env` is not the name of an environment variable",
            "a-b",
        ),
        (
            "{ m: { path: /a, content: { env: A, file: b } } }",
            "`content` takes one key, not two",
            "file",
        ),
        (
            "{ m: { path: a/b, content: x } }",
            "`a/b` does not say where it starts",
            "a/b",
        ),
        (
            "{ m: { path: /a/, content: x } }",
            "`/a/` is a folder",
            "/a/",
        ),
        (
            "{ m: { path: /a/../b, content: x } }",
            "`/a/../b` goes through `.` or `..`",
            "/a/../b",
        ),
        ("{ m: { content: x } }", "`m` lacks `path`", "m"),
        (
            "{ m: { path: /a, content: x, mode: rw } }",
            "`rw` is no mode of a file",
            "rw",
        ),
        (
            "{ m: { path: /a, content: x, mode: 4755 } }",
            "`4755` is no mode of a file",
            "4755",
        ),
        (
            "{ m: { path: /a, content: x, mode: '0200' } }",
            "`0200` is no mode of a file",
            "'0200'",
        ),
        (
            "{ m: { path: /a, content: x, owner: 'a:b:c' } }",
            "`a:b:c` is no owner",
            "'a:b:c'",
        ),
        (
            "{ m: { path: /a, content: x, owner: '1000' } }",
            "`1000` is no owner",
            "'1000'",
        ),
        (
            "{ m: { path: /a, content: x, owner: 'a:' } }",
            "`a:` is no owner",
            "'a:'",
        ),
        (
            "{ m: { path: /a/b, content: x }, n: { path: /a//b, content: y } }",
            "`/a//b` is the path of `m`, too",
            "/a//b",
        ),
        (
            "{ m: { path: ~/kafka_2.12-2.8.1/bin/client.properties, content: x } }",
            "`~/kafka_2.12-2.8.1/bin/client.properties` is the path of `client.properties`, too",
            "~/kafka_2.12-2.8.1/bin/client.properties",
        ),
        ("{ '': { path: /a, content: x } }", "a name is empty", "''"),
        (
            "{ \"a\\nb\": { path: /a, content: x } }",
            "`a\\nb` has a control character in it",
            "\"a\\nb\"",
        ),
    ];
    let long = (
        &*long,
        "a name has more than 64 characters",
        &*"n".repeat(65),
    );
    for (bad, message, under) in cases.into_iter().chain([long]) {
        let text = with_files(bad);
        let found = errors(&text);
        let listing = shown(&text, &found);
        let [only] = found.as_slice() else {
            panic!("one error was expected, `{message}`; found\n{listing}");
        };
        assert_eq!(only.message, message, "{listing}");
        assert_eq!(caret(&text, only), under, "{listing}");
        assert!(!only.label.is_empty(), "{listing}");
    }
    good(&with_files(
        "{ \"day's ü/motd: 1\": { path: /a, content: x, mode: 640, owner: 'me@example.org:kafka' }, \
         n: { path: ~/a, source: ~/b, mode: '0000', become: true } }",
    ));
    // Of a path that the spec gives.
    let own = with_files("{ m: { path: /a/b, content: x } }")
        .replace("properties: {}", "properties: { path: /a//b }");
    assert_eq!(
        errors(&own)[0].message,
        "`/a/b` is the path of `client.properties`, too"
    );
}

#[test]
fn a_secret_that_everybody_reads_is_warned_of() {
    let warned = |file: &str| {
        let text = with_files(&format!("{{ m: {{ path: /a, {file} }} }}"));
        let (spec, found) = read(&text);
        assert!(spec.is_some(), "{}", shown(&text, &found));
        let found = found.iter().filter(|one| one.message.contains("secret"));
        let found = found.map(|one| caret(&text, one).to_owned());
        found.collect::<Vec<_>>()
    };
    assert_eq!(warned("content: { env: A }"), ["content"]);
    assert_eq!(warned("content: { file: a }, mode: '0604'"), ["mode"]);
    assert!(warned("content: { file: a }, mode: '0640'").is_empty());
    assert!(warned("content: x").is_empty());
}

#[test]
fn a_host_has_files_of_its_own_over_the_common_ones() {
    let text = "version: 1\nhosts:\n  \
        a: { ssh: { address: a.example }, vars: { v: x }, files: { motd: { content: { file: own } }, mine: { path: /m, content: \"${v} $${v}\" } } }\n  \
        b: { ssh: { address: b.example }, files: { motd: null, keys: { content: null, source: keys } } }\n  \
        c: { ssh: { address: c.example }, files: null }\n\
        files:\n  \
          motd: { path: /etc/motd, content: { env: MOTD }, mode: '0600' }\n  \
          keys: { path: ~/keys, content: \"k\\n\" }\n";
    let spec = good(text);
    // An editor says the same of it.
    let schema = jsonschema::validator_for(&trueup::spec::schema()).expect("a schema");
    let yaml = |text: &str| serde_yaml::from_str::<Value>(text).expect("YAML");
    assert!(schema.is_valid(&yaml(text)));
    for wrong in ["pth: /m", "path: /m, mode: null, more: x"] {
        assert!(
            !schema.is_valid(&yaml(&text.replace("path: /m", wrong))),
            "{wrong}"
        );
    }
    let declared = |at: usize| {
        let kept = serde_json::to_value(&spec.hosts[at]).expect("JSON");
        kept.get("declared").cloned().unwrap_or(json!({}))
    };
    let file = |path: &str, content: Value, mode: &str| json!({ "path": path, "content": content, "source": null, "mode": mode, "owner": null, "become": false });
    assert_eq!(
        declared(0),
        json!({ "files": {
            "motd": file("/etc/motd", json!({ "file": "own" }), "0600"),
            "keys": file("~/keys", json!("k\n"), "0644"),
            "mine": file("/m", json!("x ${v}"), "0644"),
        } })
    );
    let keys = json!({ "path": "~/keys", "content": null, "source": "keys", "mode": "0644", "owner": null, "become": false });
    assert_eq!(declared(1), json!({ "files": { "keys": keys } }));
    assert_eq!(declared(2), json!({}));
    assert_eq!(
        spec.hosts[0].addresses(),
        ["files/motd", "files/keys", "files/mine"]
    );
    let references: Vec<String> = spec.hosts[0]
        .references()
        .into_iter()
        .map(|one| one.key)
        .collect();
    assert_eq!(references, ["files.motd.content"]);
    assert_eq!(spec.hosts[1].sources()[0].1, "keys");
    // What is referred to and was not read is unknown, and nothing is written in its place.
    assert_eq!(spec.hosts[0].resources(&Inputs::default()).len(), 3);
}

#[test]
fn one_machine_has_one_content() {
    let text = |other: &str| {
        format!(
            "version: 1\nhosts:\n  a: {{ ssh: {{ address: a.example }} }}\n  \
             b: {{ ssh: {{ address: b.example }}, files: {{ motd: {{ content: {other} }} }} }}\n\
             files: {{ motd: {{ path: /etc/motd, content: x }} }}\n"
        )
    };
    // Two names of one machine, which shows when they are connected to.
    for (other, found) in [("x", &[][..]), ("y", &["`files/motd`"])] {
        let spec = good(&text(other));
        let [one, other] = &spec.hosts[..] else {
            panic!("two hosts")
        };
        assert_eq!(
            contested((one, &str::to_owned), (other, &str::to_owned), false, false),
            found
        );
    }
    let specs = ["x", "y"].map(|other| good(&text(other)));
    assert_eq!(conflicts(&specs, |host| host == "a").len(), 1);
}
