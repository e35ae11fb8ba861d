//! What an apply shows and asks, and the lines of `--format jsonl`.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{
    complain,
    consent::{Consent, Shown},
    put,
    stdio::ask,
    visit::Visit,
};
use crate::{
    apply::{
        Stop,
        event::{Event, Sink},
    },
    exit::Code,
    plan::{HostPlan, Plan, Selection, SpecFile, TopicsPlan},
    report::{
        Report, ReportKind,
        human::{self, Style},
        jsonl::{self, Lines},
        progress::Progress,
    },
    utc::Utc,
};

/// Where people see the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Stdout,
    Stderr,
    Nowhere,
}

/// Shows and asks; shared by all visits of an apply, which run at once.
pub(super) struct Console {
    pub progress: RefCell<Progress>,
    /// By the name of the file that they go to, or `stdout`.
    pub lines: RefCell<Vec<(String, Lines)>>,
    /// One prompt at a time; how long it has waited for answers so far.
    pub asking: Mutex<Duration>,
    pub show: Show,
    pub style: Style,
    pub started: Instant,
    /// The time of that.
    pub at: Utc,
    pub stop: Stop,
    /// The run has several hosts.
    pub many: bool,
    /// What every plan has.
    pub specs: Vec<SpecFile>,
    pub selection: Option<Selection>,
    pub salt: String,
}

impl Console {
    /// The first line of events.
    pub(super) fn begin(&self) {
        let text = jsonl::start(ReportKind::Apply, &self.specs, self.at);
        self.put_lines(&text);
    }

    /// The last line; whether all were written.
    pub(super) fn end(&self, report: &Report<'_>) -> Code {
        let text = jsonl::end(report);
        self.put_lines(&text);
        let mut code = Code::Done;
        for (target, lines) in self.lines.borrow().iter() {
            // `stdio::end` reports what stdout did not take.
            if let (Some(error), false) = (lines.error(), target == "stdout") {
                complain(&format!("error: `{target}` was not written: {error}"));
                code = Code::Failed;
            }
        }
        code
    }

    /// A plan of these.
    pub(super) fn plan(&self, hosts: Vec<HostPlan>, topics: Vec<TopicsPlan>) -> Plan {
        let (salt, specs) = (self.salt.clone(), self.specs.clone());
        Plan::new(salt, specs, hosts, topics).of(self.selection.clone())
    }

    /// How long the run has taken, without the time at prompts.
    pub(super) async fn took(&self) -> Duration {
        let elapsed = self.started.elapsed();
        elapsed.saturating_sub(*self.asking.lock().await)
    }

    /// Shows a plan before it is carried out, and how long reading took.
    pub(super) fn show(&self, plan: &Plan, took: Duration) {
        if !self.lines.borrow().is_empty() {
            self.put_lines(&jsonl::steps(plan));
        }
        let text = || human::plan(plan, &self.style, took);
        match self.show {
            Show::Stdout => put(&text()),
            Show::Stderr => complain(text().trim_end()),
            Show::Nowhere => {}
        }
    }

    /// Shows what is about to be done, and asks where it is not what was shown; reading took `took`.
    ///
    /// # Errors
    /// The visit, where it ends here: nothing is to be done, or may be.
    pub(super) async fn agree(
        &self,
        now: &Shown,
        consent: Consent<'_>,
        took: Duration,
    ) -> Result<(), Box<Visit>> {
        let mut plan = self.plan(now.host.clone().into_iter().collect(), now.topics.clone());
        match consent {
            Consent::Saved(planned) => {
                if let Some(visit) = planned.refusal(now) {
                    return Err(visit.into());
                }
                let fresh = planned.fresh(now);
                plan = self.plan(fresh.host.into_iter().collect(), fresh.topics);
                self.show(&plan, took);
            }
            Consent::Shown(shown) => {
                if let Some(changed) = shown.changed(now) {
                    complain(&format!(
                        "the {changed} has changed since the plan was shown:"
                    ));
                    self.show(&plan, took);
                    if plan.has_work() && !self.ask(&plan).await {
                        return Err(Visit::refuse(now.host.clone(), now.topics.clone()).into());
                    }
                }
            }
            Consent::Given => self.show(&plan, took),
        }
        if !plan.has_work() {
            return Err(Visit::nothing(now.host.clone(), now.topics.clone()).into());
        }
        self.progress.borrow_mut().expect(&plan, self.many);
        if self.show == Show::Stdout {
            put("\n");
        }
        Ok(())
    }

    /// Asks on the terminal; Ctrl-C, end of file and anything but yes mean no.
    pub(super) async fn ask(&self, plan: &Plan) -> bool {
        let summary = plan.summary;
        let prompt = human::prompt(summary.create + summary.update + summary.delete);
        let mut stop = self.stop.clone();
        let mut waited = self.asking.lock().await;
        let began = Instant::now();
        self.progress.borrow_mut().hold(true);
        let line = ask(&prompt, stop.wait_for(|&pressed| pressed > 0)).await;
        self.progress.borrow_mut().hold(false);
        *waited += began.elapsed();
        line.is_some_and(|line| matches!(line.trim(), "y" | "Y" | "yes"))
    }

    fn put_lines(&self, text: &str) {
        for (_, lines) in self.lines.borrow_mut().iter_mut() {
            lines.put(text);
        }
    }
}

impl Sink for &Console {
    fn event(&mut self, event: Event<'_>) {
        for (_, lines) in self.lines.borrow_mut().iter_mut() {
            lines.event(event);
        }
        self.progress.borrow_mut().event(event);
    }
}
