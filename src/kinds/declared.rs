//! What a spec declares under its top-level keys, and how a key comes to its kind.

use std::{borrow::Cow, fmt, sync::Arc};

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value as Json;

use super::{Address, Resource, of_key};
use crate::{
    action::Value,
    diagnostic::Problem,
    spec::{
        at::At,
        tree::{Key, Node},
        types::SecretRef,
    },
};

/// A top-level key of a spec: its type is what the schema, saved plans and resources come from.
pub trait Declaration:
    Serialize + DeserializeOwned + JsonSchema + PartialEq + fmt::Debug + Send + Sync + 'static
{
    /// The key.
    const KEY: &'static str;
    /// Its `steps.sh`: shell functions `step_NAME`, which [`crate::action::Step`] calls.
    const STEPS: &'static str = "";

    /// The resources that it makes, each with an address that begins with the key.
    fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>>;

    /// What a schema cannot say of it; `at` is where it stands in the spec.
    fn check(&self, _at: At<'_, Self>, _problems: &mut Vec<Problem>) {}

    /// The secrets that it refers to: they are read where the program runs.
    fn references(&self) -> Vec<Reference<'_>> {
        vec![]
    }

    /// Where it may refer to a secret; `at` is where it stands in the spec.
    fn secrets(_at: At<'_, Self>) -> Vec<At<'_, SecretRef>> {
        vec![]
    }

    /// Files of the machine that runs the program whose bytes it needs, as the spec names them.
    fn sources(&self) -> Vec<(Address, &str)> {
        vec![]
    }
}

/// Names of entries are parts of addresses: people read and type them.
pub fn check_name(key: &Key, problems: &mut Vec<Problem>) {
    const LONGEST: usize = 64;
    let message = if key.text.is_empty() {
        "a name is empty".to_owned()
    } else if key.text.chars().any(char::is_control) {
        format!(
            "`{}` has a control character in it",
            key.text.escape_debug()
        )
    } else if key.text.chars().count() > LONGEST {
        format!("a name has more than {LONGEST} characters")
    } else {
        return;
    };
    problems.push(Problem::error(key.span, message, "use a short plain name"));
}

/// A secret that a declaration refers to.
#[derive(Debug, Clone)]
pub struct Reference<'d> {
    /// The resource that needs it.
    pub address: Address,
    /// By which [`Inputs`] has it.
    pub key: String,
    /// Where the spec says it, from its top on.
    pub path: String,
    /// Where it is read from.
    pub secret: &'d SecretRef,
}

/// What declarations refer to, as it was read.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Secrets by the key that asks for them, such as a property's. One that is not among them leads
    /// nowhere, which was reported.
    pub secrets: IndexMap<String, Value>,
    /// The bytes of local files, as the spec names them.
    pub sources: IndexMap<String, Vec<u8>>,
}

/// A declaration of any kind.
pub trait Declared: fmt::Debug + Send + Sync {
    /// See [`Declaration::resources`].
    fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>>;
    /// See [`Declaration::references`].
    fn references(&self) -> Vec<Reference<'_>>;
    /// See [`Declaration::sources`].
    fn sources(&self) -> Vec<(Address, &str)>;
    /// See [`Declaration::check`].
    fn check(&self, entry: &(Key, Node), problems: &mut Vec<Problem>);
    /// As a spec has it, with the defaults put in.
    fn json(&self) -> Json;
}

impl<D: Declaration> Declared for D {
    fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>> {
        Declaration::resources(self, given)
    }
    fn references(&self) -> Vec<Reference<'_>> {
        Declaration::references(self)
    }
    fn sources(&self) -> Vec<(Address, &str)> {
        Declaration::sources(self)
    }
    fn check(&self, (key, node): &(Key, Node), problems: &mut Vec<Problem>) {
        Declaration::check(self, At::new(Some((key, node))), problems);
    }
    fn json(&self) -> Json {
        serde_json::to_value(self)
            .unwrap_or_else(|error| unreachable!("a declaration is plain data: {error}"))
    }
}

/// A kind in [`KINDS`](super::KINDS): what the rest of the program knows of it.
pub struct Registered {
    /// Its top-level key.
    pub key: &'static str,
    /// Its steps.
    pub steps: &'static str,
    /// What its schema is called among the definitions.
    pub definition: fn() -> Cow<'static, str>,
    /// Its schema.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Where it may refer to a secret, of what stands under the key.
    pub secrets: for<'a> fn(&'a (Key, Node)) -> Vec<At<'a, SecretRef>>,
    read: fn(Json) -> Result<Arc<dyn Declared>, serde_json::Error>,
}

impl Registered {
    /// Of a declaration's type.
    pub const fn of<D: Declaration>() -> Self {
        Self {
            key: D::KEY,
            steps: D::STEPS,
            definition: D::schema_name,
            schema: SchemaGenerator::subschema_for::<D>,
            secrets: |(key, node)| D::secrets(At::new(Some((key, node)))),
            read: |json| Ok(Arc::new(serde_json::from_value::<D>(json)?)),
        }
    }

    /// Reads what stands under the key.
    ///
    /// # Errors
    /// When it is not of the key's type.
    pub fn read(&self, json: Json) -> Result<Arc<dyn Declared>, serde_json::Error> {
        (self.read)(json)
    }
}

/// What is declared for a host, key by key, in the order of [`KINDS`](super::KINDS).
#[derive(Debug, Clone, Default)]
pub struct Declarations(Vec<(&'static str, Arc<dyn Declared>)>);

impl Declarations {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Key by key.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &dyn Declared)> {
        self.0.iter().map(|(key, declared)| (*key, &**declared))
    }

    /// All resources, in the order in which they are brought about.
    pub fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>> {
        let all = self.iter();
        all.flat_map(|(_, declared)| declared.resources(given))
            .collect()
    }

    /// What is declared of an address, to tell whether two hosts want it alike.
    pub fn of_address(&self, address: &Address) -> Option<Json> {
        let (_, declared) = self.iter().find(|(key, _)| *key == address.kind())?;
        let json = declared.json();
        match address.name() {
            Some(name) => json.get(name).cloned(),
            None => Some(json),
        }
    }
}

impl Serialize for Declarations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, declared)| (key, declared.json())))
    }
}

impl<'de> Deserialize<'de> for Declarations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all = Self::default();
        for (key, json) in IndexMap::<String, Json>::deserialize(deserializer)? {
            let unknown = || D::Error::custom(format!("`{key}` is no kind of this trueup"));
            let kind = of_key(&key).ok_or_else(unknown)?;
            let declared = kind.read(json).map_err(D::Error::custom)?;
            all.0.push((kind.key, declared));
        }
        Ok(all)
    }
}
