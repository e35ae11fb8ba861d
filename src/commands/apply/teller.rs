//! Who hears of an apply while it runs: people, and the readers of `--format jsonl`.

use crate::{
    commands::complain,
    exit::Code,
    plan::{Plan, SpecFile},
    report::{
        Report, Told,
        event::{Event, Sink},
        jsonl::{self, Lines},
        progress::Progress,
    },
};

/// Tells everybody.
pub struct Teller {
    progress: Progress,
    /// By the name of the place that they go to.
    lines: Vec<(String, Lines)>,
}

impl Teller {
    /// Writes the first line of events.
    pub fn new(progress: Progress, lines: Vec<(String, Lines)>, specs: &[SpecFile]) -> Self {
        let mut teller = Self { progress, lines };
        teller.put(|| jsonl::start(Told::Apply, specs));
        teller
    }

    /// A plan that is about to be carried out, or cannot be.
    pub fn plan(&mut self, plan: &Plan) {
        self.put(|| jsonl::steps(plan));
    }

    /// Aligns what people see of this plan. `many`: the run has several hosts.
    pub fn expect(&mut self, plan: &Plan, many: bool) {
        self.progress.expect(plan, many);
    }

    /// The last line; whether all were written.
    pub fn end(&mut self, report: &Report<'_>) -> Code {
        self.put(|| jsonl::end(report));
        let mut code = Code::Done;
        for (place, lines) in &self.lines {
            // Of stdout is told once, whoever writes there.
            if let (Some(error), false) = (lines.error(), place == "stdout") {
                complain(&format!("error: `{place}` was not written: {error}"));
                code = Code::Failed;
            }
        }
        code
    }

    fn put(&mut self, text: impl Fn() -> String) {
        if self.lines.is_empty() {
            return;
        }
        let text = text();
        for (_, lines) in &mut self.lines {
            lines.put(&text);
        }
    }
}

impl Sink for Teller {
    fn event(&mut self, event: Event<'_>) {
        for (_, lines) in &mut self.lines {
            lines.event(event.clone());
        }
        self.progress.event(event);
    }
}
