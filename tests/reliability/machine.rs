//! A host that is disturbed over and over: put back to its start, applied to, and held against the tree
//! of an apply that nobody disturbed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};
use trueup::text::hex;

use crate::{
    rig::{Host, KAFKA, ROLE_ARN, SITE, Said, start_with, until},
    watch::{Call, Watch},
};

/// Where steps write, but for package managers.
const PLACES: [&str; 4] = ["home/ec2-user", "tmp", "var/tmp", "dev/shm"];

/// An apply that tells each event.
pub const APPLY: [&str; 4] = ["apply", "--auto-approve", "--format", "jsonl"];

/// What lies there: kind, mode, owner, and a digest of the contents. No times.
pub type Tree = BTreeMap<String, String>;

/// How an apply ended.
pub struct Ended {
    pub said: Said,
    lines: Vec<Value>,
}

impl Ended {
    pub fn new(said: Said) -> Self {
        let lines = said.out.lines().map(serde_json::from_str);
        let lines = lines.filter_map(Result::ok).collect();
        Self { said, lines }
    }

    /// The step that failed: `address`, `reasons`, `help`.
    pub fn failure(&self) -> Option<&Value> {
        let failure = &self.lines.last()?["hosts"][0]["failure"];
        failure.is_object().then_some(failure)
    }

    /// What people are told: why a step failed, or what could not be read.
    pub fn words(&self) -> String {
        if let Some(failure) = self.failure() {
            return failure.to_string();
        }
        let mut words = vec![self.said.err.clone()];
        for line in &self.lines {
            let unknown = line["event"] == "step" && line["action"] == "unknown";
            if unknown || line["event"] == "unread" {
                words.push(line.to_string());
            }
            let doubts = ["not_converged", "unverified"].map(|key| &line["hosts"][0][key]);
            let doubts = doubts.into_iter().filter_map(Value::as_array).flatten();
            words.extend(doubts.map(Value::to_string));
        }
        words.retain(|text| !text.trim().is_empty());
        words.join("\n")
    }
}

/// What a host is like before the apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is there but an account.
    Fresh,
    /// All is there, and nothing as it has to be.
    Older,
}

pub struct Machine {
    // Before the host, which its end needs.
    watch: Option<Watch>,
    pub host: Host,
    spec: String,
    saved: tempfile::TempDir,
    pub start: Tree,
    pub wanted: Tree,
    /// What an apply does that nobody disturbs.
    pub calls: Vec<Call>,
}

/// Those with the text of `TRUEUP_CALLS` in their keys, for whoever looks into some of them.
pub fn only_some(mut calls: Vec<Call>) -> Vec<Call> {
    if let Ok(only) = std::env::var("TRUEUP_CALLS") {
        calls.retain(|call| call.key.contains(&only));
    }
    calls
}

/// A zip's end, behind some bytes.
fn jar(bytes: usize, seed: u8) -> Vec<u8> {
    let mut jar: Vec<u8> = (0..=u8::MAX)
        .cycle()
        .take(bytes)
        .map(|at| at.wrapping_mul(31).wrapping_add(seed))
        .collect();
    jar.extend(b"PK\x05\x06");
    jar.extend([0; 18]);
    jar
}

/// A Kafka with all that one has to have, and small, so that each of its calls can be spoiled; in the
/// download site's folder. Its url and sha512.
fn archive(name: &str) -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let top = folder.path().join(KAFKA);
    for below in ["bin", "libs", "config"] {
        fs::create_dir_all(top.join(below)).expect("made");
    }
    for script in ["kafka-run-class.sh", "kafka-topics.sh"] {
        let path = top.join("bin").join(script);
        fs::write(&path, "#!/bin/sh\n").expect("written");
        let mode = Command::new("chmod").arg("755").arg(&path).status();
        assert!(mode.expect("chmod runs").success());
    }
    // More than one read of tar's.
    for (name, bytes) in [
        (KAFKA, 500),
        ("kafka-clients-2.8.1", 30_000),
        ("scala-library-2.12.13", 700),
        ("slf4j-api-1.7.30", 300),
        ("jopt-simple-5.0.4", 200),
    ] {
        fs::write(top.join(format!("libs/{name}.jar")), jar(bytes, 1)).expect("written");
    }
    fs::write(top.join("config/server.properties"), "a=b\n").expect("written");
    let done = Command::new("tar")
        .args(["--owner=0", "--group=0", "-czf", name, KAFKA])
        .current_dir(folder.path())
        .status();
    assert!(done.expect("tar runs").success());
    let bytes = fs::read(folder.path().join(name)).expect("readable");
    let digest = hex(&Sha512::digest(&bytes));
    (publish(name, &bytes), digest)
}

