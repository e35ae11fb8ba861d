//! A connection that comes to harm: whatever becomes of its bytes, and wherever, trueup ends in time,
//! says so in its exit code, leaves nothing, and the next apply brings the machine into true.

use std::{
    fmt,
    net::SocketAddr,
    sync::OnceLock,
    time::{Duration, Instant},
};

use crate::{
    bench::{Bench, Files, Tree},
    here::finish,
    proxy::{Cut, Harm, Proxy, Route},
    rig::{Said, until},
    sweep::{Random, Sweep},
    web::Gate,
};

/// What the commands are given, and how much later they may end. This deadline is what is promised.
const TIMEOUT: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(5);
/// How long a host waits for a client that says nothing.
const SILENCE: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Plan,
    Apply,
    /// An apply that asks.
    Prompt,
}

const COMMANDS: [Command; 3] = [Command::Plan, Command::Apply, Command::Prompt];

#[derive(Debug, Clone, Copy)]
enum When {
    After(Route, usize),
    /// While the question waits for its answer.
    Asked,
    /// While a step runs that may take long.
    Downloading,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    command: Command,
    when: When,
    bit: u8,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} bit {}", self.command, self.when, self.bit)
    }
}

/// How a command ended, and when.
struct End {
    said: Said,
    ended: Instant,
    /// When the last question was answered.
    answered: Option<Instant>,
}

struct Wire {
    bench: Bench,
    proxy: Proxy,
    /// Through the proxy.
    spec: String,
    /// Likewise, with downloads that stop in the middle.
    held: String,
    gate: Gate,
    /// Past the proxy.
    sound: String,
}

impl Wire {
    fn new() -> Self {
        let bench = Bench::start("debian");
        let there = format!(
            "{}:{}",
            bench.host.get("address"),
            bench.host.record["port"]
        );
        let there: SocketAddr = there.parse().expect("an address");
        let proxy = Proxy::to(there);
        let client = Files::of_site().client();
        let way = bench.host.way();
        let through = way
            .replace(bench.host.get("address"), "127.0.0.1")
            .replace("port: 22,", &format!("port: {},", proxy.port));
        let spec = bench.spec(&through, &client, "cut.yaml");
        let gate = Gate::new();
        let held = bench.spec(
            &through,
            &Files::of_site().client_from(&gate.url),
            "held.yaml",
        );
        let sound = bench.spec(&way, &client, "sound.yaml");
        Self {
            bench,
            proxy,
            spec,
            held,
            gate,
            sound,
        }
    }

    fn run(&self, command: Command, harm: Option<Harm>) -> End {
        let timeout = format!("{}s", TIMEOUT.as_secs());
        let common = ["--timeout", &timeout];
        let words = |first: &[&'static str], last: &[&'static str]| -> Vec<String> {
            let all = first.iter().copied().chain([self.spec.as_str()]);
            let all = all.chain(common).chain(last.iter().copied());
            all.map(str::to_owned).collect()
        };
        let words = match command {
            Command::Plan => words(&["plan"], &["--format", "json"]),
            Command::Apply => words(&["apply"], &["--auto-approve"]),
            Command::Prompt => words(&["apply"], &[]),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut answered = None;
        let (said, ended) = if command == Command::Prompt {
            let mut harm = harm;
            self.bench.answer(&words, || {
                if let Some(harm) = harm.take() {
                    self.proxy.harm(harm);
                }
                answered = Some(Instant::now());
            })
        } else {
            let ended = finish(self.bench.begin(&words), || {});
            (ended.said, ended.at)
        };
        End {
            said,
            ended,
            answered,
        }
    }

    /// Does harm in the middle of a download.
    fn run_held(&self, harm: Harm) -> End {
        self.gate.set(true);
        let timeout = format!("{}s", TIMEOUT.as_secs());
        let words = ["apply", &self.held, "--auto-approve", "--timeout", &timeout];
        let child = self.bench.begin(&words);
        until("a download waits", || self.gate.waiting() > 0);
        self.proxy.harm(harm);
        let ended = finish(child, || {});
        self.gate.set(false);
        End {
            said: ended.said,
            ended: ended.at,
            answered: None,
        }
    }

    /// What an apply makes, and how many bytes each command moves; the same for all tests.
    fn undisturbed(&self) -> &'static (Tree, [[usize; 2]; 3]) {
        static ONCE: OnceLock<(Tree, [[usize; 2]; 3])> = OnceLock::new();
        ONCE.get_or_init(|| {
            let carried = COMMANDS.map(|command| {
                self.bench.reset();
                self.proxy.arm(None);
                let end = self.run(command, None);
                assert_eq!(end.said.code, 0, "{:?}", end.said);
                self.bench.nothing_left();
                self.proxy.carried()
            });
            (self.names(), carried)
        })
    }

    /// The tree, by names that no host has alone.
    fn names(&self) -> Tree {
        let home = self.bench.host.home("");
        let name = |path: std::path::PathBuf| path.strip_prefix(&home).expect("in it").to_owned();
        let mut tree: Tree = self
            .bench
            .tree()
            .into_iter()
            .map(|(path, facts)| (name(path), facts))
            .collect();
        tree.retain(|path, _| !path.starts_with(".ssh"));
        tree
    }

