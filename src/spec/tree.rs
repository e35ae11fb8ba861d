//! YAML text → a tree of keys and values with their places.
//!
//! Types are not decided here: a plain scalar keeps its own source text, so that `scala: 2.12`,
//! `user_id: 12e5`, `mode: 0755` and `country: no` mean what they look like.

use std::{collections::HashMap, fmt, ops::Deref, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_yaml::{DuplicateKeyPolicy, Error, Location, Options, Spanned};

use super::syntax;
use crate::diagnostic::{Problem, Span};

/// The largest spec, in bytes: 10,000 topics with settings of their own are 1.5 MiB.
pub(crate) const LARGEST: usize = 4 * 1024 * 1024;
/// The deepest nesting of maps and lists; the format itself needs seven levels.
const DEEPEST: usize = 32;
/// The most values that aliases may stand for, and the most aliases.
const MOST_REPLAYED: usize = 20_000;

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its place; of maps and lists where they begin.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// A YAML value whose type is still open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// Text: the source of a plain scalar, or the content of a quoted one.
    Scalar {
        /// The text.
        text: String,
        /// Whether it was quoted (or a block).
        quoted: bool,
    },
    /// A scalar whose variables could not be filled in, which has been reported.
    Broken,
    /// A list.
    Seq(Shared<Node>),
    /// A map, in the order of the file, without duplicate keys.
    Map(Shared<(Key, Node)>),
}

/// The contents of a list or a map, shared by its copies: what all hosts have in common is there once, as far as it
/// has no variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared<T> {
    all: Arc<[T]>,
    has_variables: bool,
}

impl<T> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all
    }
}

impl FromIterator<Node> for Shared<Node> {
    fn from_iter<I: IntoIterator<Item = Node>>(items: I) -> Self {
        let all: Arc<[Node]> = items.into_iter().collect();
        let has_variables = all.iter().any(Node::has_variables);
        Self { all, has_variables }
    }
}

impl FromIterator<(Key, Node)> for Shared<(Key, Node)> {
    fn from_iter<I: IntoIterator<Item = (Key, Node)>>(entries: I) -> Self {
        let all: Arc<[(Key, Node)]> = entries.into_iter().collect();
        let has_variables = all.iter().any(|(_, node)| node.has_variables());
        Self { all, has_variables }
    }
}

/// A key and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its place.
    pub span: Span,
    /// Its text.
    pub text: String,
}

impl Node {
    /// The entries, when it is a map.
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entries, when it is a list.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Seq(items) => items,
            _ => &[],
        }
    }

    /// The text, when it is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A key of a map, with its value.
    pub fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        self.entries().iter().find(|(known, _)| known.text == key)
    }

    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// A map with other entries; any other node as it is.
    #[must_use]
    pub(crate) fn with_entries(&self, entries: Vec<(Key, Self)>) -> Self {
        let value = match self.value {
            Value::Map(_) => Value::Map(entries.into_iter().collect()),
            _ => return self.clone(),
        };
        Self {
            span: self.span,
            value,
        }
    }

    /// A map with only the keys that a predicate keeps; any other node as it is.
    #[must_use]
    pub fn only(&self, keeps: impl Fn(&Key) -> bool) -> Self {
        let Value::Map(entries) = &self.value else {
            return self.clone();
        };
        let kept = entries.iter().filter(|(key, _)| keeps(key)).cloned();
        Self {
            span: self.span,
            value: Value::Map(kept.collect()),
        }
    }

    /// The number of values in it, itself included.
    pub fn size(&self) -> usize {
        1 + self.children().map(Node::size).sum::<usize>()
    }

    /// How many of them are copied when variables are filled in.
    pub(crate) fn to_fill(&self) -> usize {
        match self.has_variables() {
            true => {
                1 + self
                    .children()
                    .map(|node| node.to_fill().max(1))
                    .sum::<usize>()
            }
            false => 0,
        }
    }

    /// Whether a text in it has variables.
    pub(crate) fn has_variables(&self) -> bool {
        match &self.value {
            Value::Scalar { text, .. } => text.contains("${"),
            Value::Seq(items) => items.has_variables,
            Value::Map(entries) => entries.has_variables,
            Value::Null | Value::Broken => false,
        }
    }

    /// The values of a list or a map.
    pub fn children(&self) -> impl Iterator<Item = &Node> {
        let values = self.entries().iter().map(|(_, node)| node);
        self.items().iter().chain(values)
    }
}

/// Reads a text. `None` when it is no YAML or exceeds a limit: then there is one problem.
pub fn parse(text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let start = Span {
        start: 0,
        end: 0,
        line: 1,
        column: 1,
    };
    if text.len() > LARGEST {
        problems.push(Problem::error(
            start,
            format!(
                "this file has {} KiB; a spec has at most {} KiB",
                text.len() / 1024,
                LARGEST / 1024
            ),
            "is this the right file?",
        ));
        return None;
    }
    let (node, mut duplicates) = match read(text) {
        Ok(read) => read,
        Err(error) => {
            problems.push(syntax::problem(text, bom_length(text), &error));
            return None;
        }
    };
    if let (false, Some(other_file)) = (
        matches!(node.value, Value::Map(_)),
        syntax::other_file(text),
    ) {
        problems.push(other_file);
        return None;
    }
    problems.append(&mut duplicates);
    Some(node)
}

