//! Hosts of the rig, and the program under test. Everything here runs inside `rig run`.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

/// The download site of `rig run`.
pub const SITE: &str = "http://10.77.0.1:8000";

/// The sha256 of AWS's jar 1.1.5, as Maven Central serves it.
pub const JAR_SHA256: &str = "ef21705509d82b5b8f673a5cb7552d64c7e18001a6329d49c850ff2fef83b8ab";

/// Kafka's folder in its archive.
pub const KAFKA: &str = "kafka_2.12-2.8.1";

/// The role of the walkthrough.
pub const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/0ab336d6fcf7-ec2-access-role";

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The rig, to be run.
pub fn rig_command(arguments: &[&str]) -> Command {
    assert!(
        std::env::var_os("TRUEUP_RIG_NET").is_some(),
        "these tests need hosts: run tests/run, or tests/rig/rig run -- cargo test --test hosts"
    );
    let mut command = Command::new(tests().join("rig/rig"));
    command.args(arguments);
    command
}

/// Runs the rig; what it prints.
fn rig(arguments: &[&str]) -> Output {
    rig_command(arguments).output().expect("the rig runs")
}

/// One of the rig's files.
pub fn rig_file(name: &str) -> PathBuf {
    tests().join("rig").join(name)
}

/// Runs one of the rig's scripts, which has to succeed; what it prints.
#[track_caller]
pub fn script(name: &str, words: &[&str], stdin: &str) -> String {
    let mut child = Command::new(rig_file(name))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the script runs");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(stdin.as_bytes()).expect("written");
    drop(pipe);
    Said::new(child.wait_with_output().expect("it ends"))
        .code(0)
        .out
}

/// The sha512 of the Kafka archive that the rig built.
pub fn kafka_sha512() -> String {
    let output = Command::new("curl")
        .args(["-fsS", &format!("{SITE}/files/kafka_2.12-2.8.1.tgz.sha512")])
        .output()
        .expect("curl runs");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .next()
        .expect("a digest")
        .to_owned()
}

/// The walkthrough's client, from the rig's own download site.
pub fn client(java: &str) -> String {
    format!("java: {{ version: {java} }}\n{}", without_java())
}

/// Likewise, without Java.
pub fn without_java() -> String {
    format!(
        "kafka:\n  version: 2.8.1\n  scala: 2.12\n  url: {SITE}/files/{KAFKA}.tgz\n  sha512: {}\n\
         msk_iam_auth:\n  version: 1.1.5\n  url: {SITE}/files/aws-msk-iam-auth-1.1.5-all.jar\n  sha256: {JAR_SHA256}\n  role_arn: {ROLE_ARN}\n\
         classpath: {{}}\nproperties: {{}}",
        kafka_sha512()
    )
}

/// All processes that tell their arguments, of this machine and of its hosts; arguments end in a blank.
pub fn processes() -> Vec<(u32, String)> {
    let all = fs::read_dir("/proc").expect("proc");
    all.filter_map(|entry| {
        let path = entry.ok()?.path();
        let pid = path.file_name()?.to_str()?.parse().ok()?;
        let line = fs::read(path.join("cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
    })
    .collect()
}

/// Sends a signal to a process that a test has made.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.expect("kill runs").success(), "{name} {pid}");
}

/// A real sshd host with a file system of its own.
pub struct Host {
    /// What the rig said of it.
    pub record: Value,
    name: String,
    /// Specs and other files of the test.
    pub folder: tempfile::TempDir,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same, when it ended with a code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.out, self.err
        );
        self
    }

    /// The same, when stdout or stderr has a text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let both = format!("{}{}", self.out, self.err);
        // Sentences are wrapped at blanks.
        let flat = both.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains(text) || both.contains(text),
            "no `{text}` in:\n{both}"
        );
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let value = serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err));
        assert_plan(&value);
        value
    }
}

/// What is a plan is one by the schema that is checked in.
#[track_caller]
pub fn assert_plan(value: &Value) {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    if value.get("summary").is_none() {
        return;
    }
    let validator = SCHEMA.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/plan.schema.json");
        let text = fs::read_to_string(path).expect("the schema");
        let schema = serde_json::from_str(&text).expect("JSON");
        jsonschema::validator_for(&schema).expect("a schema")
    });
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?} in {value:#}");
}

