//! A machine in memory: what the probes would say of it, and what the actions would do to it.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
    sync::Mutex,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use indexmap::IndexMap;
use trueup::{
    action::{self, Action, Mode, TopicAction},
    facts::{
        Host, Observation, Reply,
        cluster::{Cluster, Setting, Topic},
    },
    frame::Record,
    plan::Step,
    properties,
};

pub const HOME: &str = "/home/ec2-user";
const KAFKA: &str = "/home/ec2-user/kafka_2.12-2.8.1";
/// The digest of what the site has under the jar's name.
pub const JAR_SHA256: &str = "ef21705509d82b5b8f673a5cb7552d64c7e18001a6329d49c850ff2fef83b8ab";

/// What is at Kafka's home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    Nothing,
    Foreign,
    /// With files that are not there, and jars that are damaged.
    There {
        ours: bool,
        missing: Vec<String>,
        damaged: Vec<String>,
    },
}

/// A file in `libs/` of the auth jar's name: its digest, and whether it is a jar at all.
pub type Jar = Option<(String, bool)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub java: Option<String>,
    pub sudo: bool,
    pub tree: Tree,
    pub jar: Jar,
    /// There is a jar of another version beside it.
    pub old_jar: bool,
    pub bashrc: String,
    pub properties: Option<(u32, String)>,
    pub cluster: Cluster,
}

impl Machine {
    /// What a fresh shell has as `CLASSPATH`, said by a real one, once for each start file.
    fn classpath(&self) -> String {
        static SAID: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
        let known = SAID.lock().expect("no panic").get(&self.bashrc).cloned();
        known.unwrap_or_else(|| {
            let said = self.ask_a_shell();
            let mut all = SAID.lock().expect("no panic");
            all.insert(self.bashrc.clone(), said.clone());
            said
        })
    }

