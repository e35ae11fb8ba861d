//! How a plan ends: what happens to which address, in how many hosts.

use std::collections::{HashMap, HashSet};

use super::{
    page::{Ink, Page},
    sign,
};
use crate::{
    plan::{Part, Plan, State, StepAction},
    report::{alike::FEW, words},
};

/// How many addresses the summary names of one action; what is deleted is named one by one.
const MOST: usize = 40;

pub(super) fn summary(page: &mut Page, plan: &Plan, many: bool) {
    page.line(&[(Ink::Bold, "summary")]);
    let rows = [
        (StepAction::Delete, "delete"),
        (StepAction::Blocked, "blocked"),
        (StepAction::Unknown, "unknown"),
        (StepAction::Create, "create"),
        (StepAction::Update, "change"),
    ];
    let mut table: Vec<(Ink, &str, Vec<String>)> = rows
        .iter()
        .map(|(action, word)| (sign(*action).0, *word, addresses(plan, *action, many)))
        .collect();
    let parts = |wanted: fn(&Part<'_>) -> bool| -> Vec<String> {
        let parts = plan.parts().filter(wanted);
        parts.map(|part| words::name(part.subject)).collect()
    };
    table.push((
        Ink::Red,
        "unread",
        parts(|part| part.error.is_some() && !part.unfit),
    ));
    table.push((Ink::Red, "refused", parts(|part| part.unfit)));
    table.push((
        Ink::Yellow,
        "locked",
        parts(|part| part.lock_holder.is_some()),
    ));
    table.retain(|(.., what)| !what.is_empty());
    let width = table
        .iter()
        .map(|(_, word, _)| word.len())
        .max()
        .unwrap_or(0);
    for (ink, word, what) in &table {
        let filler = " ".repeat(width - word.len() + 2);
        let lead = [(Ink::Plain, "  "), (*ink, *word), (Ink::Plain, &*filler)];
        page.wrapped(&lead, width + 4, Ink::Plain, &what.join(", "));
    }
    let counts = plan.summary;
    let work = format!(
        "{} to add, {} to change, {} to delete",
        counts.create, counts.update, counts.delete
    );
    let fine = format!("{} unchanged", counts.none);
    let lines = if counts.blocked + counts.unknown == 0 {
        vec![format!("{work}, {fine}")]
    } else {
        let stuck = format!("{} blocked, {} unknown", counts.blocked, counts.unknown);
        vec![work, format!("{stuck}, {fine}")]
    };
    for line in lines {
        page.wrapped(&[(Ink::Plain, "  ")], 2, Ink::Plain, &line);
    }
}

/// The addresses with an action. What more than three hosts have in common is named once; what is
/// deleted is named one by one.
fn addresses(plan: &Plan, action: StepAction, many: bool) -> Vec<String> {
    let all: Vec<(Part<'_>, &str)> = plan
        .parts()
        .flat_map(|part| {
            let steps = part.steps.iter().filter(|step| step.action == action);
            steps.map(move |step| (part, &*step.address))
        })
        .collect();
    let mut on: HashMap<&str, usize> = HashMap::new();
    for (_, address) in &all {
        *on.entry(address).or_default() += 1;
    }
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for (part, address) in &all {
        let name = match on[address] {
            _ if !many || !part.is_host() => (*address).to_owned(),
            hosts if hosts > FEW && action != StepAction::Delete => {
                format!("{address} on {hosts} hosts")
            }
            _ => format!("{}:{address}", part.name()),
        };
        if seen.insert(name.clone()) {
            names.push(name);
        }
    }
    if action != StepAction::Delete && names.len() > MOST {
        let more = names.len() - MOST;
        names.truncate(MOST);
        names.push(format!("… and {more} more"));
    }
    names
}

/// `37 hosts with changes, 2 up to date, 1 unread`.
pub(super) fn by_state(plan: &Plan) -> String {
    const WORDS: [&str; 7] = [
        "with changes",
        "blocked",
        "not seen in full",
        "being changed",
        "up to date",
        "unread",
        "refused",
    ];
    let mut numbers = [0; WORDS.len()];
    for host in &plan.hosts {
        numbers[match (Part::from(host).state(), host.has_work()) {
            (State::Unreachable, _) => 5,
            (State::Refused, _) => 6,
            (_, true) => 0,
            (State::Drifted, false) => 1,
            (State::Unseen, false) => 2,
            (State::Locked, false) => 3,
            (State::InSync, false) => 4,
        }] += 1;
    }
    let counts = numbers.into_iter().zip(WORDS);
    let counts = counts.filter(|(number, _)| *number > 0).enumerate();
    let counts = counts.map(|(at, (number, word))| match at {
        0 => format!("{} {word}", words::count(number, "host")),
        _ => format!("{number} {word}"),
    });
    counts.collect::<Vec<_>>().join(", ")
}
