//! What comes after an apply: what is now true, and what to do.

use std::time::Duration;

use super::{
    Style,
    page::{Ink, Page},
};
use crate::{
    apply::outcome::{Failure, Outcome},
    kinds::Address,
    plan::{Moved, Part, Plan, StepAction, Subject},
    report::words,
};

/// So many failures of one host or cluster are shown with their reasons, and then so many by name.
const MOST_FAILURES: usize = 10;

/// The question before an apply.
pub fn prompt(changes: usize) -> String {
    match changes {
        1 => "Apply this change? [y/N] ".into(),
        more => format!("Apply these {more} changes? [y/N] "),
    }
}

/// What became of an apply of this plan. `next` are lines for people who want to use the machine
/// now; they are shown when all is well.
pub fn outcome(
    hosts: &[Outcome],
    plan: &Plan,
    style: &Style,
    took: Duration,
    next: &[String],
) -> String {
    let mut page = Page::new(style);
    let many = plan.hosts.len() > 1;
    for host in hosts {
        for (nth, failure) in host.failures().take(MOST_FAILURES).enumerate() {
            failed(&mut page, host, failure, nth == 0, many);
        }
        more_failed(&mut page, host, many);
        let open = host.not_converged.iter();
        let open = open.map(|one| (one, "and still differs from the spec"));
        let unread = host.unverified.iter();
        let unread = unread.map(|one| (one, "and could not be verified"));
        for ((address, reason), how) in open.chain(unread) {
            let what = named(host, Some(address), many);
            error(&mut page, "", &format!("`{what}` was applied, {how}"));
            for line in reason.lines() {
                page.wrapped(&[(Ink::Plain, "  ")], 4, Ink::Plain, line.trim());
            }
        }
        moved(&mut page, host, many);
        if host.interrupted {
            let lead = [(Ink::Red, "interrupted: ")];
            page.wrapped(&lead, 2, Ink::Plain, &now_true(host).join("; "));
        }
    }
    let left = left(plan, hosts, many);
    if !left.is_empty() {
        page.wrapped(
            &[(Ink::Red, "not applied: ")],
            2,
            Ink::Plain,
            &left.join("; "),
        );
    }
    let well = left.is_empty()
        && hosts.iter().all(|host| {
            let stopped = host.interrupted || host.is_stale();
            let as_it_should_be = host.not_converged.is_empty() && host.unverified.is_empty();
            host.failure.is_none() && as_it_should_be && !stopped
        });
    last(&mut page, hosts, plan, well, took);
    paste(&mut page, hosts);
    let did_something = hosts.iter().any(|host| !host.applied.is_empty());
    if well
        && did_something
        && let Some((first, rest)) = next.split_first()
    {
        page.gap();
        page.line(&[(Ink::Bold, "next:"), (Ink::Plain, " "), (Ink::Plain, first)]);
        for line in rest {
            page.line(&[(Ink::Plain, "  "), (Ink::Plain, line)]);
        }
    }
    page.into_text()
}

