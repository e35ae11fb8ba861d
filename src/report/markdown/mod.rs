//! A comment for a pull request: a headline with counts, a table by address, the differences folded
//! per host and cluster. What deletes stands first and is marked. A forge takes no more than 65,536
//! characters; what does not fit is left out step by step, and counted.

mod escape;
mod folds;

use std::collections::{HashMap, HashSet};

use super::{
    Report, ReportKind,
    alike::{Errors, FEW},
    became::{Became, became},
    code_in_words, complete_in_words, selection_in_words,
    words::{self, shortened},
};
use crate::{
    plan::{Part, Plan, StepAction},
    proof::{Proof, ProofResult},
};
use escape::{code, fenced, prose};
use folds::folds;

/// So many characters a comment may have.
const MOST: usize = 65_000;
/// Of them the table may take this many; the differences are worth more.
const MOST_OF_TABLE: usize = 20_000;
/// The names of specs, and what was selected, each: what cannot be shown grows when it is escaped.
const MOST_OF_HEAD: usize = 10_000;
/// A sentence in the table, and a value or a line in a difference.
const MOST_OF_CELL: usize = 300;
const MOST_OF_VALUE: usize = 1_000;
/// Lines of one file, of an error or of a warning.
const MOST_LINES: usize = 100;

/// A report as Markdown.
pub fn markdown(report: &Report<'_>) -> String {
    let plan = report.plan.clone().masked();
    let mut page = Page {
        text: head(report, &plan),
        room: MOST,
    };
    let tail = tail(report, &plan);
    // The sentence on what was left out has to fit as well.
    let taken = page.text.chars().count() + tail.chars().count() + 300;
    page.room = page.room.saturating_sub(taken);
    let many = plan.hosts.len() > 1;
    let mut rows = proofs(&mut page, report.proofs);
    let mut left_out = 0;
    // What differs is shown beside the client's output.
    if report.kind != ReportKind::Prove {
        let errors = Errors::of(&plan);
        rows += table(&mut page, report, (&plan, &errors), many);
        left_out = folds(&mut page, report, (&plan, &errors));
    }
    remarks(&mut page, &plan);
    if left_out + rows > 0 {
        let mut parts = Vec::new();
        if rows > 0 {
            parts.push(format!("{} of the table", words::count(rows, "row")));
        }
        if left_out > 0 {
            parts.push(format!("the differences of {}", addresses(left_out)));
        }
        let text = format!(
            "\n**Left out here: {}.** A comment may have {MOST} characters; `trueup {}` shows all.\n",
            parts.join(" and "),
            report.kind.command()
        );
        page.text.push_str(&text);
    }
    page.text + &tail
}

/// A text with room for more.
struct Page {
    text: String,
    room: usize,
}

impl Page {
    /// Appends a text if there is room for it.
    fn fits(&mut self, text: &str) -> bool {
        let size = text.chars().count();
        if size > self.room {
            return false;
        }
        self.room -= size;
        self.text.push_str(text);
        true
    }
}

fn head(report: &Report<'_>, plan: &Plan) -> String {
    let counts = plan.summary;
    let mut parts = vec![
        format!("{} to add", counts.create),
        format!("{} to change", counts.update),
        format!("{} to delete", counts.delete),
    ];
    for (number, what) in [(counts.blocked, "blocked"), (counts.unknown, "not seen")] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    let what = match report.kind {
        ReportKind::Plan if !plan.has_work() && counts.blocked == 0 && plan.complete => {
            "nothing to change".to_owned()
        }
        ReportKind::Drift if plan.complete && !plan.has_work() && counts.blocked == 0 => {
            "in sync".to_owned()
        }
        ReportKind::Apply if !report.outcomes.is_empty() => {
            let applied: usize = report.outcomes.iter().map(|one| one.applied.len()).sum();
            let all = plan.steps().filter(|step| step.action.changes()).count();
            format!("{applied} of {} applied", words::count(all, "change"))
        }
        ReportKind::Prove => {
            let proven = report
                .proofs
                .iter()
                .filter(|one| one.result == ProofResult::Proven);
            format!("{} of {} proven", proven.count(), report.proofs.len())
        }
        _ => parts.join(", "),
    };
    let specs = plan.specs.iter();
    let specs: Vec<String> = specs
        .map(|spec| code(&shortened(&spec.path, MOST_OF_CELL)))
        .collect();
    let mut specs_in_words = words::some(&specs);
    if specs_in_words.chars().count() > MOST_OF_HEAD {
        specs_in_words = words::count(specs.len(), "spec");
    }
    let at = match report.kind {
        ReportKind::Drift => format!("; {} UTC", report.at.minute()),
        _ => String::new(),
    };
    let mut text = format!(
        "### trueup {}: {what}\n\n{}{at}; {} up to date\n",
        report.kind.command(),
        specs_in_words,
        addresses(counts.none)
    );
    if let Some(selection) = selection_in_words(plan) {
        let all = prose(&shortened(&selection, 4 * MOST_OF_VALUE));
        let selection = match all.chars().count() <= MOST_OF_HEAD {
            true => all,
            false => prose(&shortened(&selection, MOST_OF_CELL)),
        };
        text.push_str(&format!("\n{selection}\n"));
    }
    text
}