    fn ask_a_shell(&self) -> String {
        let mut shell = Command::new("bash")
            .args(["--norc", "--noprofile", "-s"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs");
        let mut pipe = shell.stdin.take().expect("a pipe");
        write!(pipe, "{}\nprintf %s \"$CLASSPATH\"\n", self.bashrc).expect("written");
        drop(pipe);
        let output = shell.wait_with_output().expect("it ends");
        String::from_utf8(output.stdout).expect("text")
    }

    pub fn reply(&self) -> Reply {
        let mut records = Records::default();
        let classpath = self.classpath();
        let host = [
            ("user", "ec2-user"),
            ("uid", "1000"),
            ("home", HOME),
            ("shell", "/bin/bash"),
        ];
        for (key, value) in host {
            records.add("host", key, value);
        }
        for (key, value) in [
            ("os_id", "amzn"),
            ("os_version", "2"),
            ("tool", "yum"),
            ("machine_id", "1"),
        ] {
            records.add("host", key, value);
        }
        if self.sudo {
            records.add("host", "tool", "sudo");
        }
        records.add("host", "login_classpath", &classpath);
        match &self.java {
            None => records.add("client/java", "absent", "yes"),
            Some(version) => {
                records.add("client/java", "home", &format!("/usr/lib/jvm/{version}"));
                records.add("client/java", "version", version);
            }
        }
        self.kafka(&mut records);
        self.auth_jar(&classpath, &mut records);
        self.start_file(&classpath, &mut records);
        let path = format!("{KAFKA}/bin/client.properties");
        let file = self
            .properties
            .as_ref()
            .filter(|_| self.tree != Tree::Nothing);
        records.path("client/properties", &path, file.map(|(mode, _)| *mode));
        if let Some((_, text)) = file {
            records.add("client/properties", "content", &STANDARD.encode(text));
        }
        Reply::new(records.0)
    }

    fn kafka(&self, records: &mut Records) {
        let address = "client/kafka";
        records.path(address, KAFKA, None);
        let Tree::There {
            ours,
            missing,
            damaged,
        } = &self.tree
        else {
            if self.tree == Tree::Foreign {
                records.set(address, "kind", "dir");
            }
            return;
        };
        records.set(address, "kind", "dir");
        for jar in ["libs/kafka_2.12-2.8.1.jar", "libs/kafka-clients-2.8.1.jar"] {
            let key = if missing.iter().any(|name| name == jar) {
                "no_version_jar"
            } else {
                "version_jar"
            };
            records.add(address, key, jar);
        }
        // What no Kafka goes without is looked at in every tree.
        for tool in ["bin/kafka-run-class.sh", "bin/kafka-topics.sh"] {
            if missing.iter().any(|name| name == tool) {
                records.add(address, "lost", tool);
            }
        }
        if *ours {
            records.add(
                address,
                "manifest",
                "1: kafka_2.12-2.8.1.tgz sha512:unpinned",
            );
            missing
                .iter()
                .for_each(|name| records.add(address, "missing", name));
        }
        damaged
            .iter()
            .for_each(|name| records.add(address, "damaged", name));
    }

    fn auth_jar(&self, classpath: &str, records: &mut Records) {
        let address = "client/msk_iam_auth";
        let is_loadable = |path: &str| {
            path == old() && self.old_jar
                || path == wanted() && self.jar_there().is_some_and(|(_, is_jar)| *is_jar)
        };
        if self.old_jar {
            let name = old();
            records.add(address, "other", name.rsplit('/').next().expect("a name"));
        }
        for entry in classpath.split(':') {
            let jars = match entry.strip_suffix('*') {
                Some(folder) if folder == format!("{KAFKA}/libs/") => vec![old(), wanted()],
                _ => vec![entry.to_owned()],
            };
            for jar in jars.iter().filter(|jar| is_loadable(jar)) {
                records.add(address, "named", jar);
            }
        }
        records.path(address, &wanted(), self.jar_there().map(|_| 0o644));
        if let Some((sha256, is_jar)) = self.jar_there() {
            records.add(address, "sha256", sha256);
            if *is_jar {
                records.add(address, "jar", "yes");
            }
        }
    }

    fn start_file(&self, classpath: &str, records: &mut Records) {
        let address = "client/classpath";
        records.path(address, &format!("{HOME}/.bashrc"), Some(0o644));
        records.add(address, "content", &STANDARD.encode(&self.bashrc));
        records.add(address, "wanted", &wanted());
        for (number, line) in self.bashrc.lines().enumerate() {
            if line.contains("CLASSPATH") {
                records.add(
                    address,
                    "line",
                    &format!("{HOME}/.bashrc:{}:{line}", number + 1),
                );
            }
        }
        for entry in classpath.split(':') {
            if entry.contains("/aws-msk-iam-auth") {
                records.add(address, "jar", &format!("{entry} {entry}"));
            } else if entry == format!("{KAFKA}/libs/*") {
                if self.old_jar {
                    records.add(address, "jar", &format!("{entry} {}", old()));
                }
                if self.jar_there().is_some() {
                    records.add(address, "jar", &format!("{entry} {}", wanted()));
                }
            }
        }
    }

    /// Nothing lies in a folder that is not there.
    fn jar_there(&self) -> Option<&(String, bool)> {
        self.jar.as_ref().filter(|_| self.tree != Tree::Nothing)
    }

    pub fn host(&self) -> Host {
        Host::read(&self.reply().section("host"))
    }

    /// Does a step's actions, as `apply/` would.
    pub fn apply(&mut self, step: &Step) {
        for action in &step.actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::InstallPackage { package, .. } => {
                self.java = Some(match package.contains("1.8.0") {
                    true => "1.8.0_504".into(),
                    false => package.split('-').nth(1).expect("a version").to_owned() + ".0.1",
                });
            }
            Action::Fetch(fetch) => {
                assert_eq!(fetch.path, wanted());
                assert_ne!(self.tree, Tree::Nothing, "the folder is not there yet");
                self.jar = Some((JAR_SHA256.into(), true));
            }
            Action::Unpack { .. } => {
                assert_ne!(self.tree, Tree::Foreign);
                self.tree = Tree::There {
                    ours: true,
                    missing: vec![],
                    damaged: vec![],
                };
            }
            Action::EditBlock { marker, lines, .. } => {
                let bytes = action::edit_block(self.bashrc.as_bytes(), marker, lines);
                self.bashrc = String::from_utf8(bytes).expect("text");
            }
            Action::EditProperties {
                set, remove, mode, ..
            } => {
                assert_ne!(self.tree, Tree::Nothing, "the folder is not there yet");
                let before = self
                    .properties
                    .take()
                    .map(|(_, text)| text)
                    .unwrap_or_default();
                let set: IndexMap<String, &str> = set
                    .iter()
                    .map(|(key, value)| (key.clone(), value.expose()))
                    .collect();
                let after = properties::edit(before.as_bytes(), &set, remove).expect("well-formed");
                self.properties = Some((mode.0, String::from_utf8(after).expect("text")));
            }
            Action::SetMode {
                mode: Mode(mode), ..
            } => {
                self.properties.as_mut().expect("a file").0 = *mode;
            }
            Action::Topic(action) => self.topic(action),
            Action::Step(_) | Action::Extract { .. } => {
                unreachable!("the kinds of the model bring no steps along")
            }
        }
    }

    fn topic(&mut self, action: &TopicAction) {
        let own = |value: &String| Setting {
            value: Some(value.clone()),
            own: true,
        };
        let name = action.name().to_owned();
        let topics = &mut self.cluster.topics;
        let there = topics.get_mut(&name).and_then(|topic| match topic {
            Observation::Present(topic) => Some(topic),
            _ => None,
        });
        match (action, there) {
            (
                TopicAction::Create {
                    partitions,
                    replication_factor,
                    config,
                    ..
                },
                None,
            ) => {
                let replicas = u32::from(replication_factor.unwrap_or(1));
                let mut topic = Topic {
                    partitions: partitions.unwrap_or(1),
                    replicas: (replicas, replicas),
                    reassigning: false,
                    config: defaults(),
                };
                topic
                    .config
                    .extend(config.iter().map(|(key, value)| (key.clone(), own(value))));
                topics.insert(name, Observation::Present(topic));
            }
            (TopicAction::AddPartitions { total, .. }, Some(topic)) => {
                assert!(*total > topic.partitions);
                topic.partitions = *total;
            }
            (TopicAction::Configure { set, reset, .. }, Some(topic)) => {
                topic
                    .config
                    .extend(set.iter().map(|(key, value)| (key.clone(), own(value))));
                let all = defaults();
                topic
                    .config
                    .extend(reset.iter().map(|key| (key.clone(), all[key].clone())));
            }
            (TopicAction::Delete { .. }, _) => self.cluster.unmanaged.retain(|one| *one != name),
            (action, there) => panic!("{action:?} of {there:?}"),
        }
    }
}

/// What the brokers give by default.
pub fn defaults() -> BTreeMap<String, Setting> {
    [
        ("retention.ms", "604800000"),
        ("cleanup.policy", "delete"),
        ("segment.ms", "1000"),
    ]
    .map(|(key, value)| {
        let setting = Setting {
            value: Some(value.into()),
            own: false,
        };
        (key.to_owned(), setting)
    })
    .into()
}

pub fn wanted() -> String {
    format!("{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar")
}

fn old() -> String {
    format!("{KAFKA}/libs/aws-msk-iam-auth-1.1.1-all.jar")
}

#[derive(Default)]
struct Records(Vec<Record>);

impl Records {
    fn add(&mut self, section: &str, key: &str, value: &str) {
        self.0.push(Record {
            section: section.into(),
            key: key.into(),
            value: value.as_bytes().to_vec(),
        });
    }

    fn set(&mut self, section: &str, key: &str, value: &str) {
        self.0
            .retain(|record| !(record.section == section && record.key == key));
        self.add(section, key, value);
    }

    /// What `path_facts` says; a file where there is a mode.
    fn path(&mut self, section: &str, path: &str, mode: Option<u32>) {
        self.add(section, "real", path);
        self.add(
            section,
            "folder",
            path.rsplit_once('/').expect("absolute").0,
        );
        self.add(section, "folder_writable", "yes");
        match mode {
            None => self.add(section, "kind", "absent"),
            Some(mode) => {
                self.add(section, "kind", "file");
                self.add(section, "mode", &format!("{mode:o}"));
                for (key, value) in [
                    ("uid", "1000"),
                    ("owner", "ec2-user"),
                    ("size", "1"),
                    ("readable", "yes"),
                ] {
                    self.add(section, key, value);
                }
            }
        }
    }
}