/// What the plan could do nothing about: it was shown with its reasons.
fn left(plan: &Plan, outcomes: &[Outcome], many: bool) -> Vec<String> {
    let named = |action, why| {
        let what: Vec<String> = plan
            .parts()
            .filter(|part| !stale(part, outcomes))
            .flat_map(|part| {
                let steps = part.steps.iter().filter(move |step| step.action == action);
                steps.map(move |step| {
                    if many && part.is_host() {
                        format!("{}:{}", part.name(), step.address)
                    } else {
                        step.address.to_string()
                    }
                })
            })
            .collect();
        (!what.is_empty()).then(|| format!("{} ({why})", what.join(", ")))
    };
    let without = |unfit: bool, why: &str| {
        let parts = plan.parts();
        let names: Vec<String> = parts
            .filter(|part| part.error.is_some() && part.unfit == unfit)
            .map(|part| words::name(part.subject))
            .collect();
        (!names.is_empty()).then(|| format!("{} ({why})", names.join(", ")))
    };
    let unread = without(false, "could not be read");
    let refused = without(true, "refused");
    // A cluster whose host failed has no failure of its own.
    let waiting: Vec<Address> = outcomes
        .iter()
        .filter(|one| !one.subject.is_host() && one.failure.is_none() && !one.interrupted)
        .flat_map(|one| one.not_reached.iter().cloned())
        .collect();
    let waiting = (!waiting.is_empty()).then(|| format!("{} (not reached)", words::some(&waiting)));
    [
        waiting,
        named(StepAction::Blocked, "blocked"),
        named(StepAction::Unknown, "could not be seen"),
        unread,
        refused,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How many of how many, in one line; nothing where there was nothing to do.
fn last(page: &mut Page, hosts: &[Outcome], plan: &Plan, well: bool, took: Duration) {
    let total = plan.steps().filter(|step| step.action.changes()).count();
    let applied: usize = hosts.iter().map(|host| host.applied.len()).sum();
    if total == 0 && applied == 0 {
        return;
    }
    // Only what was read again and found right is called verified: a part of a step is not read.
    let failures = hosts.iter().flat_map(Outcome::failures);
    let parts = failures.filter(|one| !one.done.is_empty()).count();
    let in_doubt = |host: &Outcome| host.not_converged.len() + host.unverified.len();
    let doubt = hosts.iter().map(in_doubt).sum::<usize>() + parts;
    let how = if doubt == 0 && applied > 0 {
        "applied and verified"
    } else {
        "applied"
    };
    let took = words::duration(took);
    let what = if applied >= total && well {
        words::count(applied, "change")
    } else {
        let of_all = format!("{applied} of {}", words::count(total, "change"));
        match parts {
            0 => of_all,
            parts => format!("{of_all} and a part of {parts}"),
        }
    };
    page.line(&[(Ink::Plain, &format!("{what} {how} in {took}"))]);
}

fn paste(page: &mut Page, hosts: &[Outcome]) {
    let mut lines: Vec<&String> = hosts.iter().flat_map(|host| &host.paste).collect();
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|line| seen.insert(*line));
    if lines.is_empty() {
        return;
    }
    page.gap();
    page.line(&[(
        Ink::Plain,
        "to have these downloads checked from now on, paste into the spec:",
    )]);
    for line in lines {
        page.line(&[(Ink::Plain, "  "), (Ink::Plain, line)]);
    }
}

fn named(host: &Outcome, address: Option<&Address>, many: bool) -> String {
    match (&host.subject, address) {
        (_, None) => place(host),
        (Subject::Host(name), Some(address)) if many => format!("{name}:{address}"),
        (_, Some(address)) => address.to_string(),
    }
}

/// Failures beyond those shown with their reasons, by name.
fn more_failed(page: &mut Page, host: &Outcome, many: bool) {
    let names: Vec<String> = host
        .failures()
        .skip(MOST_FAILURES)
        .map(|failure| named(host, failure.address.as_ref(), many))
        .collect();
    if !names.is_empty() {
        let text = format!("refused, too: {}", words::some(&names));
        error(page, "", &text);
    }
}

fn failed(page: &mut Page, host: &Outcome, failure: &Failure, first: bool, many: bool) {
    let what = named(host, failure.address.as_ref(), many);
    let in_part = !failure.done.is_empty();
    let text = match (failure.outcome_unknown, in_part) {
        (true, true) => format!("whether the rest of `{what}` was applied is not known"),
        (true, false) => format!("whether `{what}` was applied is not known"),
        (false, true) => format!("`{what}` was applied in part"),
        (false, false) => format!("`{what}` was not applied"),
    };
    error(page, "", &text);
    let margin = [(Ink::Plain, "  ")];
    if in_part {
        let text = format!("done: {}", failure.done.join(", "));
        page.wrapped(&margin, 4, Ink::Plain, &text);
    }
    for line in failure.reasons.iter().flat_map(|reason| reason.lines()) {
        page.wrapped(&margin, 4, Ink::Plain, line.trim());
    }
    if first && !host.interrupted {
        for line in now_true(host) {
            page.wrapped(&margin, 4, Ink::Plain, &line);
        }
    }
    if let Some(help) = &failure.help {
        let mut lines = help.lines();
        let first = lines.next().unwrap_or_default();
        page.wrapped(&[(Ink::Plain, "  help: ")], 4, Ink::Plain, first);
        for line in lines {
            page.wrapped(&[(Ink::Plain, "    ")], 6, Ink::Plain, line.trim());
        }
    }
}

/// Where a saved plan no longer fits, and that nothing was written there.
fn moved(page: &mut Page, host: &Outcome, many: bool) {
    for Moved { address, how } in &host.moved {
        let name = named(host, address.as_ref(), many);
        let text = match address {
            None => format!("{name} is not what the plan was made for"),
            Some(_) => format!("`{name}` has changed since the plan was made"),
        };
        error(page, "", &text);
        for line in how.lines() {
            page.wrapped(&[(Ink::Plain, "  ")], 4, Ink::Plain, line.trim());
        }
    }
    if host.is_stale() {
        let text = format!("nothing was written on {}", place(host));
        page.wrapped(&[(Ink::Plain, "  ")], 4, Ink::Plain, &text);
        let help = "look at what has changed, and make a new plan";
        page.wrapped(&[(Ink::Plain, "  help: ")], 4, Ink::Plain, help);
    }
}

/// Whether a part of the plan is one that a saved plan no longer fits.
fn stale(part: &Part<'_>, outcomes: &[Outcome]) -> bool {
    outcomes.iter().any(|one| one.is_of(part) && one.is_stale())
}

/// The host's name, or the cluster's.
fn place(host: &Outcome) -> String {
    match &host.subject {
        Subject::Host(name) => name.clone(),
        Subject::Cluster(name) => words::cluster(name),
    }
}

/// What the host is like now: what was applied, and what was not reached.
fn now_true(host: &Outcome) -> Vec<String> {
    let in_part = |one: &Failure| one.outcome_unknown || !one.done.is_empty();
    let in_part = host.failures().any(in_part);
    let applied = match (host.applied.is_empty(), in_part) {
        (true, true) => format!("no other step was applied on {}", place(host)),
        (true, false) => format!("no step was applied on {}", place(host)),
        (false, _) => format!("applied on {}: {}", place(host), words::some(&host.applied)),
    };
    let missed = &host.not_reached;
    let missed = (!missed.is_empty()).then(|| {
        let were = if missed.len() == 1 { "was" } else { "were" };
        let steps = words::count(missed.len(), "step");
        format!("{steps} {were} not reached: {}", words::some(missed))
    });
    std::iter::once(applied).chain(missed).collect()
}

/// The error of a host or cluster; where another has had the same one, above, its name.
pub(crate) fn error_or_same(page: &mut Page, text: &str, before: Option<&str>) {
    match before {
        Some(first) => error(page, "  ", &format!("the same as that of {first}, above")),
        None => error(page, "  ", text),
    }
}

/// `error: …`, with its further lines indented.
pub fn error(page: &mut Page, margin: &str, text: &str) {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let lead = [
        (Ink::Plain, margin),
        (Ink::Red, "error:"),
        (Ink::Plain, " "),
    ];
    page.wrapped(&lead, margin.len() + 2, Ink::Plain, first.trim());
    let deeper = format!("{margin}  ");
    for line in lines {
        let lead = [(Ink::Plain, &*deeper)];
        page.wrapped(&lead, deeper.len() + 2, Ink::Plain, line.trim());
    }
}