/// `1 address`, `2 addresses`.
fn addresses(number: usize) -> String {
    match number {
        1 => "1 address".into(),
        number => format!("{number} addresses"),
    }
}

fn tail(report: &Report<'_>, plan: &Plan) -> String {
    format!(
        "\n{}; {}\n",
        prose(complete_in_words(plan)),
        prose(&shortened(&code_in_words(report), MOST_OF_CELL))
    )
}

/// What is done with an address, as its row begins.
fn mark(action: StepAction) -> &'static str {
    match action {
        StepAction::None => "unchanged",
        StepAction::Create => "create",
        StepAction::Update => "change",
        StepAction::Delete => "**delete**",
        StepAction::Blocked => "**blocked**",
        StepAction::Unknown => "**not seen**",
    }
}

/// A row of the table.
struct Row<'r> {
    rank: usize,
    mark: &'static str,
    /// Of several hosts: whose address it is, which is not yet in words then.
    host: Option<&'r str>,
    /// Empty: the host itself.
    address: String,
    rest: String,
}

/// The rows, each with its rank. What more than a few hosts have in common is one, at the place of the first;
/// what is deleted is named one by one.
fn in_words(rows: Vec<Row<'_>>) -> Vec<(usize, String)> {
    let key = |row: &Row<'_>| {
        let is_common = row.host.is_some() && row.rank > 0;
        is_common.then(|| (row.mark, row.address.clone(), row.rest.clone()))
    };
    let mut common: HashMap<_, usize> = HashMap::new();
    for key in rows.iter().filter_map(key) {
        *common.entry(key).or_default() += 1;
    }
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for row in rows {
        let key = key(&row);
        let hosts = key.as_ref().map_or(1, |key| common[key]);
        let what = match row.host {
            Some(_) if hosts > FEW => {
                if !seen.insert(key) {
                    continue;
                }
                let all = words::count(hosts, "host");
                match row.address.as_str() {
                    "" => all,
                    address => format!("{} on {all}", code(&shortened(address, MOST_OF_CELL))),
                }
            }
            Some(host) => code(&shortened(&format!("{host}:{}", row.address), MOST_OF_CELL)),
            None => row.address,
        };
        all.push((row.rank, format!("| {} | {what} | {}", row.mark, row.rest)));
    }
    all
}

