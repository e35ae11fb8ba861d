//! Composes the resources of a Kafka client machine from the spec's `client:`.

use indexmap::IndexMap;

use super::{
    Resource, classpath::Classpath, java::Java, kafka::Kafka, msk_iam_auth::MskIamAuth,
    properties::Properties,
};
use crate::{
    action::{Mode, Value},
    jaas,
    spec::{
        Client, Mechanism, MskIamAuth as Iam, Role,
        types::{PropertyValue, StartFile},
    },
};

/// The resources that a host must have, in the order in which they are brought about.
///
/// `secrets` holds what the spec's references became, by property key; a reference that is not
/// among them is left out (it was reported when it was looked up).
pub fn resources(client: &Client, secrets: &IndexMap<String, Value>) -> Vec<Box<dyn Resource>> {
    let mut resources: Vec<Box<dyn Resource>> = Vec::new();
    if let Some(java) = &client.java {
        resources.push(Box::new(Java {
            version: java.version.clone(),
            package: java.package.clone(),
            place: client
                .classpath
                .as_ref()
                .map_or(StartFile::Bashrc, |classpath| classpath.place),
        }));
    }
    if let Some(kafka) = &client.kafka {
        resources.push(Box::new(Kafka {
            version: kafka.version.clone(),
            scala: kafka.scala.clone(),
            url: kafka.url.clone(),
            sha512: kafka.sha512.clone(),
            home: kafka.home.clone(),
        }));
    }
    if let (Some(kafka), Some(jar)) = (&client.kafka, &client.msk_iam_auth) {
        let path = format!("{}/libs/{}", kafka.home, jar.file_name());
        resources.push(Box::new(MskIamAuth {
            url: jar.url.clone(),
            sha256: jar.sha256.clone(),
            path: path.clone(),
            first_in_classpath: client.classpath.is_some(),
        }));
        if let Some(classpath) = &client.classpath {
            resources.push(Box::new(Classpath {
                jar: path,
                place: classpath.place,
            }));
        }
    }
    if let Some(properties) = &client.properties {
        let mut set: IndexMap<String, Value> = IndexMap::new();
        let login = client.msk_iam_auth.as_ref().map(login);
        if let (Some(jar), Some(login)) = (&client.msk_iam_auth, &login) {
            set.extend(iam_lines(jar.mechanism, login));
        }
        for (key, value) in &properties.extra {
            match value {
                PropertyValue::Text(text) => {
                    set.insert(key.clone(), Value::Plain(text.clone()));
                }
                PropertyValue::Secret(_) => {
                    if let Some(secret) = secrets.get(key) {
                        set.insert(key.clone(), secret.clone());
                    }
                }
            }
        }
        let in_kafka = client.kafka.as_ref().and_then(|kafka| {
            let below = properties.path.strip_prefix(&kafka.home)?;
            below.strip_prefix('/')
        });
        let folder = in_kafka.and_then(|below| Some(below.rsplit_once('/')?.0));
        resources.push(Box::new(Properties {
            path: properties.path.clone(),
            set,
            absent: properties.absent.clone(),
            login,
            mode: Mode(properties.mode),
            in_kafka_home: in_kafka.is_some(),
            in_archive: matches!(folder, Some("bin" | "config")),
        }));
    }
    resources
}

/// What the jaas line of the spec's `msk_iam_auth` holds.
fn login(jar: &Iam) -> jaas::Login {
    let mut options = Vec::new();
    // A name is looked up before resources are made.
    if let Role::Arn(arn) = &jar.role {
        options.push((jaas::ROLE.to_owned(), arn.clone()));
    }
    let further = jar.options.iter();
    options.extend(further.map(|(name, value)| (name.clone(), value.clone())));
    let module = match jar.mechanism {
        Mechanism::AwsMskIam => jaas::IAM_MODULE,
        Mechanism::Oauthbearer => jaas::OAUTH_MODULE,
    };
    jaas::Login {
        module: module.to_owned(),
        flag: "required".to_owned(),
        options,
    }
}

/// The lines of aws-msk-iam-auth's README: four, or five of OAUTHBEARER.
fn iam_lines(mechanism: Mechanism, login: &jaas::Login) -> Vec<(String, Value)> {
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
