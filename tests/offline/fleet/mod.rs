//! Which hosts of a fleet a command looks at, on a fleet whose hosts all refuse the connection.

mod examples;
mod joined;
mod night;
mod select;
mod shard;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// The fleet's hosts, in the order of the spec.
const HOSTS: [&str; 10] = [
    "web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "db-1", "db-2", "db-3", "single",
];

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    /// Whether stderr has a text, wherever its lines end.
    #[track_caller]
    fn says(self, text: &str) -> Self {
        let flat = self.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(text), "no {text:?} in {flat}");
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// The names of the hosts of a plan.
    fn hosts(&self) -> Vec<String> {
        names(&self.json()["hosts"], "name")
    }

    /// The names of the clusters of a plan.
    fn clusters(&self) -> Vec<String> {
        names(&self.json()["topics"], "cluster")
    }
}

fn names(list: &Value, key: &str) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|one| one[key].as_str().expect("a name").to_owned())
        .collect()
}

/// The fleet, as `fleet.yaml` in a folder: a Java each, and the topics of a cluster.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().expect("a folder");
    write(desk.path(), "fleet.yaml", &HOSTS);
    desk
}

fn write(desk: &Path, name: &str, hosts: &[&str]) {
    let mut text = String::from("version: 1\nhosts:\n");
    for host in hosts {
        text += &format!("  {host}: {{ ssh: {{ address: 127.0.0.1, port: 1, user: {host} }} }}\n");
    }
    text += "client: { java: { version: \"17\" }, kafka: { version: 2.8.1, scala: \"2.12\" } }\n\
             topics:\n  cluster: { bootstrap: \"127.0.0.1:2\" }\n  security: plaintext\n  \
             tables: [pin]\n  defaults: { partitions: 1, replication_factor: 1 }\n";
    fs::write(desk.join(name), text).expect("written");
}

fn run(desk: &Path, words: &[&str]) -> Said {
    run_with(desk, words, &BTreeMap::new())
}

fn run_with(desk: &Path, words: &[&str], environment: &BTreeMap<&str, &str>) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
    // Whatever runs the tests may be one of these itself.
    for name in ["CI_NODE_INDEX", "CI_NODE_TOTAL", "JOB_COMPLETION_INDEX"] {
        command.env_remove(name);
    }
    let output = command
        .args(words)
        .current_dir(desk)
        .env("HOME", desk)
        .env_remove("SSH_AUTH_SOCK")
        .envs(environment)
        .stdin(Stdio::null())
        .output()
        .expect("trueup runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A plan of the fleet, as JSON.
fn plan(desk: &Path, words: &[&str]) -> Said {
    run(
        desk,
        &[&["plan", "fleet.yaml", "--format", "json"], words].concat(),
    )
}
