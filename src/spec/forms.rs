//! The forms that a schema allows for a value, and their description in messages.

use serde_json::Value as Json;

use super::{schema::resolve, suggestions::listed};

/// One form that a value may take.
pub(crate) struct Alternative<'a> {
    /// Its schema.
    pub schema: &'a Json,
    /// The kind of its values.
    pub kind: Kind<'a>,
    /// Whether it is in a `oneOf`: a variant of an enum.
    pub of_enum: bool,
}

impl<'a> Alternative<'a> {
    /// The keys that it must have.
    pub fn required(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let required = self.schema.get("required").and_then(Json::as_array);
        required.into_iter().flatten().filter_map(Json::as_str)
    }

    /// The key of an object that has exactly one, which is required.
    pub fn tag(&self) -> Option<&'a str> {
        let properties = self.schema.get("properties")?.as_object()?;
        let required = self.schema.get("required")?.as_array()?;
        match (properties.keys().next(), required.as_slice()) {
            (Some(key), [only]) if properties.len() == 1 && only == key => Some(key),
            _ => None,
        }
    }
}

/// A kind of value, in YAML's terms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    Null,
    Text,
    Integer,
    Boolean,
    Word(&'a str),
    List,
    Map,
}

impl<'a> Kind<'a> {
    pub(crate) fn is_scalar(self) -> bool {
        !matches!(self, Self::Null | Self::List | Self::Map)
    }

    pub fn word(self) -> Option<&'a str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// All forms that a schema allows.
pub fn flatten<'a>(root: &'a Json, schema: &'a Json, out: &mut Vec<Alternative<'a>>) {
    let schema = resolve(root, schema);
    for (keyword, of_enum) in [("anyOf", false), ("oneOf", true)] {
        if let Some(alternatives) = schema.get(keyword).and_then(Json::as_array) {
            let before = out.len();
            alternatives.iter().for_each(|one| flatten(root, one, out));
            out[before..]
                .iter_mut()
                .for_each(|one| one.of_enum |= of_enum);
            return;
        }
    }
    let mut add = |kind| {
        out.push(Alternative {
            schema,
            kind,
            of_enum: false,
        });
    };
    if let Some(word) = schema.get("const").and_then(Json::as_str) {
        return add(Kind::Word(word));
    }
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return words
            .iter()
            .filter_map(Json::as_str)
            .for_each(|word| add(Kind::Word(word)));
    }
    let one = schema.get("type");
    let types = one.and_then(Json::as_array).map(Vec::as_slice);
    for name in types.unwrap_or(one.map(std::slice::from_ref).unwrap_or_default()) {
        match name.as_str() {
            Some("null") => add(Kind::Null),
            Some("string") => add(Kind::Text),
            Some("integer") => add(Kind::Integer),
            Some("boolean") => add(Kind::Boolean),
            Some("array") => add(Kind::List),
            Some("object") => add(Kind::Map),
            // `number` is only used beside `string`, for the text of a scalar.
            _ => {}
        }
    }
}

/// The allowed forms, for messages.
pub fn expected(all: &[Alternative<'_>]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let words: Vec<&str> = all.iter().filter_map(|one| one.kind.word()).collect();
    if !words.is_empty() {
        parts.push(listed(words, "or"));
    }
    let tags: Vec<&str> = all
        .iter()
        .filter(|one| one.of_enum)
        .filter_map(Alternative::tag)
        .collect();
    for one in all {
        let part = match one.kind {
            Kind::Text => "text",
            Kind::Integer => "a whole number",
            Kind::Boolean if !all.iter().any(|one| one.kind == Kind::Text) => "`true` or `false`",
            Kind::List => "a list",
            Kind::Map if tags.is_empty() => "a map of keys",
            _ => continue,
        };
        if !parts.iter().any(|known| known == part) {
            parts.push(part.into());
        }
    }
    if !tags.is_empty() {
        parts.push(format!("a map with one of {}", listed(tags, "and")));
    }
    parts.join(" or ")
}
