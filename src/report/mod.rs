//! What people and machines see of a run: everything is made from one plan value and one stream of
//! events. [`render`] makes the text of a report in every format.

mod alike;
mod became;
mod diff;
pub mod fix;
mod html;
pub mod human;
pub mod joined;
pub mod json;
pub mod jsonl;
mod junit;
mod markdown;
pub mod progress;
mod prom;
mod words;

use std::time::Duration;

use crate::{
    apply::outcome::Outcome, exit::Code, history::History, plan::Plan, proof::Proof, utc::Utc,
};
use human::Style;

/// What a result is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people.
    Human,
    /// For programs: one value.
    Json,
    /// For programs: a value a line, as things happen.
    Jsonl,
    /// For a comment on a pull request.
    Markdown,
    /// For a CI system's list of tests.
    Junit,
    /// For a browser: one page that needs nothing else.
    Html,
    /// For Prometheus, through a file.
    Prom,
}

impl Format {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 7] = [
        ("human", Self::Human),
        ("json", Self::Json),
        ("jsonl", Self::Jsonl),
        ("markdown", Self::Markdown),
        ("junit", Self::Junit),
        ("html", Self::Html),
        ("prom", Self::Prom),
    ];

    /// The one with a name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(own, format)| (own == name).then_some(format))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(name, format)| (format == self).then_some(name))
            .unwrap_or_default()
    }
}

/// Which command a report is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// What would change.
    Plan,
    /// What has moved.
    Drift,
    /// What became of it.
    Apply,
    /// What a file keeps.
    Saved,
    /// What the installed clients say.
    Prove,
}

impl ReportKind {
    const ALL: [Self; 5] = [
        Self::Plan,
        Self::Drift,
        Self::Apply,
        Self::Saved,
        Self::Prove,
    ];

    /// The report of a command, by its name.
    pub fn by(command: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.command() == command)
    }

    /// The command that makes it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Drift => "drift",
            Self::Apply => "apply",
            Self::Saved => "show",
            Self::Prove => "prove",
        }
    }
}

/// How much detail the text of a drift has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Detail {
    /// Before and after, as a plan does.
    pub diff: bool,
    /// Only what is new or gone since the last run.
    pub only_news: bool,
}

/// Everything that is reported of a run.
#[derive(Debug, Clone, Copy)]
pub struct Report<'r> {
    /// The command it is of.
    pub kind: ReportKind,
    /// What was found.
    pub plan: &'r Plan,
    /// What became of it; empty unless it was applied.
    pub outcomes: &'r [Outcome],
    /// What the installed clients say; empty unless they were asked.
    pub proofs: &'r [Proof],
    /// How the command ends.
    pub code: Code,
    /// How people's text is laid out.
    pub style: Style,
    /// When it began.
    pub at: Utc,
    /// How long it took.
    pub took: Duration,
    /// The runs of `drift` and `apply` of the same specs, this one last; absent where none are kept.
    pub history: Option<&'r History>,
    /// How much detail the text has; of `drift` alone.
    pub detail: Detail,
    /// What people do next, line by line; of `drift` a command, word by word.
    pub next: &'r [String],
}

impl<'r> Report<'r> {
    /// Of a plan and how its command ended: the code, when it began and how long it took.
    pub fn new(
        kind: ReportKind,
        plan: &'r Plan,
        code: Code,
        (at, took): (Utc, Duration),
        style: Style,
    ) -> Self {
        Self {
            kind,
            plan,
            outcomes: &[],
            proofs: &[],
            code,
            style,
            at,
            took,
            history: None,
            detail: Detail::default(),
            next: &[],
        }
    }
}

/// A whole report in one format.
pub fn render(format: Format, report: &Report<'_>) -> String {
    match format {
        Format::Human => human::whole(report),
        Format::Json => json::whole(report),
        Format::Jsonl => jsonl::whole(report),
        Format::Markdown => markdown::markdown(report),
        Format::Junit => junit::junit(report),
        Format::Html => html::page(report),
        Format::Prom => prom::prom(report),
    }
}

/// Why a command ended as it did, in one sentence: of what the code alone would leave open, too.
fn code_in_words(report: &Report<'_>) -> String {
    if report.kind == ReportKind::Saved {
        return format!("a saved plan, made by trueup {}", report.plan.tool_version);
    }
    let code = report.code;
    let meaning = match code {
        Code::Done if report.kind == ReportKind::Prove => "proven",
        Code::Partial if report.kind == ReportKind::Prove => "not proven",
        Code::Done if report.kind == ReportKind::Apply && report.plan.has_work() => {
            "applied and verified"
        }
        Code::Done if report.plan.has_work() => {
            "there are changes (`--detailed-exitcode` makes this 2)"
        }
        Code::Partial if report.kind == ReportKind::Plan => {
            "there are blocked changes (`--detailed-exitcode` makes this 2)"
        }
        code => code.meaning(),
    };
    format!("exit code {}: {meaning}", code as u8)
}

/// Whether everything was seen, in one sentence.
fn complete_in_words(plan: &Plan) -> &'static str {
    match plan.complete {
        true => "complete: everything could be read",
        false => "not complete: not everything could be read, or an apply was running",
    }
}

/// What was selected, in one sentence.
fn selection_in_words(plan: &Plan) -> Option<String> {
    let selection = plan.selection.as_ref()?;
    let mut parts = Vec::new();
    if !selection.target.is_empty() {
        parts.push(format!("only {}", words::some(&selection.target)));
    }
    if !selection.required.is_empty() {
        let with = words::some(&selection.required);
        parts.push(format!("with what that requires: {with}"));
    }
    if !selection.exclude.is_empty() {
        parts.push(format!("without {}", words::some(&selection.exclude)));
    }
    Some(format!("selected: {}", parts.join(", ")))
}