    fn attempt(&self, harm: Harm, case: &Case) {
        self.bench.reset();
        let before = self.names();
        let (whole, _) = self.undisturbed();
        let harm = match harm {
            Harm::Flipped(_) => Harm::Flipped(case.bit),
            harm => harm,
        };
        let (cut, at_prompt) = match case.when {
            When::After(way, after) => (Some(Cut { harm, way, after }), None),
            When::Asked => (None, Some(harm)),
            When::Downloading => (None, None),
        };
        self.proxy.arm(cut);
        let End {
            said,
            ended,
            answered,
        } = match case.when {
            When::Downloading => self.run_held(harm),
            _ => self.run(case.command, at_prompt),
        };
        let met = self.proxy.met();
        // What still stands has been forgotten by then.
        self.proxy.end();
        let told = format!("exit {}\n{}{}", said.code, said.out, said.err);
        assert!(!told.contains("panicked"), "{told}");
        if let Some(met) = met {
            // A connection that was lost while the question waited is made anew, which may take as long.
            let (since, longest) = match answered {
                Some(answered) if answered > met => (answered, TIMEOUT * 2 + GRACE),
                _ if case.command == Command::Prompt => (met, TIMEOUT * 2 + GRACE),
                _ => (met, TIMEOUT + GRACE),
            };
            // The host keeps the lock so long for a client that it does not know to be gone: that was us.
            let waited = told.contains("waiting on client for an apply by");
            let longest = longest + if waited { SILENCE } else { Duration::ZERO };
            let took = ended.saturating_duration_since(since);
            assert!(took <= longest, "{:.1} s\n{told}", took.as_secs_f64());
        } else {
            // Fewer bytes than last time.
            assert_eq!(said.code, 0, "no harm was met\n{told}");
        }
        self.bench.gone();
        match (case.command, said.code) {
            // In the last bytes, after all was read.
            (Command::Plan, 0) => {
                let plan = said.json();
                assert_eq!(plan["summary"]["create"], 4, "{told}");
                assert_eq!(plan["complete"], true, "{told}");
            }
            // Likewise, or over another connection.
            (_, 0) => assert_eq!(self.names(), *whole, "{told}"),
            // Nothing was begun.
            (_, 4) => assert_eq!(self.names(), before, "{told}"),
            (Command::Apply | Command::Prompt, 5) => {}
            _ => panic!("{told}"),
        }
        let said = self.bench.run(&["apply", &self.sound, "--auto-approve"]);
        assert_eq!(said.code, 0, "then: {said:?}\nafter {told}");
        let said = self
            .bench
            .run(&["plan", &self.sound, "--detailed-exitcode"]);
        assert_eq!(said.code, 0, "then: {said:?}\nafter {told}");
        assert_eq!(self.names(), *whole, "after {told}");
        self.bench.nothing_left();
    }
}

/// Evenly over the whole, and as many at random.
fn positions(total: usize, count: usize, random: &mut Random) -> Vec<usize> {
    let even = (0..count / 2).map(|nth| nth * total / (count / 2).max(1));
    even.collect::<Vec<_>>()
        .into_iter()
        .chain((0..count - count / 2).map(|_| random.below(total)))
        .collect()
}

fn sweep(fault: &'static str, harm: Harm) {
    let mut sweep = Sweep::of(fault);
    let wire = Wire::new();
    let (_, carried) = wire.undisturbed();
    let mut cases = Vec::new();
    for (command, carried) in COMMANDS.into_iter().zip(carried) {
        for way in [Route::There, Route::Back] {
            let all = positions(carried[way as usize], 20, &mut sweep.random);
            cases.extend(
                all.into_iter()
                    .map(|after| (command, When::After(way, after))),
            );
        }
    }
    if !matches!(harm, Harm::Flipped(_)) {
        cases.extend([(Command::Prompt, When::Asked); 5]);
        cases.extend([(Command::Apply, When::Downloading); 5]);
    }
    let mut cases: Vec<Case> = cases
        .into_iter()
        .map(|(command, when)| Case {
            command,
            when,
            bit: u8::try_from(sweep.random.below(8)).expect("a bit"),
        })
        .collect();
    sweep.random.shuffle(&mut cases);
    let mut cases = sweep.pick(cases, 1);
    if harm == Harm::Stalled {
        // Where nothing but the connection's own silence tells.
        cases.push(Case {
            command: Command::Apply,
            when: When::Downloading,
            bit: 0,
        });
    }
    for case in cases {
        sweep.attempt(case, || wire.attempt(harm, &case));
        // A hang of one try is none of the next.
        wire.proxy.end();
    }
    sweep.end();
}

#[test]
fn reset() {
    sweep(
        "cut off: reset, in plan, apply and at the prompt",
        Harm::Reset,
    );
}

#[test]
fn half_closed() {
    sweep("cut off: one direction ends", Harm::HalfClosed);
}

#[test]
fn stalled() {
    sweep("cut off: nothing comes any more", Harm::Stalled);
}

#[test]
fn truncated() {
    sweep("cut off: both directions end", Harm::Truncated);
}

#[test]
fn flipped() {
    sweep("cut off: one bit is another", Harm::Flipped(0));
}