impl Host {
    /// Starts one; `options` are those of `rig host start`.
    pub fn start(kind: &str, options: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "t{}x{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let mut arguments = vec!["host", "start", &name, "--kind", kind];
        arguments.extend(options);
        let output = rig(&arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let record = serde_json::from_slice(&output.stdout).expect("JSON");
        Self {
            record,
            name,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// What the rig calls it.
    #[allow(dead_code, reason = "the tests of reliability need it")]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Cuts the power and boots again, with the same disk.
    #[allow(dead_code, reason = "the tests of reliability need it")]
    pub fn restart(&mut self) {
        let output = rig(&["host", "restart", &self.name]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        self.record = serde_json::from_slice(&output.stdout).expect("JSON");
    }

    /// One string of the rig's record.
    pub fn get(&self, key: &str) -> &str {
        self.record[key]
            .as_str()
            .unwrap_or_else(|| panic!("no {key} in {}", self.record))
    }

    /// A file of the host, seen from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(self.get("root")).join(path.trim_start_matches('/'))
    }

    /// A file of ec2-user's home, seen from outside.
    pub fn home(&self, path: &str) -> PathBuf {
        self.path("home/ec2-user").join(path)
    }

    /// A file's text.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.home(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// What runs a command on the host, as an account, not over SSH.
    pub fn command_as(&self, user: &str, words: &[&str]) -> Command {
        let mut command = rig_command(&[]);
        command.args(["host", "exec", &self.name, "--user", user, "--"]);
        command.args(words);
        command
    }

    /// Runs a shell text on the host, as an account, not over SSH.
    pub fn run_as(&self, user: &str, text: &str) -> Said {
        let output = self.command_as(user, &["sh", "-c", text]).output();
        Said::new(output.expect("the rig runs"))
    }

    /// Makes another account of the machine, with a home.
    pub fn add_account(&self, name: &str, uid: u32) {
        self.root(&format!(
            "useradd --uid {uid} --create-home --shell /bin/bash {name} && chmod 755 /home/{name}"
        ));
    }

    /// Lets root log in, with the key of the other account.
    pub fn let_root_in(&self) {
        let config = self.path("etc/ssh/sshd_config");
        let text = fs::read_to_string(&config).expect("readable");
        let text = text
            .replace("PermitRootLogin no", "PermitRootLogin yes")
            .replace("AllowUsers ec2-user", "AllowUsers ec2-user root");
        fs::write(&config, text).expect("written");
        let log = || fs::read_to_string(self.get("log")).expect("sshd's log");
        let before = log().len();
        // It takes its own place, with the same number.
        self.root(
            "mkdir -p -m 700 /root/.ssh && cp ~ec2-user/.ssh/authorized_keys /root/.ssh/ && \
             pkill -HUP -x -o sshd",
        );
        until("sshd is there again", || {
            log()[before..].contains("Server listening on 0.0.0.0")
        });
    }

    /// Runs a shell text on the host as ec2-user; it has to succeed.
    #[track_caller]
    pub fn user(&self, text: &str) -> String {
        self.run_as("ec2-user", text).code(0).out
    }

    /// Runs a shell text on the host as root; it has to succeed.
    #[track_caller]
    pub fn root(&self, text: &str) -> String {
        self.run_as("root", text).code(0).out
    }

    /// Runs a shell text over SSH, as a user of the walkthrough would.
    pub fn ssh(&self, text: &str, stdin: &[u8]) -> Said {
        let mut child = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-i", self.get("key")])
            .args([
                "-o",
                &format!("UserKnownHostsFile={}", self.get("known_hosts")),
            ])
            .args([
                "-p",
                &self.record["port"].to_string(),
                "-l",
                self.get("user"),
                self.get("address"),
                text,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ssh runs");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(stdin)
            .expect("written");
        Said::new(child.wait_with_output().expect("it ends"))
    }

    /// The `ssh:` part of a spec, with the host's key pinned.
    pub fn way(&self) -> String {
        let mut words = self.get("host_key").split_whitespace();
        let host_key = format!(
            "{} {}",
            words.next().expect("a type"),
            words.next().expect("a key")
        );
        format!(
            "ssh: {{ address: {}, port: {}, user: {}, key: {{ file: {} }}, host_key: {{ pinned: [\"{host_key}\"] }} }}",
            self.get("address"),
            self.record["port"],
            self.get("user"),
            self.get("key"),
        )
    }

    /// Writes a spec for this host, with a `client:` in YAML; its path.
    pub fn spec(&self, client: &str) -> PathBuf {
        self.spec_with(&self.way(), client)
    }

    /// Writes a spec with a way of its own.
    pub fn spec_with(&self, way: &str, client: &str) -> PathBuf {
        let path = self.folder.path().join("spec.yaml");
        let client = client.trim().replace('\n', "\n  ");
        fs::write(
            &path,
            format!("version: 1\nhosts:\n  client:\n    {way}\nclient:\n  {client}\n"),
        )
        .expect("written");
        path
    }

    /// How often sshd saw a connection, and which commands it started.
    pub fn seen_by_sshd(&self) -> (usize, Vec<String>) {
        let log = fs::read_to_string(self.get("log")).expect("sshd's log");
        let connections = log
            .lines()
            .filter(|line| line.contains("Connection from "))
            .count();
        let sessions = log
            .lines()
            .filter(|line| line.contains("Starting session: "))
            .map(str::to_owned)
            .collect();
        (connections, sessions)
    }

    /// Every file of the host, with what would betray a write.
    pub fn tree(&self) -> BTreeMap<PathBuf, String> {
        // The overlay notes in a folder that it has layers when somebody first reads it: so the
        // first reading is for the notes.
        self.read_tree();
        self.read_tree()
    }

    fn read_tree(&self) -> BTreeMap<PathBuf, String> {
        // run/sudo holds the time stamps that sudo itself keeps of refusals.
        let root = self.path("");
        let mut tree = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.strip_prefix(&root).expect("below the root").to_owned();
                if ["proc", "sys", "dev", "run/sudo"]
                    .iter()
                    .any(|top| name == Path::new(top))
                {
                    continue;
                }
                let Ok(meta) = fs::symlink_metadata(&path) else {
                    continue;
                };
                // The change time cannot be set back: it says more than any digest.
                let mut facts = format!(
                    "{:o} {}:{} {} bytes, modified {}.{}, changed {}.{}",
                    meta.mode(),
                    meta.uid(),
                    meta.gid(),
                    meta.size(),
                    meta.mtime(),
                    meta.mtime_nsec(),
                    meta.ctime(),
                    meta.ctime_nsec(),
                );
                if name.starts_with("home") && meta.is_file() {
                    facts.push_str(&format!(
                        ", {:x}",
                        fnv(&fs::read(&path).unwrap_or_default())
                    ));
                }
                if meta.is_dir() {
                    folders.push(path);
                }
                tree.insert(name, facts);
            }
        }
        assert!(tree.len() > 1000, "only {} files were seen", tree.len());
        tree
    }
}

/// A digest of contents, quick without optimisation.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What differs between two trees.
pub fn differences(
    before: &BTreeMap<PathBuf, String>,
    after: &BTreeMap<PathBuf, String>,
) -> Vec<String> {
    let mut names: Vec<&PathBuf> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            format!(
                "{}: {:?} → {:?}",
                name.display(),
                before.get(name),
                after.get(name)
            )
        })
        .collect()
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("TRUEUP_KEEP").is_some() {
            return;
        }
        rig(&["host", "stop", &self.name]);
    }
}

