//! Secrets of every kind, and all the ways in which a run can come to an end: in nothing that it says, in
//! no file, argument, environment or log of either side is there a piece of one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::json;

use crate::{
    canary::Canary,
    cloud::Front,
    here::finish,
    rig::{Host, Said, kafka_sha512, signal, until, wait, without_java},
    sweep::Sweep,
};

/// Secrets that are text: what the spec calls them by, and their values. No encoding of text changes
/// these letters, but for base64.
const TEXTS: [(&str, &str); 7] = [
    ("IN_ENV", "cnryEnvQ7f3a9c1d5e2b"),
    ("IN_FILE", "cnryFileW8a4b0d6f1c3"),
    ("IN_STORE", "cnryStoreE9b5c1e7a2d4"),
    ("DATABASE", "cnryDatabaseR0c6d2f8b3e5"),
    ("BROKER", "cnryBrokerT1d7e3a9c4f6"),
    ("AWS_SECRET_ACCESS_KEY", "cnryAwsY2e8f4b0d5a7"),
    ("AWS_SESSION_TOKEN", "cnryTokenU3f9a5c1e6b8"),
];

/// The environment that a user gives: its processes have it, and nothing else does.
const GIVEN: [&str; 4] = [
    "IN_ENV",
    "DATABASE",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

fn value(name: &str) -> &'static str {
    let known = TEXTS.iter().find(|(known, _)| *known == name);
    known.expect("one of them").1
}

struct Needles {
    texts: Vec<(&'static str, Vec<u8>)>,
    key: Canary,
    /// One test at a time: it looks at all processes, and would find what another has planted.
    _alone: MutexGuard<'static, ()>,
}

impl Needles {
    fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let mut texts = Vec::new();
        for (name, value) in TEXTS {
            texts.push((name, value.as_bytes().to_vec()));
            // Wherever it begins in what was encoded; the ends depend on the neighbours.
            for shift in 0..3 {
                let encoded = STANDARD_NO_PAD.encode(format!("{}{value}", &"   "[..shift]));
                texts.push((name, encoded.as_bytes()[4..24].to_vec()));
            }
        }
        Self {
            texts,
            key: Canary::new(),
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        let mut found: Vec<&str> = self
            .texts
            .iter()
            .filter(|(_, needle)| holds(needle))
            .map(|(name, _)| *name)
            .collect();
        found.extend(self.key.found_in(bytes));
        found.dedup();
        found
    }

    /// Files below a folder that have one, but for those that are to have it.
    fn below(&self, folder: &Path, may: &[PathBuf], found: &mut Vec<String>) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if meta.is_dir() {
                self.below(&path, may, found);
            } else if meta.is_file() && meta.len() < 4 << 20 && !may.contains(&path) {
                let here = self.found_in(&fs::read(&path).unwrap_or_default());
                found.extend(
                    here.iter()
                        .map(|name| format!("{name} in {}", path.display())),
                );
            }
        }
    }

    /// Looks at the arguments and environments of all processes, of both sides, until it is told to stop.
    fn watch(&self, stop: &AtomicBool) -> Vec<String> {
        let (mut found, mut seen) = (Vec::new(), 0);
        loop {
            let last = stop.load(Ordering::SeqCst);
            for entry in fs::read_dir("/proc").expect("/proc").flatten() {
                for what in ["cmdline", "environ"] {
                    let path = entry.path().join(what);
                    let Ok(bytes) = fs::read(&path) else { continue };
                    seen += 1;
                    for name in self.found_in(&bytes) {
                        if what == "environ" && GIVEN.contains(&name) && has(&bytes, b"SWEEP=1") {
                            continue;
                        }
                        found.push(format!("{name} in {}", path.display()));
                    }
                }
            }
            if last {
                assert!(seen > 0, "no process was looked at");
                found.sort();
                found.dedup();
                return found;
            }
        }
    }
}

