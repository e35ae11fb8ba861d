//! The progress line while hosts are read: which host it waits for.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, IsTerminal},
    pin::pin,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, sleep_until};

use super::stdio::{complain, holds_notes, status};
use crate::text::escape_control;

/// What takes less is not worth a line: on a terminal, and in a log.
const SOON: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(10);

/// Hosts that are being read.
pub(super) struct Reading {
    started: Instant,
    hosts: RefCell<Hosts>,
    terminal: bool,
}

struct Hosts {
    names: Vec<String>,
    /// By their indices.
    begun: BTreeMap<usize, Instant>,
    done: usize,
}

impl Reading {
    pub(super) fn new(names: Vec<String>) -> Self {
        Self {
            started: Instant::now(),
            hosts: RefCell::new(Hosts {
                names,
                begun: BTreeMap::new(),
                done: 0,
            }),
            terminal: io::stderr().is_terminal(),
        }
    }

    /// A host is being read.
    pub(super) fn begin(&self, index: usize) {
        self.hosts.borrow_mut().begun.insert(index, Instant::now());
    }

    /// A host was read, or could not be.
    pub(super) fn end(&self, index: usize) {
        let mut hosts = self.hosts.borrow_mut();
        if hosts.begun.remove(&index).is_some() {
            hosts.done += 1;
        }
    }

    /// Shows progress while `work` runs: each second on a terminal, elsewhere at growing intervals, and only
    /// where it takes long.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        if holds_notes() {
            return work.await;
        }
        let mut work = pin!(work);
        let mut bar = None;
        let mut pause = if self.terminal { SOON } else { LONG };
        let mut next = self.started + pause;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep_until(next) => {}
            }
            let line = self.hosts.borrow().line(Instant::now());
            if self.terminal {
                bar.get_or_insert_with(Bar::new).0.set_message(line);
                pause = Duration::from_secs(1);
            } else {
                complain(&line);
            }
            next += pause;
            if !self.terminal {
                pause *= 2;
            }
        }
    }
}

impl Hosts {
    fn line(&self, now: Instant) -> String {
        let seconds = |since: Instant| now.duration_since(since).as_secs();
        let mut waiting: Vec<_> = self
            .begun
            .iter()
            .map(|(index, since)| (since, index))
            .collect();
        waiting.sort_unstable();
        let waiting = waiting.first().map(|(since, index)| {
            let more = match self.begun.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let (name, seconds) = (escape_control(&self.names[**index]), seconds(**since));
            format!("waiting for {name}{more} ({seconds} s)")
        });
        let waiting = waiting.unwrap_or_else(|| "waiting for the brokers".into());
        match self.names.len() {
            0 => "reading topics".into(),
            1 => format!("reading: {waiting}"),
            all => format!("reading {all} hosts: {} done, {waiting}", self.done),
        }
    }
}

/// The line at the foot of a terminal, as long as this lives.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        let style = style.unwrap_or_else(|error| unreachable!("a constant: {error}"));
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(120));
        status(Some(bar.clone()));
        Self(bar)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        status(None);
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_host_that_takes_longest_is_named() {
        let names = ["c1", "c2", "c3"].map(str::to_owned).to_vec();
        let reading = Reading::new(names);
        let line = || reading.hosts.borrow().line(Instant::now());
        reading.begin(1);
        tokio::time::advance(Duration::from_secs(2)).await;
        reading.begin(0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(
            line(),
            "reading 3 hosts: 0 done, waiting for c2 and 1 more (5 s)"
        );
        reading.end(1);
        reading.end(1);
        assert_eq!(line(), "reading 3 hosts: 1 done, waiting for c1 (3 s)");
        reading.end(0);
        assert_eq!(line(), "reading 3 hosts: 2 done, waiting for the brokers");
    }
}
