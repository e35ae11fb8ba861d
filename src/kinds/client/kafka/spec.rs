//! `client.kafka` in a spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{kinds::path, spec::types::OwnText};

/// The Kafka archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Kafka {
    /// Kafka's version.
    #[schemars(with = "OwnText", example = &"2.8.1")]
    pub version: String,
    /// Scala version of the build.
    #[schemars(with = "OwnText", example = &"2.12")]
    pub scala: String,
    /// Where the archive is fetched from. Default: `archive.apache.org`.
    #[serde(default)]
    #[schemars(example = &"https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz")]
    pub url: Option<String>,
    /// The archive's sha512, in hexadecimal: the content of the `.sha512` file beside it.
    #[serde(default)]
    #[schemars(example = &"(128 hexadecimal digits)")]
    pub sha512: Option<String>,
    /// Where it is unpacked to. Default: `~/kafka_SCALA-VERSION`.
    #[serde(default)]
    #[schemars(example = &"~/kafka_2.12-2.8.1")]
    #[serde(deserialize_with = "path::folder")]
    pub home: Option<String>,
}

impl Kafka {
    /// `kafka_2.12-2.8.1`: the one folder in the archive.
    pub fn folder(&self) -> String {
        format!("kafka_{}-{}", self.scala, self.version)
    }

    /// Where the archive is fetched from; else where the Kafka project keeps every release.
    pub fn url(&self) -> String {
        self.url.clone().unwrap_or_else(|| {
            let (version, folder) = (&self.version, self.folder());
            format!("https://archive.apache.org/dist/kafka/{version}/{folder}.tgz")
        })
    }

    /// Where it is unpacked to: absolute, or below `~`; without a slash at the end.
    pub fn home(&self) -> String {
        match &self.home {
            Some(home) => home.trim_end_matches('/').to_owned(),
            None => format!("~/{}", self.folder()),
        }
    }

    /// With the defaults put in, and the digest in lower case.
    #[must_use]
    pub fn filled(self) -> Self {
        Self {
            url: Some(self.url()),
            home: Some(self.home()),
            sha512: self.sha512.map(|digest| digest.to_ascii_lowercase()),
            ..self
        }
    }
}
