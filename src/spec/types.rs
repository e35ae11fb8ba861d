//! What a spec can say: the types behind `schemas/spec.schema.json`.
//!
//! These types are built by serde from a tree that has already been checked against the schema
//! that schemars makes from them, so that every problem carries its place in the YAML (see
//! [`super::tree`]). Doc comments here are the descriptions an editor shows.

mod ssh;
mod tables;

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::text::escape_control;

pub use ssh::{HostKey, Key, Ssh};
pub use tables::{FromDatabase, Mysql, TableSettings, TableSource, Tables};

/// In the schema: a scalar that is taken as it is written, be it `2.12`, `12e5` or `no`. Editors
/// would call these numbers and booleans, and must not underline them.
pub(crate) struct OwnText;

impl JsonSchema for OwnText {
    fn schema_name() -> Cow<'static, str> {
        "OwnText".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// A whole spec file: what one or many Kafka client machines must be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of the spec format. Only `1` exists.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub version: u32,
    /// Variables, used as `${name}` in any text of the spec.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, OwnText>", example = serde_json::json!({"user_id": "0ab336d6fcf7"}))]
    pub vars: IndexMap<String, String>,
    /// Names of environment variables that `${env.NAME}` may read.
    #[serde(default)]
    #[schemars(example = ["CI_COMMIT_SHA"])]
    pub allow_env: Vec<String>,
    /// Which AWS account is asked, and where. Default: what the AWS CLI would take.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"profile": "pinterest", "region": "us-east-1"}))]
    pub aws: Option<Aws>,
    /// How every machine is reached over SSH. A host's own `ssh` overrides it key by key; no `local` host
    /// takes it, and no `ec2` host its `address`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"user": "ec2-user", "key": {"file": "~/.ssh/kafka-client.pem"}}))]
    pub ssh: Option<Ssh>,
    /// The machines, by a name of your own choice.
    #[schemars(example = serde_json::json!({"client": {"ssh": {"address": "10.0.0.5", "user": "ec2-user"}}}))]
    pub hosts: IndexMap<String, Host>,
    /// Kafka topics, one for each table.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"cluster": {"name": "pinterest-msk-cluster"}, "tables": ["pin", "geo", "user"]}))]
    pub topics: Option<Topics>,
}

/// One machine: how it is reached, and what differs from the common `ssh`, `vars` and what machines must be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Find the machine through the EC2 API.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"region": "us-east-1", "instance_id": "i-0123456789abcdef0"}))]
    pub ec2: Option<Ec2>,
    /// Reach the machine over SSH; overrides the common `ssh` key by key, `null` removes a key.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"address": "10.0.0.5", "user": "ec2-user"}))]
    pub ssh: Option<serde_json::Value>,
    /// This machine itself: `local: {}`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({}))]
    pub local: Option<Local>,
    /// Variables of this host; they override the common ones, `null` removes one.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, Option<OwnText>>", example = serde_json::json!({"user_id": "12e5"}))]
    pub vars: IndexMap<String, Option<String>>,
}

/// This machine itself; it takes no keys.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Local {}

/// Which AWS account is asked, and where: what is not given is what the AWS CLI would take
/// (environment, profiles, SSO, web identity, a container's or an instance's role).
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// A profile of `~/.aws/config`. Default: `AWS_PROFILE`, else `default`.
    #[serde(default)]
    #[schemars(example = &"pinterest")]
    pub profile: Option<String>,
    /// The region. Default: `AWS_REGION`, else the profile's. An `ec2` with a region of its own
    /// has it for all that belongs to its host.
    #[serde(default)]
    #[schemars(example = &"us-east-1")]
    pub region: Option<String>,
    /// The ARN of a role that is assumed first, and asks all else.
    #[serde(default)]
    #[schemars(example = &"arn:aws:iam::123456789012:role/trueup-reader")]
    pub assume_role: Option<String>,
}

