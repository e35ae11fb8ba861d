//! A host of the rig that is as new again within milliseconds, and what trueup leaves, here and there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256, Sha512};

use crate::rig::{Host, SITE, Said, start_with, until};

pub const KAFKA: &str = "kafka_2.12-2.8.1";
const JAR: &str = "aws-msk-iam-auth-1.1.5-all.jar";

/// Longer than anything here takes: what has not ended by then never does.
const NEVER: Duration = Duration::from_secs(120);

/// The least that is a Kafka, and a jar, on the rig's download site.
pub struct Files {
    folder: PathBuf,
    pub archive: Vec<u8>,
    pub jar: Vec<u8>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Files {
    /// They are the same for all tests of a process.
    pub fn of_site() -> &'static Self {
        static FILES: OnceLock<Files> = OnceLock::new();
        FILES.get_or_init(Self::make)
    }

    fn make() -> Self {
        let site = std::env::var_os("TRUEUP_RIG_STATE").expect("inside `rig run`");
        let name = format!("small-{}", std::process::id());
        let folder = Path::new(&site).join("site").join(name);
        let tree = folder.join(KAFKA);
        let put = |name: &str, bytes: &[u8], mode: u32| {
            let file = tree.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(&file, bytes).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
        };
        for name in ["kafka-run-class.sh", "kafka-topics.sh"] {
            put(&format!("bin/{name}"), b"#!/bin/sh\nexit 1\n", 0o755);
        }
        // Bytes that do not shrink, and what a jar ends with.
        let mut random = crate::sweep::Random::new(5);
        let mut jar = |length: usize| {
            let mut bytes: Vec<u8> = (0..length)
                .map(|_| u8::try_from(random.below(256)).expect("a byte"))
                .collect();
            bytes.extend_from_slice(b"PK\x05\x06");
            bytes.extend_from_slice(&[0; 18]);
            bytes
        };
        for name in [
            "kafka_2.12-2.8.1.jar",
            "kafka-clients-2.8.1.jar",
            "scala-library-2.12.13.jar",
            "slf4j-api-1.7.30.jar",
            "jopt-simple-5.0.4.jar",
        ] {
            put(&format!("libs/{name}"), &jar(20_000), 0o644);
        }
        let jar = jar(30_000);
        fs::write(folder.join(JAR), &jar).expect("written");
        let packed = Command::new("tar")
            .args([
                "--owner=0",
                "--group=0",
                "-czf",
                &format!("{KAFKA}.tgz"),
                KAFKA,
            ])
            .current_dir(&folder)
            .status();
        assert!(packed.expect("tar runs").success());
        Self {
            archive: fs::read(folder.join(format!("{KAFKA}.tgz"))).expect("packed"),
            jar,
            folder,
        }
    }

    /// A client without Java, whose files come from this URL.
    pub fn client_from(&self, url: &str) -> String {
        format!(
            "kafka:\n  version: 2.8.1\n  scala: 2.12\n  url: {url}/{KAFKA}.tgz\n  sha512: {}\n\
             msk_iam_auth:\n  version: 1.1.5\n  url: {url}/{JAR}\n  sha256: {}\n\
             classpath: {{}}\nproperties: {{}}",
            hex(&Sha512::digest(&self.archive)),
            hex(&Sha256::digest(&self.jar)),
        )
    }

    /// Likewise, from the rig's site.
    pub fn client(&self) -> String {
        let name = self.folder.file_name().and_then(|name| name.to_str());
        self.client_from(&format!("{SITE}/test/{}", name.expect("text")))
    }
}

/// Every file below a folder: its kind, mode, and contents.
pub type Tree = BTreeMap<PathBuf, String>;

pub struct Bench {
    pub host: Host,
    /// Where trueup has its own on this machine.
    tmp: PathBuf,
    /// Of the accounts, on the host.
    homes: Vec<&'static str>,
    /// What they hold.
    stock: BTreeMap<PathBuf, Vec<u8>>,
    own: BTreeSet<u32>,
    namespace: PathBuf,
}

impl Bench {
    pub fn start(kind: &str) -> Self {
        Self::over(Host::start(kind, &[]), vec!["home/ec2-user"])
    }

    /// Likewise; root may log in with the same key.
    pub fn start_with_root(kind: &str) -> Self {
        let host = Host::start(kind, &[]);
        let config = host.path("etc/ssh/sshd_config");
        let text = fs::read_to_string(&config).expect("readable");
        let text = text
            .replace("PermitRootLogin no", "PermitRootLogin yes")
            .replace("AllowUsers ec2-user", "AllowUsers ec2-user root");
        fs::write(&config, text).expect("written");
        let log = fs::read_to_string(host.get("log"))
            .expect("sshd's log")
            .len();
        // It takes its own place, with the same number.
        host.root(
            "mkdir -p -m 700 /root/.ssh && cp ~ec2-user/.ssh/authorized_keys /root/.ssh/ && \
             pkill -HUP -x -o sshd",
        );
        until("sshd is there again", || {
            let text = fs::read_to_string(host.get("log")).expect("sshd's log");
            text[log..].contains("Server listening on 0.0.0.0")
        });
        Self::over(host, vec!["home/ec2-user", "root"])
    }

