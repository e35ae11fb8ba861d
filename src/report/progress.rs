//! What people see while an apply runs.
//!
//! On a terminal: a bar or spinner on stderr for each running step, gone when the step is done.
//! Elsewhere: plain lines, few enough for a log. What a step did goes to the writer for results.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{
    human::{Page, Style},
    words,
};
use crate::{
    apply::event::{Event, Sink},
    plan::{Plan, Subject},
    text::{columns, escape_control, padded},
};

/// Downloads below this size are over before anybody reads about them.
const WORTH_A_LINE: u64 = 1 << 20;

/// Shows events as they happen.
pub struct Progress {
    terminal: bool,
    style: Style,
    /// Columns for the addresses.
    label: usize,
    /// Addresses carry their host's name.
    many: bool,
    results: Box<dyn Write + Send>,
    log: Box<dyn Write + Send>,
    /// Of each host and cluster the step that runs.
    running: BTreeMap<Subject, Running>,
    bars: MultiProgress,
    /// Who is waited for.
    holders: BTreeMap<Subject, String>,
}

/// The step that runs.
struct Running {
    label: String,
    verb: String,
    bar: Option<ProgressBar>,
    has_bytes: bool,
    quarters: u64,
}

impl Progress {
    /// `terminal`: stderr is one. `results` takes a line for each step that is done.
    pub fn new(terminal: bool, color: bool, width: usize, results: Box<dyn Write + Send>) -> Self {
        Self {
            terminal,
            style: Style { color, width },
            label: "client/msk_iam_auth".len(),
            many: false,
            results,
            log: Box::new(io::stderr()),
            running: BTreeMap::new(),
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            holders: BTreeMap::new(),
        }
    }

    /// Aligns the lines for the addresses of a plan. `many`: the run has several hosts, so that
    /// each address carries its host's name.
    pub fn expect(&mut self, plan: &Plan, many: bool) {
        self.many = many;
        let labels = plan.parts().flat_map(|part| {
            let steps = part.steps.iter().filter(|step| step.action.changes());
            let host = part.is_host().then_some(part.name());
            steps.map(move |step| columns(&label(host.filter(|_| many), &step.address)))
        });
        let label = labels.max().unwrap_or_default().min(40);
        // Other hosts' steps go on.
        self.label = match self.running.is_empty() && !many {
            true => label.max(1),
            false => self.label.max(label),
        };
    }

    /// Hides the bars while people answer a question.
    pub fn hold(&mut self, hold: bool) {
        self.bars.set_draw_target(match hold {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        });
    }

    /// Sends the lines of a run without a terminal elsewhere than to stderr.
    #[must_use]
    pub fn with_log(mut self, log: Box<dyn Write + Send>) -> Self {
        self.log = log;
        self
    }

    fn label(&self, subject: &Subject, address: &str) -> String {
        label(subject.host().filter(|_| self.many), address)
    }

