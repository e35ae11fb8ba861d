//! The client's output: topics are counted, and other lines are kept, bounded.

use std::collections::BTreeSet;

/// Distinct lines that are kept: as many of the first and as many of the last.
const LINES: usize = 100;
/// Bytes of one line that are kept.
const LINE: usize = 2_000;
/// Kafka's own limit for the name of a topic.
const LONGEST_NAME: usize = 249;

/// An output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: the topics, and Kafka's error message.
    Out,
    /// Standard error: the log.
    Err,
}

/// The output of a run, read line by line between two marks, after that of start files.
#[derive(Debug, Clone, Default)]
pub struct Output {
    mark: String,
    out: Partial,
    err: Partial,
    /// How many topics were listed.
    pub topics: usize,
    /// All other lines, each once.
    pub lines: Vec<String>,
    seen: BTreeSet<String>,
    /// The exit status, as the host's shell reports it: 128 and more for a signal.
    pub status: Option<i32>,
    /// The host killed it at the deadline.
    pub timed_out: bool,
}

/// The state of a stream, with its unfinished line.
#[derive(Debug, Clone, Default)]
struct Partial {
    line: Vec<u8>,
    begun: bool,
    ended: bool,
}

impl Output {
    /// For a run in which the host prints `MARK begin`, `MARK late` and `MARK end STATUS`.
    pub fn new(mark: &str) -> Self {
        Self {
            mark: mark.to_owned(),
            ..Self::default()
        }
    }

    /// Whether the start files ended and the client began.
    pub fn begun(&self) -> bool {
        self.out.begun
    }

    /// Whether the host has reported the end of a stream.
    pub fn ended(&self, stream: Stream) -> bool {
        match stream {
            Stream::Out => self.out.ended,
            Stream::Err => self.err.ended,
        }
    }

    /// Adds bytes as they arrive.
    pub fn feed(&mut self, stream: Stream, bytes: &[u8]) {
        for &byte in bytes {
            let partial = self.partial(stream);
            if byte != b'\n' {
                if partial.line.len() < LINE {
                    partial.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut partial.line);
            let line = String::from_utf8_lossy(&line);
            self.line(stream, line.trim_end_matches('\r'));
        }
    }

    fn partial(&mut self, stream: Stream) -> &mut Partial {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    fn line(&mut self, stream: Stream, line: &str) {
        if self.ended(stream) {
            return;
        }
        let report = line.strip_prefix(self.mark.as_str());
        if let Some(report) = report.and_then(|rest| rest.strip_prefix(' ')) {
            let partial = self.partial(stream);
            match report.split_once(' ').unwrap_or((report, "")) {
                ("begin", _) => partial.begun = true,
                ("late", _) => self.timed_out = true,
                ("end", status) => {
                    partial.ended = true;
                    self.status = status.parse().ok().or(self.status);
                }
                _ => {}
            }
            return;
        }
        if !self.partial(stream).begun {
            return;
        }
        if stream == Stream::Out && is_topic(line) {
            self.topics += 1;
        } else if !is_noise(line) {
            self.keep(without_time(line));
        }
    }

    fn keep(&mut self, line: &str) {
        if line.is_empty() || !self.seen.insert(line.to_owned()) {
            return;
        }
        if self.lines.len() >= 2 * LINES {
            let dropped = self.lines.remove(LINES);
            self.seen.remove(&dropped);
        }
        self.lines.push(line.to_owned());
    }
}

/// Whether a line is a topic, with Kafka's note if it is being deleted.
fn is_topic(line: &str) -> bool {
    let name = line.strip_suffix(" - marked for deletion").unwrap_or(line);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain)
}

/// Stack frames, and lines that may have secrets of the account: a JVM's options from the environment,
/// commands of a traced shell.
fn is_noise(line: &str) -> bool {
    let line = line.trim_start();
    let frame = line
        .strip_prefix("... ")
        .is_some_and(|rest| rest.ends_with(" more"));
    frame
        || line.starts_with("at ")
        || line.starts_with("Picked up ")
        || line.starts_with('+')
        || line.starts_with("NOTE: Picked up ")
}

/// A log line without the time at its start: `[2026-11-28 01:34:08,756] WARN …`, and
/// Log4j 2's `01:34:48.319 [main] ERROR …`.
fn without_time(line: &str) -> &str {
    let line = line.trim();
    let rest = match line.strip_prefix('[') {
        Some(rest) => rest.split_once("] "),
        None => line.split_once(' '),
    };
    let is_time = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit())
            && text.contains(':')
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || " -:,.TZ+".contains(c))
    };
    match rest {
        Some((time, rest)) if is_time(time) => rest.trim_start(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(out: &str, err: &str) -> Output {
        let mut output = Output::new("MARK");
        output.feed(Stream::Out, out.as_bytes());
        output.feed(Stream::Err, err.as_bytes());
        output
    }

    #[test]
    fn topics_are_counted_and_start_files_are_ignored() {
        let run = run(
            "welcome\nu.pin\n\nMARK begin\nu.pin\nu.geo - marked for deletion\n__consumer_offsets\n\nMARK end 0\nlate.topic\n",
            "+ export PASSWORD=canary\n\nMARK begin\n[2026-11-28 01:34:08,756] WARN a (b)\n[2026-11-28 01:34:08,863] WARN a (b)\nMARK end 0\n",
        );
        assert_eq!((run.topics, run.status, run.timed_out), (3, Some(0), false));
        assert_eq!(run.lines, ["WARN a (b)"]);
        assert!(run.ended(Stream::Out) && run.ended(Stream::Err));
    }

    #[test]
    fn the_accounts_environment_is_not_repeated() {
        let run = run(
            "\nMARK begin\n",
            "\nMARK begin\nPicked up JAVA_TOOL_OPTIONS: -Dx=canary\nNOTE: Picked up JDK_JAVA_OPTIONS: canary\n++ PW=canary\n\tat a.b(C.java:1)\n\t... 5 more\n01:34:48.319 [main] ERROR o.a.k - said\nException in thread \"main\" x\n",
        );
        assert_eq!(
            run.lines,
            [
                "[main] ERROR o.a.k - said",
                "Exception in thread \"main\" x"
            ]
        );
    }

    #[test]
    fn output_is_bounded_and_its_end_is_kept() {
        let mut output = Output::new("MARK");
        output.feed(Stream::Err, b"MARK begin\n");
        for number in 0..5_000 {
            output.feed(
                Stream::Err,
                format!("line {number} {}\n", "x ".repeat(3_000)).as_bytes(),
            );
        }
        assert_eq!(output.lines.len(), 2 * LINES);
        assert!(output.lines.iter().all(|line| line.len() <= LINE));
        assert!(output.lines[0].starts_with("line 0 "));
        assert!(output.lines[199].starts_with("line 4999 "));
        assert!(!output.begun(), "the other stream has not begun");
    }
}
