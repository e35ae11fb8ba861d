//! Variables of `client:`: its properties know `${kafka.home}`.

use super::kafka::Kafka;
use crate::{
    at,
    kinds::declared::Fill,
    spec::{
        at::At,
        tree::{Key, Node},
        vars::{Special, Specials},
    },
};

/// Fills them in, part by part.
pub(super) fn client(client: &Node, fill: &mut Fill<'_>) -> Node {
    let others = |(key, _): &&(Key, Node)| key.text != "properties";
    let entries = client.entries().iter().filter(others);
    let mut entries: Vec<(Key, Node)> = entries
        .map(|(key, node)| (key.clone(), fill(node, Specials::NONE)))
        .collect();
    let Some((key, properties)) = client.entry("properties") else {
        return client.with_entries(entries);
    };
    let kafka = entries.iter().find(|(key, _)| key.text == "kafka");
    let home = kafka.and_then(|(key, node)| home(At::new(Some((key, node)))));
    let of_path = match (kafka, &home) {
        (None, _) => Special::Not("there is no `kafka` under `client`: write the path in full"),
        (Some(_), None) => Special::Silent,
        (Some(_), Some(home)) => Special::Is(home),
    };
    let of_value = match of_path {
        Special::Is(home) if home.starts_with('~') => Special::Not(
            "Java does not expand `~`: give `kafka` an absolute `home`, or write the path in full",
        ),
        other => other,
    };
    let mut filled = Vec::new();
    for (key, node) in properties.entries() {
        let home = match key.text.as_str() {
            "path" => of_path,
            "extra" => of_value,
            _ => Specials::NONE.home,
        };
        let specials = Specials {
            home,
            ..Specials::NONE
        };
        filled.push((key.clone(), fill(node, specials)));
    }
    entries.push((key.clone(), properties.with_entries(filled)));
    client.with_entries(entries)
}

/// Kafka's home as the spec has it, `~` and all; `None` when the spec does not say enough.
pub(super) fn home(kafka: At<'_, Kafka>) -> Option<String> {
    let text = |at: At<'_, String>| Some(at.text()?.text.to_owned());
    let home = at!(kafka, home);
    let kafka = match home.is_there() {
        true => Kafka {
            home: Some(text(home)?),
            ..Kafka::default()
        },
        false => Kafka {
            version: text(at!(kafka, version))?,
            scala: text(at!(kafka, scala))?,
            ..Kafka::default()
        },
    };
    Some(kafka.home())
}
