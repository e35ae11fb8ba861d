//! Typed places in a spec's tree.
//!
//! A check works on the tree, beside other mistakes of the same spec, and names what it looks at as the
//! types behind the schema do: a key that the format does not have does not compile.
//!
//! ```
//! # use trueup::{at, spec::merge::HostTree};
//! fn address(host: &HostTree) -> Option<&str> {
//!     Some(at!(host, ssh.address).text()?.text)
//! }
//! ```
//!
//! ```compile_fail,E0609
//! # use trueup::{at, spec::merge::HostTree};
//! fn address(host: &HostTree) -> Option<&str> {
//!     Some(at!(host, ssh.adress).text()?.text)
//! }
//! ```

use std::{marker::PhantomData, str::FromStr};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::{
    SCHEMA,
    merge::{Filled, HostTree},
    tree::{Key, Node},
    types::{Login, Mysql, SecretRef},
};
use crate::diagnostic::Span;

/// A place in a spec where a `T` belongs, whether or not something stands there.
///
/// What stands there may still be anything: the schema says so elsewhere, and a check is silent about it.
#[must_use]
pub struct At<'a, T> {
    entry: Option<(&'a Key, &'a Node)>,
    of: PhantomData<fn() -> T>,
}

/// A text and its place.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// The text.
    pub text: &'a str,
    /// Its place.
    pub span: Span,
}

/// The place below a host or another place: `at!(host, ssh.address)`. A variant with a payload stands
/// in brackets, `at!(host, topics.cluster[Cluster::Name])`; one without a key of its own in parentheses,
/// `at!(host, topics.tables(Tables::Database).from)`.
#[macro_export]
macro_rules! at {
    (@ $at:expr;) => { $at };
    (@ $at:expr; [$variant:path] $($rest:tt)*) => { $crate::at!(@ $at.variant($variant); $($rest)*) };
    (@ $at:expr; ($variant:path) $($rest:tt)*) => { $crate::at!(@ $at.untagged($variant); $($rest)*) };
    (@ $at:expr; . $($rest:tt)+) => { $crate::at!(@ $at; $($rest)+) };
    (@ $at:expr; $key:ident $($rest:tt)*) => {
        $crate::at!(@ $at.key_of(stringify!($key), |it| {
            #[allow(unused_imports)]
            use $crate::spec::at::{Optional as _, Required as _};
            (&it.$key).field()
        }); $($rest)*)
    };
    ($start:expr, $($path:tt)+) => { $crate::at!(@ $start.at(); $($path)+) };
}

impl<T> Clone for At<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for At<'_, T> {}

impl HostTree {
    /// Where [`at!`](crate::at) starts.
    pub fn at(&self) -> At<'_, Filled> {
        At::new(Some((&self.name, &self.node)))
    }
}

impl<'a, T> At<'a, T> {
    /// The place of a value under its key.
    pub fn new(entry: Option<(&'a Key, &'a Node)>) -> Self {
        let of = PhantomData;
        Self { entry, of }
    }

    fn below<F>(self, key: &str) -> At<'a, F> {
        let below = self.node().and_then(|node| node.entry(key));
        At::new(below.map(|(key, node)| (key, node)))
    }

    /// Where [`at!`](crate::at) starts.
    pub fn at(self) -> Self {
        self
    }

    /// The place under a key: a field of that name shows that `T` has it, and what belongs there.
    pub fn key_of<F>(self, key: &str, _field: fn(&T) -> Option<&F>) -> At<'a, F>
    where
        T: JsonSchema,
    {
        let key = key.trim_start_matches("r#");
        debug_assert!(is_key::<T>(key), "serde calls the field `{key}` otherwise");
        self.below(key)
    }

    /// The payload of a variant.
    pub fn variant<F: Blank>(self, variant: fn(F) -> T) -> At<'a, F>
    where
        T: Serialize,
    {
        self.below(&tag(variant))
    }

    /// The same place, as a variant of an untagged `T`; also as what an `Option` has.
    pub fn untagged<F>(self, _variant: fn(F) -> T) -> At<'a, F> {
        At::new(self.entry)
    }

    /// The key and the value.
    pub fn entry(self) -> Option<(&'a Key, &'a Node)> {
        self.entry
    }

    /// The value.
    pub fn node(self) -> Option<&'a Node> {
        self.entry.map(|(_, node)| node)
    }

    /// Where the key stands.
    pub fn key(self) -> Option<Span> {
        self.entry.map(|(key, _)| key.span)
    }

    /// Whether something stands there.
    pub(crate) fn is_there(self) -> bool {
        self.entry.is_some()
    }

    /// What a map has.
    pub fn entries(self) -> &'a [(Key, Node)] {
        self.node().map(Node::entries).unwrap_or_default()
    }

    /// Whether all keys are ones that the format has: else a missing one may be there, misspelt, and saying
    /// so twice helps nobody.
    pub(crate) fn all_known(self) -> bool
    where
        T: JsonSchema,
    {
        let mut keys = self.entries().iter().map(|(key, _)| &key.text);
        keys.all(|key| is_key::<T>(key))
    }

    /// Whether this word or truth value is written there.
    pub fn is(self, value: T) -> bool
    where
        T: Serialize,
    {
        let text = self.node().and_then(Node::text);
        text.is_some_and(|text| text == word(&value))
    }

    /// What is written there, when it is a text, a word or a number that `T` takes.
    pub fn read(self) -> Option<T>
    where
        T: DeserializeOwned,
    {
        let text = self.node()?.text()?;
        let word = serde_json::from_value(text.into());
        word.or_else(|_| serde_json::from_str(text)).ok()
    }
}

