//! One page that needs nothing but itself: no request leaves it, and its own policy forbids any. Without
//! JavaScript it reads as well, only filter, search and copying are missing. What is from elsewhere is text by
//! construction: the macro escapes what it is handed, and [`text`] shows what would not be seen.

mod history;
mod parts;
mod state;
mod step;
mod text;

use base64::{Engine, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{
    Report, ReportKind, code_in_words, complete_in_words, fix, human, selection_in_words, words,
};
use crate::{
    plan::Plan,
    script::quote,
    text::{escape_control, escape_lines},
};
use parts::{Count, Parts};
use text::{Moment, prose, shown};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// So many specs are named.
const MOST_SPECS: usize = 5;

/// A report as a page.
pub fn page(report: &Report<'_>) -> String {
    let plan = report.plan.clone().masked();
    let parts = parts::parts(report, &plan);
    let specs = specs(&plan);
    let command = report.kind.command();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            "\n" head {
                "\n" meta charset="utf-8";
                "\n" meta http-equiv="Content-Security-Policy" content=(policy());
                "\n" meta name="viewport" content="width=device-width, initial-scale=1";
                "\n" meta name="color-scheme" content="light dark";
                "\n" meta name="referrer" content="no-referrer";
                "\n" link rel="icon" href="data:,";
                "\n" title { "trueup " (command) ": " (counted(&parts.counts)) " – " (specs) }
                "\n" style { (PreEscaped(STYLE)) }
                "\n"
            }
            "\n" body {
                a class="skip" href="#main" { "to the hosts" }
                (header(report, &plan, &parts, &specs))
                "\n"
                main id="main" tabindex="-1" {
                    section aria-labelledby="parts" {
                        h2 id="parts" { (places(&parts)) }
                        (filter(&parts))
                        (parts.markup)
                    }
                    @if let Some(all) = report.history { (history::history(all)) }
                }
                "\n"
                footer {
                    p { "trueup " (env!("CARGO_PKG_VERSION")) ", all times are UTC" }
                }
                "\n"
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    // Once more, whatever was forgotten above: nothing moves a cursor or is a command of a CI system.
    escape_lines(&page.into_string()) + "\n"
}

/// Nothing may be fetched, sent or run but what stands here.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// Its specs by name.
fn specs(plan: &Plan) -> String {
    let names: Vec<String> = plan.specs.iter().map(|spec| shown(&spec.path)).collect();
    match names.len().saturating_sub(MOST_SPECS) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..MOST_SPECS].join(", ")),
    }
}

/// `2 drifted, 38 in sync`.
fn counted(counts: &[Count]) -> String {
    let each = counts
        .iter()
        .map(|count| format!("{} {}", count.number, count.state.word));
    each.collect::<Vec<_>>().join(", ")
}

/// `40 hosts and 1 cluster`.
fn places(parts: &Parts) -> String {
    let each = [(parts.hosts, "host"), (parts.clusters, "cluster")];
    let each = each.iter().filter(|(number, _)| *number > 0);
    let each: Vec<String> = each
        .map(|(number, what)| words::count(*number, what))
        .collect();
    match each.is_empty() {
        true => "no hosts".into(),
        false => each.join(" and "),
    }
}

fn header(report: &Report<'_>, plan: &Plan, parts: &Parts, specs: &str) -> Markup {
    html! {
        "\n"
        header {
            h1 { "trueup " (report.kind.command()) " " span { (specs) } }
            @if report.kind != ReportKind::Saved {
                p class="dim" {
                    (Moment(report.at)) " UTC, " (places(parts)) " in " (words::duration(report.took))
                }
            }
            ul class="counts" aria-label="hosts and clusters by state" {
                @for count in &parts.counts {
                    li class=(count.state.tone.class()) { b { (count.number) } " " (count.state.word) }
                }
            }
            @if let Some(work) = work(report, plan) { p { (work) } }
            p { (prose(&code(report))) }
            @if !plan.complete { p { (complete_in_words(plan)) } }
            @if let Some(selection) = selection_in_words(plan) { p { (shown(&selection)) } }
            @if !report.next.is_empty() { (next(report)) }
        }
    }
}

/// How it ended.
fn code(report: &Report<'_>) -> String {
    match report.kind {
        ReportKind::Drift => format!(
            "exit code {}: {}",
            report.code as u8,
            human::code_in_words(report)
        ),
        _ => code_in_words(report),
    }
}

/// What would change, or what of it was done.
fn work(report: &Report<'_>, plan: &Plan) -> Option<String> {
    let counts = plan.summary;
    match report.kind {
        ReportKind::Drift | ReportKind::Prove => None,
        ReportKind::Apply if !report.outcomes.is_empty() => {
            let applied: usize = report.outcomes.iter().map(|one| one.applied.len()).sum();
            let all = plan.steps().filter(|step| step.action.changes()).count();
            Some(format!(
                "{applied} of {} applied",
                words::count(all, "change")
            ))
        }
        _ => {
            let mut text = format!(
                "{} to add, {} to change, {} to delete",
                counts.create, counts.update, counts.delete
            );
            for (number, what) in [
                (counts.blocked, "blocked"),
                (counts.unknown, "not seen"),
                (counts.none, "unchanged"),
            ] {
                if number > 0 {
                    text.push_str(&format!(", {number} {what}"));
                }
            }
            Some(text)
        }
    }
}

/// What people do next, to copy; of a drift the command that closes it.
fn next(report: &Report<'_>) -> Markup {
    match (report.kind, report.next) {
        (ReportKind::Drift, words) => {
            let words: Vec<String> = words.iter().filter_map(|word| quote(word).ok()).collect();
            html! {
                (copied("fix", "fix:", &[words.join(" ")]))
                @if fix::leaves_something(report.plan) { p { "it leaves what is blocked: the help below is the way out of that" } }
            }
        }
        (_, [first, rest @ ..]) => html! {
            p { b { "next:" } " " (prose(first)) }
            @if !rest.is_empty() { (copied("next", "", rest)) }
        },
        (_, []) => html! {},
    }
}

/// Lines to copy, after their lead.
fn copied(id: &str, lead: &str, lines: &[String]) -> Markup {
    let lines: Vec<String> = lines.iter().map(|line| escape_control(line)).collect();
    html! {
        div class="copy" {
            @if !lead.is_empty() { b { (lead) } " " }
            pre { code id=(id) { (lines.join("\n")) } }
            button type="button" data-copy=(id) hidden { "copy" }
            span role="status" {}
        }
    }
}

/// By state, and by text; for those whose browser runs the script.
fn filter(parts: &Parts) -> Markup {
    html! {
        form id="filter" role="search" aria-label="hosts and clusters" hidden {
            fieldset {
                legend { "show" }
                @for (at, Count { state, number }) in parts.counts.iter().enumerate() {
                    span class="choice" {
                        input type="checkbox" id={ "s" (at) } name="state" value=(state.word) checked;
                        label for={ "s" (at) } { (state.word) " (" (number) ")" }
                    }
                }
            }
            div class="search" {
                label for="search" { "search" }
                input type="search" id="search" autocomplete="off" spellcheck="false";
                button type="button" id="unfold" aria-pressed="false" { "unfold all" }
                output id="seen" for="search" {}
            }
        }
    }
}
