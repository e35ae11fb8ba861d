//! The questions to AWS and their answers, in plain types of our own.
//!
//! [`Cloud`] is all that the rest of the program knows of AWS. The one that asks AWS itself is in
//! `lookup/aws/` (feature `aws`); a build without it has [`NoCloud`], and tests bring their own.
//! All of it reads; nothing here can change an account.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    broker::credentials::Credentials,
    spec::{Aws, Cluster},
};

/// The instances to look up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstanceQuery {
    /// The one with this id, whatever its state.
    Id(String),
    /// Those that carry all these tags and are not terminated. A name is the tag `Name`.
    Tags(Vec<(String, String)>),
}

/// An EC2 instance. What it does not have is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// Its tag `Name`.
    pub name: Option<String>,
    /// As EC2 writes it: `pending`, `running`, `shutting-down`, `terminated`, `stopping`,
    /// `stopped`.
    pub state: String,
    /// Its public DNS name.
    pub public_dns: Option<String>,
    /// Its public IPv4 address.
    pub public_ip: Option<String>,
    /// Its private IPv4 address.
    pub private_ip: Option<String>,
    /// Its private DNS name.
    pub private_dns: Option<String>,
    /// Its IPv6 address.
    pub ipv6: Option<String>,
    /// The name of the key pair that it was launched with.
    pub key_name: Option<String>,
    /// The ARN of its instance profile.
    pub profile_arn: Option<String>,
    /// It runs Windows.
    pub windows: bool,
}

/// What an instance wrote to its console.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Console {
    /// The text, up to 64 KiB of it; empty where EC2 has none yet. It is remote text.
    pub text: String,
    /// When EC2 took it, in RFC 3339, where that is known.
    pub at: Option<String>,
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Its trust policy: JSON, no longer URL-encoded.
    pub trust: String,
}

/// A listener of an MSK cluster: a network and what it expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listener {
    /// From where it can be reached.
    pub network: crate::spec::Network,
    /// What it expects.
    pub door: Door,
}

/// What a listener of MSK expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// Nothing.
    Plaintext,
    /// TLS.
    Tls,
    /// TLS and SCRAM-SHA-512.
    Scram,
    /// TLS and AWS_MSK_IAM.
    Iam,
}

/// An MSK cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MskCluster {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// As MSK writes it: `ACTIVE`, `CREATING`, `FAILED`, …
    pub state: String,
    /// Its bootstrap strings, brokers sorted (MSK's order changes from call to call); empty while
    /// it is not `ACTIVE`.
    pub bootstrap: Vec<(Listener, String)>,
}

/// Who we are to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The ARN of the user or of the role's session.
    pub arn: String,
    /// The account's number.
    pub account: String,
    /// Where the credentials came from, for people.
    pub source: String,
}

/// The region of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Such as `us-east-1`.
    pub name: String,
    /// Where it is set, such as `AWS_REGION`.
    pub source: String,
}

/// AWS, as far as look-ups need it. Every function names the account and region that it is asked
/// in; each has a deadline and retries of its own.
///
/// # Errors
/// All functions: [`CloudError`].
#[async_trait]
pub trait Cloud: Send + Sync {
    /// `ec2:DescribeInstances`: all that match, sorted by id.
    async fn instances(
        &self,
        aws: &Aws,
        query: &InstanceQuery,
    ) -> Result<Vec<Instance>, CloudError>;

    /// `ec2:DescribeInstances`, once for all of these, which are ids or tags of the same keys. What the answer
    /// leaves open is asked alone, which says what is wrong with it.
    async fn instances_of(
        &self,
        _aws: &Aws,
        _queries: &[InstanceQuery],
    ) -> Result<BTreeMap<InstanceQuery, Vec<Instance>>, CloudError> {
        Ok(BTreeMap::new())
    }

    /// `ec2:DescribeKeyPairs`: the id (`key-…`) of the key pair of a name.
    async fn key_pair_id(&self, aws: &Aws, name: &str) -> Result<String, CloudError>;

    /// `ec2:DescribeKeyPairs`, once for all of these, as [`Cloud::instances_of`].
    async fn key_pair_ids(
        &self,
        _aws: &Aws,
        _names: &[String],
    ) -> Result<BTreeMap<String, String>, CloudError> {
        Ok(BTreeMap::new())
    }

    /// `ec2:GetConsoleOutput`. `latest` asks for what is on the console now, which only Nitro
    /// instances have (others: [`CloudError::Refused`]); else what EC2 kept of the boot.
    async fn console(&self, aws: &Aws, id: &str, latest: bool) -> Result<Console, CloudError>;

