//! Composes the resources of a Kafka client machine from the spec's `client:`.

use indexmap::IndexMap;

use super::{
    Resource, classpath::Classpath, java::Java, kafka::Kafka, msk_iam_auth::MskIamAuth,
    properties::Properties,
};
use crate::{
    action::Value,
    spec::{Client, Role, types::PropertyValue},
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
        if let Some(jar) = &client.msk_iam_auth {
            set.extend(iam_lines(&jar.role));
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
        let in_kafka_home = client
            .kafka
            .as_ref()
            .is_some_and(|kafka| properties.path.starts_with(&format!("{}/", kafka.home)));
        resources.push(Box::new(Properties {
            path: properties.path.clone(),
            set,
            absent: properties.absent.clone(),
            in_kafka_home,
        }));
    }
    resources
}

/// The four lines of aws-msk-iam-auth's README.
fn iam_lines(role: &Role) -> impl Iterator<Item = (String, Value)> {
    let options = match role {
        // A name is looked up before resources are made.
        Role::Own | Role::Name(_) => String::new(),
        Role::Arn(arn) => format!(" awsRoleArn=\"{arn}\""),
    };
    [
        ("security.protocol", "SASL_SSL".to_owned()),
        ("sasl.mechanism", "AWS_MSK_IAM".to_owned()),
        (
            "sasl.jaas.config",
            format!("software.amazon.msk.auth.iam.IAMLoginModule required{options};"),
        ),
        (
            "sasl.client.callback.handler.class",
            "software.amazon.msk.auth.iam.IAMClientCallbackHandler".to_owned(),
        ),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), Value::Plain(value)))
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
