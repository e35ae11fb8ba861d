//! Twenty machines at once, of which two are dead, one is slow and one hangs up on who comes first.

use std::{
    fs, io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::Value;

use crate::rig::{Host, Said, trueup, until};

const HOSTS: usize = 20;
/// Nothing listens there.
const CLOSED: usize = 6;
/// Takes connections and says nothing, as long as the deadline is waited for; later, nothing listens there.
const SILENT: usize = 11;
/// Is let through when all others have been reached.
const SLOW: usize = 9;
/// Hangs up on the first two of each run, before it names itself.
const BUSY: usize = 14;

struct Fleet {
    /// With `None` for the dead ones.
    hosts: Vec<Option<Host>>,
    ways: Vec<String>,
    busy: Arc<AtomicUsize>,
    /// Whether the slow one is.
    slow: Arc<AtomicBool>,
    silent: Silent,
}

/// What listens before a host, and whether a connection goes on.
fn relay(host: &Host, lets: impl Fn() -> bool + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let there = format!("{}:{}", host.get("address"), host.record["port"]);
    let lets = Arc::new(lets);
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, there, lets) = (
                near.expect("a connection"),
                there.clone(),
                Arc::clone(&lets),
            );
            thread::spawn(move || {
                if !lets() {
                    return;
                }
                let far = TcpStream::connect(there).expect("the host");
                let both = |stream: &TcpStream| stream.try_clone().expect("a clone");
                let (mut from, mut to) = (both(&far), both(&near));
                let back = thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                let (mut from, mut to) = (near, far);
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
                let _ = back.join();
            });
        }
    });
    port
}

fn connections(log: &str) -> usize {
    let log = fs::read_to_string(log).expect("sshd's log");
    log.matches("Connection from ").count()
}

impl Fleet {
    fn start() -> Self {
        let starting: Vec<_> = (0..HOSTS)
            .map(|at| {
                let dead = [CLOSED, SILENT].contains(&at);
                thread::spawn(move || (!dead).then(|| Host::start("debian", &[])))
            })
            .collect();
        let hosts: Vec<Option<Host>> = starting
            .into_iter()
            .map(|host| host.join().expect("it starts"))
            .collect();
        let log = |at: usize| hosts[at].as_ref().map(|host| host.get("log").to_owned());
        // Each of these sees one connection a run.
        let others = (0..HOSTS).filter(|at| ![SLOW, BUSY].contains(at));
        let others: Vec<String> = others.filter_map(log).collect();
        let runs = AtomicUsize::new(0);
        let is_slow = Arc::new(AtomicBool::new(true));
        let gated = Arc::clone(&is_slow);
        let slow = move || {
            if !gated.load(Ordering::SeqCst) {
                return true;
            }
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            until("all others are reached", || {
                others.iter().all(|log| connections(log) >= run)
            });
            true
        };
        let busy = Arc::new(AtomicUsize::new(0));
        let hung_up_on = Arc::clone(&busy);
        let busy_one = move || hung_up_on.fetch_add(1, Ordering::SeqCst) >= 2;
        let of = |at: usize| hosts[at].as_ref().expect("it lives");
        let (slow, busy_one) = (relay(of(SLOW), slow), relay(of(BUSY), busy_one));
        let (some, silent) = (of(0), Silent::start());
        let ways = (0..HOSTS).map(|at| match at {
            CLOSED => elsewhere(some, closed()),
            SILENT => elsewhere(some, silent.port),
            SLOW => elsewhere(of(SLOW), slow),
            BUSY => elsewhere(of(BUSY), busy_one),
            _ => of(at).way(),
        });
        let ways = ways.collect();
        Self {
            hosts,
            ways,
            busy,
            slow: is_slow,
            silent,
        }
    }

    fn living(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().flatten()
    }

    /// What a command says of the whole fleet, each host with a file of this content.
    fn run(&self, content: &str, words: &[&str]) -> Said {
        let mut text =
            format!("version: 1\nfiles:\n  note: {{ path: ~/note, content: {content} }}\nhosts:\n");
        for (at, way) in self.ways.iter().enumerate() {
            text.push_str(&format!("  c{at:02}:\n    {way}\n"));
        }
        let host = self.living().next().expect("a host");
        let path = host.folder.path().join("fleet.yaml");
        fs::write(&path, text).expect("written");
        let mut all = vec![words[0], path.to_str().expect("text")];
        all.extend(&words[1..]);
        self.busy.store(0, Ordering::SeqCst);
        trueup(host, &all)
    }
}

