//! Checks a tree against the schema and turns it into JSON, collecting all problems.

use serde_json::{Map, Value as Json};

mod unknown;

use super::{
    forms::{Alternative, Kind, expected, flatten},
    hints,
    suggestions::{listed, nearest},
    tree::{Key, Node, Value},
};
use crate::diagnostic::{Problem, Span};
pub use unknown::is_ignored;

/// Whether variables have been filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// Not yet: a `${…}` may become any scalar.
    Open,
    /// They have.
    Filled,
}

/// Checks trees against one schema.
pub(crate) struct Walker<'a> {
    root: &'a Json,
    variables: Variables,
    problems: &'a mut Vec<Problem>,
    /// The source text.
    text: &'a str,
    /// The maps around the current node: their own key, their schema, and the span of their first key.
    ancestors: Vec<(Option<String>, &'a Json, Option<Span>)>,
}

/// The location of a node: its name in messages, and the caret where it has no text.
#[derive(Clone, Copy)]
struct Location<'k> {
    key: Option<&'k Key>,
    /// An entry of the list under that key.
    entry: bool,
}

impl Location<'_> {
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
            ancestors: Vec::new(),
        }
    }

    /// Checks a whole spec.
    pub fn spec(&mut self, node: &Node) -> Option<Json> {
        let root = self.root;
        self.check(
            root,
            node,
            Location {
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
            Location {
                key: Some(key),
                entry: false,
            },
        )
    }

    fn error(&mut self, span: Span, message: String, label: impl Into<String>) -> Option<Json> {
        self.problems.push(Problem::error(span, message, label));
        None
    }

    fn check(&mut self, schema: &'a Json, node: &Node, location: Location<'_>) -> Option<Json> {
        let mut alternatives = Vec::new();
        flatten(self.root, schema, &mut alternatives);
        match &node.value {
            Value::Broken => None,
            Value::Null => self.null(&alternatives, node, location),
            Value::Scalar { text, quoted } => {
                self.scalar(&alternatives, node, text, *quoted, location)
            }
            Value::Seq(items) => self.seq(&alternatives, node, items, location),
            Value::Map(entries) => self.map(&alternatives, node, entries, location),
        }
    }

    fn null(
        &mut self,
        all: &[Alternative<'a>],
        node: &Node,
        location: Location<'_>,
    ) -> Option<Json> {
        if all.iter().any(|one| one.kind == Kind::Null) {
            return Some(Json::Null);
        }
        let defaults = all
            .iter()
            .any(|one| one.kind == Kind::Map && hints::has_defaults(one));
        let name = location.key.map_or("it", |key| &key.text);
        let parent = self.ancestors.last().map(|(_, schema, _)| *schema);
        let example = parent.and_then(|parent| parent["properties"][name]["examples"].get(0));
        let required = parent.and_then(|parent| parent["required"].as_array());
        let or_leave_out = match required.is_some_and(|all| all.iter().any(|key| key == name)) {
            true => "",
            false => ", or leave the key out",
        };
        let label = if location.key.is_none() {
            "a spec starts with `version: 1` and `hosts:`".into()
        } else if location.entry {
            format!("it takes {}", expected(all))
        } else if location
            .key
            .is_some_and(|key| hints::is_anchored(self.text, key))
        {
            hints::ANCHORED.into()
        } else if name == "hosts" {
            hints::A_MACHINE.into()
        } else if defaults {
            format!("write `{name}: {{}}` for the defaults{or_leave_out}")
        } else if let Some(example @ Json::Object(_)) = example {
            format!(
                "give it what belongs there, as in `{name}: {}`{or_leave_out}",
                hints::flow(example)
            )
        } else {
            format!("give it {}{or_leave_out}", expected(all))
        };
        if location.key.is_none() {
            return self.error(node.span, "the spec is empty".into(), label);
        }
        self.error(
            caret(node, location),
            format!("{} has no value", location.name()),
            label,
        )
    }

    fn scalar(
        &mut self,
        all: &[Alternative<'a>],
        node: &Node,
        text: &str,
        quoted: bool,
        location: Location<'_>,
    ) -> Option<Json> {
        if self.variables == Variables::Open && text.contains("${") {
            return all
                .iter()
                .any(|one| one.kind.is_scalar())
                .then_some(Json::Null)
                .or_else(|| self.wrong_type(all, node, location));
        }
        if all.iter().any(|one| one.kind == Kind::Text) {
            return Some(Json::String(text.to_owned()));
        }
        let words: Vec<&str> = all.iter().filter_map(|one| one.kind.word()).collect();
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(Json::String((*word).to_owned()));
        }
        if let Some(one) = all.iter().find(|one| one.kind == Kind::Integer) {
            return self.integer(one.schema, &words, node, text, quoted, location);
        }
        if all.iter().any(|one| one.kind == Kind::Boolean) {
            return match text {
                "true" | "false" if !quoted => Some(Json::Bool(text == "true")),
                _ => self.error(
                    node.span,
                    format!(
                        "{} is `{text}`, and takes `true` or `false`",
                        location.name()
                    ),
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
                format!("`{text}` is not a value of {}", location.name()),
                label,
            );
        }
        self.wrong_type(all, node, location)
    }

    fn integer(
        &mut self,
        schema: &Json,
        words: &[&str],
        node: &Node,
        text: &str,
        quoted: bool,
        location: Location<'_>,
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
                format!("{} takes a whole number{or}", location.name()),
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
                    format!("{} cannot be {text}", location.name()),
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
        location: Location<'_>,
    ) -> Option<Json> {
        let Some(list) = all.iter().find(|one| one.kind == Kind::List) else {
            return self.wrong_type(all, node, location);
        };
        let schema = list.schema.get("items").unwrap_or(&Json::Bool(true));
        let checked: Vec<Option<Json>> = items
            .iter()
            .map(|item| {
                self.check(
                    schema,
                    item,
                    Location {
                        entry: true,
                        ..location
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
        location: Location<'_>,
    ) -> Option<Json> {
        let maps: Vec<&Alternative<'a>> = all.iter().filter(|one| one.kind == Kind::Map).collect();
        let tags: Vec<&str> = maps.iter().filter_map(|one| one.tag()).collect();
        match maps.as_slice() {
            [] => self.wrong_type(all, node, location),
            _ if tags.len() == maps.len() && maps.iter().all(|one| one.of_enum) => {
                self.tagged_object(&maps, &tags, node, entries, location)
            }
            objects => {
                // A form whose required keys are all there, before one without required keys.
                let fits = |one: &&&Alternative<'a>| {
                    one.required().next().is_some()
                        && one.required().all(|key| node.get(key).is_some())
                };
                let optional = |one: &&&Alternative<'a>| one.required().next().is_none();
                let chosen = objects.iter().find(fits);
                let chosen = chosen
                    .or_else(|| objects.iter().find(optional))
                    .unwrap_or(&objects[0]);
                self.object(chosen.schema, node, entries, location)
            }
        }
    }

    /// An object of exactly one key, the tag of its value.
    fn tagged_object(
        &mut self,
        maps: &[&Alternative<'a>],
        tags: &[&str],
        node: &Node,
        entries: &[(Key, Node)],
        location: Location<'_>,
    ) -> Option<Json> {
        let mut out = Map::new();
        let mut is_valid = true;
        for (key, value) in entries {
            let Some(at) = tags.iter().position(|tag| *tag == key.text) else {
                self.unknown(key, None, tags.iter().copied());
                is_valid = false;
                continue;
            };
            let schema = &maps[at].schema["properties"][tags[at]];
            match self.check(
                schema,
                value,
                Location {
                    key: Some(key),
                    entry: false,
                },
            ) {
                Some(json) => {
                    out.insert(key.text.clone(), json);
                }
                None => is_valid = false,
            }
        }
        let known = entries
            .iter()
            .filter(|(key, _)| tags.contains(&key.text.as_str()));
        match known.collect::<Vec<_>>().as_slice() {
            [] if entries.is_empty() => self.error(
                caret(node, location),
                format!("{} is empty", location.name()),
                format!("give it one of {}", listed(tags.iter().copied(), "and")),
            ),
            [_, (second, _), ..] => self.error(
                second.span,
                format!("{} takes one key, not two", location.name()),
                format!(
                    "keep one of {}",
                    listed(entries.iter().map(|(key, _)| key.text.as_str()), "and")
                ),
            ),
            _ => is_valid.then_some(Json::Object(out)),
        }
    }

    fn object(
        &mut self,
        schema: &'a Json,
        node: &Node,
        entries: &[(Key, Node)],
        location: Location<'_>,
    ) -> Option<Json> {
        let empty = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Json::as_object)
            .unwrap_or(&empty);
        let additional = schema
            .get("additionalProperties")
            .filter(|additional| additional.is_object());
        let mut out = Map::new();
        let mut is_valid = true;
        // Suggestions for unknown keys: those are not missing, too.
        let mut suggested: Vec<&str> = Vec::new();
        let name = location.key.map(|key| key.text.clone());
        let first = entries.first().map(|(key, _)| key.span);
        self.ancestors.push((name, schema, first));
        for (at, (key, value)) in entries.iter().enumerate() {
            if location.key.is_none() && is_ignored(schema, key) {
                continue;
            }
            let known = schema["properties"].get(&key.text).or(additional);
            let Some(schema) = known else {
                let parent_key = self.right_parent(schema, &entries[..at], key);
                suggested.extend(self.unknown(
                    key,
                    parent_key,
                    properties.keys().map(String::as_str),
                ));
                is_valid = false;
                continue;
            };
            match self.check(
                schema,
                value,
                Location {
                    key: Some(key),
                    entry: false,
                },
            ) {
                Some(json) => {
                    out.insert(key.text.clone(), json);
                }
                None => is_valid = false,
            }
        }
        self.ancestors.pop();
        let required = schema.get("required").and_then(Json::as_array);
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            if node.get(name).is_some() {
                continue;
            }
            is_valid = false;
            if suggested.contains(&name) {
                continue;
            }
            let example = schema["properties"][name]["examples"].get(0);
            let label = match example {
                Some(Json::String(text)) => format!("add `{name}: {text}`, or what you need"),
                Some(Json::Number(number)) => format!("add `{name}: {number}`"),
                _ => format!("add `{name}: …`"),
            };
            self.error(
                caret(node, location),
                format!("{} lacks `{name}`", location.name()),
                label,
            );
        }
        is_valid.then_some(Json::Object(out))
    }

    fn wrong_type(
        &mut self,
        all: &[Alternative<'a>],
        node: &Node,
        location: Location<'_>,
    ) -> Option<Json> {
        let actual = match node.value {
            Value::Seq(_) => "a list",
            Value::Map(_) => "a map",
            _ => "text",
        };
        let span = if matches!(node.value, Value::Scalar { .. }) {
            node.span
        } else {
            caret(node, location)
        };
        let label = match (&node.value, location.key) {
            (_, None) => "a spec starts with `version: 1` and `hosts:`".into(),
            (Value::Scalar { text, .. }, Some(key)) if !location.entry => {
                hints::of_text(self.root, all, &key.text, text)
            }
            (Value::Seq(items), Some(key)) if !location.entry => {
                hints::of_list(all, &key.text, items)
            }
            _ => format!("it takes {}", expected(all)),
        };
        self.error(span, format!("{} is {actual}", location.name()), label)
    }
}

/// The caret for maps, lists and empty values is their key.
fn caret(node: &Node, location: Location<'_>) -> Span {
    location
        .key
        .filter(|_| !location.entry)
        .map_or(node.span, |key| key.span)
}
