//! What has moved since the last apply, for a cron job's mail.

use super::{
    Style, change, mark,
    page::{Ink, Page},
    plan::held,
    sign, telling,
};
use crate::{
    exit::Code,
    plan::{Part, Plan, Step, StepAction},
    report::words,
    text::{columns, padded},
};

/// What is the case with a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Drifted,
    Unseen,
    Locked,
    Unreachable,
    Refused,
    InSync,
}

impl State {
    const ALL: [(Self, &'static str, Ink); 6] = [
        (Self::Drifted, "drifted", Ink::Yellow),
        (Self::Unseen, "not seen", Ink::Red),
        (Self::Locked, "locked", Ink::Yellow),
        (Self::Unreachable, "unreachable", Ink::Red),
        (Self::Refused, "refused", Ink::Red),
        (Self::InSync, "in sync", Ink::Plain),
    ];

    fn of(part: Part<'_>) -> Self {
        let any = |wanted: fn(StepAction) -> bool| part.steps.iter().any(|s| wanted(s.action));
        if part.unfit {
            Self::Refused
        } else if part.error.is_some() {
            Self::Unreachable
        } else if part.lock_holder.is_some() {
            Self::Locked
        } else if any(|action| action.changes() || action == StepAction::Blocked) {
            Self::Drifted
        } else if any(|action| action == StepAction::Unknown) {
            Self::Unseen
        } else {
            Self::InSync
        }
    }
}

/// A drift report: hosts with the same drift together, the exit code in words at the end.
pub fn drift(plan: &Plan, style: &Style) -> String {
    let mut page = Page::new(style);
    let all = plan.hosts.len();
    for (state, word, ink) in State::ALL {
        let parts = || plan.parts().filter(|part| State::of(*part) == state);
        let hosts: Vec<Part<'_>> = parts().filter(|part| part.is_host).collect();
        if let Some(first) = hosts.first() {
            let what = match (all, state) {
                (1, _) => first.name.to_owned(),
                (_, State::InSync) => words::count(hosts.len(), "host"),
                _ => format!("{} of {}", hosts.len(), words::count(all, "host")),
            };
            section(&mut page, (state, word, ink), &what, &hosts, all > 1);
        }
        for cluster in parts().filter(|part| !part.is_host) {
            let what = format!("topics of {}", words::cluster(cluster.name));
            section(&mut page, (state, word, ink), &what, &[cluster], false);
        }
    }
    super::plan::selection(&mut page, plan);
    if let Some(words) = code_in_words(plan) {
        let lead = format!("exit {}: ", plan.code() as u8);
        page.wrapped(&[(Ink::Plain, &lead)], 2, Ink::Plain, words);
    }
    page.into_text()
}

fn section(
    page: &mut Page,
    (state, word, ink): (State, &str, Ink),
    what: &str,
    parts: &[Part<'_>],
    many: bool,
) {
    let filler = " ".repeat(13 - word.len());
    page.wrapped(&[(ink, word), (Ink::Plain, &filler)], 13, Ink::Plain, what);
    match state {
        State::InSync => {}
        State::Unreachable | State::Refused => unreachable_hosts(page, parts, many),
        _ => groups(page, parts, many),
    }
}

fn unreachable_hosts(page: &mut Page, hosts: &[Part<'_>], many: bool) {
    let width = hosts.iter().map(|host| columns(host.name)).max();
    let width = width.unwrap_or(0).min(24);
    for host in hosts {
        let lead = if many {
            format!("  {}  ", padded(host.name, width))
        } else {
            "  ".to_owned()
        };
        let error = host.error.unwrap_or_default();
        // An address that is the name too stands there already.
        let own = format!("{}: ", host.name);
        let error = error.strip_prefix(&own).unwrap_or(error);
        let hang = if many { width + 4 } else { 2 };
        let mut lines = error.lines().map(str::trim);
        let first = lines.next().unwrap_or_default();
        page.wrapped(&[(Ink::Plain, &lead)], hang, Ink::Plain, first);
        let margin = " ".repeat(hang);
        for line in lines {
            page.wrapped(&[(Ink::Plain, &margin)], hang + 2, Ink::Plain, line);
        }
    }
}

/// Hosts with the same words, in the order of the spec.
fn groups<'p>(page: &mut Page, hosts: &[Part<'p>], many: bool) {
    let mut groups: Vec<(Vec<Part<'p>>, Vec<&'p Step>)> = Vec::new();
    for host in hosts {
        let steps = telling(host.steps);
        let same = |other: &Vec<&Step>| {
            other.len() == steps.len()
                && other.iter().zip(&steps).all(|(a, b)| {
                    (&a.address, a.action, &a.reason, &a.changes)
                        == (&b.address, b.action, &b.reason, &b.changes)
                })
        };
        let group = groups.iter_mut().find(|(others, drift)| {
            same(drift) && others.iter().all(|o| o.lock_holder == host.lock_holder)
        });
        match group {
            Some((others, _)) => others.push(*host),
            None => groups.push((vec![*host], steps)),
        }
    }
    for (hosts, steps) in &groups {
        let mut margin = "  ";
        if many {
            let names: Vec<&str> = hosts.iter().map(|host| host.name).collect();
            page.wrapped(&[(Ink::Plain, margin)], 2, Ink::Plain, &names.join(", "));
            margin = "    ";
        }
        if let Some(holder) = hosts.first().and_then(|host| host.lock_holder) {
            let text = format!("{}; what is shown may change", held(holder));
            page.wrapped(&[(Ink::Plain, margin)], margin.len(), Ink::Plain, &text);
        }
        let width = steps.iter().map(|step| columns(&step.address)).max();
        // Long names of topics do not push the reasons of the others to the right.
        let width = width.unwrap_or(0).min(32);
        for step in steps {
            let (ink, sign) = sign(step.action);
            let address = padded(&step.address, width);
            let lead = [
                (Ink::Plain, margin),
                (ink, sign),
                (Ink::Plain, " "),
                (ink, &*address),
                (Ink::Plain, "  "),
            ];
            let text = match mark(step.action).trim_start() {
                "" => step.reason.clone(),
                mark => format!("{mark}: {}", step.reason),
            };
            // Below its beginning, unless a path of it needs the room.
            let below = margin.len() + 2 + width + 2;
            let longest = text.split(' ').map(columns).max().unwrap_or(0);
            let hang = if page.fits(below + longest) {
                below
            } else {
                margin.len() + 4
            };
            page.wrapped(&lead, hang, Ink::Plain, &text);
            // Of a single difference the reason says all.
            if step.action == StepAction::Update && step.changes.len() > 1 {
                change::rows(page, step);
            }
        }
    }
}

/// Why the code is what it is, where the page above may leave a doubt.
fn code_in_words(plan: &Plan) -> Option<&'static str> {
    match plan.code() {
        Code::Locked => Some("an apply is running; what is shown may change"),
        Code::Unreachable if plan.parts().all(|part| part.error.is_none()) => {
            Some("not everything could be seen")
        }
        Code::Unreachable if plan.hosts.iter().all(|host| host.error.is_none()) => {
            Some("the cluster could not be read")
        }
        Code::Unreachable if plan.hosts.len() == 1 => Some("the host could not be read"),
        Code::Unreachable => Some("not every host could be read"),
        _ => None,
    }
}
