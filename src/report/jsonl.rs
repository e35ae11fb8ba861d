//! A value a line. Of a plan: a line an address, and last the summary. Of an apply: what happens, as
//! it happens, and last what became of it. `schemas/events.schema.json` is made from the types here.

use std::{borrow::Cow, collections::BTreeMap, io::Write};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Report, ReportKind, json, words};
use crate::{
    apply::event::{Event, Sink},
    apply::outcome::Outcome,
    history::Since,
    kinds::{Address, Change},
    plan::{
        FORMAT_VERSION, FileChange, LookedUp, Part, Plan, Selection, SpecFile, Step, StepAction,
        Subject, Summary,
    },
    proof::Proof,
    utc::Utc,
};

/// A download without a known length has an event each time so many bytes have come.
const STEP_OF_BYTES: u64 = 1 << 20;
/// One with a known length in so many parts.
const PARTS_OF_BYTES: u64 = 20;

/// One line of `--format jsonl`. Readers ignore events and fields that they do not know, and refuse
/// an unknown major of `format_version`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    /// The first line.
    Start {
        /// Version of this form, MAJOR.MINOR.
        format_version: &'a str,
        /// The program's version.
        tool_version: &'a str,
        /// `plan`, `drift` or `apply`.
        command: &'a str,
        /// The specs.
        specs: &'a [SpecFile],
        /// When it began.
        at: Utc,
    },
    /// What was found at an address, and what would be done.
    Step {
        /// The host's name; absent for topics.
        host: Option<&'a str>,
        /// The cluster, as the spec names it; absent for what is on a host.
        cluster: Option<&'a str>,
        /// The address.
        address: &'a str,
        /// What happens to it.
        action: StepAction,
        /// Why, in one sentence; empty when nothing happens.
        reason: &'a str,
        /// The way out, where it is blocked.
        help: Option<&'a str>,
        /// Since when it differs; of `drift`, where it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<Since>,
        /// When the file that it is about was last changed, where it differs and the machine tells.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<&'a FileChange>,
        /// What differs, field by field.
        changes: &'a [Change],
        /// The addresses without which it cannot be.
        requires: &'a [Address],
        /// Salted sha256 of the compared fields.
        observed_digest: &'a str,
        /// Salted sha256 of the actions.
        actions_digest: &'a str,
    },
    /// A host or a cluster that could not be read, or whose lock somebody holds.
    Unread {
        /// The host's name; absent for a cluster.
        host: Option<&'a str>,
        /// The cluster, as the spec names it; absent for a host.
        cluster: Option<&'a str>,
        /// Why it could not be read, if so.
        error: Option<&'a str>,
        /// Who holds the lock of an apply, if anybody does.
        lock_holder: Option<&'a str>,
        /// Since when it could not be checked; of `drift`, where it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<Since>,
    },
    /// What a reference of the spec became.
    LookedUp {
        /// The host's name; absent for a cluster.
        host: Option<&'a str>,
        /// The cluster, as the spec names it; absent for a host.
        cluster: Option<&'a str>,
        /// The reference, what it became and who said so.
        #[serde(flatten)]
        what: &'a LookedUp,
    },
    /// What people should know of a host or a cluster.
    Warning {
        /// The host's name; absent for a cluster.
        host: Option<&'a str>,
        /// The cluster, as the spec names it; absent for a host.
        cluster: Option<&'a str>,
        /// A sentence; further lines are the way out.
        warning: &'a str,
    },
    /// Another apply holds the lock; we wait.
    Waiting {
        /// The host's name.
        host: Option<&'a str>,
        /// Who holds it.
        holder: &'a str,
    },
    /// An action of a step has begun.
    Started {
        /// The host's name; absent for topics.
        host: Option<&'a str>,
        /// The step's address.
        address: Cow<'a, str>,
        /// What is done, one or two words.
        verb: &'a str,
    },
    /// A download goes on; told now and then.
    Bytes {
        /// The host's name.
        host: Option<&'a str>,
        /// The step's address.
        address: &'a str,
        /// How many bytes are there.
        have: u64,
        /// How many there will be, when the server said so.
        total: Option<u64>,
    },
    /// A step is done.
    Done {
        /// The host's name; absent for topics.
        host: Option<&'a str>,
        /// The step's address.
        address: &'a str,
        /// What was done, in a few words.
        summary: &'a str,
    },
    /// A step failed; the last line has the reasons.
    Failed {
        /// The host's name; absent for topics.
        host: Option<&'a str>,
        /// The step's address.
        address: &'a str,
    },
    /// Ctrl-C came, and this is what is done about it.
    Interrupted {
        /// A sentence.
        what: &'a str,
    },
    /// What the installed client of a host says, when it is asked for its topics.
    Proof {
        /// What it came to.
        #[serde(flatten)]
        proof: &'a Proof,
    },
    /// The last line.
    End {
        /// How the program ends.
        exit_code: u8,
        /// Everything could be seen, and nobody was changing it meanwhile.
        complete: bool,
        /// What `--target` and `--exclude` left; absent: everything was looked at.
        selection: Option<&'a Selection>,
        /// How many addresses have which action.
        summary: Summary,
        /// What became of each host; absent unless it was an apply.
        hosts: Option<Vec<&'a Outcome>>,
        /// What became of each cluster; absent unless it was an apply.
        topics: Option<Vec<&'a Outcome>>,
    },
}

