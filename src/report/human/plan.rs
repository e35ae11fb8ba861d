//! What differs and what would be done.

use std::time::Duration;

use super::{
    Style, change, mark,
    page::{Ink, Page, columns},
    sign, telling,
};
use crate::{
    plan::{HostPlan, Plan, Step, StepAction},
    report::words,
};

/// A plan: the hosts that have something to say, one line for each of the others, and last the
/// summary by address.
pub fn plan(plan: &Plan, style: &Style, took: Duration) -> String {
    let mut page = Page::new(style);
    let many = plan.hosts.len() > 1;
    // Over several hosts the time is that of all together, and stands at the end.
    let own_time = (!many).then(|| words::duration(took));
    let (quiet, telling): (Vec<_>, Vec<_>) = plan.hosts.iter().partition(|host| is_quiet(host));
    for host in &telling {
        page.gap();
        section(&mut page, host, own_time.as_deref());
    }
    page.gap();
    for host in &quiet {
        let time = own_time.as_ref().map(|time| format!(" ({time})"));
        let line = format!(
            "{}: {}{}",
            host.name,
            in_place(host.steps.len()),
            time.unwrap_or_default()
        );
        page.line(&[(Ink::Plain, &line)]);
    }
    if plan.hosts.iter().any(|host| !host.steps.is_empty()) && !telling.is_empty() {
        page.gap();
        summary(&mut page, plan, many);
    }
    if many {
        let read = plan.hosts.iter().filter(|host| host.error.is_none());
        let (read, all) = (read.count(), plan.hosts.len());
        let whole = words::count(all, "host");
        let read = if read == all {
            whole
        } else {
            format!("{read} of {whole}")
        };
        let lead = if telling.is_empty() { "" } else { "  " };
        let line = format!("{lead}{read} read in {}", words::duration(took));
        page.line(&[(Ink::Plain, &line)]);
    }
    page.into_text()
}

/// Nothing to say but that all is well.
fn is_quiet(host: &HostPlan) -> bool {
    host.error.is_none()
        && host.lock_holder.is_none()
        && host
            .steps
            .iter()
            .all(|step| step.action == StepAction::None)
}

fn in_place(number: usize) -> String {
    match number {
        0 => "no resource is selected".into(),
        1 => "1 resource is as the spec says".into(),
        more => format!("{more} resources are as the spec says"),
    }
}

fn section(page: &mut Page, host: &HostPlan, time: Option<&str>) {
    let indent = (columns(&host.name) + 2).min(16);
    let address = match &host.facts {
        Some(facts) if host.address == "local" => format!("local, as {}", facts.account.user),
        Some(facts) if !host.address.contains('@') => {
            format!("{}@{}", facts.account.user, host.address)
        }
        _ => host.address.clone(),
    };
    page.line(&[
        (Ink::Bold, &host.name),
        (Ink::Plain, "  "),
        (Ink::Plain, &address),
    ]);
    if let Some(error) = &host.error {
        // The address stands above already.
        let own = format!("{}: ", host.address);
        super::outcome::error(page, "  ", error.strip_prefix(&own).unwrap_or(error));
        return;
    }
    let mut about = Vec::new();
    if let Some(facts) = &host.facts {
        about.push(facts.os.name.clone());
        if let Some(free) = facts.disk_free_kib {
            about.push(format!("{} free", words::bytes(free.saturating_mul(1024))));
        }
    }
    if let Some(time) = time {
        about.push(format!("read in {time}"));
    }
    about.retain(|part| !part.is_empty());
    if !about.is_empty() {
        let margin = " ".repeat(indent);
        page.wrapped(
            &[(Ink::Plain, &margin)],
            indent,
            Ink::Plain,
            &about.join(", "),
        );
    }
    if let Some(holder) = &host.lock_holder {
        let text = format!("{}; what is shown may change", held(holder));
        page.wrapped(&[(Ink::Yellow, "  locked: ")], 10, Ink::Plain, &text);
    }
    page.gap();
    for step in telling(&host.steps) {
        self::step(page, step);
    }
    let unchanged: Vec<&str> = host
        .steps
        .iter()
        .filter(|step| step.action == StepAction::None)
        .map(|step| step.address)
        .collect();
    if !unchanged.is_empty() {
        page.wrapped(&[(Ink::Dim, "  = ")], 4, Ink::Dim, &unchanged.join(", "));
    }
}

/// Who holds the lock; the host may know no name.
pub fn held(holder: &str) -> String {
    if holder == "another apply" || holder.is_empty() {
        "another apply is running".into()
    } else {
        format!("an apply is running, by {holder}")
    }
}

fn step(page: &mut Page, step: &Step) {
    let (ink, sign) = sign(step.action);
    page.line(&[
        (Ink::Plain, "  "),
        (ink, sign),
        (Ink::Plain, " "),
        (ink, step.address),
        (ink, mark(step.action)),
    ]);
    if !step.reason.is_empty() {
        page.wrapped(&[(Ink::Plain, "      ")], 6, Ink::Plain, &step.reason);
    }
    if let Some(help) = &step.help {
        page.wrapped(&[(Ink::Plain, "      help: ")], 12, Ink::Plain, help);
    }
    change::rows(page, step);
    if let Some(text) = &step.text {
        change::lines(page, text);
    }
    for note in &step.notes {
        page.wrapped(&[(Ink::Plain, "        ")], 10, Ink::Plain, note);
    }
    if let Some(warning) = &step.warning {
        let lead = [(Ink::Plain, "      "), (Ink::Yellow, "warning: ")];
        page.wrapped(&lead, 8, Ink::Plain, warning);
    }
}

fn summary(page: &mut Page, plan: &Plan, many: bool) {
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
    let hosts = |wanted: fn(&HostPlan) -> bool| -> Vec<String> {
        let hosts = plan.hosts.iter().filter(|host| wanted(host));
        hosts.map(|host| host.name.clone()).collect()
    };
    table.push((Ink::Red, "unread", hosts(|host| host.error.is_some())));
    table.push((
        Ink::Yellow,
        "locked",
        hosts(|host| host.lock_holder.is_some()),
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
        "{} to create, {} to change, {} to delete",
        counts.create, counts.update, counts.delete
    );
    let fine = match counts.none {
        1 => "1 as it should be".into(),
        none => format!("{none} as they should be"),
    };
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

/// The addresses with an action. What more than three hosts have in common is said once; what is
/// deleted is named one by one.
fn addresses(plan: &Plan, action: StepAction, many: bool) -> Vec<String> {
    let of_host = |host: &HostPlan| -> Vec<&'static str> {
        let steps = host.steps.iter().filter(|step| step.action == action);
        steps.map(|step| step.address).collect()
    };
    let all: Vec<(&str, &str)> = plan
        .hosts
        .iter()
        .flat_map(|host| {
            of_host(host)
                .into_iter()
                .map(|address| (&*host.name, address))
        })
        .collect();
    let on = |address: &str| all.iter().filter(|(_, other)| *other == address).count();
    let mut names = Vec::new();
    for (host, address) in &all {
        let name = match on(address) {
            _ if !many => (*address).to_owned(),
            hosts if hosts > 3 && action != StepAction::Delete => {
                format!("{address} on {hosts} hosts")
            }
            _ => format!("{host}:{address}"),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
