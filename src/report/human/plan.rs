//! What differs and what would be done.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use indexmap::IndexMap;

use super::{
    Style, change, differing, looked_up, mark,
    page::{Ink, Page},
    sign, summary, topics,
};
use crate::{
    plan::{HostPlan, Part, Plan, Step, StepAction},
    report::{
        alike::{Errors, FEW},
        selection_in_words, words,
    },
    text::columns,
};

/// A plan: a section for each host that differs, one line for each of the others, and last the
/// summary by address.
pub fn plan(plan: &Plan, style: &Style, took: Duration) -> String {
    all(plan, style, Some(took))
}

/// A plan that comes from a file: as it was shown when it was made, but for what is not saved.
pub fn saved(plan: &Plan, style: &Style) -> String {
    let mut text = all(plan, style, None);
    let mut page = Page::new(style);
    page.gap();
    let made = format!(
        "a saved plan, made by trueup {}; it holds no lines of start files and nothing of a \
         machine's disk and system",
        plan.tool_version
    );
    page.wrapped(&[], 0, Ink::Dim, &made);
    text.push('\n');
    text.push_str(&page.into_text());
    text
}

fn all(plan: &Plan, style: &Style, took: Option<Duration>) -> String {
    let mut page = Page::new(style);
    let many = plan.hosts.len() > 1;
    // Over several hosts the time is that of all together, and stands at the end.
    let own_time = took.filter(|_| !many).map(words::duration);
    // One error may be that of many hosts, such as a login that has expired: it is shown in full once.
    let mut firsts: BTreeMap<&str, &str> = BTreeMap::new();
    for part in plan.parts() {
        if let Some(error) = part.error {
            firsts.entry(error).or_insert(part.name());
        }
    }
    let before = |part: Part<'_>| {
        let first = firsts.get(part.error?).copied();
        first.filter(|first| *first != part.name())
    };
    let errors = Errors::of(plan);
    for hosts in alike(plan, style, &errors) {
        page.gap();
        match hosts.as_slice() {
            hosts if errors.common(&hosts[0].name).is_some() => unread(&mut page, hosts, &errors),
            [host] => section(&mut page, host, own_time.as_deref(), before((*host).into())),
            hosts => group(&mut page, hosts),
        }
    }
    for cluster in plan.topics.iter().filter(|one| !is_quiet((*one).into())) {
        page.gap();
        topics::section(&mut page, cluster, before(cluster.into()));
    }
    quiet(&mut page, plan, own_time.as_deref());
    let any_section = plan.parts().any(|part| !is_quiet(part));
    if plan.steps().next().is_some() && any_section {
        page.gap();
        summary::summary(&mut page, plan, many);
    }
    if let (true, Some(took)) = (many, took) {
        let read = plan.hosts.iter().filter(|host| host.error.is_none());
        let (read, all) = (read.count(), plan.hosts.len());
        let whole = words::count(all, "host");
        let read = if read == all {
            whole
        } else {
            format!("{read} of {whole}")
        };
        let lead = if any_section { "  " } else { "" };
        if any_section {
            page.wrapped(
                &[(Ink::Plain, lead)],
                2,
                Ink::Plain,
                &summary::by_state(plan),
            );
        }
        let line = format!("{lead}{read} read in {}", words::duration(took));
        page.line(&[(Ink::Plain, &line)]);
    }
    selection(&mut page, plan);
    page.into_text()
}

