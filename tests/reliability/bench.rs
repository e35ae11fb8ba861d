//! A host of the rig that is as new again within milliseconds, and what trueup leaves, here and there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::OnceLock,
    time::Instant,
};

use sha2::{Digest, Sha256, Sha512};
use trueup::text::hex;

use crate::{
    here::{Here, finish, until_gone, walk},
    rig::{Host, KAFKA, SITE, Said, processes, until},
};

const JAR: &str = "aws-msk-iam-auth-1.1.5-all.jar";

/// The least that is a Kafka, and a jar, on the rig's download site.
pub struct Files {
    folder: PathBuf,
    pub archive: Vec<u8>,
    pub jar: Vec<u8>,
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
    here: Here,
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
        host.let_root_in();
        Self::over(host, vec!["home/ec2-user", "root"])
    }

    fn over(host: Host, homes: Vec<&'static str>) -> Self {
        let here = Here::below(host.folder.path());
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
            here,
            homes,
            stock,
            own: BTreeSet::new(),
            namespace,
        };
        bench.own = bench.processes().into_iter().map(|(pid, _)| pid).collect();
        bench
    }

    fn processes(&self) -> Vec<(u32, String)> {
        let mut all = processes();
        all.retain(|(pid, line)| {
            let of = fs::read_link(format!("/proc/{pid}/ns/pid"));
            of.is_ok_and(|of| of == self.namespace) && !line.is_empty()
        });
        all
    }

    /// Processes that the host has not of itself.
    pub fn guests(&self) -> Vec<(u32, String)> {
        let mut all = self.processes();
        all.retain(|(pid, line)| !self.own.contains(pid) && line != "sleep 3600 ");
        all
    }

    /// Starts trueup.
    pub fn begin(&self, words: &[&str]) -> Child {
        self.here.begin(words)
    }

    /// Runs trueup to its end.
    pub fn run(&self, words: &[&str]) -> Said {
        finish(self.begin(words), || {}).said
    }

    /// Runs trueup on a terminal, and says `y` whenever it asks; `asked` is told before each.
    pub fn answer(&self, words: &[&str], asked: impl FnMut()) -> (Said, Instant) {
        self.here.answer(words, asked)
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
        // A step's script has the word, too, in the marks of blocks.
        all.filter(|(_, line)| line.contains("\")\" trueup: "))
            .map(|(pid, _)| pid)
            .collect()
    }

    /// The ssh processes that hold trueup's connections.
    pub fn masters(&self) -> Vec<u32> {
        self.here.masters()
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
        let mut left = self.here.left();
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

    /// Waits until trueup has gone.
    #[track_caller]
    pub fn gone(&self) {
        until_gone(|| self.left());
    }

    /// Likewise, and nothing of it lies about on the host.
    #[track_caller]
    pub fn nothing_left(&self) {
        self.gone();
        let left = self.lying_about();
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
}
