//! Case files of `src/kinds/KIND/cases/`: how they are read.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use trueup::{
    action::Value,
    facts::{Host, Section, cluster::Cluster},
    kinds::{Resource, declared::Inputs, of_key},
    spec::{Given, ResolvedTopic, SecretRef, Source, load},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What stands in a spec under `client`, or under the kind's own key, in YAML text of its own.
    #[serde(alias = "declared")]
    pub client: String,
    /// Secrets that it refers to, by key, and the bytes of local files, by name.
    #[serde(default)]
    pub given: BTreeMap<String, String>,
    /// The records of the host, beside the usual ones.
    #[serde(default)]
    pub host: BTreeMap<String, Records>,
    /// The records of the probe; `content` is given as text.
    pub reply: BTreeMap<String, Records>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Records {
    One(String),
    Many(Vec<String>),
}

impl Records {
    /// One or many.
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// The usual host: Amazon Linux 2, with whatever the case says instead.
pub fn host(own: &BTreeMap<String, Records>) -> Host {
    Host::read(&Section::new(records(own)))
}

/// The records of that host.
pub fn records(own: &BTreeMap<String, Records>) -> Vec<(String, Vec<u8>)> {
    let usual = [
        ("user", "ec2-user"),
        ("uid", "1000"),
        ("home", "/home/ec2-user"),
        ("shell", "/bin/bash"),
        ("os_id", "amzn"),
        ("os_version", "2"),
        ("os_name", "Amazon Linux 2"),
    ];
    let mut records: Vec<(String, Vec<u8>)> = usual
        .iter()
        .filter(|(key, _)| !own.contains_key(*key))
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect();
    if !own.contains_key("tool") {
        records.extend(["yum", "sudo"].map(|tool| ("tool".to_owned(), tool.as_bytes().to_vec())));
    }
    for (key, values) in own {
        records.extend(
            values
                .values()
                .iter()
                .map(|v| (key.clone(), v.as_bytes().to_vec())),
        );
    }
    records
}

/// A case of `topics/`: what the cluster has, instead of a probe's reply.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicsCase {
    /// As in a spec, in YAML text of its own, without the cluster.
    pub topics: String,
    /// What was read.
    pub cluster: Cluster,
    /// `--allow-delete`, without `topics/`.
    #[serde(default)]
    pub allow_delete: Vec<String>,
}

impl Case {
    /// The resource that the case is about.
    pub fn resource(&self, kind: &str) -> Box<dyn Resource> {
        let key = of_key(kind).map_or("client", |own| own.key);
        let indented = self.client.replace('\n', "\n  ");
        let text =
            format!("version: 1\nhosts: {{ client: {{ local: {{}} }} }}\n{key}:\n  {indented}\n");
        let source = Source {
            path: "case.yaml".into(),
            text,
        };
        let (spec, problems) = load(&source, &Given::default());
        let spec = spec.unwrap_or_else(|| panic!("the case's client is wrong: {problems:?}"));
        let mut given = Inputs::default();
        for (key, text) in &self.given {
            let (reference, value) = (SecretRef::Env("SECRET".into()), text.clone().into());
            let secret = Value::Secret { reference, value };
            given.secrets.insert(key.clone(), secret);
            given.sources.insert(key.clone(), text.clone().into_bytes());
        }
        let resources = spec.hosts[0].resources(&given);
        resources
            .into_iter()
            .find(|resource| {
                resource.address().kind() == kind || resource.address().name() == Some(kind)
            })
            .expect("the client has the kind")
    }

    /// The probe's records.
    pub fn records(&self) -> Vec<(String, Vec<u8>)> {
        let mut records = Vec::new();
        for (key, values) in &self.reply {
            for value in values.values() {
                let value = if key == "content" {
                    STANDARD.encode(value)
                } else {
                    value.clone()
                };
                records.push((key.clone(), value.into_bytes()));
            }
        }
        records
    }
}

impl TopicsCase {
    /// The topics that the spec wants.
    pub fn wanted(&self) -> Vec<ResolvedTopic> {
        let indented = self.topics.replace('\n', "\n  ");
        let text = format!(
            "version: 1\nhosts: {{ client: {{ local: {{}} }} }}\ntopics:\n  cluster: {{ bootstrap: \"b:9098\" }}\n  {indented}\n"
        );
        let source = Source {
            path: "case.yaml".into(),
            text,
        };
        let (spec, problems) = load(&source, &Given::default());
        let mut spec = spec.unwrap_or_else(|| panic!("the case's topics are wrong: {problems:?}"));
        spec.clusters.remove(0).topics
    }
}

/// Reads a case.
pub fn parse<T: for<'de> Deserialize<'de>>(text: &str, path: &Path) -> T {
    serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files of a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// The kinds that have cases: folders of `src/kinds`, and parts of a kind that is composed.
pub fn kinds() -> Vec<String> {
    let named = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    let with_cases = |path: &PathBuf| path.join("cases").is_dir();
    let found = folders().into_iter().filter(with_cases);
    found.filter_map(named).collect()
}

fn folders() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kinds");
    let is_folder = |path: &PathBuf| path.is_dir();
    let kinds = files(&all).into_iter().filter(is_folder);
    let with_parts = |kind: PathBuf| {
        let parts = files(&kind).into_iter().filter(is_folder);
        std::iter::once(kind).chain(parts).collect::<Vec<_>>()
    };
    kinds.flat_map(with_parts).collect()
}

/// The folder of a kind's cases.
pub fn folder(kind: &str) -> PathBuf {
    let found = folders().into_iter().find(|path| path.ends_with(kind));
    found.expect(kind).join("cases")
}