/// The length of the byte order mark, which is not part of the text: positions are counted without it.
fn bom_length(text: &str) -> usize {
    match text.starts_with('\u{feff}') {
        true => '\u{feff}'.len_utf8(),
        false => 0,
    }
}

/// Reads a text; also returns problems for duplicate keys.
///
/// # Errors
/// When it is no YAML or exceeds a limit.
pub fn read(text: &str) -> Result<(Node, Vec<Problem>), Box<Error>> {
    let bom_length = bom_length(text);
    let raw = serde_yaml::from_str_with_options::<Spanned<Raw>>(&text[bom_length..], options());
    let mut reader = Reader {
        text,
        bom_length,
        duplicates: Vec::new(),
    };
    let node = reader.node(raw.map_err(Box::new)?);
    Ok((node, reader.duplicates))
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_events: 300_000,
            max_nodes: 200_000,
            max_documents: 1,
            max_aliases: MOST_REPLAYED,
            max_anchors: 1_000,
            max_recorded_anchor_events: 200_000,
            max_recorded_anchor_bytes: 4 * LARGEST,
            max_total_scalar_bytes: 2 * LARGEST,
            max_merge_keys: 1_000,
        },
        alias_limits: {
            let mut limits = serde_yaml::options::AliasLimits::default();
            limits.max_total_replayed_events = MOST_REPLAYED;
            limits.max_replay_stack_depth = 16;
            limits
        },
        // Duplicates are found below, all of them, with the line of the first.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        emit_comments: false,
        reject_unsupported_tags: true,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        non_finite_float_policy: serde_yaml::options::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

/// A value from serde, which has no access to the source.
enum Raw {
    Null,
    /// A plain scalar that looks like a number or a boolean; its text is taken from the source.
    Plain,
    Text(String),
    Seq(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<RawKey>, Spanned<Raw>)>),
}

/// A key: text, or a plain scalar whose text is taken from the source.
struct RawKey(Option<String>);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

impl<'de> Deserialize<'de> for RawKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Raw::deserialize(deserializer)? {
            Raw::Plain => Ok(Self(None)),
            Raw::Text(text) => Ok(Self(Some(text))),
            Raw::Null => Err(de::Error::custom(syntax::NO_KEY)),
            Raw::Seq(_) | Raw::Map(_) => Err(de::Error::custom(syntax::KEY_IS_NO_WORD)),
        }
    }
}

/// Turns positions of the body into spans of the text.
struct Reader<'a> {
    text: &'a str,
    bom_length: usize,
    duplicates: Vec<Problem>,
}

impl Reader<'_> {
    fn span(&self, location: Location) -> Span {
        let span = location.span();
        let u32_of = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        let (line, column) = (u32_of(location.line()), u32_of(location.column()));
        let clamp = |n: u64| {
            usize::try_from(n)
                .unwrap_or(usize::MAX)
                .min(self.text.len())
        };
        let start = match span.byte_offset() {
            Some(offset) => clamp(offset.saturating_add(self.bom_length as u64)),
            None => self.offset_of(line, column),
        };
        let end = clamp((start as u64).saturating_add(span.byte_len().unwrap_or(0)));
        Span {
            start,
            end,
            line,
            column,
        }
    }

    /// The byte of a line and column, which is all that errors have.
    fn offset_of(&self, line: u32, column: u32) -> usize {
        let mut start = self.bom_length.min(self.text.len());
        for _ in 1..line {
            match self.text[start..].find('\n') {
                Some(at) => start += at + 1,
                None => return self.text.len(),
            }
        }
        let rest = &self.text[start..];
        rest.char_indices()
            .nth(column as usize - 1)
            .map_or(self.text.len(), |(at, _)| start + at)
    }

    /// A scalar's source text.
    fn source_text(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// A plain scalar's source text. Quotes are there when a tag made a number of a text: `!!int "3"`.
    fn plain_text(&self, span: Span) -> String {
        let text = self.source_text(span).trim();
        text.trim_matches(['"', '\'']).to_owned()
    }

    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let span = self.span(raw.defined);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Plain => Value::Scalar {
                text: self.plain_text(span),
                quoted: false,
            },
            Raw::Text(text) => {
                let quoted = self.source_text(span).starts_with(['"', '\'', '|', '>']);
                Value::Scalar { text, quoted }
            }
            Raw::Seq(items) => Value::Seq(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Map(entries) => Value::Map(self.map(entries).into_iter().collect()),
        };
        Node { span, value }
    }

    fn map(&mut self, raw: Vec<(Spanned<RawKey>, Spanned<Raw>)>) -> Vec<(Key, Node)> {
        let mut entries: Vec<(Key, Node)> = Vec::with_capacity(raw.len());
        let mut lines: HashMap<String, u32> = HashMap::with_capacity(raw.len());
        for (key, value) in raw {
            let span = self.span(key.defined);
            let text = key.value.0.unwrap_or_else(|| self.plain_text(span));
            let node = self.node(value);
            if let Some(first) = lines.get(&text) {
                self.duplicates.push(Problem::error(
                    span,
                    format!("duplicate key `{text}`"),
                    format!("line {first} has it already: keep one of the two"),
                ));
                continue;
            }
            lines.insert(text.clone(), span.line);
            entries.push((Key { span, text }, node));
        }
        entries
    }
}
