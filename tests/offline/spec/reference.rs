//! `docs/reference.md`: every key of a spec, as the schema has it. `TRUEUP_BLESS=1 cargo test --test offline
//! reference` writes it.

use std::{
    collections::{BTreeMap, VecDeque},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

use serde_json::{Map, Value, json};
use trueup::{kinds::KINDS, spec::schema};

use super::pages::anchor;

const INTRODUCTION: &str = "\
# Every key of a spec

<!-- Made from the schema: `TRUEUP_BLESS=1 cargo test --test offline reference` writes it. -->

What a spec is and how its parts work together is on the page [The spec](spec.md); here is each key, with what it
takes, its default and an example. `NAME` in a path is a name of your own choice. Text may stand without quotes where
it looks like something else, too: `2.12`, `12e5` and `no` are taken as they are written.
";

/// From so many uses on, a value that is one of several has a section of its own.
const SHARED: usize = 3;

struct Page {
    schema: Value,
    /// How often a definition is referred to.
    uses: BTreeMap<String, usize>,
    /// The heading under which a definition is explained.
    headings: BTreeMap<String, String>,
    /// What is still to be written: below the current key, and at the end.
    below: VecDeque<Section>,
    shared: Vec<Section>,
    text: String,
}

/// A definition that is explained under a path, and what refers to it there.
struct Section {
    definition: String,
    path: String,
    property: Value,
}

fn text<'v>(schema: &'v Value, key: &str) -> &'v str {
    schema[key].as_str().unwrap_or_default()
}

fn list<'v>(schema: &'v Value, key: &str) -> &'v [Value] {
    schema[key].as_array().map_or(&[], Vec::as_slice)
}

fn keys(schema: &Value) -> Option<&Map<String, Value>> {
    schema["properties"].as_object()
}

/// The definition that a schema refers to.
fn reference(schema: &Value) -> Option<&str> {
    text(schema, "$ref").strip_prefix("#/$defs/")
}

/// What stands under each name, where names are free.
fn of_each_name(schema: &Value) -> Option<&Value> {
    Some(&schema["additionalProperties"]).filter(|value| value.is_object())
}

/// The common key that a host's own overrides.
fn overridden(schema: &Value) -> Option<&str> {
    let mut references = list(schema, "anyOf").iter().filter_map(reference);
    references.find_map(|name| name.strip_suffix("Overlay"))
}

/// The heading of a definition that is used in many places.
fn heading_of(definition: &str) -> String {
    let mut words = String::new();
    for c in definition.trim_end_matches("Ref").chars() {
        let new = c.is_uppercase() && !words.is_empty();
        words += &if new {
            format!(" {}", c.to_lowercase())
        } else {
            c.to_string()
        };
    }
    words
}

/// A value in one line of YAML.
fn in_a_line(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".into(),
        Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, value)| format!("{key}: {}", in_a_line(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(all) => {
            let all: Vec<String> = all.iter().map(in_a_line).collect();
            format!("[{}]", all.join(", "))
        }
        Value::String(text) => {
            let read = serde_yaml::from_str::<Value>(&format!("[{text}]"));
            // What begins with a zero is a number to some.
            let is_plain = !text.starts_with('0') && read.is_ok_and(|read| read == json!([text]));
            if is_plain {
                text.clone()
            } else {
                value.to_string()
            }
        }
        other => other.to_string(),
    }
}

/// A value under its path, in YAML.
fn in_lines(path: &str, value: Value) -> String {
    let whole = path
        .split('.')
        .rev()
        .fold(value, |value, key| json!({ key: value }));
    serde_yaml::to_string(&whole).expect("YAML")
}

/// The default of a key, and its description without that.
fn default_and_rest(schema: &Value) -> (String, String) {
    let description = text(schema, "description");
    if let Some((before, from)) = description.split_once("Default: ") {
        let mut ends = from.match_indices(". ").map(|(at, _)| at);
        let end = ends.find(|at| from[at + 2..].starts_with(char::is_uppercase));
        let (default, after) = from.split_at(end.unwrap_or(from.len() - 1));
        return (
            default.into(),
            format!("{}{}", before.trim_end(), &after[1..]),
        );
    }
    let default = match &schema["default"] {
        Value::Null => String::new(),
        Value::Object(_) | Value::Array(_) => "none".into(),
        default => format!("`{}`", in_a_line(default)),
    };
    (default, description.to_owned())
}

/// `a, b or c`.
fn or(all: &[String]) -> String {
    match all {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        all => all.concat(),
    }
}

impl Page {
    fn definition(&self, name: &str) -> Value {
        self.schema["$defs"][name].clone()
    }

    fn is_shared(&self, name: &str) -> bool {
        self.uses[name] >= SHARED && !list(&self.schema["$defs"][name], "oneOf").is_empty()
    }

    fn link(&self, words: &str, definition: &str) -> String {
        format!("[{words}](#{})", anchor(&self.headings[definition]))
    }