/// The way to a host, by another port of this machine.
fn elsewhere(host: &Host, port: u16) -> String {
    let (address, own) = (host.get("address"), &host.record["port"]);
    let there = format!("address: {address}, port: {own},");
    let way = host.way();
    assert!(way.contains(&there), "{way}");
    way.replace(&there, &format!("address: 127.0.0.1, port: {port},"))
}

fn closed() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A port that takes connections and says nothing, until it is closed.
struct Silent {
    port: u16,
    is_closed: Arc<AtomicBool>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let is_closed = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_closed);
        thread::spawn(move || {
            let mut connections = listener.incoming();
            let mut held = Vec::new();
            while !ends.load(Ordering::SeqCst) {
                held.push(connections.next());
            }
        });
        Self { port, is_closed }
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        // It looks at that after the next connection.
        until("the port is closed", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_err()
        });
    }
}

/// The names of a report's hosts, in its order, and those that could not be reached.
fn names(report: &Value) -> (Vec<&str>, Vec<&str>) {
    let hosts = report["hosts"].as_array().expect("hosts");
    let all: Vec<&str> = hosts
        .iter()
        .map(|host| host["name"].as_str().expect("a name"))
        .collect();
    let away = hosts.iter().filter(|host| !host["error"].is_null());
    let away = away
        .map(|host| host["name"].as_str().expect("a name"))
        .collect();
    (all, away)
}

#[test]
fn the_living_are_as_if_nobody_were_dead() {
    let fleet = Fleet::start();
    let in_order: Vec<String> = (0..HOSTS).map(|at| format!("c{at:02}")).collect();
    let dead = ["c06", "c11"];
    let timeout = ["--timeout", "20s", "--format", "json"];
    let run = |content: &str, words: &[&str]| fleet.run(content, &[words, &timeout].concat());

    // The slow one comes last of all that live: had it held anybody up, both would be late.
    let plan = run("one", &["plan"]).code(4).json();
    assert_eq!(
        names(&plan),
        (in_order.iter().map(String::as_str).collect(), dead.to_vec())
    );
    assert_eq!(plan["summary"]["create"], 18, "{}", plan["summary"]);

    // Only who is first is changed, where that goes wrong; and what is left is said.
    let second = fleet.hosts[1].as_ref().expect("it lives");
    second.user("mkdir ~/note");
    let canary = [
        "apply",
        "--auto-approve",
        "--canary",
        "2",
        "--host",
        "c00",
        "--host",
        "c01",
        "--host",
        "c02",
    ];
    let said = run("one", &canary).code(5);
    said.says("not begun, because 1 of 2 hosts failed that came first (`--canary`): c02");
    let written = |host: &Host| host.home("note").is_file();
    assert_eq!(fleet.living().filter(|host| written(host)).count(), 1);
    second.user("rmdir ~/note");

    let applied = run("one", &["apply", "--auto-approve", "--canary", "2"])
        .code(4)
        .json();
    assert_eq!(
        names(&applied),
        (in_order.iter().map(String::as_str).collect(), dead.to_vec())
    );
    let written = |host: &Host| fs::read_to_string(host.home("note")).ok();
    assert!(
        fleet
            .living()
            .all(|host| written(host).as_deref() == Some("one"))
    );
    // It has been waited for twice, and is dead all the same.
    fleet.silent.close();
    let drift = run("one", &["drift"]).code(4).json();
    assert_eq!(names(&drift).1, dead);
    assert_eq!(drift["summary"]["none"], 18, "{}", drift["summary"]);

    // The dead ones are two failures, which is one too many.
    fleet.slow.store(false, Ordering::SeqCst);
    let words = [
        "apply",
        "--auto-approve",
        "--parallel",
        "1",
        "--max-failures",
        "1",
    ];
    let said = run("two", &words).code(4);
    said.says("not begun, because 2 of 20 hosts failed (`--max-failures 1`): c12, c13");
    let changed = |host: &&Host| host.read("note") == "two";
    assert_eq!(fleet.living().filter(changed).count(), 10);
}