/// Starts trueup, in a home of its own so that nobody's ssh configuration matters.
pub fn start(folder: &Path, arguments: &[&str]) -> std::process::Child {
    start_with(folder, arguments, &[])
}

/// Likewise, with environment variables.
pub fn start_with(
    folder: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> std::process::Child {
    let mut command = command(folder, arguments);
    command.envs(environment.iter().copied());
    command.spawn().expect("trueup runs")
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
    command
        .args(arguments)
        .env("HOME", folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .env_remove("SSH_AUTH_SOCK")
        .env("USER", "tester")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs trueup to its end, with a file on stdin.
pub fn fed(host: &Host, arguments: &[&str], file: &str) -> Said {
    let stdin = fs::File::open(file).expect("a file");
    let mut command = command(host.folder.path(), arguments);
    Said::new(command.stdin(stdin).output().expect("trueup runs"))
}

/// Runs trueup to its end.
pub fn trueup(host: &Host, arguments: &[&str]) -> Said {
    Said::new(
        start(host.folder.path(), arguments)
            .wait_with_output()
            .expect("it ends"),
    )
}

/// Waits for a child; what it said.
pub fn wait(child: std::process::Child) -> Said {
    Said::new(child.wait_with_output().expect("it ends"))
}

/// Polls until something is so.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < limit, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