    fn over(host: Host, homes: Vec<&'static str>) -> Self {
        let tmp = host.folder.path().join("tmp");
        fs::create_dir(&tmp).expect("made");
        let mut stock = BTreeMap::new();
        let entries = |home: &&str| fs::read_dir(host.path(home)).expect("a home");
        for entry in homes.iter().flat_map(entries) {
            let path = entry.expect("an entry").path();
            let bytes = if path.is_file() {
                fs::read(&path)
            } else {
                Ok(vec![])
            };
            stock.insert(path, bytes.expect("readable"));
        }
        let pid = host.record["pid"].as_u64().expect("a number");
        let namespace = fs::read_link(format!("/proc/{pid}/ns/pid")).expect("a namespace");
        let mut bench = Self {
            host,
            tmp,
            homes,
            stock,
            own: BTreeSet::new(),
            namespace,
        };
        bench.own = bench.processes().into_iter().map(|(pid, _)| pid).collect();
        bench
    }

    fn processes(&self) -> Vec<(u32, String)> {
        let all = fs::read_dir("/proc").expect("proc");
        all.filter_map(|entry| {
            let path = entry.ok()?.path();
            let pid = path.file_name()?.to_str()?.parse().ok()?;
            let of = fs::read_link(path.join("ns/pid")).ok()?;
            let line = fs::read(path.join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (of == self.namespace && !line.is_empty()).then_some((pid, line))
        })
        .collect()
    }

    /// Processes that the host has not of itself.
    pub fn guests(&self) -> Vec<(u32, String)> {
        let mut all = self.processes();
        all.retain(|(pid, line)| !self.own.contains(pid) && line != "sleep 3600 ");
        all
    }

    /// Starts trueup.
    pub fn begin(&self, words: &[&str]) -> Child {
        let environment = self.environment();
        let environment = environment
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        start_with(self.host.folder.path(), words, &environment)
    }

    fn environment(&self) -> [(&'static str, String); 2] {
        let tmp = self.tmp.to_str().expect("text").to_owned();
        [("TMPDIR", tmp.clone()), ("XDG_RUNTIME_DIR", tmp)]
    }

    /// Runs trueup to its end.
    pub fn run(&self, words: &[&str]) -> Said {
        finish(self.begin(words)).0
    }

    /// Runs trueup on a terminal, and says `y` whenever it asks; `asked` is told before each.
    pub fn answer(&self, words: &[&str], mut asked: impl FnMut()) -> (Said, Instant) {
        let command = format!(
            "stty cols 80; exec {} {}",
            env!("CARGO_BIN_EXE_trueup"),
            words.join(" ")
        );
        let mut child = Command::new("script")
            .args(["-qefc", &command, "/dev/null"])
            .envs(self.environment())
            .env("HOME", self.host.folder.path())
            .env("TERM", "xterm")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut stdout = child.stdout.take().expect("a pipe");
        let killer = child.id();
        let (mut seen, mut from) = (Vec::new(), 0);
        let mut buffer = [0; 4096];
        let watchdog = Watchdog::over(killer);
        while let Ok(count @ 1..) = stdout.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&seen[from..]).into_owned();
            if text.contains("[y/N] ") {
                from = seen.len();
                asked();
                // One that has ended meanwhile reads nothing.
                let _ = stdin.write_all(b"y\n");
            }
        }
        let code = child.wait().expect("it ends").code().unwrap_or(-1);
        let ended = Instant::now();
        watchdog.end();
        let out = String::from_utf8_lossy(&seen).into_owned();
        let err = String::new();
        (Said { code, out, err }, ended)
    }