/// A row for each address that differs and for each host and cluster that is locked or unread, what
/// deletes first. Returns how many rows were left out.
fn table(
    page: &mut Page,
    report: &Report<'_>,
    (plan, errors): (&Plan, &Errors<'_>),
    many: bool,
) -> usize {
    let cell = |text: &str| {
        prose(&shortened(
            text.lines().next().unwrap_or_default(),
            MOST_OF_CELL,
        ))
    };
    let mut rows: Vec<Row<'_>> = Vec::new();
    for part in plan.parts() {
        let common = errors.common(part.name()).filter(|_| part.is_host());
        let since = |since| words::since(&[since], report.at);
        let since = |of| since(of).map_or(String::new(), |text| format!("; {text}"));
        let mut problem = |mark, text: &str, common: Option<&str>| {
            rows.push(Row {
                rank: 1,
                mark,
                host: common.is_some().then_some(part.name()),
                address: match common {
                    Some(_) => String::new(),
                    None => name(part),
                },
                rest: format!("{}{} |", cell(common.unwrap_or(text)), since(part.since)),
            });
        };
        if let Some(holder) = part.lock_holder {
            let text = format!("an apply is running, by {holder}; what is shown may change");
            problem("**locked**", &text, None);
        }
        if let Some(error) = part.error {
            problem("**unread**", error, common);
        }
        for step in part.steps {
            let rank = match step.action {
                StepAction::None => continue,
                StepAction::Delete => 0,
                StepAction::Blocked | StepAction::Unknown => 1,
                StepAction::Create | StepAction::Update => 2,
            };
            let became = match report.kind {
                ReportKind::Apply => {
                    let became = became(report.outcomes, part, &step.address);
                    format!(" {} |", outcome(became))
                }
                _ => String::new(),
            };
            let host = (many && part.is_host()).then_some(part.name());
            let address = match host {
                Some(_) => step.address.to_string(),
                None => code(&shortened(&step.address, MOST_OF_CELL)),
            };
            rows.push(Row {
                rank,
                mark: mark(step.action),
                host,
                address,
                rest: format!("{}{} |{became}", cell(&step.reason), since(step.since)),
            });
        }
    }
    let mut rows = in_words(rows);
    if rows.is_empty() {
        return 0;
    }
    rows.sort_by_key(|(rank, _)| *rank);
    let head = match report.kind {
        ReportKind::Apply => "\n| | address | why | outcome |\n|---|---|---|---|\n",
        _ => "\n| | address | why |\n|---|---|---|\n",
    };
    page.fits(head);
    let end = page.room.saturating_sub(MOST_OF_TABLE);
    let mut left_out = 0;
    for (_, row) in rows {
        let size = row.chars().count() + 1;
        if left_out > 0 || page.room < end + size || !page.fits(&format!("{row}\n")) {
            left_out += 1;
        }
    }
    left_out
}

/// What became of an address; what went wrong stands out.
fn outcome(became: Became) -> String {
    let words = became.in_words();
    match became {
        Became::Unverified => "applied, **not verified**".to_owned(),
        Became::Nothing | Became::Applied | Became::Stale => words.to_owned(),
        _ => format!("**{words}**"),
    }
}

/// The host's name, or the cluster's.
fn name(part: Part<'_>) -> String {
    name_as(part, code)
}

fn name_as(part: Part<'_>, code: impl Fn(&str) -> String) -> String {
    match part.is_host() {
        true => code(&shortened(part.name(), MOST_OF_CELL)),
        false => {
            let cluster = words::cluster(part.name());
            format!("topics of {}", code(&shortened(&cluster, MOST_OF_CELL)))
        }
    }
}

/// What is no difference and yet worth knowing.
fn remarks(page: &mut Page, plan: &Plan) {
    for part in plan.parts() {
        for warning in part.warnings {
            let mut lines = warning.lines();
            let first = prose(&line(lines.next().unwrap_or_default()));
            let mut text = format!("\n**warning:** {}: {first}\n", name(part));
            // A help may be a statement to copy.
            let rest: Vec<String> = lines
                .take(MOST_LINES)
                .map(|l| line(l.trim_start()))
                .collect();
            if !rest.is_empty() {
                text.push_str(&format!("\n{}", fenced("text", &rest)));
            }
            page.fits(&text);
        }
    }
    for cluster in &plan.topics {
        let name = code(&shortened(&words::cluster(&cluster.cluster), MOST_OF_CELL));
        if !cluster.unmanaged.is_empty() {
            let names = cluster.unmanaged.iter();
            let names: Vec<String> = names.map(|name| code(name)).collect();
            let names = words::some(&names);
            page.fits(&format!(
                "\n{names}: on {name}, in no table of the spec: left alone\n"
            ));
        }
    }
}

/// What the installed clients say, a paragraph each. Returns how many did not fit.
fn proofs(page: &mut Page, all: &[Proof]) -> usize {
    let mut left_out = 0;
    for proof in all {
        let host = code(&shortened(&proof.host, MOST_OF_CELL));
        let brokers = code(&shortened(&proof.bootstrap, MOST_OF_CELL));
        let what = prose(&line(&proof.in_words().replace('\n', " ")));
        let mut text = format!("\n**{host}**, {brokers}: {what}\n");
        if !proof.output.is_empty() {
            let output: Vec<String> = proof.output.iter().map(|text| line(text)).collect();
            text.push_str(&format!("\n{}", fenced("text", &output)));
        }
        let help = proof.help.iter().map(|help| format!("help: {help}"));
        for more in proof.notes.iter().cloned().chain(help) {
            text.push_str(&format!("\n{}\n", prose(&line(&more))));
        }
        if left_out > 0 || !page.fits(&text) {
            left_out += 1;
        }
    }
    left_out
}

fn line(text: &str) -> String {
    shortened(text, MOST_OF_VALUE)
}
