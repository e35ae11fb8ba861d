//! One line of the table of faults: a sample in `tests/run`, all of them in `tests/soak`.

#[path = "seed.rs"]
pub mod seed;

use std::{
    fmt::Display,
    fs::OpenOptions,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestRunner},
};

pub use seed::Random;

/// The tries of one fault, and how they ended.
pub struct Sweep {
    fault: &'static str,
    tries: usize,
    divergences: Vec<String>,
    worst: Duration,
    began: Instant,
    /// Of this run, or `TRUEUP_SEED`; it is printed.
    pub random: Random,
}

/// Whether all faults are tried: `tests/soak` says so, and where the table goes.
fn soak() -> Option<std::ffi::OsString> {
    std::env::var_os("TRUEUP_SOAK")
}

/// So many tries: a few in `tests/run`, or as many as the table wants.
pub fn times(few: usize, all: usize) -> usize {
    if soak().is_some() { all } else { few }
}

impl Sweep {
    pub fn of(fault: &'static str) -> Self {
        println!("{fault}");
        Self {
            fault,
            tries: 0,
            divergences: vec![],
            worst: Duration::ZERO,
            began: Instant::now(),
            random: Random::new(seed::seed()),
        }
    }

    /// All of them in `tests/soak`, else a few, in their order.
    pub fn pick<T>(&mut self, mut all: Vec<T>, few: usize) -> Vec<T> {
        assert!(!all.is_empty(), "{}: nothing to try", self.fault);
        while soak().is_none() && all.len() > few {
            let one = self.random.below(all.len());
            all.remove(one);
        }
        all
    }

    /// One try: it panics where something is not as it has to be, which is a divergence. The others are
    /// tried all the same.
    pub fn attempt(&mut self, what: impl Display, attempt: impl FnOnce()) {
        let start = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(attempt));
        self.worst = self.worst.max(start.elapsed());
        self.tries += 1;
        if let Err(panic) = ended {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let diverged = format!("{what}: {}", text.unwrap_or("a panic"));
            println!("diverged: {diverged}");
            self.divergences.push(diverged);
        }
    }

    /// Tries that went well, many at once.
    pub fn count(&mut self, tries: usize) {
        self.tries += tries;
    }

    /// A sweep of cases that proptest makes: it prints the input that fails, and the seed of it.
    pub fn cases<S: Strategy>(
        fault: &'static str,
        (few, all): (usize, usize),
        strategy: &S,
        test: impl Fn(S::Value) -> Result<(), TestCaseError>,
    ) {
        let mut sweep = Self::of(fault);
        let cases = times(few, all);
        let config = Config {
            cases: u32::try_from(cases).expect("small"),
            ..Config::default()
        };
        sweep.count(cases - 1);
        sweep.attempt("at random", || {
            let run = TestRunner::new(config).run(strategy, &test);
            run.unwrap_or_else(|problem| panic!("{problem}"));
        });
        sweep.end();
    }

    /// Writes the line, and fails where anything diverged.
    pub fn end(self) {
        assert!(self.tries > 0, "{}: nothing was tried", self.fault);
        let line = format!(
            "| {} | {} | {} | {:.1} s | {:.0} s |\n",
            self.fault,
            self.tries,
            self.divergences.len(),
            self.worst.as_secs_f64(),
            self.began.elapsed().as_secs_f64(),
        );
        print!("{line}");
        if let Some(table) = soak() {
            let table = OpenOptions::new().append(true).create(true).open(table);
            // One write, so that sweeps that run side by side do not mix.
            let written = table.and_then(|mut table| table.write_all(line.as_bytes()));
            written.expect("the table");
        }
        assert!(
            self.divergences.is_empty(),
            "{}: {} of {} diverged:\n{}",
            self.fault,
            self.divergences.len(),
            self.tries,
            self.divergences.join("\n")
        );
    }
}

#[test]
fn what_diverges_is_counted_and_the_rest_is_tried() {
    let mut sweep = Sweep::of("a sweep that diverges");
    for one in 0..3 {
        sweep.attempt(one, || assert_ne!(one, 1, "as planted"));
    }
    assert_eq!((sweep.tries, sweep.divergences.len()), (3, 1));
    assert!(
        sweep.divergences[0].starts_with("1: "),
        "{:?}",
        sweep.divergences
    );
    // Not by `end`, which would write it into the table.
    drop(sweep);
}