/// An EC2 instance, named by exactly one of `instance_id`, `name` and `tags`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ec2 {
    /// The AWS region; default: the one of the credentials' profile.
    #[serde(default)]
    #[schemars(example = &"us-east-1")]
    pub region: Option<String>,
    /// The instance's id.
    #[serde(default)]
    #[schemars(example = &"i-0123456789abcdef0")]
    pub instance_id: Option<String>,
    /// The instance's `Name` tag.
    #[serde(default)]
    #[schemars(example = &"kafka-client")]
    pub name: Option<String>,
    /// Tags that the instance carries, all of them.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, OwnText>", example = serde_json::json!({"role": "kafka-client"}))]
    pub tags: IndexMap<String, String>,
    /// Take every instance that matches, as a fleet. Default: exactly one must match.
    #[serde(default)]
    #[schemars(example = false)]
    pub all: bool,
    /// Which of the instance's names is dialled.
    #[serde(default)]
    #[schemars(example = &"public_dns")]
    pub via: Via,
}

impl Ec2 {
    /// Which instance it asks for, for people: its id, or its tags.
    pub fn reference(&self) -> String {
        match (&self.instance_id, &self.name) {
            (Some(id), _) => id.clone(),
            (None, Some(name)) => escape_control(&format!("Name={name}")),
            (None, None) => {
                let tags = self.tags.iter();
                let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
                escape_control(&tags.join(", "))
            }
        }
    }
}

/// Which name or address of an EC2 instance is handed to ssh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The public DNS name.
    #[default]
    PublicDns,
    /// The public IPv4 address.
    PublicIp,
    /// The private IPv4 address.
    PrivateIp,
    /// The private DNS name.
    PrivateDns,
    /// The IPv6 address.
    Ipv6,
    /// The id itself, for `Host i-*` blocks of your own (Session Manager).
    InstanceId,
}

/// A file that a login shell reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StartFile {
    /// `~/.bashrc`.
    #[default]
    #[serde(rename = "bashrc")]
    Bashrc,
    /// `~/.bash_profile`, `~/.bash_login` or `~/.profile`: the first that is there.
    #[serde(rename = "profile")]
    Profile,
    /// `/etc/profile.d/trueup.sh`.
    #[serde(rename = "profile.d")]
    ProfileD,
    /// `/etc/environment`.
    #[serde(rename = "environment")]
    Environment,
}

/// A property's value, or where a secret one is read from.
// Untagged is harmless here: places come from the tree, never from serde.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PropertyValue {
    /// The value itself.
    Text(#[schemars(with = "OwnText")] String),
    /// A reference to a secret.
    Secret(SecretRef),
}

/// Where a secret is read from when it is needed; only this reference is ever shown or saved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// An environment variable of the machine that runs trueup.
    #[schemars(example = &"TRUSTSTORE_PASSWORD")]
    Env(String),
    /// A file on the machine that runs trueup, without its last newline.
    #[schemars(example = &"~/.secrets/truststore")]
    File(String),
    /// A SecureString in the Parameter Store.
    #[schemars(example = &"/kafka/truststore-password")]
    SsmParameter(String),
}

/// Topics, one for each table of a source database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topics {
    /// The cluster that holds them.
    #[schemars(example = serde_json::json!({"name": "pinterest-msk-cluster"}))]
    pub cluster: Cluster,
    /// Pattern of a topic's name; `${table}` is the table. Default: `${table}`.
    #[serde(default)]
    #[schemars(example = &"${user_id}.${table}")]
    pub name: Option<String>,
    /// The tables: a list of names, a map from name to settings, or `from:` a database, whose
    /// tables are read through the SSH connection each time, so that a new one without a topic is
    /// drift. (A table whose name is `from` goes into a list.)
    #[schemars(example = ["pin", "geo", "user"])]
    pub tables: Tables,
    /// Settings of every topic that does not say otherwise.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"partitions": 3, "replication_factor": 3}))]
    pub defaults: TopicSettings,
    /// What happens to overrides that the spec does not name. Default: `merge`.
    #[serde(default)]
    #[schemars(example = &"merge")]
    pub config_policy: ConfigPolicy,
    /// Through which host the brokers are reached, or `direct` from this machine. Default: the
    /// first host that can be reached.
    #[serde(default)]
    #[schemars(example = &"client")]
    pub via: Option<String>,
    /// How the brokers are spoken to. Default: `iam`.
    #[serde(default)]
    #[schemars(example = &"iam")]
    pub security: Security,
    /// Which listeners of a cluster are taken that is looked up. Default: `private`.
    #[serde(default)]
    #[schemars(example = &"private")]
    pub network: Network,
    /// Whose AWS credentials `security: iam` signs with. Default: `instance_role`.
    #[serde(default)]
    #[schemars(example = &"instance_role")]
    pub credentials: Option<Credentials>,
    /// A PEM file with the authorities that vouch for the brokers; a relative path starts at the
    /// spec's folder. Default: the authorities that this system trusts.
    #[serde(default)]
    #[schemars(example = &"certs/cluster-ca.pem")]
    pub ca: Option<String>,
}