    /// As it was at the start; nothing of ours may run there.
    pub fn reset(&self) {
        until("the host is left alone", || self.guests().is_empty());
        for entry in self.entries_of_homes() {
            let path = entry.expect("an entry").path();
            if self.stock.contains_key(&path) {
                continue;
            }
            let gone = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                _ => fs::remove_file(&path),
            };
            gone.expect("removed");
        }
        for (path, bytes) in &self.stock {
            if path.is_file() && fs::read(path).expect("readable") != *bytes {
                fs::write(path, bytes).expect("written");
            }
        }
    }

    fn entries_of_homes(&self) -> impl Iterator<Item = std::io::Result<fs::DirEntry>> + '_ {
        let entries = |home: &&str| fs::read_dir(self.host.path(home)).expect("a home");
        self.homes.iter().flat_map(entries)
    }

    /// Writes a spec with a way and a name of its own; its path.
    pub fn spec(&self, way: &str, client: &str, name: &str) -> String {
        let path = self.host.spec_with(way, client);
        let named = path.with_file_name(name);
        fs::rename(path, &named).expect("renamed");
        named.to_str().expect("text").to_owned()
    }

    /// The processes that hold the lock, by what they are called.
    pub fn holder(&self) -> Vec<u32> {
        let all = self.guests().into_iter();
        all.filter(|(_, line)| line.contains(" trueup: "))
            .map(|(pid, _)| pid)
            .collect()
    }

    /// The ssh processes that hold trueup's connections.
    pub fn masters(&self) -> Vec<u32> {
        let tmp = self.tmp.to_str().expect("text");
        let all = fs::read_dir("/proc").expect("proc");
        all.filter_map(|entry| {
            let path = entry.ok()?.path();
            let line = String::from_utf8(fs::read(path.join("cmdline")).ok()?).ok()?;
            let is_one = line.starts_with("ssh") && line.contains(tmp);
            is_one.then(|| path.file_name()?.to_str()?.parse().ok())?
        })
        .collect()
    }

    /// The first account's home: what is in it, and what it is.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        walk(&self.host.path(self.homes[0]), &mut |path, found| {
            let mut facts = format!("{:o}", found.permissions().mode());
            if found.is_file() {
                let bytes = fs::read(path).unwrap_or_default();
                facts.push_str(&format!(" {}", hex(&Sha256::digest(bytes))));
            }
            tree.insert(path.to_owned(), facts);
        });
        tree
    }

    /// What trueup has left on this machine, and which processes of its there.
    fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = Vec::new();
        let here = self.tmp.to_str().expect("text");
        walk(&self.tmp, &mut |path, _| {
            left.push(format!("here: {}", path.display()));
        });
        let all = fs::read_dir("/proc").expect("proc");
        let lines = all.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
        left.extend(
            lines
                .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
                .filter(|line| line.contains(here))
                .map(|line| format!("here: {line:.200}")),
        );
        let there = self.guests().into_iter();
        left.extend(there.map(|(pid, line)| format!("there: {pid} {line:.200}")));
        left
    }

    /// What it has left in the host's folders. A client that goes between two steps leaves what the first
    /// one made; the next apply takes it away.
    fn lying_about(&self) -> Vec<String> {
        let mut left = Vec::new();
        let folders = self.homes.iter().copied().chain(["tmp", "dev/shm"]);
        for folder in folders.map(|folder| self.host.path(folder)) {
            walk(&folder, &mut |path, _| {
                let name = path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
                if name.is_some_and(|name| name.starts_with(".trueup-")) {
                    left.push(format!("there: {}", path.display()));
                }
            });
        }
        left
    }

    /// Waits until trueup has gone: processes may need a moment.
    #[track_caller]
    pub fn gone(&self) {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < limit, "left behind: {left:#?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Likewise, and nothing of it lies about on the host.
    #[track_caller]
    pub fn nothing_left(&self) {
        self.gone();
        let left = self.lying_about();
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
}

fn walk(folder: &Path, seen: &mut dyn FnMut(&Path, &fs::Metadata)) {
    // What is being worked on may go meanwhile.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let Ok(found) = path.symlink_metadata() else {
            continue;
        };
        seen(&path, &found);
        if found.is_dir() {
            walk(&path, seen);
        }
    }
}

/// Ends a child of ours that never ends.
struct Watchdog {
    stop: std::sync::mpsc::Sender<()>,
    dog: thread::JoinHandle<bool>,
}

impl Watchdog {
    fn over(child: u32) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let dog = thread::spawn(move || {
            let late = stopped.recv_timeout(NEVER).is_err();
            if late {
                let _ = Command::new("kill")
                    .args(["-9", &child.to_string()])
                    .status();
            }
            late
        });
        Self { stop, dog }
    }

    #[track_caller]
    fn end(self) {
        let _ = self.stop.send(());
        let late = self.dog.join().expect("it watches");
        assert!(!late, "it did not end within {} s", NEVER.as_secs());
    }
}

/// Waits for a child; what it said, when it ended, and the most memory that it had, in KiB.
pub fn finish(mut child: Child) -> (Said, Instant, u64) {
    fn read(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // One that was killed has said what it has said.
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }
    let out = read(child.stdout.take().expect("a pipe"));
    let err = read(child.stderr.take().expect("a pipe"));
    let status = format!("/proc/{}/status", child.id());
    let (began, mut peak) = (Instant::now(), 0);
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child") {
            break status.code().unwrap_or(-1);
        }
        if began.elapsed() > NEVER {
            child.kill().expect("killed");
            panic!("it did not end within {} s", NEVER.as_secs());
        }
        thread::sleep(Duration::from_millis(5));
    };
    let ended = Instant::now();
    let (out, err) = (out.join().expect("read"), err.join().expect("read"));
    (Said { code, out, err }, ended, peak)
}