/// The folder of the rig's run.
fn rig_state() -> PathBuf {
    std::env::var_os("TRUEUP_RIG_STATE")
        .expect("inside of rig run")
        .into()
}

/// Puts a file on the download site; its url.
fn publish(name: &str, bytes: &[u8]) -> String {
    fs::write(rig_state().join("site").join(name), bytes).expect("written");
    format!("{SITE}/test/{name}")
}

impl Machine {
    /// The host of this kind and start state, for one sweep at a time; the rig's run ends it.
    pub fn of(kind: &str, state: State) -> MutexGuard<'static, Self> {
        static ALL: [OnceLock<Mutex<Machine>>; 4] = [const { OnceLock::new() }; 4];
        let place = usize::from(kind == "debian") * 2 + usize::from(state == State::Older);
        let machine = ALL[place].get_or_init(|| Mutex::new(Self::new(kind, state)));
        // A sweep that found something has ended; each try begins with a reset.
        machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host in its start state, and what an apply makes of it.
    fn new(kind: &str, state: State) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let turn = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}x{turn}", std::process::id());
        let mut host = Host::start(kind, &[]);
        // Nobody takes it away in the end but the rig.
        let folder = || tempfile::tempdir_in(rig_state()).expect("a folder");
        host.folder = folder();
        let (url, sha512) = archive(&format!("kafka-{id}.tgz"));
        let jar = jar(20_000, 2);
        let jar_url = publish(&format!("auth-{id}.jar"), &jar);
        let sha256 = hex(&Sha256::digest(&jar));
        let client = format!(
            "kafka:\n  version: 2.8.1\n  scala: 2.12\n  url: {url}\n  sha512: {sha512}\n\
             msk_iam_auth:\n  version: 1.1.5\n  url: {jar_url}\n  sha256: {sha256}\n  role_arn: {ROLE_ARN}\n\
             classpath: {{}}\nproperties: {{ extra: {{ client.id: one }} }}"
        );
        let spec = host.spec(&client).to_str().expect("text").to_owned();
        for folder in ["run", "tmp"] {
            fs::create_dir(host.folder.path().join(folder)).expect("made");
        }
        let mut machine = Self {
            watch: None,
            host,
            spec,
            saved: folder(),
            start: Tree::new(),
            wanted: Tree::new(),
            calls: vec![],
        };
        if state == State::Older {
            machine.make_old();
        }
        let script = PLACES.map(|place| {
            let number = place.replace('/', "-");
            format!("mkdir \"$1/{number}\" && cp -a \"$2/{place}/.\" \"$1/{number}\" && ")
        });
        machine.shell(&format!("{}true", script.concat()));
        machine.start = machine.tree();
        machine.watch = Some(Watch::over(&machine.host));
        machine.calls = machine.undisturbed();
        println!(
            "{kind}, {state:?}: {} calls that change a file, {} commands",
            machine.calls_of("file").len(),
            machine.calls_of("exec").len()
        );
        machine
    }

    /// An apply of today's spec, and then years in which somebody else was at work.
    fn make_old(&self) {
        self.apply(&[]).said.code(0);
        self.host.user(&format!(
            "cd ~/{KAFKA} && printf x >>libs/kafka-clients-2.8.1.jar && rm libs/jopt-simple-5.0.4.jar \
             && chmod a-x bin/kafka-topics.sh && printf x >>libs/aws-msk-iam-auth-1.1.5-all.jar \
             && sed -i 's/one/another/; s/SASL_SSL/PLAINTEXT/' bin/client.properties && chmod 640 bin/client.properties \
             && sed -i 's/1\\.1\\.5/1.1.1/g' ~/.bashrc"
        ));
    }

    /// The calls that come in each apply, and the tree that they make.
    fn undisturbed(&mut self) -> Vec<Call> {
        let mut runs = vec![];
        for _ in 0..2 {
            self.reset();
            self.watch().leave();
            self.apply(&[]).said.code(0);
            runs.push(self.watch().leave());
            self.wanted = self.tree();
            self.plan_is_empty();
        }
        let [first, second] = runs.as_slice() else {
            unreachable!("two runs")
        };
        // A follower that came once more, a read that was cut elsewhere.
        let same = |one: &Call, other: &Call| one.key == other.key && one.nth == other.nth;
        let again = |call: &&Call| second.iter().any(|one| same(one, call));
        let calls: Vec<Call> = first.iter().filter(again).cloned().collect();
        assert!(
            calls.len() * 10 > first.len() * 9,
            "only {} of {} calls come in each apply, not these: {:?}",
            calls.len(),
            first.len(),
            first
                .iter()
                .filter(|call| !calls.contains(call))
                .map(|call| format!("{} {}", call.key, call.nth))
                .collect::<Vec<_>>()
        );
        assert_ne!(self.start, self.wanted);
        self.is_clean("an undisturbed apply");
        calls
    }

    /// Those of one kind: `file` or `exec`.
    pub fn calls_of(&self, kind: &str) -> Vec<Call> {
        let of_kind = |call: &&Call| call.kind == kind;
        only_some(self.calls.iter().filter(of_kind).cloned().collect())
    }

    pub fn watch(&mut self) -> &mut Watch {
        self.watch.as_mut().expect("it watches")
    }

    /// Runs a shell text here: `$1` is the folder for what is saved, `$2` the host's root.
    fn shell(&self, text: &str) {
        let root = self.host.path("");
        let done = Command::new("sh")
            .args(["-ec", text, "sh"])
            .arg(self.saved.path())
            .arg(root)
            .output()
            .expect("sh runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
    }

    /// The start state, whatever was there.
    pub fn reset(&self) {
        for process in self.processes() {
            // It may have ended by now.
            let _ = Command::new("kill")
                .args(["-9", &process.0])
                .stderr(Stdio::null())
                .status();
        }
        until("the account has no process", || self.processes().is_empty());
        let script = PLACES.map(|place| {
            let number = place.replace('/', "-");
            format!(
                "find \"$2/{place}\" -mindepth 1 -delete && cp -a \"$1/{number}/.\" \"$2/{place}\" && "
            )
        });
        self.shell(&format!("{}true", script.concat()));
        let tree = self.tree();
        assert_eq!(differences(&self.start, &tree), [""; 0], "not put back");
    }

    /// The home, as it is at the start, on a disk of its own, with these options of a tmpfs.
    pub fn small_home(&self, options: &str) {
        let home = "/home/ec2-user";
        self.host.root(&format!(
            "mount -t tmpfs -o mode=700,uid=1000,gid=1000,{options} small {home}"
        ));
        self.shell("cp -a \"$1/home-ec2-user/.\" \"$2/home/ec2-user\"");
    }

    /// Fills that disk, or takes all inodes that are left.
    pub fn fill_home(&self, inodes: bool) {
        let home = self.host.home("");
        let mut nth = 0;
        // A page at a time in the end, so that nothing at all is left.
        let mut bytes = vec![0; 1 << 20];
        while nth < 10_000 {
            let path = home.join(format!("filler{nth}"));
            nth += 1;
            if inodes {
                if fs::File::create(path).is_err() {
                    return;
                }
            } else if fs::write(path, &bytes).is_err() {
                if bytes.len() == 4096 {
                    return;
                }
                bytes.truncate(bytes.len() / 4);
            }
        }
        panic!("the home has no end");
    }

    /// There is room on that disk from now on.
    pub fn grow_home(&self) {
        for entry in fs::read_dir(self.host.home("")).expect("a folder") {
            let path = entry.expect("an entry").path();
            if is_filler(&path) {
                fs::remove_file(path).expect("removed");
            }
        }
    }

    /// Away with that disk.
    pub fn own_home(&self) {
        self.host
            .root("while mountpoint -q /home/ec2-user; do umount -l /home/ec2-user; done");
    }

    /// Cuts the power and boots again.
    pub fn reboot(&mut self) {
        self.watch = None;
        self.host.restart();
        self.watch = Some(Watch::over(&self.host));
    }

    fn arguments<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec![words[0], self.spec.as_str()];
        arguments.extend(&words[1..]);
        arguments
    }

    /// Starts trueup, with folders of its own on this side.
    pub fn client(&self, words: &[&str]) -> Child {
        let folder = self.host.folder.path();
        let place = |name: &str| folder.join(name).to_str().expect("text").to_owned();
        let (tmp, run) = (place("tmp"), place("run"));
        let environment = [("TMPDIR", tmp.as_str()), ("XDG_RUNTIME_DIR", run.as_str())];
        start_with(folder, &self.arguments(words), &environment)
    }

    /// An apply, to its end.
    pub fn apply(&self, more: &[&str]) -> Ended {
        let mut words = APPLY.to_vec();
        words.extend(more);
        Ended::new(to_end(self.client(&words)))
    }

    /// An apply from the start state in which a call is spoiled. Where it did not come, the last of its
    /// kind is: how often a follower looks and how a download is cut are not the same each time.
    pub fn spoilt(&mut self, fault: &Value) -> Ended {
        let mut fault = fault.clone();
        for _ in 0..8 {
            self.reset();
            self.watch().spoil(&fault);
            let ended = self.apply(&[]);
            let calls = self.watch().leave();
            if calls.iter().any(|call| call.hit) {
                return ended;
            }
            let came = calls
                .iter()
                .filter(|call| fault["key"] == call.key.as_str());
            fault["nth"] = came.count().max(1).into();
        }
        panic!("the call never came")
    }

    /// A plain apply, and then all is as after an undisturbed one.
    #[track_caller]
    pub fn converges(&mut self) {
        self.watch().leave();
        let ended = self.apply(&[]);
        assert_eq!(
            ended.said.code,
            0,
            "the plain apply: {}\n{}",
            ended.words(),
            ended.said.err
        );
        self.plan_is_empty();
        self.is_as_wanted();
    }

    #[track_caller]
    pub fn plan_is_empty(&self) {
        let said = to_end(self.client(&["plan", "--detailed-exitcode"]));
        assert_eq!(said.code, 0, "the next plan: {}{}", said.out, said.err);
    }

    /// The undisturbed tree, and nothing else on either side.
    #[track_caller]
    pub fn is_as_wanted(&self) {
        self.is_clean("in the end");
        let wrong = differences(&self.wanted, &self.tree());
        assert_eq!(wrong, [""; 0], "not the undisturbed run's tree");
    }

    /// Likewise, but that files of ours may lie there until the next apply.
    #[track_caller]
    pub fn is_as_wanted_but_for_leftovers(&self) {
        let mut wrong = differences(&self.wanted, &self.tree());
        wrong.retain(|line| !line.contains("/.trueup-") || !line.contains(": wanted nothing"));
        assert_eq!(wrong, [""; 0], "not the undisturbed run's tree");
    }

    /// What is neither as at the start nor as in the end.
    pub fn neither_old_nor_new(&self) -> Vec<String> {
        let now = self.tree();
        let differ = differing(&self.start, &now);
        let differ = differ.filter(|name| now.get(*name) != self.wanted.get(*name));
        differ.map(|name| told(name, &self.start, &now)).collect()
    }

    /// No process on the host, none here, and no folder here.
    #[track_caller]
    pub fn is_clean(&self, when: &str) {
        let mut left = vec![];
        // Whose end was asked for may take a moment.
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            left.clear();
            left.extend(self.processes().into_iter().map(|(_, line)| line));
            left.extend(self.left_here());
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < limit, "{when}, a minute later: {left:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The account's processes on the host: number and command line.
    pub fn processes(&self) -> Vec<(String, String)> {
        let init = self
            .host
            .path("")
            .parent()
            .expect("of a process")
            .to_owned();
        let space = |process: &Path| fs::read_link(process.join("ns/pid")).ok();
        let of_host = space(&init).expect("the host lives");
        let all = fs::read_dir("/proc").expect("proc");
        all.filter_map(|entry| {
            let process = entry.ok()?.path();
            let owner = fs::metadata(&process).ok()?.uid();
            // Root's are sshd and what watches over the host; those of a session are the account's.
            if owner != 1000 || space(&process)? != of_host {
                return None;
            }
            let line = fs::read(process.join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            // A dead one has no line; its parent takes it in.
            let number = process.file_name()?.to_str()?.to_owned();
            (!line.is_empty()).then_some((number, line))
        })
        .collect()
    }

    /// Our folders on this side, and the processes that name them.
    fn left_here(&self) -> Vec<String> {
        let folder = self.host.folder.path();
        let mut left = vec![];
        for name in ["run", "tmp"] {
            let entries = fs::read_dir(folder.join(name)).expect("a folder");
            left.extend(entries.map(|entry| entry.expect("an entry").path().display().to_string()));
        }
        let name = folder.to_str().expect("text");
        let all = fs::read_dir("/proc").expect("proc");
        let lines = all.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
        let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
        left.extend(lines.filter(|line| line.contains(name)));
        left
    }

    /// What lies where steps write.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let root = self.host.path("");
        let mut folders: Vec<PathBuf> = PLACES.iter().map(|place| root.join(place)).collect();
        while let Some(folder) = folders.pop() {
            tree.insert(name_below(&root, &folder), facts(&folder));
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries {
                let path = entry.expect("an entry").path();
                if is_filler(&path) {
                    continue;
                }
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else {
                    tree.insert(name_below(&root, &path), facts(&path));
                }
            }
        }
        tree
    }
}

