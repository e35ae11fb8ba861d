//! `client:` of a spec: what a Kafka client machine must be, and the resources that makes.

mod checks;
pub mod classpath;
mod fill;
pub mod java;
pub mod kafka;
pub mod msk_iam_auth;
pub mod properties;
mod stores;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Address, Resource,
    declared::{Claim, Declaration, Fill, Inputs, Reference},
};
use crate::{
    action::Value,
    at,
    diagnostic::Problem,
    jaas,
    spec::{
        at::{At, Text},
        merge::HostTree,
        tree::Node,
        types::{PropertyValue, SecretRef},
    },
};
use classpath::Classpath;
use java::Java;
use kafka::Kafka;
use msk_iam_auth::{Mechanism, MskIamAuth, Role};
use properties::Properties;

/// What a Kafka client machine must be. A key that is absent is not looked at. A host that sets `version`,
/// `scala` or `url` of a resource inherits none of its common `home`, `package`, `url` and digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({
    "java": {"version": "1.8.0"}, "kafka": {"version": "2.8.1", "scala": "2.12"},
    "msk_iam_auth": {"version": "1.1.5"}, "classpath": {}, "properties": {},
}))]
pub struct Client {
    /// The Java that a fresh login shell runs.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"version": "1.8.0"}))]
    pub java: Option<Java>,
    /// The Kafka archive, unpacked.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"version": "2.8.1", "scala": "2.12"}))]
    pub kafka: Option<Kafka>,
    /// AWS's `aws-msk-iam-auth-…-all.jar`, in Kafka's `libs/`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"version": "1.1.5"}))]
    pub msk_iam_auth: Option<MskIamAuth>,
    /// `CLASSPATH` of a fresh login shell: the auth jar first. `classpath: {}` takes the defaults.
    #[serde(default)]
    #[schemars(example = serde_json::json!({}))]
    pub classpath: Option<Classpath>,
    /// `client.properties` for the Kafka tools. `properties: {}` takes the defaults.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"extra": {"client.id": "loader"}}))]
    pub properties: Option<Properties>,
}

impl Client {
    /// Where Kafka is.
    pub fn home(&self) -> Option<String> {
        self.kafka.as_ref().map(Kafka::home)
    }

    /// Where the properties are.
    pub fn properties_path(&self) -> Option<&str> {
        self.properties.as_ref()?.path.as_deref()
    }

    /// The role that it takes, where it logs in with one.
    pub fn role(&self) -> Option<Role<'_>> {
        self.msk_iam_auth.as_ref().map(MskIamAuth::role)
    }
}

impl Declaration for Client {
    const KEY: &'static str = "client";
    const MERGES_MAPS: bool = true;

    fn fill(node: &Node, fill: &mut Fill<'_>) -> Node {
        fill::client(node, fill)
    }

