//! The JSON schema of a spec: what editors complete from, and what [`super::walk`] checks with.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::types::Spec;
use crate::kinds::{declared::Registered, listed};

/// The schema of a spec file.
pub fn schema() -> Value {
    let mut generator = SchemaGenerator::default();
    for kind in listed() {
        (kind.schema)(&mut generator);
    }
    let mut root = generator.into_root_schema_for::<Spec>().to_value();
    for kind in listed() {
        declare(&mut root, kind);
    }
    without_null_options(&mut root);
    payloads_described(&mut root);
    overlay_of(&mut root, "ssh", "Ssh");
    for kind in listed() {
        overlay_of(&mut root, kind.key, &(kind.definition)());
    }
    if let Some(root) = root.as_object_mut() {
        root.insert("title".into(), "trueup spec, version 1".into());
        root.insert(
            "patternProperties".into(),
            json!({ "^x-": { "description": "Not looked at: a place for anchors (`&name`) of your own." } }),
        );
    }
    root
}

/// A schema behind its references.
pub fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        match root.pointer(reference.trim_start_matches('#')) {
            Some(found) => schema = found,
            None => break,
        }
    }
    schema
}

/// schemars lets `null` stand for every key that may be absent. A spec does not: `classpath:`
/// with nothing behind it would pass for `classpath: {}` and do nothing. Only where the types say
/// that a *value* may be null (overlays, `config`, `tables`) does it stay.
fn without_null_options(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut() {
            without_null(property);
        }
    }
    match schema {
        Value::Object(map) => map
            .iter_mut()
            .filter(|(key, _)| !matches!(key.as_str(), "default" | "examples" | "const" | "enum"))
            .for_each(|(_, value)| without_null_options(value)),
        Value::Array(items) => items.iter_mut().for_each(without_null_options),
        _ => {}
    }
}

fn without_null(property: &mut Value) {
    let Some(property) = property.as_object_mut() else {
        return;
    };
    match property.get_mut("default") {
        Some(Value::Null) => {
            property.shift_remove("default");
        }
        Some(Value::Object(keys)) => keys.retain(|_, value| !value.is_null()),
        _ => {}
    }
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            property.insert("type".into(), one);
        }
    }
    if let Some(Value::Array(alternatives)) = property.get_mut("anyOf") {
        alternatives.retain(|one| one.get("type") != Some(&json!("null")));
        if let [one] = alternatives.as_slice() {
            let one = one.as_object().cloned().unwrap_or_default();
            property.shift_remove("anyOf");
            property.extend(one);
        }
    }
}

/// The key of a variant with a payload says what the variant says; descriptions are one line.
fn payloads_described(schema: &mut Value) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if let Some(Value::Array(variants)) = schema.get_mut("oneOf") {
        for variant in variants {
            let Some(variant) = variant.as_object_mut() else {
                continue;
            };
            let (description, examples) = (
                variant.get("description").cloned(),
                variant.shift_remove("examples"),
            );
            let payload = variant
                .get_mut("properties")
                .and_then(Value::as_object_mut)
                .and_then(|properties| properties.values_mut().next())
                .and_then(Value::as_object_mut);
            if let Some(payload) = payload {
                payload.extend(description.map(|text| ("description".into(), text)));
                payload.extend(examples.map(|examples| ("examples".into(), examples)));
            }
        }
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(payloads_described),
        Value::Array(items) => items.iter_mut().for_each(payloads_described),
        _ => {}
    }
}

/// Gives a kind's key to specs and to hosts, before `topics` and last; its type's words describe it.
fn declare(root: &mut Value, kind: &Registered) {
    let name = (kind.definition)();
    let definition = &root["$defs"][&*name];
    let mut property = json!({ "$ref": format!("#/$defs/{name}") });
    for words in ["description", "examples"] {
        if let Some(value) = definition.get(words) {
            property[words] = value.clone();
        }
    }
    let examples = property["examples"].clone();
    let of_host = json!({
        "description": format!("Overrides the common `{}` key by key, `null` removes a key.", kind.key),
        "examples": examples,
    });
    let places = [
        ("/properties", property),
        ("/$defs/Host/properties", of_host),
    ];
    for (place, property) in places {
        if let Some(keys) = root.pointer_mut(place).and_then(Value::as_object_mut) {
            let at = keys.keys().position(|key| key == "topics");
            keys.shift_insert(at.unwrap_or(keys.len()), kind.key.into(), property);
        }
    }
}

/// Gives a host's key a schema of its own: every key of the definition, at any depth, `null` allowed,
/// nothing required.
fn overlay_of(root: &mut Value, key: &str, definition: &str) {
    let mut made = Map::new();
    let name = overlay(root, definition, &mut made);
    let Some(definitions) = root.get_mut("$defs").and_then(Value::as_object_mut) else {
        return;
    };
    definitions.extend(made);
    if let Some(client) = definitions
        .get_mut("Host")
        .and_then(|host| host.get_mut("properties")?.get_mut(key))
        && let Some(client) = client.as_object_mut()
    {
        client.insert(
            "anyOf".into(),
            json!([{ "$ref": format!("#/$defs/{name}") }, null_type()]),
        );
    }
}

fn null_type() -> Value {
    json!({ "type": "null" })
}

/// Makes the overlay of a definition and of what it holds; returns its name.
fn overlay(root: &Value, name: &str, made: &mut Map<String, Value>) -> String {
    let own = format!("{name}Overlay");
    let mut schema = root["$defs"][name].clone();
    if let Some(map) = schema.as_object_mut() {
        map.shift_remove("required");
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut() {
            overlay_property(root, property, made);
        }
    }
    // Of a key with many, each.
    if let Some(one) = schema
        .get_mut("additionalProperties")
        .filter(|it| it.is_object())
    {
        overlay_property(root, one, made);
    }
    made.insert(own.clone(), schema);
    own
}

fn overlay_property(root: &Value, property: &mut Value, made: &mut Map<String, Value>) {
    let Some(map) = property.as_object_mut() else {
        return;
    };
    // What a host leaves out comes from the common `client`, not from a default.
    map.shift_remove("default");
    if let Some(Value::String(reference)) = map.get("$ref") {
        let name = reference.rsplit('/').next().unwrap_or_default().to_owned();
        let definition = &root["$defs"][&name];
        let of_keys = definition.get("properties").is_some()
            || definition["additionalProperties"].is_object();
        let target = if of_keys {
            overlay(root, &name, made)
        } else {
            name
        };
        map.shift_remove("$ref");
        map.insert(
            "anyOf".into(),
            json!([{ "$ref": format!("#/$defs/{target}") }, null_type()]),
        );
        return;
    }
    if let Some(values) = map
        .get_mut("additionalProperties")
        .filter(|it| it.is_object())
    {
        *values = json!({ "anyOf": [values.take(), null_type()] });
    }
    match map.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(one) => *one = json!([one.take(), "null"]),
        None => {}
    }
}
