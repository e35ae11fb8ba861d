//! A stand-in for AWS (moto and a front of ours, see tests/rig/aws/cloud.py), and a desk from which
//! the program asks it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard},
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
            .env("PYTHONDONTWRITEBYTECODE", "1")
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

/// All tests are on one machine, which takes one apply at a time; who plans meanwhile says so.
static MACHINE: RwLock<()> = RwLock::new(());

/// No test of this run applies anything while this is held.
pub fn nobody_applies() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// A home with a spec in it.
pub struct Desk {
    pub folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What came of a run.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Desk {
    /// One that asks a front, with keys in its environment.
    pub fn new(front: &Front) -> Self {
        let mut desk = Self::without_keys(front);
        desk.set("AWS_ACCESS_KEY_ID", "AKIATESTER");
        desk.set("AWS_SECRET_ACCESS_KEY", "tester");
        desk
    }

    pub fn without_keys(front: &Front) -> Self {
        let mut desk = Self {
            folder: tempfile::tempdir().expect("a folder"),
            environment: vec![],
        };
        desk.set("AWS_ENDPOINT_URL", &front.url);
        desk.set("AWS_REGION", "us-east-1");
        // No test may ask the metadata service of the machine that it runs on.
        desk.set("AWS_EC2_METADATA_DISABLED", "true");
        desk
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("read")
    }

    /// Writes `spec.yaml` and runs the program on it.
    pub fn run(&self, spec: &str, words: &[&str]) -> Said {
        self.write("spec.yaml", spec);
        let (verb, rest) = words.split_first().expect("a verb");
        let mut all = vec![*verb, "spec.yaml"];
        all.extend(rest);
        self.trueup(&all)
    }

    pub fn trueup(&self, words: &[&str]) -> Said {
        let applies = words.first() == Some(&"apply");
        // A test that failed leaves the machine as it is.
        let _writes = applies.then(|| MACHINE.write().unwrap_or_else(PoisonError::into_inner));
        let _reads = (!applies).then(nobody_applies);
        Said::of(self.command(words).output().expect("trueup runs"))
    }

    /// The program, which is not yet run.
    pub fn command(&self, words: &[&str]) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
        command
            .args(words)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("SHELL", "/bin/sh")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }
}

impl Said {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It ended so, and said this, whatever the line breaks.
    #[track_caller]
    pub fn says(&self, code: i32, words: &[&str]) {
        let flat = self.flat();
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        for word in words {
            assert!(
                flat.contains(word),
                "no `{word}` in\n{}\n{}",
                self.out,
                self.err
            );
        }
    }

    #[track_caller]
    pub fn never_says(&self, words: &[&str]) {
        let flat = self.flat();
        for word in words {
            assert!(
                !flat.contains(word),
                "`{word}` in\n{}\n{}",
                self.out,
                self.err
            );
        }
    }

    pub fn flat(&self) -> String {
        let all = format!("{}\n{}", self.out, self.err);
        all.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
