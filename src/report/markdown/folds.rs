//! What differs, address by address, in a fold for each host and cluster.

use std::{collections::HashMap, rc::Rc};

use super::{
    MOST_LINES, MOST_OF_VALUE, Page, addresses,
    escape::{code, code_in_html, fenced, prose},
    line, mark, name, name_as,
};
use crate::{
    apply::outcome::Outcome,
    kinds::Change,
    plan::{Moved, Part, Plan, Step, StepAction},
    report::{
        Report,
        alike::{Errors, FEW},
        diff, human,
        words::{self, shortened},
    },
};

/// Fields of one address.
const MOST_FIELDS: usize = 100;

/// A fold for each host and cluster that differs or failed. Returns of how many addresses the
/// differences were left out.
pub fn folds(page: &mut Page, report: &Report<'_>, (plan, errors): (&Plan, &Errors<'_>)) -> usize {
    const CLOSE: &str = "\n\n</details>\n";
    let mut parts: Vec<Part<'_>> = plan.parts().collect();
    let deletes = |part: &Part<'_>| part.steps.iter().any(|s| s.action == StepAction::Delete);
    parts.sort_by_key(|part| !deletes(part));
    let common = common(report, &parts, errors);
    let mut left_out = 0;
    for part in parts {
        let alike = common.get(part.name()).filter(|_| part.is_host());
        if alike.is_some_and(|hosts| hosts[0] != part.name()) {
            continue;
        }
        let differing = human::differing(part.steps);
        let failed = failures(report.outcomes, part);
        if differing.is_empty() && part.error.is_none() && failed.is_empty() {
            continue;
        }
        let count = match part.error {
            Some(_) if part.unfit => "refused".to_owned(),
            Some(_) => "could not be read".to_owned(),
            None => format!("{} of {}", differing.len(), addresses(part.steps.len())),
        };
        // A line of HTML: nothing in it is Markdown.
        let open = match alike {
            None => {
                let name = name_as(part, code_in_html);
                format!("\n<details><summary>{name}: {count}</summary>\n\n")
            }
            Some(hosts) => {
                let all = words::count(hosts.len(), "host");
                let names: Vec<String> = hosts.iter().map(|name| code(name)).collect();
                let names = words::some(&names);
                format!(
                    "\n<details><summary>{all}: {count}, the same on each</summary>\n\n{names}\n\n"
                )
            }
        };
        page.room = page.room.saturating_sub(CLOSE.len());
        if left_out > 0 || !page.fits(&open) {
            left_out += differing.len().max(1);
            continue;
        }
        if !part.looked_up.is_empty() {
            let rows = part.looked_up.iter().map(|one| line(&one.in_words()));
            let rows: Vec<String> = rows.map(|row| format!("- {}\n", prose(&row))).collect();
            page.fits(&format!("{}\n", rows.concat()));
        }
        if let Some(error) = part.error {
            let error = alike
                .and_then(|_| errors.common(part.name()))
                .unwrap_or(error);
            let lines: Vec<String> = error.lines().take(MOST_LINES).map(line).collect();
            page.fits(&fenced("text", &lines));
        }
        for text in failed {
            if left_out > 0 || !page.fits(&text) {
                left_out += 1;
            }
        }
        for step in differing {
            if left_out > 0 || !page.fits(&section(step)) {
                left_out += 1;
            }
        }
        page.text.truncate(page.text.trim_end().len());
        page.text.push_str(CLOSE);
    }
    left_out
}

/// The hosts of which more than a few have the same fold, each with the names of all of these.
fn common<'p>(
    report: &Report<'_>,
    parts: &[Part<'p>],
    errors: &Errors<'_>,
) -> HashMap<&'p str, Rc<Vec<&'p str>>> {
    let mut groups: HashMap<String, Vec<&'p str>> = HashMap::new();
    for part in parts {
        let own = part.error.is_some() || !part.looked_up.is_empty();
        if !part.is_host() || !failures(report.outcomes, *part).is_empty() {
            continue;
        }
        if let Some(error) = errors.common(part.name()) {
            groups
                .entry(error.to_owned())
                .or_default()
                .push(part.name());
            continue;
        }
        if own {
            continue;
        }
        let differing = human::differing(part.steps);
        if differing.is_empty() {
            continue;
        }
        let text: String = differing.iter().map(|step| section(step)).collect();
        let all = part.steps.len();
        groups
            .entry(format!("{all} {text}"))
            .or_default()
            .push(part.name());
    }
    groups.retain(|_, hosts| hosts.len() > FEW);
    let groups = groups.into_values().map(Rc::new);
    let named = |hosts: Rc<Vec<&'p str>>| {
        let names = hosts.to_vec();
        names.into_iter().map(move |name| (name, Rc::clone(&hosts)))
    };
    groups.flat_map(named).collect()
}