/// Puts the host back to its start, stops at a call of an apply (or, where that does not come, at one
/// before it of its kind), and does something there.
pub fn at_call(
    machine: &mut Machine,
    call: &Call,
    prepare: impl Fn(&Machine),
    act: impl FnOnce(&mut Machine, Child),
) {
    for turn in 0..8 {
        machine.reset();
        prepare(machine);
        let mut fault = call.fault("pause");
        fault["nth"] = call.nth.saturating_sub(turn).max(1).into();
        machine.watch().spoil(&fault);
        let mut client = machine.client(&APPLY);
        let mut at_work = || client.try_wait().expect("it is ours").is_none();
        if machine.watch().paused(&mut at_work) {
            act(machine, client);
            return;
        }
        client.wait().expect("it ends");
    }
    panic!("the call never came")
}

/// Waits for a client. One that goes on for minutes never ends.
#[track_caller]
pub fn to_end(client: Child) -> Said {
    let number = client.id().to_string();
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(client.wait_with_output()));
    if let Ok(output) = ended.recv_timeout(Duration::from_secs(180)) {
        return Said::new(output.expect("it ends"));
    }
    let killed = Command::new("kill").args(["-9", &number]).status();
    assert!(killed.expect("kill runs").success());
    let output = ended.recv().expect("it ends").expect("it ends");
    panic!("it never ended; it said: {:?}", Said::new(output));
}