/// The hosts with a section. Where more than [`FEW`] have the same they stand together, at the
/// place of the first.
fn alike<'p>(plan: &'p Plan, style: &Style, errors: &Errors<'_>) -> Vec<Vec<&'p HostPlan>> {
    let mut groups: IndexMap<(bool, String), Vec<(usize, &HostPlan)>> = IndexMap::new();
    for (place, host) in plan.hosts.iter().enumerate() {
        if is_quiet(host.into()) {
            continue;
        }
        let mut page = Page::new(style);
        steps(&mut page, host);
        // Where it was not read, may be changing or was looked up, a host stands alone.
        let alone =
            host.error.is_some() || host.lock_holder.is_some() || !host.looked_up.is_empty();
        let text = match (errors.common(&host.name), alone) {
            (Some(error), _) => error.to_owned(),
            (None, true) => host.name.clone(),
            (None, false) => page.into_text(),
        };
        groups.entry((alone, text)).or_default().push((place, host));
    }
    let mut all = Vec::new();
    for hosts in groups.into_values() {
        match hosts.len() > FEW {
            true => all.push(hosts),
            false => all.extend(hosts.into_iter().map(|host| vec![host])),
        }
    }
    all.sort_by_key(|hosts| hosts[0].0);
    let only =
        |hosts: Vec<(usize, &'p HostPlan)>| hosts.into_iter().map(|(_, host)| host).collect();
    all.into_iter().map(only).collect()
}

/// Hosts with the same plan: it is shown once.
fn group(page: &mut Page, hosts: &[&HostPlan]) {
    let first = hosts[0];
    let differing = differing(&first.steps);
    let all_change = differing.iter().all(|step| step.action.changes());
    let what = if all_change { "change" } else { "difference" };
    let what = words::count(differing.len(), what);
    let all = words::count(hosts.len(), "host");
    page.line(&[
        (Ink::Bold, &all),
        (Ink::Plain, &format!(": the same {what}")),
    ]);
    names(page, hosts);
    page.gap();
    steps(page, first);
}

/// Hosts that could not be read for the same reason.
fn unread(page: &mut Page, hosts: &[&HostPlan], errors: &Errors<'_>) {
    let all = words::count(hosts.len(), "host");
    page.line(&[(Ink::Bold, &all), (Ink::Plain, ": the same error on each")]);
    names(page, hosts);
    let error = errors.common(&hosts[0].name).unwrap_or_default();
    super::outcome::error(page, "  ", error);
    let mut seen = HashSet::new();
    let warnings = hosts.iter().flat_map(|host| &host.warnings);
    let new: Vec<String> = warnings
        .filter(|text| seen.insert(*text))
        .cloned()
        .collect();
    looked_up::warnings(page, &new);
}

fn names(page: &mut Page, hosts: &[&HostPlan]) {
    let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    page.wrapped(
        &[(Ink::Plain, "     ")],
        5,
        Ink::Plain,
        &words::some(&names),
    );
}

/// What `--target` and `--exclude` leave.
pub fn selection(page: &mut Page, plan: &Plan) {
    if let Some(text) = selection_in_words(plan) {
        page.wrapped(&[], 2, Ink::Plain, &text);
    }
}

/// Whether everything is as the spec says, so that one line is enough.
fn is_quiet(part: Part<'_>) -> bool {
    part.error.is_none()
        && part.lock_holder.is_none()
        && part
            .steps
            .iter()
            .all(|step| step.action == StepAction::None)
}

/// A line for each of the hosts and clusters that are as they should be; one for a host and its
/// topics together.
fn quiet(page: &mut Page, plan: &Plan, time: Option<&str>) {
    let time = time.map(|time| format!(" ({time})")).unwrap_or_default();
    let of_clusters: Vec<_> = plan
        .topics
        .iter()
        .filter(|one| is_quiet((*one).into()))
        .collect();
    let hosts: Vec<_> = plan
        .hosts
        .iter()
        .filter(|one| is_quiet((*one).into()))
        .collect();
    let mut lines = Vec::new();
    match (hosts.as_slice(), of_clusters.as_slice()) {
        ([host], [cluster]) if plan.hosts.len() == 1 && plan.topics.len() == 1 => {
            let resources = words::count(host.steps.len(), "resource");
            let topics = words::count(cluster.steps.len(), "topic");
            let what = match host.steps.len() {
                0 => in_place(&topics),
                _ => in_place(&format!("{resources} and {topics}")),
            };
            lines.push(format!("{}: {what}{time}", host.name));
        }
        _ => {
            let mut alike: HashMap<usize, usize> = HashMap::new();
            for host in &hosts {
                *alike.entry(host.steps.len()).or_default() += 1;
            }
            let mut seen = HashSet::new();
            for host in &hosts {
                let number = host.steps.len();
                if number > 0 && alike[&number] > FEW {
                    if seen.insert(number) {
                        let all = words::count(alike[&number], "host");
                        let resources = words::count(number, "resource");
                        let what = in_place(&format!("{resources} each"));
                        lines.push(format!("{all}: {what}{time}"));
                    }
                    continue;
                }
                let what = match number {
                    0 if plan.topics.is_empty() => "no resource is selected".into(),
                    // A host may only be the route to a cluster.
                    0 => continue,
                    _ => in_place(&words::count(number, "resource")),
                };
                lines.push(format!("{}: {what}{time}", host.name));
            }
            for cluster in &of_clusters {
                let number = cluster.steps.len();
                let what = in_place(&words::count(number, "topic"));
                lines.push(format!("{}: {what}", words::cluster(&cluster.cluster)));
            }
        }
    }
    if !lines.is_empty() {
        page.gap();
    }
    for line in &lines {
        page.line(&[(Ink::Plain, line)]);
    }
    for host in hosts {
        looked_up::warnings(page, &host.warnings);
    }
    for cluster in of_clusters {
        topics::remarks(page, cluster);
    }
}

fn in_place(what: &str) -> String {
    format!("up to date, {what}")
}

/// `before` has had the same error.
fn section(page: &mut Page, host: &HostPlan, time: Option<&str>, before: Option<&str>) {
    let indent = (columns(&host.name) + 2).min(16);
    let address = match &host.account {
        Some(account) if host.address == "local" => format!("local, as {account}"),
        Some(account) if !host.address.contains('@') => format!("{account}@{}", host.address),
        _ => host.address.clone(),
    };
    let instance = host
        .identity
        .as_ref()
        .and_then(|id| id.instance_id.as_ref());
    let instance = instance.map(|id| format!("{id}  ")).unwrap_or_default();
    page.line(&[
        (Ink::Bold, &host.name),
        (Ink::Plain, "  "),
        (Ink::Plain, &instance),
        (Ink::Plain, &address),
    ]);
    if let Some(error) = &host.error {
        looked_up::rows(page, &host.looked_up);
        // The address stands above already.
        let own = format!("{}: ", host.address);
        let error = error.strip_prefix(&own).unwrap_or(error);
        super::outcome::error_or_same(page, error, before);
        looked_up::warnings(page, &host.warnings);
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
    looked_up::rows(page, &host.looked_up);
    if let Some(holder) = &host.lock_holder {
        let text = format!("{}; what is shown may change", held(holder));
        page.wrapped(&[(Ink::Yellow, "  locked: ")], 10, Ink::Plain, &text);
    }
    page.gap();
    steps(page, host);
}

/// What differs on a host, and what is to be known of it.
fn steps(page: &mut Page, host: &HostPlan) {
    for step in differing(&host.steps) {
        self::step(page, step);
    }
    unchanged(page, &host.steps);
    looked_up::warnings(page, &host.warnings);
}

/// The addresses that stay as they are, in one paragraph.
pub fn unchanged(page: &mut Page, steps: &[Step]) {
    let steps = steps.iter().filter(|step| step.action == StepAction::None);
    let addresses: Vec<&str> = steps.map(|step| &*step.address).collect();
    if !addresses.is_empty() {
        page.wrapped(&[(Ink::Dim, "  = ")], 4, Ink::Dim, &words::some(&addresses));
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

pub(super) fn step(page: &mut Page, step: &Step) {
    let (ink, sign) = sign(step.action);
    page.line(&[
        (Ink::Plain, "  "),
        (ink, sign),
        (Ink::Plain, " "),
        (ink, &step.address),
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
    for (at, line) in step
        .warning
        .iter()
        .flat_map(|text| text.lines())
        .enumerate()
    {
        // Each line is another warning, or the help of the one before.
        let mark = match (at, line.starts_with("help: ")) {
            (0, _) | (_, false) => "warning: ",
            (_, true) => "  ",
        };
        let lead = [(Ink::Plain, "      "), (Ink::Yellow, mark)];
        page.wrapped(&lead, 8, Ink::Plain, line);
    }
}