impl Line<'_> {
    fn text(&self) -> String {
        let value = serde_json::to_value(self)
            .unwrap_or_else(|error| unreachable!("a line is plain data: {error}"));
        json::line(&value)
    }
}

/// The JSON Schema of a line.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Line).to_value();
    json::one_line_descriptions(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        let title = "trueup: a line of `--format jsonl`, version 1";
        root.insert("title".into(), title.into());
    }
    schema
}

/// All lines of a report in which nothing happened meanwhile, or nobody listened.
pub fn whole(report: &Report<'_>) -> String {
    let mut text = start(report.kind, &report.plan.specs, report.at);
    text.push_str(&steps(report.plan));
    text.push_str(&end(report));
    text
}

/// The first line.
pub fn start(kind: ReportKind, specs: &[SpecFile], at: Utc) -> String {
    let line = Line::Start {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        command: kind.command(),
        specs,
        at,
    };
    line.text()
}

/// A line for each address and each reference that was looked up, for each warning, and for each
/// host and cluster that could not be read.
pub fn steps(plan: &Plan) -> String {
    let plan = plan.clone().masked();
    let mut text = String::new();
    for part in plan.parts() {
        let (host, cluster) = place(part);
        if part.error.is_some() || part.lock_holder.is_some() {
            let line = Line::Unread {
                host,
                cluster,
                error: part.error,
                lock_holder: part.lock_holder,
                since: part.since,
            };
            text.push_str(&line.text());
        }
        for what in part.looked_up {
            let line = Line::LookedUp {
                host,
                cluster,
                what,
            };
            text.push_str(&line.text());
        }
        for warning in part.warnings {
            let line = Line::Warning {
                host,
                cluster,
                warning,
            };
            text.push_str(&line.text());
        }
        for step in part.steps {
            text.push_str(&of_step(host, cluster, step).text());
        }
    }
    text
}

fn of_step<'a>(host: Option<&'a str>, cluster: Option<&'a str>, step: &'a Step) -> Line<'a> {
    Line::Step {
        host,
        cluster,
        address: &step.address,
        action: step.action,
        reason: &step.reason,
        help: step.help.as_deref(),
        since: step.since,
        file: step.file.as_ref(),
        changes: &step.changes,
        requires: &step.requires,
        observed_digest: &step.observed_digest,
        actions_digest: &step.actions_digest,
    }
}