    /// `ssm:GetParameter`, decrypted.
    async fn parameter(&self, aws: &Aws, name: &str) -> Result<SecretString, CloudError>;

    /// `ssm:GetParameters`, which takes ten names, once for all of these, as [`Cloud::instances_of`].
    async fn parameters(
        &self,
        _aws: &Aws,
        _names: &[String],
    ) -> Result<BTreeMap<String, SecretString>, CloudError> {
        Ok(BTreeMap::new())
    }

    /// `iam:GetRole`.
    async fn role(&self, aws: &Aws, name: &str) -> Result<Role, CloudError>;

    /// `iam:GetInstanceProfile`: the ARNs of the roles in a profile (none or one).
    async fn profile_roles(&self, aws: &Aws, name: &str) -> Result<Vec<String>, CloudError>;

    /// `kafka:ListClustersV2` or `kafka:DescribeClusterV2`, and `kafka:GetBootstrapBrokers`.
    async fn cluster(&self, aws: &Aws, cluster: &Cluster) -> Result<MskCluster, CloudError>;

    /// `sts:GetCallerIdentity`.
    async fn caller(&self, aws: &Aws) -> Result<Caller, CloudError>;

    /// The region of requests where the spec names none, and its source; `None` where nothing
    /// does. No call of AWS's own, but for what finding it needs.
    async fn region(&self, _aws: &Aws) -> Result<Option<Region>, CloudError> {
        Ok(None)
    }

    /// What signs in this account: for `topics.credentials: here`. No call of AWS's own, but for
    /// what the source of the credentials needs.
    async fn credentials(&self, aws: &Aws) -> Result<Credentials, CloudError>;
}

/// Where a request to AWS went, as far as that is known. In a sentence: ` (ENDPOINT, REGION, account N)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// Whose name was dialled, with its port where that is not HTTPS's.
    pub endpoint: Option<String>,
    /// The region; none for services that have none.
    pub region: Option<String>,
    /// The number of the account that the credentials are of.
    pub account: Option<String>,
}

impl fmt::Display for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.as_ref().map(|id| format!("account {id}"));
        let in_name = |region: &&String| {
            let mut labels = self.endpoint.iter().flat_map(|name| name.split('.'));
            labels.any(|label| label == region.as_str())
        };
        let region = self.region.as_ref().filter(|region| !in_name(region));
        let parts = [self.endpoint.as_ref(), region, account.as_ref()];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        match parts.as_slice() {
            [] => Ok(()),
            parts => write!(f, " ({})", parts.join(", ")),
        }
    }
}

/// What a policy must allow: an action, and on which resources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Such as `iam:GetRole`.
    pub action: String,
    /// ARNs, or `*`.
    pub resources: Vec<String>,
}

/// Why AWS gave no answer. Messages are safe to show: remote text is escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    /// This build cannot ask. Exit code 3.
    #[error(
        "this build of trueup has no AWS in it\n  help: build it with the feature `aws`, which is on by default"
    )]
    NotBuilt,
    /// There is nothing to sign with, or it is no longer good.
    #[error(
        "no AWS credentials that can be used, from {tried}: {message}{context}\n  help: {help}"
    )]
    Credentials {
        /// Where they came from, or where they were looked for.
        tried: String,
        /// What is wrong.
        message: String,
        /// The help.
        help: String,
        /// Where they were refused.
        context: Box<RequestContext>,
    },
    /// No region was given anywhere.
    #[error(
        "no AWS region is set for {service}\n  help: set `aws: {{ region: … }}` in the spec, or AWS_REGION, or `region` in the profile"
    )]
    NoRegion {
        /// The service that was to be asked.
        service: &'static str,
    },
    /// What this machine is set to is wrong: an endpoint, a profile, half of a key.
    #[error("{message}\n  help: {help}")]
    Settings {
        /// What is wrong, and where it is set.
        message: String,
        /// The help.
        help: String,
    },
    /// The credentials are good, and not in this region or service.
    #[error("`{action}`: {message}{context}\n  help: {help}")]
    NotHere {
        /// Such as `iam:GetRole`.
        action: &'static str,
        /// AWS's message, and what that means.
        message: String,
        /// The help.
        help: String,
        /// Where.
        context: Box<RequestContext>,
    },
    /// AWS has no such thing.
    #[error("{subject} is not there: {message}{context}\n  help: {help}")]
    NotFound {
        /// The thing that was looked up, such as "the parameter `/a/b`".
        subject: String,
        /// AWS's message, or ours.
        message: String,
        /// The help.
        help: String,
        /// Where.
        context: Box<RequestContext>,
    },
    /// AWS did not allow it.
    #[error(
        "AWS refuses `{action}`: {message}{context}\n  help: {help}{ALLOW}{}",
        statements(grants)
    )]
    Denied {
        /// Such as `iam:GetRole`.
        action: &'static str,
        /// AWS's message; it names who was denied.
        message: String,
        /// The help, beside allowing it.
        help: String,
        /// What has to be allowed: this, and what else was refused in the same run.
        grants: Vec<Grant>,
        /// Where.
        context: Box<RequestContext>,
    },
    /// AWS answered with another error, after the retries.
    #[error("`{action}` failed: {message}{context}{}", help_line(help.as_deref()))]
    Refused {
        /// Such as `iam:GetRole`.
        action: &'static str,
        /// AWS's message, with the code first.
        message: String,
        /// The help, where there is any.
        help: Option<String>,
        /// Where.
        context: Box<RequestContext>,
    },
    /// No connection, or no answer.
    #[error("`{action}` got no answer from AWS: {message}{context}\n  help: {help}")]
    Unreachable {
        /// Such as `iam:GetRole`.
        action: &'static str,
        /// What happened.
        message: String,
        /// The help.
        help: String,
        /// Where.
        context: Box<RequestContext>,
    },
}