impl<'a, T: FromStr> At<'a, T> {
    /// The text that is written there.
    pub fn text(self) -> Option<Text<'a>> {
        text(self.node()?)
    }
}

impl<'a> At<'a, Vec<String>> {
    /// The texts of a list.
    pub fn texts(self) -> impl Iterator<Item = Text<'a>> {
        let items = self.node().map(Node::items).unwrap_or_default();
        items.iter().filter_map(text)
    }
}

impl<'a, V> At<'a, IndexMap<String, V>> {
    /// The keys of a map.
    pub fn keys(self) -> impl Iterator<Item = Text<'a>> {
        let keys = self.entries().iter().map(|(key, _)| key);
        keys.map(|Key { text, span }| Text { text, span: *span })
    }

    /// The values of a map.
    pub fn values(self) -> impl Iterator<Item = At<'a, V>> {
        let entries = self.entries().iter();
        entries.map(|(key, node)| At::new(Some((key, node))))
    }
}

fn text(node: &Node) -> Option<Text<'_>> {
    let (text, span) = (node.text()?, node.span);
    Some(Text { text, span })
}

/// What a spec calls a variant with a payload.
pub fn tag<T: Serialize, F: Blank>(variant: fn(F) -> T) -> String {
    word(&variant(F::blank()))
}

/// What a spec calls a value: the word itself, or the key of a variant with a payload.
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value).unwrap_or_default() {
        Json::String(word) => word,
        Json::Object(variant) => variant.into_iter().map(|(tag, _)| tag).collect(),
        other => other.to_string(),
    }
}

/// Whether the schema has a key; what it does not define has all of them.
fn is_key<T: JsonSchema>(key: &str) -> bool {
    let keys = &SCHEMA["$defs"][&*T::schema_name()]["properties"];
    keys.as_object().is_none_or(|keys| keys.contains_key(key))
}

/// A field that need not be given: `(&field).field()` is this where it can, else [`Required`].
pub trait Optional {
    /// What belongs there.
    type Value;
    /// The value.
    fn field(&self) -> Option<&Self::Value>;
}

/// Any other field.
pub trait Required {
    /// What belongs there.
    type Value;
    /// The value.
    fn field(&self) -> Option<Self::Value>;
}

impl<F> Optional for Option<F> {
    type Value = F;
    fn field(&self) -> Option<&F> {
        self.as_ref()
    }
}

impl<'a, F> Required for &'a F {
    type Value = &'a F;
    fn field(&self) -> Option<&'a F> {
        Some(self)
    }
}

/// A payload that nobody reads: its variant is only asked what it is called.
pub trait Blank {
    /// One of them.
    fn blank() -> Self;
}

impl<T: Default> Blank for T {
    fn blank() -> Self {
        Self::default()
    }
}

impl Blank for Login {
    fn blank() -> Self {
        Self {
            username: String::new(),
            password: SecretRef::Env(String::new()),
            tls: true,
        }
    }
}

impl Blank for Mysql {
    fn blank() -> Self {
        Self {
            host: String::new(),
            port: 0,
            user: String::new(),
            password: SecretRef::Env(String::new()),
            database: String::new(),
            like: None,
            tls: true,
            ca: None,
        }
    }
}
