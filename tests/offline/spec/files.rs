//! The schema that is checked in, and the specs that stand in `specs/` and `examples/`.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use trueup::{
    kinds::client::Client,
    spec::{Given, Source, load, schema},
};

fn at(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn specs() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for folder in ["specs", "examples"] {
        for entry in fs::read_dir(at(folder)).expect(folder) {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "yaml") {
                let text = fs::read_to_string(&path).unwrap();
                all.push((path.display().to_string(), text));
            }
        }
    }
    assert!(all.len() >= 5, "the specs are where they were");
    all
}

#[test]
fn the_schema_is_up_to_date() {
    let path = at("schemas/spec.schema.json");
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("TRUEUP_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "schemas/spec.schema.json is out of date; renew it: trueup schema spec > schemas/spec.schema.json"
    );
}

/// Calls `see` with every schema in a schema: its path, whether it is that of a key, and itself.
fn walk(schema: &Value, path: &str, is_key: bool, see: &mut dyn FnMut(&str, bool, &Value)) {
    see(path, is_key, schema);
    let named = |of: &str| {
        schema
            .get(of)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    for (name, inner) in named("$defs") {
        walk(inner, &format!("{path}/$defs/{name}"), false, see);
    }
    for (name, inner) in named("properties") {
        walk(inner, &format!("{path}/properties/{name}"), true, see);
    }
    let listed = |of: &str| {
        schema
            .get(of)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for inner in listed("anyOf").chain(listed("oneOf")) {
        walk(inner, &format!("{path}/…"), false, see);
    }
    for of_one in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(of_one).filter(|inner| inner.is_object()) {
            walk(inner, &format!("{path}/{of_one}"), false, see);
        }
    }
}

#[test]
fn every_key_is_described_and_shown() {
    let schema = schema();
    let mut keys = 0;
    walk(&schema, "", false, &mut |path, is_key, inner| {
        if !is_key {
            return;
        }
        keys += 1;
        let described = inner.get("description").and_then(Value::as_str);
        assert!(
            described.is_some_and(|text| text.len() > 5),
            "{path} has no description"
        );
        let examples = inner.get("examples").and_then(Value::as_array);
        assert!(
            examples.is_some_and(|all| !all.is_empty()),
            "{path} has no example"
        );
    });
    assert!(keys > 60, "{keys} keys were seen");
}

#[test]
fn keys_with_a_default_say_it() {
    let schema = schema();
    for (key, default) in [
        ("Ec2/properties/via", json!("public_dns")),
        ("Ec2/properties/all", json!(false)),
        ("Ssh/properties/host_key", json!("strict")),
        ("Classpath/properties/in", json!("bashrc")),
        ("Topics/properties/config_policy", json!("merge")),
        ("Topics/properties/security", json!("iam")),
        ("Login/properties/tls", json!(true)),
    ] {
        assert_eq!(
            schema.pointer(&format!("/$defs/{key}/default")),
            Some(&default),
            "{key}"
        );
    }
    // What depends on other keys is said in words.
    for key in [
        "Kafka/properties/home",
        "Kafka/properties/url",
        "Ssh/properties/port",
    ] {
        let text = schema.pointer(&format!("/$defs/{key}/description"));
        let text = text.and_then(Value::as_str).expect("a description");
        assert!(text.contains("Default:"), "{key}: {text}");
    }
}

#[test]
fn examples_and_defaults_in_the_schema_are_right() {
    let root = schema();
    walk(&root, "", false, &mut |path, _, inner| {
        let mut own = inner.clone();
        if let Some(own) = own.as_object_mut() {
            own.insert("$defs".into(), root["$defs"].clone());
        }
        let validator = jsonschema::validator_for(&own).expect("a schema");
        let examples = inner
            .get("examples")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for example in examples.chain(inner.get("default")) {
            assert!(validator.is_valid(example), "{path}: {example}");
        }
    });
}

/// The walker knows these keywords and no others.
#[test]
fn the_schema_uses_what_the_walker_knows() {
    let known = [
        "type",
        "properties",
        "additionalProperties",
        "patternProperties",
        "required",
        "items",
        "anyOf",
        "oneOf",
        "const",
        "enum",
        "minimum",
        "maximum",
        "$ref",
        "$defs",
        "$schema",
        "title",
        "description",
        "default",
        "examples",
        "format",
    ];
    walk(&schema(), "", false, &mut |path, _, inner| {
        for keyword in inner.as_object().into_iter().flat_map(|map| map.keys()) {
            assert!(known.contains(&keyword.as_str()), "{path}: {keyword}");
        }
    });
}

#[test]
fn specs_load_without_an_error() {
    for (path, text) in specs() {
        let source = Source {
            path: path.clone(),
            text,
        };
        let (resolved, problems) = load(&source, &Given::default());
        let shown = trueup::diagnostic::render(&path, &source.text, &problems, false, 100);
        let resolved = resolved.unwrap_or_else(|| panic!("{shown}"));
        assert!(!resolved.hosts.is_empty(), "{path}");
    }
}

#[test]
fn an_independent_validator_agrees() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    for (path, text) in specs() {
        let value: Value = serde_yaml::from_str(&text).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&value)
            .map(|one| one.to_string())
            .collect();
        assert!(wrong.is_empty(), "{path}: {wrong:?}");
    }
    let five = fs::read_to_string(at("tests/fixtures/specs/five-mistakes.yaml")).unwrap();
    let value: Value = serde_yaml::from_str(&five).unwrap();
    assert!(!validator.is_valid(&value), "and it does look");
}

#[test]
fn the_walkthrough_is_whole() {
    let text = fs::read_to_string(at("specs/pinterest-client.yaml")).unwrap();
    let resolved = super::good(&text);
    let client = resolved.hosts[0]
        .declared
        .get::<Client>()
        .expect("a client");
    assert!(client.java.is_some() && client.classpath.is_some() && client.properties.is_some());
    assert_eq!(client.kafka.as_ref().unwrap().folder(), "kafka_2.12-2.8.1");
    let names: Vec<_> = resolved.clusters[0]
        .topics
        .iter()
        .map(|one| &*one.name)
        .collect();
    assert_eq!(
        names,
        ["0ab336d6fcf7.pin", "0ab336d6fcf7.geo", "0ab336d6fcf7.user"]
    );
}
