//! How machines are reached over SSH.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a machine is reached over SSH. `~/.ssh/config` applies to whatever is not given here.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// Host name or address, handed to ssh as it stands, so that your own `Host` blocks match.
    #[serde(default)]
    #[schemars(example = &"10.0.0.5")]
    pub address: Option<String>,
    /// Port. Default: what `~/.ssh/config` says, else 22.
    #[serde(default)]
    #[schemars(range(min = 1), example = 22)]
    pub port: Option<u16>,
    /// Account on the machine. Default: what `~/.ssh/config` says, else your own user name.
    #[serde(default)]
    #[schemars(example = &"ec2-user")]
    pub user: Option<String>,
    /// Private key. Default: the agent and `~/.ssh/config`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"file": "~/.ssh/kafka-client.pem"}))]
    pub key: Option<Key>,
    /// How the machine proves who it is. Default: `strict`.
    #[serde(default)]
    #[schemars(example = &"strict")]
    pub host_key: HostKey,
    /// Goes through the connection that your own ssh holds open, where `~/.ssh/config` shares one
    /// (`ControlMaster`, `ControlPath`) and it runs: no login, and no second factor again. Default: no.
    #[serde(default)]
    #[schemars(example = true)]
    pub reuse_master: bool,
}

/// Where the private key comes from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A file on this machine; a relative path starts at the spec's folder.
    #[schemars(example = &"~/.ssh/kafka-client.pem")]
    File(String),
    /// A SecureString in the Parameter Store.
    #[schemars(example = &"/ec2/keypair/key-0123456789abcdef0")]
    SsmParameter(String),
    /// The key pair that the instance was launched with, where CloudFormation made it and keeps it in
    /// the Parameter Store: `from_instance: true`.
    #[schemars(example = true)]
    FromInstance(bool),
}

/// How a machine's host key is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostKey {
    /// Only a key that known_hosts already holds.
    #[default]
    Strict,
    /// Take an unknown key on first use, say so, and keep it. A changed key is refused.
    #[serde(rename = "accept-new")]
    AcceptNew,
    /// These full public keys and no others (`ssh-ed25519 AAAA…`).
    #[schemars(example = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…"])]
    Pinned(Vec<String>),
    /// Read the keys from the EC2 console output: `console: true`.
    #[schemars(example = true)]
    Console(bool),
}