/// Why an address was not applied, or is not as it should be.
fn failures(outcomes: &[Outcome], part: Part<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    for outcome in outcomes.iter().filter(|one| one.is_of(&part)) {
        let mut add = |address: Option<&str>, lines: Vec<String>| {
            let title = address.map_or_else(|| name(part), code);
            texts.push(format!("**{title}**\n\n{}\n", fenced("text", &lines)));
        };
        for failure in outcome.failures() {
            let done = failure.in_part();
            let reasons = failure.reasons.iter().flat_map(|reason| reason.lines());
            let help = failure.help.iter().map(|help| format!("help: {help}"));
            let lines = done.map(|done| line(&done)).into_iter();
            let lines = lines.chain(reasons.map(line));
            let lines = lines.chain(help.map(|help| line(&help)));
            add(failure.address.as_deref(), lines.collect());
        }
        for (address, reason) in &outcome.unverified {
            let lines = ["applied, and could not be verified"].into_iter();
            add(
                Some(address),
                lines.chain(reason.lines()).map(line).collect(),
            );
        }
        for (address, reason) in &outcome.not_converged {
            add(Some(address), reason.lines().map(line).collect());
        }
        for Moved { address, how } in &outcome.moved {
            let what = match address {
                None => "not what the plan was made for",
                Some(_) => "has changed since the plan was made",
            };
            let lines = [what].into_iter().chain(how.lines()).map(line);
            add(address.as_deref(), lines.collect());
        }
    }
    texts
}

/// One address: why, and what differs.
fn section(step: &Step) -> String {
    let mut text = format!("#### {} {}\n\n", mark(step.action), code(&step.address));
    sentences(&mut text, "", &step.reason);
    sentences(
        &mut text,
        "help: ",
        step.help.as_deref().unwrap_or_default(),
    );
    let warning = step.warning.as_deref().unwrap_or_default();
    for line in warning.lines() {
        // The help of the one before.
        let lead = if line.starts_with("help: ") {
            ""
        } else {
            "**warning:** "
        };
        sentences(&mut text, lead, line);
    }
    let lines = differences(step);
    if !lines.is_empty() {
        text.push_str(&fenced("diff", &lines));
        text.push('\n');
    }
    for note in &step.notes {
        sentences(&mut text, "", note);
    }
    text
}

/// A paragraph a line.
fn sentences(text: &mut String, lead: &str, source: &str) {
    for line in source.lines() {
        let sentence = prose(&shortened(line, MOST_OF_VALUE));
        text.push_str(&format!("{lead}{sentence}\n\n"));
    }
}

fn differences(step: &Step) -> Vec<String> {
    let mut lines = Vec::new();
    let changes = diff::remaining(step);
    for change in changes.iter().take(MOST_FIELDS) {
        lines.extend(field(change, step.action).iter().map(|text| line(text)));
    }
    if changes.len() > MOST_FIELDS {
        lines.push(format!("… {} more fields", changes.len() - MOST_FIELDS));
    }
    if let Some(text) = &step.text {
        lines.push(line(&format!("  {}", text.path)));
        let file = diff::lines(text, MOST_LINES);
        lines.extend(file.iter().map(|one| line(&one.text)));
    }
    lines
}

/// A field that differs, in the signs of a difference.
fn field(change: &Change, action: StepAction) -> Vec<String> {
    let path = &change.path;
    match (change.sensitive, &change.before, &change.after_in_words()) {
        (true, ..) if action == StepAction::Create => vec![format!("+ {path}: (sensitive)")],
        (true, ..) => vec![format!("! {path}: (sensitive), differs")],
        (_, None, None) => vec![format!("! {path}: differs")],
        (_, before, after) => {
            let before = before.iter().map(|value| format!("- {path}: {value}"));
            let after = after.iter().map(|value| format!("+ {path}: {value}"));
            before.chain(after).collect()
        }
    }
}
