//! What a spec declares under its top-level keys, and how a key comes to its kind.

use std::{any::Any, borrow::Cow, fmt, sync::Arc};

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value as Json;

use super::{Address, Resource, of_key};
use crate::{
    action::Value,
    diagnostic::Problem,
    spec::{
        at::{At, Text},
        merge::HostTree,
        tree::{Key, Node},
        types::SecretRef,
        vars::Specials,
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
    /// Whether a map below an entry's key, too, is merged with the common one, key by key. Else a host's own
    /// takes its place: a reference is no map to be merged.
    const MERGES_MAPS: bool = false;

    /// Fills in the variables of what stands under the key.
    fn fill(node: &Node, fill: &mut Fill<'_>) -> Node {
        fill(node, Specials::NONE)
    }

    /// With the defaults put in: nothing is left open, but for references that are looked up.
    ///
    /// # Errors
    /// What is missing: a spec that is right has it.
    fn filled(self) -> Result<Self, &'static str> {
        Ok(self)
    }

    /// Whether it goes together with itself and with all else of its host, as far as a schema cannot say that. It
    /// runs beside other mistakes, so what stands there may be anything.
    fn check_host(_host: &HostTree, _problems: &mut Vec<Problem>) {}

    /// The resources that it makes, each with an address that begins with the key.
    fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>>;

    /// What a schema cannot say of it; `at` is where it stands in the spec.
    fn check(&self, _at: At<'_, Self>, _problems: &mut Vec<Problem>) {}

    /// The paths on the machine that it writes to, as far as the spec says them.
    fn paths(_host: &HostTree) -> Vec<Text<'_>> {
        vec![]
    }

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

    /// What it wants one of its addresses to be; `expand` gives a path as the machine has it.
    fn claim(&self, address: &Address, _expand: &dyn Fn(&str) -> String) -> Option<Claim> {
        let json = Declared::json(self);
        let value = match address.name() {
            Some(name) => json.get(name).cloned()?,
            None => json,
        };
        Some(Claim::new(None, &value))
    }
}

/// Fills in the variables of a part.
pub(crate) type Fill<'f> = dyn FnMut(&Node, Specials<'_>) -> Node + 'f;

/// What a host wants of an address, to tell whether two hosts want one machine to be two things.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Where it is on the machine, the same for all its accounts; nothing where each account has its own.
    place: Option<String>,
    /// What is to be there.
    value: Json,
}

impl Claim {
    /// What is to be at a place; of a map, `become` says who brings it about, which is no part of it.
    pub fn new(place: Option<String>, wanted: &impl Serialize) -> Self {
        let mut value = plain(wanted);
        if let Json::Object(fields) = &mut value {
            fields.remove("become");
        }
        Self { place, value }
    }

    /// Whether both are of one thing that all accounts of a machine share.
    pub(crate) fn shares_place(&self, other: &Self) -> bool {
        self.place.is_some() && self.place == other.place
    }

    /// Whether one thing cannot be both. What is in another place is another thing.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        let elsewhere = self.place.is_some() && other.place.is_some() && self.place != other.place;
        !elsewhere && self.value != other.value
    }
}

/// Names of entries are parts of addresses: people read and type them.
pub(crate) fn check_name(key: &Key, problems: &mut Vec<Problem>) {
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
pub trait Declared: Any + fmt::Debug + Send + Sync {
    /// See [`Declaration::resources`].
    fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>>;
    /// See [`Declaration::references`].
    fn references(&self) -> Vec<Reference<'_>>;
    /// See [`Declaration::sources`].
    fn sources(&self) -> Vec<(Address, &str)>;
    /// See [`Declaration::check`].
    fn check(&self, entry: &(Key, Node), problems: &mut Vec<Problem>);
    /// See [`Declaration::claim`].
    fn claim(&self, address: &Address, expand: &dyn Fn(&str) -> String) -> Option<Claim>;
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
    fn claim(&self, address: &Address, expand: &dyn Fn(&str) -> String) -> Option<Claim> {
        Declaration::claim(self, address, expand)
    }
    fn json(&self) -> Json {
        plain(self)
    }
}

/// What a kind declares or observed, as JSON: that of plain data cannot fail.
pub(super) fn plain(data: &impl Serialize) -> Json {
    serde_json::to_value(data)
        .unwrap_or_else(|error| unreachable!("a kind's data is plain: {error}"))
}

/// A kind in [`KINDS`](super::KINDS): what the rest of the program knows of it.
pub struct Registered {
    /// Its top-level key.
    pub key: &'static str,
    /// Its steps.
    pub steps: &'static str,
    /// See [`Declaration::MERGES_MAPS`].
    pub merges_maps: bool,
    /// See [`Declaration::fill`].
    pub fill: fn(&Node, &mut Fill<'_>) -> Node,
    /// See [`Declaration::check_host`].
    pub check_host: fn(&HostTree, &mut Vec<Problem>),
    /// See [`Declaration::paths`].
    pub paths: fn(&HostTree) -> Vec<Text<'_>>,
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
            merges_maps: D::MERGES_MAPS,
            fill: D::fill,
            check_host: D::check_host,
            paths: D::paths,
            definition: D::schema_name,
            schema: SchemaGenerator::subschema_for::<D>,
            secrets: |(key, node)| D::secrets(At::new(Some((key, node)))),
            read: |json| {
                let filled = serde_json::from_value::<D>(json)?.filled();
                Ok(Arc::new(filled.map_err(serde_json::Error::custom)?))
            },
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
    /// Reads what stands under each key.
    ///
    /// # Errors
    /// When a key is none of a kind, or what stands under it is not of its type.
    pub fn read(all: IndexMap<String, Json>) -> Result<Self, serde_json::Error> {
        let read = |(key, json): (String, Json)| {
            let unknown =
                || serde_json::Error::custom(format!("`{key}` is no kind of this trueup"));
            let kind = of_key(&key).ok_or_else(unknown)?;
            Ok((kind.key, kind.read(json)?))
        };
        all.into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What is declared under the key of one kind.
    pub fn get<D: Declaration>(&self) -> Option<&D> {
        let (_, declared) = self.0.iter().find(|(key, _)| *key == D::KEY)?;
        let declared: &dyn Any = &**declared;
        declared.downcast_ref()
    }

    /// The same, to change it.
    pub fn get_mut<D: Declaration + Clone>(&mut self) -> Option<&mut D> {
        // What another host shares stays as it is.
        let own = self.get::<D>()?.clone();
        let (_, declared) = self.0.iter_mut().find(|(key, _)| *key == D::KEY)?;
        *declared = Arc::new(own);
        let declared: &mut dyn Any = Arc::get_mut(declared)?;
        declared.downcast_mut()
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

    /// See [`Declaration::claim`].
    pub fn claim(&self, address: &Address, expand: &dyn Fn(&str) -> String) -> Option<Claim> {
        let (_, declared) = self.iter().find(|(key, _)| *key == address.kind())?;
        declared.claim(address, expand)
    }
}

impl<'de> Deserialize<'de> for Declarations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(IndexMap::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