fn place(part: Part<'_>) -> (Option<&str>, Option<&str>) {
    match part.subject {
        Subject::Host(name) => (Some(name), None),
        Subject::Cluster(name) => (None, Some(name)),
    }
}

/// What the installed clients say, and the last line.
pub fn end(report: &Report<'_>) -> String {
    let of = |clusters: bool| -> Option<Vec<&Outcome>> {
        let all = report.outcomes.iter();
        let own = all.filter(|one| one.subject.is_host() != clusters);
        (report.kind == ReportKind::Apply).then(|| own.collect())
    };
    let line = Line::End {
        exit_code: report.code as u8,
        complete: report.plan.complete,
        selection: report.plan.selection.as_ref(),
        summary: report.plan.summary,
        hosts: of(false),
        topics: of(true),
    };
    let proofs = report.proofs.iter();
    let mut text: String = proofs.map(|proof| Line::Proof { proof }.text()).collect();
    text.push_str(&line.text());
    text
}

/// Writes events as they happen, a line each.
pub struct Lines {
    writer: Box<dyn Write + Send>,
    /// The bytes last reported of each running download.
    reported: BTreeMap<Subject, u64>,
    /// Who is waited for.
    holders: BTreeMap<Subject, String>,
    error: Option<std::io::Error>,
}

impl Lines {
    /// Onto a writer.
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            writer,
            reported: BTreeMap::new(),
            holders: BTreeMap::new(),
            error: None,
        }
    }

    /// Writes lines that are made elsewhere: those of [`start`], [`steps`] and [`end`].
    pub fn put(&mut self, text: &str) {
        let written = self.writer.write_all(text.as_bytes());
        let written = written.and_then(|()| self.writer.flush());
        // No reason to stop an apply; the first error is reported at its end.
        if let (Err(error), None) = (written, &self.error) {
            self.error = Some(error);
        }
    }

    /// What went wrong in writing, if anything did.
    pub fn error(&self) -> Option<&std::io::Error> {
        self.error.as_ref()
    }

    /// Whether a download's progress is due for an event.
    fn is_worth_a_line(&mut self, subject: &Subject, have: u64, total: Option<u64>) -> bool {
        let Some(reported) = self.reported.get_mut(subject) else {
            return false;
        };
        let each = total.map_or(STEP_OF_BYTES, |total| (total / PARTS_OF_BYTES).max(1));
        let is_whole = total == Some(have) && *reported < have;
        let is_worth_it = have >= reported.saturating_add(each) || is_whole;
        if is_worth_it {
            *reported = have;
        }
        is_worth_it
    }
}

impl Sink for Lines {
    fn event(&mut self, event: Event<'_>) {
        let line = match event {
            Event::Waiting { subject, holder } => {
                if self.holders.get(subject).is_some_and(|one| one == holder) {
                    return;
                }
                self.holders.insert(subject.clone(), holder.to_owned());
                let host = subject.host();
                Line::Waiting { host, holder }
            }
            Event::Started {
                subject,
                addresses,
                verb,
            } => {
                self.reported.insert(subject.clone(), 0);
                Line::Started {
                    host: subject.host(),
                    address: words::addresses(addresses),
                    verb,
                }
            }
            Event::Bytes {
                subject,
                address,
                have,
                total,
            } => {
                if !self.is_worth_a_line(subject, have, total) {
                    return;
                }
                Line::Bytes {
                    host: subject.host(),
                    address,
                    have,
                    total,
                }
            }
            // What a package manager prints is for people.
            Event::Line { .. } => return,
            Event::Done {
                subject,
                address,
                summary,
            } => Line::Done {
                host: subject.host(),
                address,
                summary,
            },
            Event::Failed { subject, address } => Line::Failed {
                host: subject.host(),
                address,
            },
            Event::Interrupted { what, .. } => Line::Interrupted { what },
        };
        let text = line.text();
        self.put(&text);
    }
}