fn has(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

struct Bench {
    host: Host,
    front: Front,
    needles: Needles,
}

impl Bench {
    fn new() -> Self {
        let host = Host::start("amazon", &[]);
        let needles = Needles::new();
        host.user("cp ~/.bashrc ~/stock");
        fs::write(
            host.home(".ssh/authorized_keys"),
            format!("{}\n", needles.key.public),
        )
        .expect("written");
        let front = Front::new();
        front.make(json!({ "parameters": {
            "/sweep/key": needles.key.pem,
            "/sweep/store": value("IN_STORE"),
        }}));
        for (name, file) in [("IN_FILE", "secret.txt"), ("BROKER", "broker.txt")] {
            fs::write(host.folder.path().join(file), value(name)).expect("written");
        }
        for folder in ["tmp", "cwd"] {
            fs::create_dir(host.folder.path().join(folder)).expect("made");
        }
        let bench = Self {
            host,
            front,
            needles,
        };
        bench.cores_are_written();
        bench
    }

    /// Another process that ends so does leave its memory there: else nothing is shown by one that does not.
    fn cores_are_written(&self) {
        let text = "ulimit -c unlimited; sleep 1000 & kill -s ABRT $!; wait $!";
        let mut control = Command::new("sh");
        control.args(["-c", text]).current_dir(self.at("cwd"));
        control.stderr(Stdio::null()).status().expect("sh runs");
        let core = self.at("cwd/core");
        assert!(
            core.exists(),
            "no core is written: set kernel.core_pattern to `core`"
        );
        fs::remove_file(core).expect("removed");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.host.folder.path().join(name)
    }

    /// A spec with all of them, its archive from a site that answers so.
    fn spec(&self, site: &str, properties: &str, more: &str) -> String {
        let way = self.host.way().replace(
            &format!("file: {}", self.host.get("key")),
            "ssm_parameter: /sweep/key",
        );
        let properties = format!(
            "properties:\n  path: {properties}\n  extra:\n    \
             ssl.key.password: {{ env: IN_ENV }}\n    \
             ssl.keystore.password: {{ file: {} }}\n    \
             ssl.truststore.password: {{ ssm_parameter: /sweep/store }}\n{more}",
            self.at("secret.txt").display(),
        );
        let client = without_java()
            .replace("files/kafka", &format!("{site}/kafka"))
            .replace("properties: {}", &properties);
        let path = self.host.spec_with(&way, &client);
        let topics = format!(
            "topics:\n  cluster: {{ bootstrap: \"10.77.0.1:9\" }}\n  \
             security: {{ scram_sha_512: {{ username: me, password: {{ file: {} }}, tls: false }} }}\n  \
             tables: {{ from: {{ mysql: {{ host: 10.77.0.1, user: me, password: {{ env: DATABASE }}, \
             database: d }} }} }}\n",
            self.at("broker.txt").display(),
        );
        let text = fs::read_to_string(&path).expect("there");
        fs::write(&path, text + &topics).expect("written");
        path.display().to_string()
    }

    /// Starts it where a core may be written.
    fn start(&self, words: &[&str], stdout: Stdio) -> Child {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_trueup"))
            .args(words)
            .current_dir(self.at("cwd"))
            .env("HOME", self.host.folder.path())
            .env("XDG_STATE_HOME", self.at("state"))
            .env("XDG_RUNTIME_DIR", self.at("tmp"))
            .env("TMPDIR", self.at("tmp"))
            .env("AWS_ENDPOINT_URL", &self.front.url)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIATESTER")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RUST_BACKTRACE", "full")
            .env("SWEEP", "1")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped());
        for name in GIVEN {
            command.env(name, value(name));
        }
        command.spawn().expect("trueup runs")
    }

    /// One run with its fault, and what must be so afterwards.
    fn attempt(&self, run: impl FnOnce() -> Said) {
        self.host
            .user("rm -rf ~/kafka_* ~/c.properties; cp ~/stock ~/.bashrc");
        let stop = AtomicBool::new(false);
        let (said, seen) = std::thread::scope(|scope| {
            let watch = scope.spawn(|| self.needles.watch(&stop));
            // Also where it panics.
            let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            stop.store(true, Ordering::SeqCst);
            (said, watch.join().expect("it looks"))
        });
        self.host
            .root("for p in $(pgrep -x curl); do kill -9 $p; done");
        let said = said.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert_ne!(said.code, 101, "{}", said.err);
        let mut found = seen;
        for (what, text) in [("stdout", &said.out), ("stderr", &said.err)] {
            let here = self.needles.found_in(text.as_bytes());
            found.extend(here.iter().map(|name| format!("{name} in {what}: {text}")));
        }
        let may = ["secret.txt", "broker.txt"].map(|name| self.at(name));
        self.needles
            .below(self.host.folder.path(), &may, &mut found);
        // What the machine is to have, and nothing else; its logs, too.
        let may = [self.host.home("c.properties")];
        for folder in [
            "home", "tmp", "dev/shm", "var/tmp", "var/log", "root", "run",
        ] {
            self.needles
                .below(&self.host.path(folder), &may, &mut found);
        }
        let log = fs::read(self.host.get("log")).expect("sshd's log");
        found.extend(
            self.needles
                .found_in(&log)
                .iter()
                .map(|name| format!("{name} in sshd's log")),
        );
        assert!(found.is_empty(), "{}", found.join("\n"));
        assert!(!self.at("cwd/core").exists(), "its memory is in a file");
    }

    /// An apply, started and left when it downloads.
    fn downloading(&self, format: &str) -> Child {
        let spec = self.spec("slow", PLACE, "");
        let words = ["apply", &spec, "--auto-approve", "-vv", "--format", format];
        let child = self.start(&words, Stdio::piped());
        until("the download runs", || {
            self.host.run_as("root", "pgrep -x curl").code == 0
        });
        child
    }

    fn well(&self) -> String {
        self.spec("files", PLACE, "")
    }

    fn run(&self, words: &[&str]) -> Said {
        finish(self.start(words, Stdio::piped()), || {}).said
    }

    /// A run that ends as the way says.
    fn ends(&self, way: &str, format: &str) -> Said {
        let formatted = |words: &[&str]| self.run(&[words, &["-vv", "--format", format]].concat());
        let apply = |spec: &str| formatted(&["apply", spec, "--auto-approve"]);
        match way {
            "well" => apply(&self.well()),
            "a plan is saved, shown and applied" => {
                let (spec, plan) = (self.well(), self.at("plan.json").display().to_string());
                let mut all = self.run(&["plan", &spec, "--out", &plan]);
                for said in [
                    self.run(&["show", &plan]),
                    formatted(&["apply", &plan]),
                    formatted(&["drift", &spec]),
                ] {
                    all.code = said.code;
                    all.out.push_str(&said.out);
                    all.err.push_str(&said.err);
                }
                all
            }
            "a download is another" => {
                let spec = self.well();
                let text = fs::read_to_string(&spec).expect("there");
                let text = text.replace(&kafka_sha512(), &"0".repeat(128));
                fs::write(&spec, text).expect("written");
                apply(&spec)
            }
            "the login never comes" => {
                self.host.user("echo 'sleep 100' >>~/.bashrc");
                let spec = self.well();
                let said = formatted(&["apply", &spec, "--auto-approve", "--timeout", "2s"]);
                self.host
                    .root("for p in $(pgrep -xf 'sleep 100'); do kill -9 $p; done");
                said
            }
            "what the host says is no record" => {
                apply(&self.well());
                self.host
                    .user("printf 'env; set; echo -n trueup; exit 3\\n' >>~/.bashrc");
                formatted(&["plan", &self.well()])
            }
            "the place is another's" => apply(&self.spec("files", "/etc/c.properties", "")),
            "the spec is wrong" => {
                formatted(&["plan", &self.spec("files", PLACE, "    - wrong\n")])
            }
            "AWS denies" => {
                self.front.fault("GetParameters", "denied", 9);
                let said = formatted(&["plan", &self.well()]);
                self.front.fault("GetParameters", "denied", 0);
                said
            }
            "stdout is full" => {
                let full = fs::File::options()
                    .write(true)
                    .open("/dev/full")
                    .expect("there");
                let words = ["apply", &self.well(), "--auto-approve", "--format", format];
                wait(self.start(&words, full.into()))
            }
            "the connection is cut" => {
                let child = self.downloading(format);
                self.host
                    .root("for p in $(pgrep -u ec2-user sshd); do kill -9 $p; done");
                finish(child, || {}).said
            }
            name => {
                let mut child = self.downloading(format);
                signal(child.id(), name);
                // The first of these Rust's runtime takes for an overflow of the stack that is none; it
                // gives its handler up, and goes on.
                if ["SEGV", "BUS"].contains(&name) {
                    until("it ends", || {
                        signal(child.id(), name);
                        child.try_wait().expect("a child").is_some()
                    });
                }
                finish(child, || {}).said
            }
        }
    }
}