    fn clear(&mut self, subject: &Subject) {
        if let Some(Running { bar: Some(bar), .. }) = self.running.remove(subject) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    /// A line that stays. A reader that has gone is no reason to stop an apply.
    fn write_line(&mut self, stream: Stream, text: &str) {
        let mut page = Page::new(&self.style);
        page.line(&[(super::human::Ink::Plain, text)]);
        let line = page.into_text();
        let writer = match stream {
            Stream::Results => &mut self.results,
            Stream::Log => &mut self.log,
        };
        let mut write = || {
            let _ = writer.write_all(line.as_bytes());
            let _ = writer.flush();
        };
        match self.running.values().any(|running| running.bar.is_some()) {
            true => self.bars.suspend(write),
            false => write(),
        }
    }

    fn begin(&mut self, subject: &Subject, address: &str, verb: &str) {
        self.clear(subject);
        let (label, verb, width) = (
            self.label(subject, address),
            escape_control(verb),
            self.label,
        );
        let prefix = || padded(&label, width);
        let bar = self
            .terminal
            .then(|| bar(&self.bars, spinner(), prefix(), verb.clone()));
        if bar.is_none() {
            let line = format!("  {}  {verb}", prefix());
            self.write_line(Stream::Log, &line);
        }
        let running = Running {
            label,
            verb,
            bar,
            has_bytes: false,
            quarters: 0,
        };
        self.running.insert(subject.clone(), running);
    }

    fn bytes(&mut self, subject: &Subject, have: u64, total: Option<u64>) {
        let (style, label) = (self.style, self.label);
        let Some(running) = self.running.get_mut(subject) else {
            return;
        };
        let shown = match total {
            Some(total) => words::bytes_of(have, total),
            None => words::bytes(have),
        };
        let Some(shown_bar) = &mut running.bar else {
            let total = total.filter(|total| *total >= WORTH_A_LINE);
            let quarters = total.map_or(0, |total| have.saturating_mul(4) / total);
            if quarters > running.quarters && quarters < 4 {
                running.quarters = quarters;
                let percent = quarters * 25;
                let line = format!(
                    "  {}  {:8}  {percent} %, {shown}",
                    padded(&running.label, label),
                    running.verb
                );
                self.write_line(Stream::Log, &line);
            }
            return;
        };
        if !running.has_bytes {
            running.has_bytes = true;
            let form = match total {
                Some(_) => download(style, label),
                None => style_of("  {prefix}  {spinner} {msg}  {speed}"),
            };
            let prefix = format!("{}  {:8}", padded(&running.label, label), running.verb);
            shown_bar.finish_and_clear();
            self.bars.remove(shown_bar);
            *shown_bar = bar(&self.bars, form, prefix, shown.clone());
        }
        if let Some(total) = total {
            shown_bar.set_length(total);
        }
        shown_bar.set_position(have);
        shown_bar.set_message(shown);
    }

    fn over(&mut self, subject: &Subject, address: &str, word: &str, summary: &str) {
        self.clear(subject);
        let (label, width) = (self.label(subject, address), self.label);
        let line = format!("  {}  {word:8}  {summary}", padded(&label, width));
        self.write_line(Stream::Results, line.trim_end());
    }
}

#[derive(Clone, Copy)]
enum Stream {
    Results,
    Log,
}

impl Sink for Progress {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Waiting { subject, holder } => {
                if self.holders.get(subject).is_none_or(|one| one != holder) {
                    self.holders.insert(subject.clone(), holder.to_owned());
                    let text = format!("waiting on {} for an apply by {holder}", subject.name());
                    self.write_line(Stream::Log, &text);
                }
            }
            Event::Started {
                subject,
                addresses,
                verb,
            } => self.begin(subject, &words::addresses(addresses), verb),
            Event::Bytes {
                subject,
                have,
                total,
                ..
            } => self.bytes(subject, have, total),
            Event::Line { subject, line, .. } => {
                if let Some(running) = self.running.get(subject)
                    && let Some(bar) = &running.bar
                {
                    bar.set_message(format!("{}  {}", running.verb, escape_control(line)));
                }
            }
            Event::Done {
                subject,
                address,
                summary,
            } => self.over(subject, address, "done", summary),
            Event::Failed { subject, address } => self.over(subject, address, "failed", ""),
            Event::Interrupted { what, .. } => {
                let text = format!("interrupted: {what}");
                self.write_line(Stream::Log, &text);
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for subject in self.running.keys().cloned().collect::<Vec<_>>() {
            self.clear(&subject);
        }
    }
}

/// An address, with its host's name where that is shown. Topics belong to no host.
fn label(host: Option<&str>, address: &str) -> String {
    escape_control(&match host {
        Some(host) => format!("{host}:{address}"),
        None => address.to_owned(),
    })
}

/// A bar that shows nothing before all of it is known.
fn bar(bars: &MultiProgress, form: ProgressStyle, prefix: String, message: String) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        .with_style(form)
        .with_prefix(prefix)
        .with_message(message);
    let bar = bars.add(bar);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// The package manager's last line is cut where the terminal ends.
fn spinner() -> ProgressStyle {
    style_of("  {prefix}  {spinner} {wide_msg}")
}

/// The bar takes what the words leave of the width, and goes where they leave nothing; so does, before it, how
/// long it will take.
fn download(style: Style, label: usize) -> ProgressStyle {
    // Two blanks between columns; `1023.9/1023.9 MiB` and `1023.9 MiB/s` at most, and `, 59 min left`.
    let words = 2 + label + 2 + 8 + 2 + 1 + 17 + 2 + 12;
    let room = style.width.saturating_sub(words);
    let (left, room) = match room.checked_sub(13) {
        Some(rest @ 5..) => ("{left}", rest),
        _ => ("", room),
    };
    match room.min(21) {
        0..5 => style_of("  {prefix}  {msg}  {speed}"),
        bar => style_of(&format!(
            "  {{prefix}}  {{bar:{bar}}} {{msg}}  {{speed}}{left}"
        ))
        .progress_chars("━╸─"),
    }
}

/// Before that a rate is a guess.
const WORTH_A_RATE: Duration = Duration::from_secs(1);

fn style_of(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|error| unreachable!("`{template}` is a constant: {error}"))
        .with_key(
            "speed",
            |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a speed is a number of bytes"
                )]
                let speed = state.per_sec() as u64;
                if state.elapsed() >= WORTH_A_RATE {
                    let _ = write!(text, "{}/s", words::bytes(speed));
                }
            },
        )
        .with_key(
            "left",
            |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                let left = left(state.eta()).filter(|_| state.elapsed() >= WORTH_A_RATE);
                let _ = text.write_str(&left.map(|left| format!(", {left}")).unwrap_or_default());
            },
        )
}

/// `12 s left`; nothing of what is not known, or over.
fn left(eta: Duration) -> Option<String> {
    match eta.as_secs() {
        0 | 3600.. => None,
        seconds @ 1..60 => Some(format!("{seconds} s left")),
        seconds => Some(format!("{} min left", seconds.div_ceil(60))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_where_it_is_known() {
        let of = |seconds| left(Duration::from_secs(seconds));
        assert_eq!(of(0), None);
        assert_eq!(of(12).as_deref(), Some("12 s left"));
        assert_eq!(of(61).as_deref(), Some("2 min left"));
        assert_eq!(of(u64::MAX), None);
    }
}
