//! A stand-in for AWS: moto, and a front of ours (see tests/rig/aws/cloud.py).

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};

/// The server: one for all tests of this run. It ends when its standard input does, which is with
/// this process.
struct Server {
    url: String,
    _alive: Child,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let cache = std::env::var_os("TRUEUP_RIG_CACHE").map(PathBuf::from);
        let home = std::env::var_os("HOME").map(PathBuf::from).expect("HOME");
        let cache = cache.unwrap_or_else(|| home.join(".cache/trueup-rig"));
        let moto = cache.join("moto");
        assert!(
            moto.is_dir(),
            "no {}: `tests/rig/rig build` makes it",
            moto.display()
        );
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/aws/cloud.py");
        let mut child = Command::new("python3")
            .arg(script)
            .env("PYTHONPATH", moto)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let said: Value = serde_json::from_str(&line).expect("JSON");
        Server {
            url: said["url"].as_str().expect("a URL").to_owned(),
            // Its standard input is in it.
            _alive: child,
        }
    })
}

/// One way into the account, with faults and a record of its own.
pub struct Front {
    pub url: String,
}

impl Front {
    pub fn new() -> Self {
        let made = post(&server().url, "front", &json!({}));
        Self {
            url: made["url"].as_str().expect("a URL").to_owned(),
        }
    }

    /// Makes things in the account; see `World.make` in cloud.py.
    pub fn make(&self, wanted: Value) -> Value {
        post(&self.url, "make", &wanted)
    }

    /// One instance; its id.
    pub fn instance(&self, wanted: Value) -> String {
        let made = self.make(json!({ "instances": [wanted] }));
        text(&made["instances"][0]["id"])
    }

    pub fn fault(&self, action: &str, kind: &str, times: u32) {
        let asked = json!({ "action": action, "kind": kind, "times": times });
        post(&self.url, "fault", &asked);
    }

    /// From now on so many of a hundred answers come to harm, by a seed; see `HARMS` in cloud.py.
    pub fn spoil(&self, seed: u64, harm: &str, share: u32) {
        let asked = json!({ "seed": seed, "harm": harm, "share": share });
        post(&self.url, "spoil", &asked);
    }

    /// The names of the calls that came, in their order.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.record();
        calls.iter().map(|call| text(&call["action"])).collect()
    }

    pub fn record(&self) -> Vec<Value> {
        let calls = post(&self.url, "calls", &json!({}));
        calls.as_array().expect("a list").clone()
    }
}

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

fn post(url: &str, what: &str, body: &Value) -> Value {
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).expect("the front listens");
    write!(
        stream,
        "POST /_test/{what} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).expect("JSON")
}

/// A name that no other test uses.
pub fn name(of: &str) -> String {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).expect("random");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{of}-{hex}")
}
