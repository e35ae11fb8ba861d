//! `examples/ci/`: each script of the pipelines is run as written, on a real host; GitHub's command line
//! program, curl and jq are real, and what they ask is a small server here.

mod deny;
mod expression;
mod forge;
mod github;
mod gitlab;
#[cfg(feature = "aws")]
mod guide;
mod runner;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::rig::Host;

/// One of the pipelines, as it stands.
fn example(name: &str) -> (PathBuf, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/ci")
        .join(name);
    let text = fs::read_to_string(&path).expect("text");
    let value = serde_yaml::from_str(&text).expect("YAML");
    (path, value)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// A spec of one file of properties on a host, whose key ssh has to find by itself.
fn spec(host: &Host, id: &str) -> String {
    let way = host.way();
    let key = format!("key: {{ file: {} }}, ", host.get("key"));
    assert!(way.contains(&key), "{way}");
    format!(
        "version: 1\nhosts: {{ client: {{ {} }} }}\nclient:\n  properties: {{ path: ~/c.properties, extra: {{ \
         client.id: {id} }} }}\n",
        way.replace(&key, "")
    )
}

/// What a pipeline downloads as trueup: this build's.
fn download(folder: &Path) -> PathBuf {
    let file = folder.join("trueup-download");
    let text = format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_trueup"));
    fs::write(&file, text).expect("written");
    file
}

/// The sha256 of a file, in hexadecimal digits.
fn sha256(file: &Path) -> String {
    let output = Command::new("sha256sum")
        .arg(file)
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    text.split_whitespace().next().expect("a digest").to_owned()
}

/// Ends what a job has left behind, as runners do: by a variable that it hands down.
fn end_all(mark: &str) {
    let of_job = |pid: u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(mark)
    };
    for (pid, _) in crate::rig::processes() {
        if of_job(pid) {
            // It may have ended by now.
            let _ = Command::new("kill").arg(pid.to_string()).output();
        }
    }
}

/// The variables that a job begins with.
fn plain(home: &Path, mark: &str) -> BTreeMap<String, String> {
    let path = std::env::var("PATH").expect("a PATH");
    [
        ("PATH", path.as_str()),
        ("HOME", home.to_str().expect("text")),
        ("USER", "runner"),
        ("RUNNER_TRACKING_ID", mark),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
