//! Checks a tree against the schema and turns it into JSON, collecting every problem.

use serde_json::{Map, Value as Json};

mod unknown;

use super::{
    forms::{Alternative, Kind, expected, flatten},
    suggestions::{listed, nearest},
    tree::{Key, Node, Value},
    ways,
};
use crate::diagnostic::{Problem, Span};
pub use unknown::is_ignored;

/// How scalars with variables are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// They are still to be filled in: a `${…}` may become anything.
    Open,
    /// They have been filled in.
    Filled,
}

/// Checks trees against one schema.
pub struct Walker<'a> {
    root: &'a Json,
    variables: Variables,
    problems: &'a mut Vec<Problem>,
    /// The text, for what a tree does not say.
    text: &'a str,
    /// The maps around what is looked at: of which key they are, their schema, and the first of their keys.
    around: Vec<(Option<String>, &'a Json, Option<Span>)>,
}

/// Where a node hangs: what messages call it and where the caret goes when it has no text.
#[derive(Clone, Copy)]
struct Place<'k> {
    key: Option<&'k Key>,
    /// An entry of the list under that key.
    entry: bool,
}

impl Place<'_> {
    fn name(&self) -> String {
        match self.key {
            None => "the spec".into(),
            Some(key) if self.entry => format!("an entry of `{}`", key.text),
            Some(key) => format!("`{}`", key.text),
        }
    }
}

impl<'a> Walker<'a> {
    /// A walker over a schema with definitions, of trees of this text.
    pub fn new(
        root: &'a Json,
        text: &'a str,
        variables: Variables,
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        Self {
            root,
            variables,
            problems,
            text,
            around: Vec::new(),
        }
    }

    /// Checks a whole spec.
    pub fn spec(&mut self, node: &Node) -> Option<Json> {
        let root = self.root;
        self.check(
            root,
            node,
            Place {
                key: None,
                entry: false,
            },
        )
    }

    /// Checks the value under a key against a definition.
    pub fn definition(&mut self, name: &str, key: &Key, node: &Node) -> Option<Json> {
        let root = self.root;
        let schema = root.pointer(&format!("/$defs/{name}"))?;
        self.check(
            schema,
            node,
            Place {
                key: Some(key),
                entry: false,
            },
        )
    }

    fn error(&mut self, span: Span, message: String, label: impl Into<String>) -> Option<Json> {
        self.problems.push(Problem::error(span, message, label));
        None
    }

    fn check(&mut self, schema: &'a Json, node: &Node, place: Place<'_>) -> Option<Json> {
        let mut alternatives = Vec::new();
        flatten(self.root, schema, &mut alternatives);
        match &node.value {
            Value::Broken => None,
            Value::Null => self.null(&alternatives, node, place),
            Value::Scalar { text, quoted } => {
                self.scalar(&alternatives, node, text, *quoted, place)
            }
            Value::Seq(items) => self.seq(&alternatives, node, items, place),
            Value::Map(entries) => self.map(&alternatives, node, entries, place),
        }
    }