const PLACE: &str = "~/c.properties";
const FORMATS: [&str; 6] = ["human", "json", "jsonl", "markdown", "junit", "html"];
const WAYS: [&str; 18] = [
    "well",
    "a plan is saved, shown and applied",
    "a download is another",
    "the login never comes",
    "what the host says is no record",
    "the place is another's",
    "the spec is wrong",
    "AWS denies",
    "stdout is full",
    "the connection is cut",
    "ABRT",
    "SEGV",
    "BUS",
    "QUIT",
    "TERM",
    "HUP",
    "INT",
    "KILL",
];

#[test]
fn no_secret_is_anywhere_however_it_ends() {
    let mut sweep =
        Sweep::of("secrets: seven kinds and a private key, in every way that a run can end");
    let bench = Bench::new();
    let all = WAYS
        .iter()
        .flat_map(|way| FORMATS.map(|format| (*way, format)));
    for (way, format) in sweep.pick(all.collect(), 3) {
        sweep.attempt(format!("{way}, {format}"), || {
            bench.attempt(|| bench.ends(way, format));
        });
    }
    sweep.end();
}

#[test]
fn what_is_planted_is_found() {
    let needles = Needles::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut planted = 0;
    for (name, value) in TEXTS {
        for text in [
            format!("password={value}\n"),
            json!({ "key": value }).to_string(),
            STANDARD_NO_PAD.encode(format!("a{value}")),
            STANDARD_NO_PAD.encode(format!("ab{value}cd")),
        ] {
            fs::write(folder.path().join(planted.to_string()), text).expect("written");
            planted += 1;
            let mut found = vec![];
            needles.below(folder.path(), &[], &mut found);
            assert_eq!(found.len(), planted, "{name}: {found:?}");
        }
    }
    fs::write(folder.path().join("key"), &needles.key.pem).expect("written");
    let mut found = vec![];
    needles.below(folder.path(), &[], &mut found);
    assert_eq!(found.len(), planted + 1, "{found:?}");

    // In the environment of a process, too, but for what it was given.
    let mut child = Command::new("sleep")
        .arg("1000")
        .env("LEAK", value("IN_STORE"))
        .env("IN_ENV", value("IN_ENV"))
        .env("SWEEP", "1")
        .spawn()
        .expect("sleep runs");
    let environment = format!("/proc/{}/environ", child.id());
    until("it runs", || {
        fs::read(&environment).is_ok_and(|bytes| has(&bytes, b"SWEEP=1"))
    });
    let found = needles.watch(&AtomicBool::new(true));
    child.kill().expect("killed");
    child.wait().expect("gone");
    assert_eq!(found, [format!("IN_STORE in {environment}")]);
}