    /// A link to where a definition is explained, which is below the first path that refers to it.
    fn explained(&mut self, name: &str, path: &str, property: &Value) -> String {
        let is_shared = self.is_shared(name);
        if !self.headings.contains_key(name) {
            let heading = if is_shared {
                heading_of(name)
            } else {
                path.to_owned()
            };
            self.headings.insert(name.into(), heading);
            let section = Section {
                definition: name.into(),
                path: path.into(),
                property: property.clone(),
            };
            match is_shared {
                true => self.shared.push(section),
                false => self.below.push_back(section),
            }
        }
        let words = if is_shared {
            format!("a {}", heading_of(name).to_lowercase())
        } else {
            "keys".into()
        };
        self.link(&words, name)
    }

    /// What a key takes, in words.
    fn takes(&mut self, schema: &Value, path: &str) -> String {
        if let Some(common) = overridden(schema) {
            return format!(
                "as {}",
                self.link(&format!("`{}`", self.headings[common]), common)
            );
        }
        if let Some(name) = reference(schema) {
            let definition = self.definition(name);
            return match keys(&definition) {
                _ if self.is_shared(name) => self.explained(name, path, schema),
                Some(_) => self.explained(name, path, schema),
                None if definition["additionalProperties"] == json!(false) => "`{}`".into(),
                None => self.takes(&definition, path),
            };
        }
        if let Some(each) = of_each_name(schema) {
            return format!(
                "names, each with {}",
                self.takes(each, &format!("{path}.NAME"))
            );
        }
        if schema["items"].is_object() {
            return format!("a list of {}", self.takes(&schema["items"], path));
        }
        match (list(schema, "oneOf"), list(schema, "anyOf")) {
            ([one], _) if one["const"].is_string() => format!("`{}`", text(one, "const")),
            ([_, ..], _) => "one of".into(),
            (_, [_, ..]) => {
                let all = list(schema, "anyOf").iter();
                or(&all.map(|one| self.takes(one, path)).collect::<Vec<_>>())
            }
            _ => scalar(schema),
        }
    }

    /// The values of which a key takes one, and what each means.
    fn choices(&mut self, schema: &Value, path: &str) -> Vec<String> {
        let all = match list(schema, "oneOf") {
            [one] if one["const"].is_string() => return vec![],
            all => all.iter(),
        };
        all.map(|one| {
            let label = match keys(one).and_then(|keys| keys.iter().next()) {
                None => format!("`{}`", text(one, "const")),
                Some((key, value)) => match self.takes(value, &format!("{path}.{key}")) {
                    takes if takes.contains("](") => format!("`{key}:` with {takes}"),
                    _ => format!("`{{ {key}: {} }}`", in_a_line(&value["examples"][0])),
                },
            };
            format!("{label}: {}", text(one, "description"))
        })
        .collect()
    }

    /// A row for each key of a definition.
    fn table(&mut self, definition: &Value, path: &str) {
        self.text += "\n| key | takes | default | what it is |\n|---|---|---|---|\n";
        for (key, value) in keys(definition).expect("keys") {
            let path = format!("{path}.{key}");
            let takes = self.takes(value, &path);
            let (mut default, mut about) = default_and_rest(value);
            if list(definition, "required").contains(&json!(key)) {
                default = "**required**".into();
            }
            let one_of = match reference(value) {
                Some(name) if self.is_shared(name) => Value::Null,
                Some(name) => self.definition(name),
                None => value.clone(),
            };
            let choices = self.choices(&one_of, &path);
            for choice in &choices {
                about += &format!("<br>• {choice}");
            }
            let example = &value["examples"][0];
            let is_shown =
                takes == "`{}`" || takes.starts_with("as ") || takes.starts_with("[keys]");
            if !is_shown
                && !takes.contains("[keys]")
                && (choices.is_empty() || !example.is_object())
            {
                about += &format!("<br>`{key}: {}`", in_a_line(example));
            }
            let row =
                [format!("`{key}`"), takes, default, about].map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(self.text, "| {} |", row.join(" | "));
        }
    }

    /// An example of what stands at a path; without one of its own, of its keys.
    fn example(&mut self, path: &str, schema: &Value, definition: &Value) {
        let mut example = schema["examples"][0].clone();
        if example.is_null() {
            let required = list(definition, "required");
            let keys = keys(definition).into_iter().flatten();
            let keys =
                keys.filter(|(key, _)| required.is_empty() || required.contains(&json!(key)));
            example = keys
                .map(|(key, value)| (key.clone(), value["examples"][0].clone()))
                .collect();
        }
        let _ = write!(self.text, "\n```yaml\n{}```\n", in_lines(path, example));
    }