    fn null(&mut self, all: &[Alternative<'a>], node: &Node, place: Place<'_>) -> Option<Json> {
        if all.iter().any(|one| one.kind == Kind::Null) {
            return Some(Json::Null);
        }
        let defaults = all
            .iter()
            .any(|one| one.kind == Kind::Map && ways::has_defaults(one));
        let name = place.key.map_or("it", |key| &key.text);
        let parent = self.around.last().map(|(_, schema, _)| *schema);
        let example = parent.and_then(|parent| parent["properties"][name]["examples"].get(0));
        let required = parent.and_then(|parent| parent["required"].as_array());
        let or_not = match required.is_some_and(|all| all.iter().any(|key| key == name)) {
            true => "",
            false => ", or leave the key out",
        };
        let label = if place.key.is_none() {
            "a spec starts with `version: 1` and `hosts:`".into()
        } else if place.entry {
            format!("it takes {}", expected(all))
        } else if place
            .key
            .is_some_and(|key| ways::is_anchored(self.text, key))
        {
            ways::ANCHORED.into()
        } else if name == "hosts" {
            ways::A_MACHINE.into()
        } else if defaults {
            format!("write `{name}: {{}}` for the defaults{or_not}")
        } else if let Some(example @ Json::Object(_)) = example {
            format!(
                "give it what belongs there, as in `{name}: {}`{or_not}",
                ways::flow(example)
            )
        } else {
            format!("give it {}{or_not}", expected(all))
        };
        if place.key.is_none() {
            return self.error(node.span, "the spec is empty".into(), label);
        }
        self.error(
            caret(node, place),
            format!("{} has no value", place.name()),
            label,
        )
    }

    fn scalar(
        &mut self,
        all: &[Alternative<'a>],
        node: &Node,
        text: &str,
        quoted: bool,
        place: Place<'_>,
    ) -> Option<Json> {
        if self.variables == Variables::Open && text.contains("${") {
            return all
                .iter()
                .any(|one| one.kind.is_scalar())
                .then_some(Json::Null)
                .or_else(|| self.wrong_type(all, node, place));
        }
        if all.iter().any(|one| one.kind == Kind::Text) {
            return Some(Json::String(text.to_owned()));
        }
        let words: Vec<&str> = all.iter().filter_map(|one| one.kind.word()).collect();
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(Json::String((*word).to_owned()));
        }
        if let Some(one) = all.iter().find(|one| one.kind == Kind::Integer) {
            return self.integer(one.schema, &words, node, text, quoted, place);
        }
        if all.iter().any(|one| one.kind == Kind::Boolean) {
            return match text {
                "true" | "false" if !quoted => Some(Json::Bool(text == "true")),
                _ => self.error(
                    node.span,
                    format!("{} is `{text}`, and takes `true` or `false`", place.name()),
                    "write `true` or `false`",
                ),
            };
        }
        if !words.is_empty() {
            let label = match nearest(text, words.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("use {}", expected(all)),
            };
            return self.error(
                node.span,
                format!("`{text}` is not a value of {}", place.name()),
                label,
            );
        }
        self.wrong_type(all, node, place)
    }

    fn integer(
        &mut self,
        schema: &Json,
        words: &[&str],
        node: &Node,
        text: &str,
        quoted: bool,
        place: Place<'_>,
    ) -> Option<Json> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        if !plain || quoted {
            let or = if words.is_empty() {
                String::new()
            } else {
                format!(", or {}", listed(words.iter().copied(), "or"))
            };
            let label = if plain {
                "leave the quotes out"
            } else {
                "write it in plain digits"
            };
            return self.error(
                node.span,
                format!("{} takes a whole number{or}", place.name()),
                label,
            );
        }
        let limit = |key: &str| schema.get(key).and_then(Json::as_i64);
        let (least, most) = (
            limit("minimum").unwrap_or(0),
            limit("maximum").unwrap_or(i64::MAX),
        );
        match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Some(number.into()),
            _ => {
                let label = if least == most {
                    format!("only {least} exists")
                } else if most == i64::MAX {
                    format!("use {least} or more")
                } else {
                    format!("use a number from {least} to {most}")
                };
                self.error(
                    node.span,
                    format!("{} cannot be {text}", place.name()),
                    label,
                )
            }
        }
    }

    fn seq(
        &mut self,
        all: &[Alternative<'a>],
        node: &Node,
        items: &[Node],
        place: Place<'_>,
    ) -> Option<Json> {
        let Some(list) = all.iter().find(|one| one.kind == Kind::List) else {
            return self.wrong_type(all, node, place);
        };
        let schema = list.schema.get("items").unwrap_or(&Json::Bool(true));
        let checked: Vec<Option<Json>> = items
            .iter()
            .map(|item| {
                self.check(
                    schema,
                    item,
                    Place {
                        entry: true,
                        ..place
                    },
                )
            })
            .collect();
        checked
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .map(Json::Array)
    }

    fn map(
        &mut self,
        all: &[Alternative<'a>],
        node: &Node,
        entries: &[(Key, Node)],
        place: Place<'_>,
    ) -> Option<Json> {
        let maps: Vec<&Alternative<'a>> = all.iter().filter(|one| one.kind == Kind::Map).collect();
        let tags: Vec<&str> = maps.iter().filter_map(|one| one.tag()).collect();
        match maps.as_slice() {
            [] => self.wrong_type(all, node, place),
            _ if tags.len() == maps.len() && maps.iter().all(|one| one.of_enum) => {
                self.one_of(&maps, &tags, node, entries, place)
            }
            several => {
                // The form whose required keys are there, before one that requires none.
                let fits = |one: &&&Alternative<'a>| {
                    one.required().next().is_some()
                        && one.required().all(|key| node.get(key).is_some())
                };
                let free = |one: &&&Alternative<'a>| one.required().next().is_none();
                let found = several.iter().find(fits);
                let found = found
                    .or_else(|| several.iter().find(free))
                    .unwrap_or(&several[0]);
                self.object(found.schema, node, entries, place)
            }
        }
    }

    /// An object of exactly one key, which says what the payload is.
    fn one_of(
        &mut self,
        maps: &[&Alternative<'a>],
        tags: &[&str],
        node: &Node,
        entries: &[(Key, Node)],
        place: Place<'_>,
    ) -> Option<Json> {
        let mut out = Map::new();
        let mut whole = true;
        for (key, value) in entries {
            let Some(at) = tags.iter().position(|tag| *tag == key.text) else {
                self.unknown(key, None, tags.iter().copied());
                whole = false;
                continue;
            };
            let schema = &maps[at].schema["properties"][tags[at]];
            match self.check(
                schema,
                value,
                Place {
                    key: Some(key),
                    entry: false,
                },
            ) {
                Some(json) => {
                    out.insert(key.text.clone(), json);
                }
                None => whole = false,
            }
        }
        let known = entries
            .iter()
            .filter(|(key, _)| tags.contains(&key.text.as_str()));
        match known.collect::<Vec<_>>().as_slice() {
            [] if entries.is_empty() => self.error(
                caret(node, place),
                format!("{} is empty", place.name()),
                format!("give it one of {}", listed(tags.iter().copied(), "and")),
            ),
            [_, (second, _), ..] => self.error(
                second.span,
                format!("{} takes one key, not two", place.name()),
                format!(
                    "keep one of {}",
                    listed(entries.iter().map(|(key, _)| key.text.as_str()), "and")
                ),
            ),
            _ => whole.then_some(Json::Object(out)),
        }
    }

    fn object(
        &mut self,
        schema: &'a Json,
        node: &Node,
        entries: &[(Key, Node)],
        place: Place<'_>,
    ) -> Option<Json> {
        let empty = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Json::as_object)
            .unwrap_or(&empty);
        let further = schema
            .get("additionalProperties")
            .filter(|further| further.is_object());
        let mut out = Map::new();
        let mut whole = true;
        // What unknown keys were likely meant to be: they are not missing too.
        let mut meant: Vec<&str> = Vec::new();
        let name = place.key.map(|key| key.text.clone());
        let first = entries.first().map(|(key, _)| key.span);
        self.around.push((name, schema, first));
        for (at, (key, value)) in entries.iter().enumerate() {
            if place.key.is_none() && is_ignored(schema, key) {
                continue;
            }
            let known = schema["properties"].get(&key.text).or(further);
            let Some(schema) = known else {
                let under = self.elsewhere(schema, &entries[..at], key);
                meant.extend(self.unknown(key, under, properties.keys().map(String::as_str)));
                whole = false;
                continue;
            };
            match self.check(
                schema,
                value,
                Place {
                    key: Some(key),
                    entry: false,
                },
            ) {
                Some(json) => {
                    out.insert(key.text.clone(), json);
                }
                None => whole = false,
            }
        }
        self.around.pop();
        let required = schema.get("required").and_then(Json::as_array);
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            if node.get(name).is_some() {
                continue;
            }
            whole = false;
            if meant.contains(&name) {
                continue;
            }
            let example = schema["properties"][name]["examples"].get(0);
            let label = match example {
                Some(Json::String(text)) => format!("add `{name}: {text}`, or what you need"),
                Some(Json::Number(number)) => format!("add `{name}: {number}`"),
                _ => format!("add `{name}: …`"),
            };
            self.error(
                caret(node, place),
                format!("{} lacks `{name}`", place.name()),
                label,
            );
        }
        whole.then_some(Json::Object(out))
    }

    fn wrong_type(
        &mut self,
        all: &[Alternative<'a>],
        node: &Node,
        place: Place<'_>,
    ) -> Option<Json> {
        let found = match node.value {
            Value::Seq(_) => "a list",
            Value::Map(_) => "a map",
            _ => "text",
        };
        let span = if matches!(node.value, Value::Scalar { .. }) {
            node.span
        } else {
            caret(node, place)
        };
        let label = match (&node.value, place.key) {
            (_, None) => "a spec starts with `version: 1` and `hosts:`".into(),
            (Value::Scalar { text, .. }, Some(key)) if !place.entry => {
                ways::of_text(self.root, all, &key.text, text)
            }
            (Value::Seq(items), Some(key)) if !place.entry => ways::of_list(all, &key.text, items),
            _ => format!("it takes {}", expected(all)),
        };
        self.error(span, format!("{} is {found}", place.name()), label)
    }
}

/// The caret of a map, a list or nothing is its key.
fn caret(node: &Node, place: Place<'_>) -> Span {
    place
        .key
        .filter(|_| !place.entry)
        .map_or(node.span, |key| key.span)
}