fn help_line(help: Option<&str>) -> String {
    help.map_or_else(String::new, |help| format!("\n  help: {help}"))
}

/// What stands before the statements of a policy that is to be mended.
const ALLOW: &str = "\n  help: or add to the policy of who asks (examples/iam has whole ones):";

/// The statements of a policy that allow all this, a line each: actions of the same resources in
/// one.
pub fn statements(grants: &[Grant]) -> String {
    let mut by_resources: BTreeMap<&[String], BTreeSet<&str>> = BTreeMap::new();
    for grant in grants {
        let actions = by_resources.entry(&grant.resources).or_default();
        actions.insert(&grant.action);
    }
    let lines = by_resources.into_iter().map(|(resources, actions)| {
        let statement = json!({
            "Effect": "Allow",
            "Action": one_or_many(actions.into_iter()),
            "Resource": one_or_many(resources.iter().map(String::as_str)),
        });
        format!("\n    {statement}")
    });
    lines.collect()
}

fn one_or_many<'a>(items: impl Iterator<Item = &'a str>) -> Value {
    match items.collect::<Vec<_>>().as_slice() {
        [one] => json!(one),
        many => json!(many),
    }
}

/// Several errors as one text. Their statements come once, at the end.
pub fn joined(errors: &[String]) -> String {
    let mut lines = Vec::new();
    let mut last = BTreeSet::new();
    for error in errors {
        match error.split_once(ALLOW) {
            Some((message, statements)) => {
                lines.push(message);
                last.insert(statements);
            }
            None => lines.push(error),
        }
    }
    let mut text = lines.join("\n");
    for statements in last {
        text.push_str(ALLOW);
        text.push_str(statements);
    }
    text
}

impl CloudError {
    /// The message for a key of the spec that could not be looked up. Where nothing could
    /// be asked at all, no key is to blame, and many have one error.
    pub fn of(&self, key: &str) -> String {
        match self {
            Self::NotBuilt
            | Self::Credentials { .. }
            | Self::NoRegion { .. }
            | Self::Settings { .. } => self.to_string(),
            _ => format!("`{key}`: {self}"),
        }
    }
}

/// A build without the feature `aws`, and runs that must not ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCloud;

#[async_trait]
impl Cloud for NoCloud {
    async fn instances(&self, _: &Aws, _: &InstanceQuery) -> Result<Vec<Instance>, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn key_pair_id(&self, _: &Aws, _: &str) -> Result<String, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn console(&self, _: &Aws, _: &str, _: bool) -> Result<Console, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn parameter(&self, _: &Aws, _: &str) -> Result<SecretString, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn role(&self, _: &Aws, _: &str) -> Result<Role, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn profile_roles(&self, _: &Aws, _: &str) -> Result<Vec<String>, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn cluster(&self, _: &Aws, _: &Cluster) -> Result<MskCluster, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn caller(&self, _: &Aws) -> Result<Caller, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn credentials(&self, _: &Aws) -> Result<Credentials, CloudError> {
        Err(CloudError::NotBuilt)
    }
}