    fn filled(self) -> Result<Self, &'static str> {
        let kafka = self.kafka.map(Kafka::filled);
        let in_kafka = || Some(format!("{}/bin/client.properties", kafka.as_ref()?.home()));
        let properties = match self.properties {
            None => None,
            Some(properties) => Some(Properties {
                path: match properties.path.clone().or_else(in_kafka) {
                    None => return Err("`properties` has no `path`"),
                    path => path,
                },
                mode: Some(properties.mode().to_string()),
                ..properties
            }),
        };
        Ok(Self {
            kafka,
            msk_iam_auth: self.msk_iam_auth.map(MskIamAuth::filled),
            properties,
            ..self
        })
    }

    fn check_host(host: &HostTree, problems: &mut Vec<Problem>) {
        checks::run(host, problems);
    }

    fn paths(host: &HostTree) -> Vec<Text<'_>> {
        let client = host.of::<Self>();
        let paths = [at!(client, kafka.home), at!(client, properties.path)];
        paths.into_iter().filter_map(At::text).collect()
    }

    fn references(&self) -> Vec<Reference<'_>> {
        let extra = self.properties.iter().flat_map(|file| &file.extra);
        let secrets = extra.filter_map(|(key, value)| match value {
            PropertyValue::Secret(secret) => Some((key, secret)),
            PropertyValue::Text(_) => None,
        });
        let reference = |(key, secret): (&String, _)| Reference {
            address: properties::ADDRESS,
            key: key.clone(),
            path: format!("client.properties.extra.{key}"),
            secret,
        };
        secrets.map(reference).collect()
    }

    fn secrets(at: At<'_, Self>) -> Vec<At<'_, SecretRef>> {
        let extra = at!(at, properties.extra).values();
        extra
            .map(|value| at!(value, (PropertyValue::Secret)))
            .collect()
    }

    fn claim(&self, address: &Address, expand: &dyn Fn(&str) -> String) -> Option<Claim> {
        let home = self.home().map(|home| expand(&home));
        // The role is in the properties, not in the jar.
        let jar = self.msk_iam_auth.clone().map(|jar| MskIamAuth {
            role: None,
            role_arn: None,
            ..jar
        });
        let role = self.msk_iam_auth.as_ref();
        let role = role.map(|jar| [&jar.role, &jar.role_arn]);
        let (place, value) = if *address == java::ADDRESS {
            (None, json!(self.java))
        } else if *address == kafka::ADDRESS {
            let kafka = self.kafka.clone().map(|kafka| Kafka {
                home: None,
                ..kafka
            });
            (home, json!(kafka))
        } else if *address == msk_iam_auth::ADDRESS {
            // One of them, whatever its version.
            let place = home.map(|home| format!("{home}/libs/aws-msk-iam-auth-*.jar"));
            (place, json!(jar))
        } else if *address == classpath::ADDRESS {
            let of_all = self
                .classpath
                .and_then(|classpath| classpath.r#in.of_the_machine());
            let place = of_all.map(|_| super::start_file::of_all_accounts("CLASSPATH"));
            (place, json!([self.classpath, home, jar]))
        } else {
            let properties = self
                .properties
                .clone()
                .map(|file| Properties { path: None, ..file });
            let path = self.properties_path().map(expand);
            (path, json!([properties, role]))
        };
        Some(Claim::new(place, &value))
    }

    fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>> {
        let mut resources: Vec<Box<dyn Resource>> = Vec::new();
        if let Some(java) = &self.java {
            let place = self.classpath.map(|classpath| classpath.r#in);
            // The shell's own Java is the account's affair.
            let place = place.filter(|place| place.of_the_machine().is_none());
            resources.push(Box::new(java::Wanted {
                java: java.clone(),
                place: place.unwrap_or_default(),
            }));
        }
        if let Some(kafka) = &self.kafka {
            resources.push(Box::new(kafka.clone()));
        }
        if let (Some(home), Some(jar)) = (self.home(), &self.msk_iam_auth) {
            let path = format!("{home}/libs/{}", jar.file_name());
            resources.push(Box::new(msk_iam_auth::Wanted {
                jar: jar.clone(),
                path: path.clone(),
                first_in_classpath: self.classpath.is_some(),
            }));
            if let Some(classpath) = &self.classpath {
                let place = classpath.r#in;
                resources.push(Box::new(classpath::Wanted { jar: path, place }));
            }
        }
        if let Some(properties) = &self.properties {
            let login = self.msk_iam_auth.as_ref().map(login);
            let mut set: IndexMap<String, Value> = IndexMap::new();
            if let (Some(jar), Some(login)) = (&self.msk_iam_auth, &login) {
                set.extend(iam_lines(jar.mechanism, login));
            }
            for (key, value) in &properties.extra {
                match value {
                    PropertyValue::Text(text) => {
                        set.insert(key.clone(), Value::Plain(text.clone()));
                    }
                    PropertyValue::Secret(_) => {
                        if let Some(secret) = given.secrets.get(key) {
                            set.insert(key.clone(), secret.clone());
                        }
                    }
                }
            }
            let home = self.home().map(|home| format!("{home}/"));
            let path = self.properties_path().unwrap_or_default();
            let in_kafka = home.as_ref().and_then(|home| path.strip_prefix(home));
            let folder = in_kafka.and_then(|below| Some(below.rsplit_once('/')?.0));
            resources.push(Box::new(properties::Wanted {
                path: path.to_owned(),
                set,
                absent: properties.absent.clone(),
                login,
                mode: properties.mode(),
                in_kafka_home: in_kafka.is_some(),
                in_archive: matches!(folder, Some("bin" | "config")),
            }));
        }
        resources
    }
}

/// What the jaas line of the spec's `msk_iam_auth` holds.
fn login(jar: &MskIamAuth) -> jaas::JaasLogin {
    let mut options = Vec::new();
    // A name is looked up before resources are made.
    if let Role::Arn(arn) = jar.role() {
        options.push((jaas::ROLE.to_owned(), arn.to_owned()));
    }
    options.extend(jar.options.given());
    let module = match jar.mechanism {
        Mechanism::AwsMskIam => jaas::IAM_MODULE,
        Mechanism::Oauthbearer => jaas::OAUTH_MODULE,
    };
    jaas::JaasLogin {
        module: module.to_owned(),
        flag: "required".to_owned(),
        options,
    }
}

/// The lines of aws-msk-iam-auth's README: four, or five of OAUTHBEARER.
fn iam_lines(mechanism: Mechanism, login: &jaas::JaasLogin) -> Vec<(String, Value)> {
    let (name, handler) = match mechanism {
        Mechanism::AwsMskIam => ("AWS_MSK_IAM", "IAMClientCallbackHandler"),
        Mechanism::Oauthbearer => ("OAUTHBEARER", "IAMOAuthBearerLoginCallbackHandler"),
    };
    let handler = format!("software.amazon.msk.auth.iam.{handler}");
    let mut lines = vec![
        ("security.protocol", "SASL_SSL".to_owned()),
        ("sasl.mechanism", name.to_owned()),
        ("sasl.jaas.config", jaas::write(login)),
        ("sasl.client.callback.handler.class", handler.clone()),
    ];
    if mechanism == Mechanism::Oauthbearer {
        lines.push((jaas::LOGIN_HANDLER, handler));
    }
    let lines = lines.into_iter();
    lines
        .map(|(key, value)| (key.to_owned(), Value::Plain(value)))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::facts::{Host, Section};

    /// An Amazon Linux host, for tests.
    pub fn host() -> Host {
        let entry = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
        Host::read(&Section::new(vec![
            entry("user", "ec2-user"),
            entry("uid", "1000"),
            entry("home", "/home/ec2-user"),
            entry("shell", "/bin/bash"),
            entry("os_id", "amzn"),
            entry("os_version", "2"),
            entry("os_name", "Amazon Linux 2"),
            entry("tool", "yum"),
            entry("tool", "sudo"),
        ]))
    }
}