/// Somebody else's, who fills a disk.
fn is_filler(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with("filler")
}

fn name_below(root: &Path, path: &Path) -> String {
    let name = path.strip_prefix(root).expect("below the root");
    name.display().to_string()
}

/// What a file is; a process that is still at work may take it away.
fn facts(path: &Path) -> String {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return "gone".into();
    };
    let mut facts = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
    if meta.is_symlink() {
        let target = fs::read_link(path).unwrap_or_default();
        facts.push_str(&format!(" to {}", target.display()));
    } else if meta.is_file() {
        let bytes = fs::read(path).unwrap_or_default();
        let digest = hex(&Sha256::digest(&bytes)[..8]);
        facts.push_str(&format!(" {} bytes {digest}", bytes.len()));
    }
    facts
}

/// What differs.
fn differences(wanted: &Tree, is: &Tree) -> Vec<String> {
    let differ = differing(wanted, is);
    differ.map(|name| told(name, wanted, is)).collect()
}

fn differing<'t>(wanted: &'t Tree, is: &'t Tree) -> impl Iterator<Item = &'t String> {
    let names: BTreeSet<&String> = wanted.keys().chain(is.keys()).collect();
    names
        .into_iter()
        .filter(|name| wanted.get(*name) != is.get(*name))
}

fn told(name: &String, wanted: &Tree, is: &Tree) -> String {
    let of = |tree: &Tree| tree.get(name).map_or("nothing".into(), Clone::clone);
    format!("{name}: wanted {}, is {}", of(wanted), of(is))
}