/// How brokers are spoken to: what the port that the bootstrap names expects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS and AWS_MSK_IAM, as on MSK's port 9098.
    #[default]
    Iam,
    /// TLS without a login, as on MSK's port 9094.
    Tls,
    /// Neither, as on MSK's port 9092.
    Plaintext,
    /// SCRAM-SHA-512, as on MSK's port 9096.
    #[serde(rename = "scram_sha_512")]
    #[schemars(example = serde_json::json!({"username": "admin", "password": {"env": "KAFKA_PASSWORD"}}))]
    ScramSha512(Login),
    /// SCRAM-SHA-256.
    #[serde(rename = "scram_sha_256")]
    #[schemars(example = serde_json::json!({"username": "admin", "password": {"file": "~/.secrets/kafka"}}))]
    ScramSha256(Login),
    /// SASL/PLAIN.
    #[schemars(example = serde_json::json!({"username": "admin", "password": {"env": "KAFKA_PASSWORD"}}))]
    Plain(Login),
}

/// The mechanisms with a user and a password.
pub(crate) const LOGINS: [fn(Login) -> Security; 3] = [
    Security::ScramSha512,
    Security::ScramSha256,
    Security::Plain,
];

/// A user of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user's name.
    #[schemars(with = "OwnText", example = &"admin")]
    pub username: String,
    /// Where the password is read from; never the password itself.
    #[schemars(example = serde_json::json!({"env": "KAFKA_PASSWORD"}))]
    pub password: SecretRef,
    /// Whether the listener speaks TLS. Default: `true`.
    #[serde(default = "yes")]
    #[schemars(example = true)]
    pub tls: bool,
}

fn yes() -> bool {
    true
}

/// From where the brokers of an MSK cluster are dialled.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// From inside of its VPC.
    #[default]
    Private,
    /// From the internet: ports 9194, 9196 and 9198.
    Public,
    /// From another VPC, through multi-VPC private connectivity.
    Vpc,
    /// From inside of its VPC, over IPv6.
    Ipv6,
}

/// Whose AWS credentials sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// The role of the instance that the brokers are reached through, read from its metadata
    /// service; it assumes the client's `role_arn`, as the client itself will.
    InstanceRole,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of this machine.
    Env,
    /// What this machine asks AWS with: see `aws`.
    Here,
}

/// A Kafka cluster.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cluster {
    /// Name of an MSK cluster.
    #[schemars(example = &"pinterest-msk-cluster")]
    Name(String),
    /// ARN of an MSK cluster.
    #[schemars(example = &"arn:aws:kafka:us-east-1:123456789012:cluster/pinterest-msk-cluster/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0-1")]
    Arn(String),
    /// Brokers, `host:port` with commas between.
    #[schemars(example = &"b-1.example.kafka.us-east-1.amazonaws.com:9098")]
    Bootstrap(String),
}

/// Settings of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicSettings {
    /// Number of partitions. Default: the broker's own.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000), example = 3)]
    pub partitions: Option<u32>,
    /// Replicas of each partition, or `keep`. Default: the broker's own.
    #[serde(default)]
    #[schemars(example = 3)]
    pub replication_factor: Option<ReplicationFactor>,
    /// Overrides of the topic's configuration; `null` removes one.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, Option<OwnText>>", example = serde_json::json!({"retention.ms": 604_800_000}))]
    pub config: IndexMap<String, Option<String>>,
}

/// A replication factor, or `keep`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ReplicationFactor {
    /// This many replicas.
    Count(#[schemars(range(min = 1, max = 32_767))] u16),
    /// Whatever it is, it is right.
    Keep(Keep),
}

/// The word `keep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Whatever it is, it is right.
    Keep,
}

/// What happens to topic overrides that the spec does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigPolicy {
    /// They are shown, and are no drift.
    #[default]
    Merge,
    /// They are reset to the broker's default.
    Exact,
}