    /// A top-level key, with all that stands below it.
    fn top_level(&mut self, key: &str, schema: &Value) {
        let (default, about) = default_and_rest(schema);
        let required = list(&self.schema, "required").contains(&json!(key));
        let default = match (required, default.is_empty()) {
            (true, _) => " **Required.**".into(),
            (_, true) => String::new(),
            _ => format!(" Default: {default}."),
        };
        let _ = write!(self.text, "\n## `{key}`\n\n{about}{default}\n");
        let definition = reference(schema).map_or(schema.clone(), |name| self.definition(name));
        self.example(key, schema, &definition);
        let each = of_each_name(&definition)
            .and_then(reference)
            .map(|name| self.definition(name));
        if let Some(each) = each {
            let _ = write!(
                self.text,
                "\n{} Each name takes:\n",
                text(&each, "description")
            );
            self.table(&each, &format!("{key}.NAME"));
        } else if keys(&definition).is_some() {
            self.table(&definition, key);
        } else {
            let takes = self.takes(&definition, key);
            let _ = write!(self.text, "\nTakes {takes}.\n");
        }
        while let Some(section) = self.below.pop_front() {
            let later = std::mem::take(&mut self.below);
            self.section(&section);
            self.below.extend(later);
        }
    }

    fn section(
        &mut self,
        Section {
            definition: name,
            path,
            property,
        }: &Section,
    ) {
        let definition = self.definition(name);
        // What is said where it is first used holds for that place alone.
        let about = match self.uses[name] {
            1 => default_and_rest(property).1,
            _ => text(&definition, "description").to_owned(),
        };
        let heading = &self.headings[name];
        let heading = if heading == path {
            format!("`{path}`")
        } else {
            heading.clone()
        };
        let _ = write!(self.text, "\n### {heading}\n\n{about}\n");
        if keys(&definition).is_some() {
            self.example(path, property, &definition);
            self.table(&definition, path);
        }
        let choices = self.choices(&definition, path);
        if !choices.is_empty() {
            let _ = write!(self.text, "\n- {}\n", choices.join("\n- "));
        }
    }
}

/// What a scalar is.
fn scalar(schema: &Value) -> String {
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let words = types.iter().filter_map(|one| match *one {
        "integer" => Some(
            match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
                (Some(least), Some(most)) if least == most => format!("`{least}`"),
                (least, Some(most)) => {
                    format!("a number from {} to {most}", least.unwrap_or_default())
                }
                _ => "a number".into(),
            },
        ),
        "boolean" if types.len() == 1 => Some("`true` or `false`".into()),
        "string" => Some("text".into()),
        "null" => Some("`null`".into()),
        // A number or a boolean beside text is text, as it is written.
        _ => None,
    });
    or(&words.collect::<Vec<_>>())
}

fn count(schema: &Value, uses: &mut BTreeMap<String, usize>) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = reference(schema) {
                *uses.entry(name.into()).or_default() += 1;
            }
            // What a host overrides is the same once more.
            let own = map.iter().filter(|(key, _)| !key.ends_with("Overlay"));
            own.for_each(|(_, value)| count(value, uses));
        }
        Value::Array(all) => all.iter().for_each(|value| count(value, uses)),
        _ => {}
    }
}

/// The whole page.
fn page() -> String {
    let schema = schema();
    let mut uses = BTreeMap::new();
    count(&schema, &mut uses);
    let top = keys(&schema).expect("keys").clone();
    let headings = top
        .iter()
        .filter_map(|(key, value)| Some((reference(value)?.into(), key.clone())));
    let mut page = Page {
        headings: headings.collect(),
        schema,
        uses,
        below: VecDeque::new(),
        shared: vec![],
        text: INTRODUCTION.into(),
    };
    page.text += "\n| key | what it is |\n|---|---|\n";
    for (key, value) in &top {
        let (_, about) = default_and_rest(value);
        let _ = writeln!(page.text, "| [`{key}`](#{}) | {about} |", anchor(key));
    }
    for (key, value) in &top {
        page.top_level(key, value);
    }
    page.text += "\n## In several places\n";
    for section in std::mem::take(&mut page.shared) {
        page.section(&section);
    }
    page.text
}

#[test]
fn the_reference_is_what_the_schema_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let made = page();
    if env::var_os("TRUEUP_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(&path, &made).expect("written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/reference.md is out of date; renew it: TRUEUP_BLESS=1 cargo test --test offline reference"
    );
}

#[test]
fn every_kind_has_its_place_in_the_reference() {
    let page = page();
    let headings = page
        .lines()
        .filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`'));
    let headings: Vec<&str> = headings.collect();
    assert_eq!(
        headings,
        keys(&schema()).expect("keys").keys().collect::<Vec<_>>()
    );
    // A host overrides each of them.
    for kind in KINDS {
        let key = kind.key;
        assert!(headings.contains(&key), "{key}");
        assert!(
            page.contains(&format!("| `{key}` | as [`{key}`](#{key}) |")),
            "{key}"
        );
    }
}
