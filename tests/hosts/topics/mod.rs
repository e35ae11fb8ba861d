//! Topics on real brokers: Kafka 4.3.1 and three of 2.8.1, and hosts that lead to them.

mod asked;
pub mod cluster;
mod compare;
mod cut;
mod doors;
mod java;
mod journey;
mod judge;
mod many;
mod protocol;
mod prove;
mod refused;
#[cfg(feature = "aws")]
mod rights;
mod roles;
mod saved;
mod selected;
pub mod tables;

use std::path::{Path, PathBuf};

use crate::rig::{self, Host, Said};

/// A spec whose brokers are dialled from here, in a folder of its own.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Writes a spec without hosts to speak of; `topics` in YAML, at the left margin.
    fn spec(&self, topics: &str) -> PathBuf {
        let path = self.folder.path().join("spec.yaml");
        let topics = topics.trim().replace('\n', "\n  ");
        let text = format!(
            "version: 1\nhosts: {{ here: {{ local: {{}} }} }}\ntopics:\n  via: direct\n  {topics}\n"
        );
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Runs trueup to its end; the spec comes after the first word.
    fn run(&self, spec: &Path, words: &[&str]) -> Said {
        self.run_with(spec, words, &[])
    }

    /// Likewise, with environment variables.
    fn run_with(&self, spec: &Path, words: &[&str], environment: &[(&str, &str)]) -> Said {
        let spec = spec.to_str().expect("text");
        let mut arguments = vec![words[0], spec];
        arguments.extend(&words[1..]);
        rig::wait(rig::start_with(self.folder.path(), &arguments, environment))
    }
}

/// A spec of a host that leads to a cluster.
fn spec_through(host: &Host, client: &str, topics: &str) -> PathBuf {
    let indented = |text: &str| text.trim().replace('\n', "\n  ");
    let client = match client {
        "" => String::new(),
        client => format!("client:\n  {}\n", indented(client)),
    };
    let path = host.folder.path().join("spec.yaml");
    let text = format!(
        "version: 1\nhosts:\n  client:\n    {}\n{client}topics:\n  {}\n",
        host.way(),
        indented(topics)
    );
    std::fs::write(&path, text).expect("written");
    path
}
