//! Clusters of the rig, the proxy before them, and Java's own client as an oracle.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock},
    time::Duration,
};

use serde_json::{Value, json};
use trueup::{
    broker::{Cluster as Brokers, DIRECT, Route, Security, Topics},
    transport::direct::Direct,
};

use crate::rig::{rig_file, script, until};

/// A version of Kafka that the rig runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One node, KRaft.
    V4,
    /// Three brokers, ZooKeeper.
    V2,
}

/// Both.
pub const BOTH: [Version; 2] = [Version::V4, Version::V2];

/// A running cluster. The rig's run ends it.
pub struct Cluster {
    folder: PathBuf,
    /// What the rig said of it.
    pub record: Value,
    oracle: Mutex<Option<Oracle>>,
}

/// The run's own folder for such things.
fn place(name: &str) -> PathBuf {
    let state = std::env::var_os("TRUEUP_RIG_STATE").expect(
        "these tests need brokers: run tests/run, or tests/rig/rig run -- cargo test --test topics",
    );
    PathBuf::from(state).join(name)
}

impl Cluster {
    /// Starts one: a name of its own, and its first address.
    pub fn start(name: &str, version: Version, address: &str, options: &[&str]) -> Self {
        let folder = place(name);
        let kafka = match version {
            Version::V4 => "4.3.1",
            Version::V2 => "2.8.1",
        };
        let path = folder.to_str().expect("text");
        let mut words = vec!["start", path, "--kafka", kafka, "--address", address];
        words.extend(options);
        let record = serde_json::from_str(&script("broker/cluster.py", &words, "")).expect("JSON");
        Self {
            folder,
            record,
            oracle: Mutex::new(None),
        }
    }

    /// The one of a version that tests share, each with names of its own. Everybody reaches it.
    pub fn shared(version: Version) -> &'static Self {
        static V4: OnceLock<Cluster> = OnceLock::new();
        static V2: OnceLock<Cluster> = OnceLock::new();
        match version {
            Version::V4 => {
                V4.get_or_init(|| Self::start("shared-4", version, "10.77.0.210", &["--open"]))
            }
            Version::V2 => {
                V2.get_or_init(|| Self::start("shared-2", version, "10.77.0.220", &["--open"]))
            }
        }
    }

    fn path(&self) -> &str {
        self.folder.to_str().expect("text")
    }

    /// The bootstrap string of a listener.
    pub fn listener(&self, name: &str) -> &str {
        self.record["listeners"][name].as_str().expect("a listener")
    }

    /// The PEM file of its authority.
    pub fn ca(&self) -> &str {
        self.record["ca"].as_str().expect("a file")
    }

    /// How many brokers it has.
    pub fn brokers(&self) -> usize {
        self.record["brokers"].as_array().expect("a list").len()
    }

    /// One of the rig's verbs about it.
    pub fn verb(&self, verb: &str, words: &[&str]) -> String {
        let mut all = vec![verb, self.path()];
        all.extend(words);
        script("broker/cluster.py", &all, "")
    }

    /// Its topics with their overrides, as a small client of the rig's own sees them.
    pub fn topics(&self) -> Value {
        serde_json::from_str(&self.verb("topics", &[])).expect("JSON")
    }

    /// What `kafka-topics.sh --describe` says of a topic.
    pub fn described(&self, topic: &str) -> String {
        self.verb("tool", &["kafka-topics.sh", "--describe", "--topic", topic])
    }

    /// Asks Java's own client: `{"ok": …}`, or `{"error": …}` where the brokers refuse.
    pub fn judge(&self, question: &Value) -> Value {
        let mut oracle = lock(&self.oracle);
        let oracle = oracle.get_or_insert_with(|| Oracle::start(&self.folder));
        oracle.ask(question)
    }

    /// Likewise, what must not be refused.
    #[track_caller]
    pub fn ask(&self, question: Value) -> Value {
        let answer = self.judge(&question);
        assert!(answer.get("ok").is_some(), "{question}: {answer}");
        answer["ok"].clone()
    }

    /// Makes topics with Java's own client.
    #[track_caller]
    pub fn make(&self, name: &str, partitions: u32, replication: u16, config: Value) {
        self.ask(json!({ "create": {
            "name": name, "partitions": partitions, "replication": replication, "config": config,
        } }));
        self.wait_for(name, partitions as usize);
    }

    /// Waits until every broker knows a topic: of three, one hears of it before the others.
    #[track_caller]
    fn wait_for(&self, name: &str, partitions: usize) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let names = [name.to_owned()];
        for broker in self.listener("plaintext").split(',') {
            let way = || Route {
                bootstrap: vec![broker.parse().expect("HOST:PORT")],
                security: Security::Plaintext,
                deadline: Duration::from_secs(30),
                via: DIRECT.to_owned(),
            };
            until("every broker knows the topic", || {
                runtime.block_on(async {
                    let mut cluster = Brokers::connect(&Direct, way()).await.expect("a broker");
                    let asked = cluster.metadata(Topics::Named(&names)).await;
                    let topics = asked.expect("metadata").topics;
                    topics[0]
                        .partitions
                        .as_ref()
                        .is_ok_and(|known| known.len() == partitions)
                })
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A JVM with Kafka's AdminClient, a question a line.
struct Oracle {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Oracle {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(rig_file("broker/oracle.py"))
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("oracle.py runs");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, answers }
    }

    fn ask(&mut self, question: &Value) -> Value {
        let pipe = self.child.stdin.as_mut().expect("a pipe");
        writeln!(pipe, "{question}").expect("written");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("read");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: `{line}` to {question}"))
    }
}

/// The proxy before a cluster's brokers.
pub struct Proxy {
    folder: PathBuf,
}

impl Proxy {
    /// Starts one over routes, `LISTEN=TARGET`.
    pub fn start(name: &str, routes: &[String]) -> Self {
        let folder = place(name);
        let mut words = vec!["start", folder.to_str().expect("text")];
        words.extend(routes.iter().map(String::as_str));
        script("broker/proxy.py", &words, "");
        Self { folder }
    }

    /// One of its verbs.
    pub fn verb(&self, verb: &str, words: &[&str]) -> String {
        let mut all = vec![verb, self.folder.to_str().expect("text")];
        all.extend(words);
        script("broker/proxy.py", &all, "")
    }

    /// `{connections, total, requests: {API: N}, …}` since the last reset.
    pub fn counts(&self) -> Value {
        serde_json::from_str(&self.verb("counts", &[])).expect("JSON")
    }
}

/// Names of this process's own, so that tests that share a cluster do not meet.
pub fn own(name: &str) -> String {
    format!("p{}{name}", std::process::id())
}
