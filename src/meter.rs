//! `-v`: each remote call with its name, time, round trips and bytes, and at the end the time by phase.
//! Calls are `tracing` events.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::text::escape_control;

/// The target of the events of calls.
pub const TARGET: &str = "trueup::call";

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Look-ups in AWS.
    LookUp,
    /// Connecting to a host: name, TCP, host key, login.
    Connect,
    /// Reading a host.
    Probe,
    /// The lock of a host.
    Lock,
    /// A step of an apply.
    Step,
    /// Reading or changing a cluster.
    Topics,
}

impl Phase {
    const ALL: [(Self, &'static str); 6] = [
        (Self::LookUp, "look-ups"),
        (Self::Connect, "connect"),
        (Self::Probe, "probe"),
        (Self::Lock, "lock"),
        (Self::Step, "steps"),
        (Self::Topics, "topics"),
    ];

    fn name(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(phase, name)| (phase == self).then_some(name))
            .unwrap_or_default()
    }
}

/// One finished remote call.
#[derive(Debug, Clone)]
pub struct Call<'c> {
    /// What it is for.
    pub phase: Phase,
    /// Its name.
    pub name: &'c str,
    /// The host or the cluster.
    pub place: &'c str,
    /// How long it took.
    pub took: Duration,
    /// Round trips; `None` if not known (ssh's handshake).
    pub round_trips: Option<u64>,
    /// Bytes sent, as far as known.
    pub sent: u64,
    /// Bytes received.
    pub got: u64,
    /// Details, in a few words.
    pub detail: &'c str,
}

impl Call<'_> {
    /// Emits the event.
    pub fn log(&self) {
        tracing::debug!(
            target: TARGET,
            phase = self.phase.name(),
            name = self.name,
            place = self.place,
            microseconds = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            // 0 stands for `None`.
            round_trips = self.round_trips.unwrap_or(0),
            sent = self.sent,
            got = self.got,
            detail = self.detail,
        );
    }
}

/// Prints calls, a line each.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    started: Instant,
    state: Mutex<State>,
}

struct State {
    writer: Box<dyn Write + Send>,
    phases: [Vec<Span>; Phase::ALL.len()],
}

/// Start and end of a call, in microseconds since the meter's start.
type Span = (i64, i64);

/// How long at least one of the calls was in progress: look-ups are concurrent.
fn busy<'s>(spans: impl IntoIterator<Item = &'s Span>) -> Duration {
    let mut spans: Vec<&Span> = spans.into_iter().collect();
    spans.sort_unstable();
    let (mut sum, mut until) = (0, i64::MIN);
    for (start, end) in spans {
        sum += (end - until.max(*start)).max(0);
        until = until.max(*end);
    }
    Duration::from_micros(sum.unsigned_abs())
}

impl Meter {
    /// Prints to a writer; the time starts now.
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            state: Mutex::new(State {
                writer,
                phases: Default::default(),
            }),
        }))
    }

    /// Prints the time by phase.
    pub fn end(&self) {
        let whole = self.0.started.elapsed();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = summary(&state.phases, whole);
        // A closed stderr is no reason to stop.
        let _ = writeln!(state.writer, "{line}");
    }
}

/// `time: connect 0.213 s (1 call), …; 0.004 s elsewhere, 0.520 s in all`.
fn summary(phases: &[Vec<Span>], whole: Duration) -> String {
    let mut parts = Vec::new();
    for ((_, name), spans) in Phase::ALL.iter().zip(phases) {
        if !spans.is_empty() {
            let (number, took) = (spans.len(), seconds(busy(spans)));
            let calls = if number == 1 { "call" } else { "calls" };
            parts.push(format!("{name} {took} ({number} {calls})"));
        }
    }
    let known = busy(phases.iter().flatten());
    parts.push(format!(
        "elsewhere {}",
        seconds(whole.saturating_sub(known))
    ));
    format!("time: {}; {} in all", parts.join(", "), seconds(whole))
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn bytes(number: u64) -> String {
    match number {
        0..10_000 => format!("{number} B"),
        _ => format!("{:.1} KiB", number as f64 / 1024.0),
    }
}

#[derive(Default)]
struct Fields {
    phase: String,
    name: String,
    place: String,
    microseconds: u64,
    round_trips: u64,
    sent: u64,
    got: u64,
    detail: String,
}

impl Fields {
    fn line(&self) -> String {
        let took = seconds(Duration::from_micros(self.microseconds));
        let mut line = format!("call: {}  {}  {took}", self.place, self.name);
        match self.round_trips {
            0 => {}
            1 => line.push_str(", 1 round trip"),
            more => line.push_str(&format!(", {more} round trips")),
        }
        if self.sent + self.got > 0 {
            let (sent, got) = (bytes(self.sent), bytes(self.got));
            line.push_str(&format!(", {sent} sent, {got} got"));
        }
        if !self.detail.is_empty() {
            line.push_str(&format!(": {}", self.detail));
        }
        escape_control(&line)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "phase" => &mut self.phase,
            "name" => &mut self.name,
            "place" => &mut self.place,
            "detail" => &mut self.detail,
            _ => return,
        };
        value.clone_into(place);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "microseconds" => self.microseconds = value,
            "round_trips" => self.round_trips = value,
            "sent" => self.sent = value,
            "got" => self.got = value,
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber> Layer<S> for Meter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let phases = Phase::ALL
            .iter()
            .position(|(_, name)| *name == fields.phase);
        if let Some(at) = phases {
            let signed = |number: u128| i64::try_from(number).unwrap_or(i64::MAX);
            let now = signed(self.0.started.elapsed().as_micros());
            let took = signed(fields.microseconds.into());
            state.phases[at].push((now - took, now));
        }
        let line = fields.line();
        let _ = writeln!(state.writer, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn time_with_several_calls_under_way_counts_once() {
        let micros = Duration::from_micros;
        assert_eq!(busy(&[]), micros(0));
        assert_eq!(busy(&[(0, 10), (10, 15), (20, 30)]), micros(25));
        // The one that ends last may begin first, and lie around another.
        assert_eq!(busy(&[(5, 6), (0, 7), (3, 9)]), micros(9));
    }

    #[test]
    fn each_call_is_a_line_and_the_sum_is_by_phase() {
        let out = Shared::default();
        let meter = Meter::new(Box::new(out.clone()));
        let subscriber = tracing_subscriber::registry().with(meter.clone());
        tracing::subscriber::with_default(subscriber, || {
            let call = |phase, name, round_trips| Call {
                phase,
                name,
                place: "client\u{1b}[2J",
                took: Duration::from_millis(250),
                round_trips,
                sent: 100,
                got: 20_480,
                detail: "Metadata 2",
            };
            call(Phase::Probe, "probe", Some(1)).log();
            call(Phase::Step, "fetch", Some(3)).log();
            call(Phase::Step, "edit", None).log();
            tracing::debug!("of somebody else");
        });
        meter.end();
        let text = String::from_utf8(out.0.lock().expect("one thread").clone()).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        let place = "client\\u{1b}[2J";
        let moved = "100 B sent, 20.0 KiB got: Metadata 2";
        assert_eq!(
            lines[..3],
            [
                format!("call: {place}  probe  0.250 s, 1 round trip, {moved}"),
                format!("call: {place}  fetch  0.250 s, 3 round trips, {moved}"),
                format!("call: {place}  edit  0.250 s, {moved}"),
            ]
        );
        assert!(
            lines[3].starts_with("time: probe 0.250 s (1 call), steps 0.")
                && lines[3].contains(" s (2 calls), elsewhere"),
            "{text}"
        );
        assert_eq!(lines.len(), 4);
    }
}
