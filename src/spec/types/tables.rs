//! The tables that get a topic: named in the spec, or read from their database.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OwnText, ReplicationFactor, SecretRef, yes};

/// The tables that get a topic.
// Untagged is harmless here: places come from the tree, never from serde.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Tables {
    /// Names.
    Names(#[schemars(with = "Vec<OwnText>")] Vec<String>),
    /// The tables that a database has when it is looked at.
    Database(FromDatabase),
    /// Names with settings of their own, or a topic of another name; `null` takes the defaults.
    Settings(IndexMap<String, Option<TableSettings>>),
}

/// What a table says of its topic, over `name` and `defaults` of `topics`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSettings {
    /// The topic's name, where it is not what `name` of `topics` makes of the table.
    #[serde(default)]
    #[schemars(with = "Option<OwnText>", example = &"0ab336d6fcf7.pins")]
    pub topic: Option<String>,
    /// Number of partitions. Default: that of `defaults`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000), example = 3)]
    pub partitions: Option<u32>,
    /// Replicas of each partition, or `keep`. Default: that of `defaults`.
    #[serde(default)]
    #[schemars(example = 3)]
    pub replication_factor: Option<ReplicationFactor>,
    /// Overrides of the topic's configuration, over those of `defaults`; `null` removes one.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, Option<OwnText>>", example = serde_json::json!({"retention.ms": 604_800_000}))]
    pub config: IndexMap<String, Option<String>>,
}

/// The tables that a database has when it is looked at. Views get no topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromDatabase {
    /// The database.
    #[schemars(example = serde_json::json!({"mysql": {"host": "pinterest-db.a1b2c3.us-east-1.rds.amazonaws.com", "user": "reader", "password": {"env": "MYSQL_PASSWORD"}, "database": "pinterest_data"}}))]
    pub from: TableSource,
    /// Tables of the database that get no topic, by their exact names. Default: none.
    #[serde(default)]
    #[schemars(with = "Vec<OwnText>", example = ["schema_migrations"])]
    pub except: Vec<String>,
    /// Settings of single tables, and names of their topics, over `defaults` and `name` of `topics`.
    /// Default: none.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"pin": {"partitions": 6}, "user": {"topic": "0ab336d6fcf7.people"}}))]
    pub settings: IndexMap<String, TableSettings>,
}

/// Where a list of tables is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableSource {
    /// A MySQL or MariaDB server, such as RDS has.
    #[schemars(example = serde_json::json!({"host": "pinterest-db.a1b2c3.us-east-1.rds.amazonaws.com", "user": "reader", "password": {"env": "MYSQL_PASSWORD"}, "database": "pinterest_data"}))]
    Mysql(Mysql),
}

/// A database of a MySQL or MariaDB server. It is dialled from where the brokers are: the host of
/// `topics.via`. Its user needs to see the tables (`GRANT SELECT`), and nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mysql {
    /// The server's name, as its certificate has it; it is looked up on the host.
    #[schemars(example = &"pinterest-db.a1b2c3.us-east-1.rds.amazonaws.com")]
    pub host: String,
    /// Its port. Default: `3306`.
    #[serde(default = "port")]
    #[schemars(range(min = 1, max = 65_535), example = 3306)]
    pub port: u16,
    /// The user.
    #[schemars(with = "OwnText", example = &"reader")]
    pub user: String,
    /// Where the password is read from; never the password itself.
    #[schemars(example = serde_json::json!({"env": "MYSQL_PASSWORD"}))]
    pub password: SecretRef,
    /// The database (MySQL says schema) whose tables are taken.
    #[schemars(with = "OwnText", example = &"pinterest_data")]
    pub database: String,
    /// Only tables whose names are LIKE this, as SQL has it: `%` is any text, `_` any character,
    /// `\_` the character itself. Default: all.
    #[serde(default)]
    #[schemars(with = "OwnText", example = &"%_data")]
    pub like: Option<String>,
    /// Whether TLS is spoken, which RDS always offers. Default: `true`; a server that does not offer
    /// it is then refused.
    #[serde(default = "yes")]
    #[schemars(example = true)]
    pub tls: bool,
    /// A PEM file with the authorities that vouch for the server, and no others; a relative path
    /// starts at the spec's folder. RDS needs Amazon's bundle, which no system has:
    /// `https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem`. Default: the authorities
    /// that this system trusts.
    #[serde(default)]
    #[schemars(example = &"certs/rds-global-bundle.pem")]
    pub ca: Option<String>,
}

fn port() -> u16 {
    3306
}
