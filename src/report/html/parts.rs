//! The hosts and the clusters, each with its addresses; hosts with the same content stand together.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use maud::{Markup, PreEscaped, html};

use super::{
    state::{self, State},
    step::{self, Row},
    text::{as_is, lines, prose, shown, since},
};
use crate::{
    apply::outcome::Outcome,
    history::Since,
    kinds::Address,
    plan::{HostPlan, Part, Plan, StepAction, TopicsPlan},
    proof::Proof,
    report::{
        Report, ReportKind,
        alike::{Errors, FEW},
        human, words,
    },
    utc::Utc,
};

/// A difference of more bytes than these is shown once, and linked to where it is the same.
const LONG: usize = 200;
/// With no more rows than these, what differs is not folded.
const MOST_OPEN: usize = 10;

/// A host, a cluster, or what a host's client says, before it is laid out.
struct Entry<'p> {
    name: String,
    is_host: bool,
    state: State,
    deletes: bool,
    since: Option<Since>,
    /// What is true of this one alone: where it is, and what it runs on.
    about: Vec<String>,
    /// What stands above its addresses.
    intro: String,
    rows: Vec<Row>,
    unchanged: Vec<&'p str>,
    /// It is never grouped with others.
    alone: bool,
}

/// How many hosts and clusters there are in a state.
pub(crate) struct Count {
    pub state: State,
    pub number: usize,
}

/// The parts of a report in the order in which they stand on the page, laid out.
pub struct Parts {
    pub counts: Vec<Count>,
    pub hosts: usize,
    pub clusters: usize,
    pub markup: Markup,
}

/// Lays out all hosts and clusters; of proofs, what each host's client says.
pub fn parts(report: &Report<'_>, plan: &Plan) -> Parts {
    let all: Vec<Entry<'_>> = match report.kind {
        ReportKind::Prove => report.proofs.iter().map(of_proof).collect(),
        _ => {
            let errors = Errors::of(plan);
            let hosts = plan.hosts.iter().map(|host| of_host(report, host, &errors));
            let clusters = plan.topics.iter().map(|one| of_cluster(report, one));
            hosts.chain(clusters).collect()
        }
    };
    let mut counts: Vec<Count> = Vec::new();
    for one in &all {
        match counts.iter_mut().find(|count| count.state == one.state) {
            Some(count) => count.number += 1,
            None => counts.push(Count {
                state: one.state,
                number: 1,
            }),
        }
    }
    counts.sort_by_key(|count| count.state.rank);
    let hosts = all.iter().filter(|one| one.is_host).count();
    let clusters = all.len() - hosts;
    let rows: usize = all.iter().map(|one| one.rows.len()).sum();
    let mut page = Layout {
        now: report.at,
        open: rows <= MOST_OPEN,
        shown: HashMap::new(),
        groups: 0,
    };
    let groups = groups(all);
    let markup = html! { @for group in &groups { (page.group(group)) } };
    Parts {
        counts,
        hosts,
        clusters,
        markup,
    }
}

/// Those with the same content together, what is wrong first. A few of them still stand alone.
fn groups(all: Vec<Entry<'_>>) -> Vec<Vec<Entry<'_>>> {
    let mut alike: IndexMap<String, Vec<(usize, Entry<'_>)>> = IndexMap::new();
    for (place, one) in all.into_iter().enumerate() {
        alike.entry(one.key(place)).or_default().push((place, one));
    }
    let mut groups = Vec::new();
    for ones in alike.into_values() {
        match ones.len() > FEW {
            true => groups.push(ones),
            false => groups.extend(ones.into_iter().map(|one| vec![one])),
        }
    }
    groups.sort_by_key(|ones| {
        let (place, first) = &ones[0];
        (first.state.rank, !first.deletes, *place)
    });
    let groups = groups.into_iter().map(Vec::into_iter);
    groups
        .map(|ones| ones.map(|(_, one)| one).collect())
        .collect()
}

impl Entry<'_> {
    /// Equal for those with the same content.
    fn key(&self, place: usize) -> String {
        if self.alone {
            return place.to_string();
        }
        let mut key = format!(
            "{}\n{}\n{}",
            self.state.word,
            self.intro,
            self.unchanged.join("\n")
        );
        for row in &self.rows {
            let differs = row.differs.as_ref().map_or("", |(_, markup)| markup);
            key.extend(["\n", &row.cells, &row.why, differs]);
        }
        key
    }
}

fn of_host<'p>(report: &Report<'_>, host: &'p HostPlan, errors: &Errors<'_>) -> Entry<'p> {
    let address = match &host.account {
        Some(account) if host.address == "local" => format!("local, as {account}"),
        Some(account) if !host.address.contains('@') => format!("{account}@{}", host.address),
        _ => host.address.clone(),
    };
    let instance = host.identity.as_ref().and_then(|id| id.instance_id.clone());
    let system = host.facts.as_ref().map(|facts| facts.os.name.clone());
    let free = host.facts.as_ref().and_then(|facts| facts.disk_free_kib);
    let free = free.map(|kib| format!("{} free", words::bytes(kib.saturating_mul(1024))));
    let about = [Some(address), instance, system, free]
        .into_iter()
        .flatten();
    let error = host.error.as_ref().map(|error| {
        // The address stands beside the name.
        let own = format!("{}: ", host.address);
        let common = errors.common(&host.name);
        common.unwrap_or(error.strip_prefix(&own).unwrap_or(error))
    });
    Entry {
        name: shown(&host.name),
        about: about.filter(|part| !part.is_empty()).collect(),
        alone: !host.looked_up.is_empty(),
        ..of_part(report, host.into(), error, &[])
    }
}

fn of_cluster<'p>(report: &Report<'_>, cluster: &'p TopicsPlan) -> Entry<'p> {
    let via = match cluster.via.as_str() {
        "direct" => "reached from here".to_owned(),
        host => format!("through {host}"),
    };
    let caller = cluster.caller.as_ref().map(|caller| format!("as {caller}"));
    let name = words::cluster(&cluster.cluster);
    let all = (name != cluster.cluster).then(|| cluster.cluster.clone());
    Entry {
        name: shown(&format!("topics of {name}")),
        about: all.into_iter().chain([via]).chain(caller).collect(),
        alone: true,
        ..of_part(
            report,
            cluster.into(),
            cluster.error.as_deref(),
            &cluster.unmanaged,
        )
    }
}

fn of_part<'p>(
    report: &Report<'_>,
    part: Part<'p>,
    error: Option<&str>,
    unmanaged: &[String],
) -> Entry<'p> {
    let outcome = report.outcomes.iter().find(|one| one.is_of(&part));
    let intro = html! {
        @if let Some(error) = error { (lines("error:", error)) }
        @if let Some(holder) = part.lock_holder {
            p { b { "locked:" } " " (shown(&human::held(holder))) "; what is shown may change" }
        }
        @if let Some(outcome) = outcome { (of_outcome(outcome, part)) }
        @for warning in part.warnings {
            (lines("warning:", warning))
        }
        @if !unmanaged.is_empty() {
            p { "in no table of the spec, left alone: " (shown(&words::some(unmanaged))) }
        }
        @if !part.looked_up.is_empty() {
            ul class="dim" { @for one in part.looked_up { li { (prose(&one.in_words())) } } }
        }
    };
    let differing = human::differing(part.steps);
    let unchanged = part
        .steps
        .iter()
        .filter(|step| step.action == StepAction::None);
    Entry {
        name: String::new(),
        is_host: part.is_host(),
        state: state::of_part(report, part),
        deletes: part
            .steps
            .iter()
            .any(|step| step.action == StepAction::Delete),
        since: part.since,
        about: vec![],
        intro: intro.into_string(),
        rows: differing
            .into_iter()
            .map(|step| Row::new(report, part, step))
            .collect(),
        unchanged: unchanged.map(|step| &*step.address).collect(),
        alone: false,
    }
}

/// What of an outcome is of no address that has a row.
fn of_outcome(outcome: &Outcome, part: Part<'_>) -> Markup {
    let listed: HashSet<&Address> = human::differing(part.steps)
        .iter()
        .map(|step| &step.address)
        .collect();
    let moved = outcome.moved.iter().filter_map(|one| one.address.as_ref());
    let failed = outcome.failures().filter_map(|one| one.address.as_ref());
    let open = outcome.not_converged.iter().chain(&outcome.unverified);
    let others = moved.chain(failed).chain(open.map(|(address, _)| address));
    let mut seen = HashSet::new();
    let others: Vec<&Address> = others
        .filter(|&one| !listed.contains(one) && seen.insert(one))
        .collect();
    html! {
        @if outcome.interrupted { p { b { "interrupted" } } }
        @if outcome.is_stale() {
            p { "the plan no longer holds here, and nothing was written" }
        }
        (step::why(outcome, None))
        @for address in others {
            p { code { (shown(address)) } }
            (step::why(outcome, Some(address)))
        }
        @if !outcome.paste.is_empty() {
            p { "to have these downloads checked from now on, paste into the spec:" }
            (as_is(outcome.paste.iter().map(String::as_str)))
        }
    }
}

fn of_proof<'p>(proof: &Proof) -> Entry<'p> {
    let intro = html! {
        p { (prose(&proof.in_words().replace('\n', " "))) }
        @if !proof.output.is_empty() { (as_is(proof.output.iter().map(String::as_str))) }
        @for note in &proof.notes { (lines("", note)) }
        @if let Some(help) = &proof.help { (lines("help:", help)) }
    };
    let brokers = Some(&proof.bootstrap).filter(|brokers| !brokers.is_empty());
    Entry {
        name: shown(&proof.host),
        is_host: true,
        state: state::of_proof(proof.result),
        deletes: false,
        since: None,
        about: brokers.into_iter().cloned().collect(),
        intro: intro.into_string(),
        rows: vec![],
        unchanged: vec![],
        alone: false,
    }
}

/// What is on the page already.
struct Layout {
    now: Utc,
    open: bool,
    /// The differences shown in full: the number of each, and whose it is.
    shown: HashMap<String, (usize, String)>,
    groups: usize,
}

impl Layout {
    fn group(&mut self, ones: &[Entry<'_>]) -> Markup {
        let first = &ones[0];
        self.groups += 1;
        let title = match ones.len() {
            1 => first.name.clone(),
            many => words::count(many, "host"),
        };
        let kind = if first.is_host { "hosts" } else { "clusters" };
        let intro: &str = &first.intro;
        let id = format!("p{}", self.groups);
        html! {
            "\n"
            article class={ "part " (first.state.tone.class()) } data-state=(first.state.word)
                data-kind=(kind) aria-labelledby=(id) {
                h3 id=(id) {
                    (title) " "
                    span class={ "state " (first.state.tone.class()) } { (first.state.word) }
                }
                @if ones.len() == 1 {
                    p class="dim" {
                        @for (at, about) in first.about.iter().enumerate() {
                            @if at > 0 { ", " }
                            (shown(about))
                        }
                    }
                } @else {
                    @for (when, names) in by_time(ones) {
                        @if let Some(when) = when.and_then(|when| since(when, self.now)) { p { (when) } }
                        ul class="names" { @for name in names { li { (name) } } }
                    }
                }
                @if let Some(when) = first.since.filter(|_| ones.len() == 1) {
                    @if let Some(when) = since(when, self.now) { p { (when) } }
                }
                (PreEscaped(intro))
                @if !first.rows.is_empty() { (self.rows(ones, &title)) }
                @if !first.unchanged.is_empty() { (unchanged(&first.unchanged)) }
            }
        }
    }

    fn rows(&mut self, ones: &[Entry<'_>], title: &str) -> Markup {
        let first = &ones[0];
        html! {
            table class="rows" {
                caption class="unseen" { "what differs: " (title) }
                thead {
                    tr { th scope="col" { "state" } th scope="col" { "address" } th scope="col" { "why" } }
                }
                tbody {
                    @for (at, row) in first.rows.iter().enumerate() {
                        "\n"
                        tr {
                            (PreEscaped(&row.cells))
                            td {
                                (PreEscaped(&row.why))
                                @let when = own_since(ones, at).and_then(|when| since(when, self.now));
                                @if let Some(when) = when { p class="dim" { (when) } }
                                @if let Some(file) = own_file(ones, at) { p class="dim" { (shown(file)) } }
                                @if let Some((label, markup)) = &row.differs {
                                    (self.differs(label, markup, title))
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// What differs, folded; or where it stands.
    fn differs(&mut self, label: &str, markup: &str, title: &str) -> Markup {
        if let Some((place, of)) = self.shown.get(markup) {
            return html! { p { a href={ "#d" (place) } { (label) ": the same as of " (of) } } };
        }
        let place = self.shown.len();
        let id = (markup.len() > LONG).then(|| {
            self.shown
                .insert(markup.to_owned(), (place, title.to_owned()));
            format!("d{place}")
        });
        html! {
            details open[self.open] {
                summary { (label) }
                div id=[id] { (PreEscaped(markup)) }
            }
        }
    }
}

/// The names of hosts, those together that differ since one time.
fn by_time<'o>(ones: &'o [Entry<'_>]) -> IndexMap<Option<Since>, Vec<&'o str>> {
    let mut names: IndexMap<Option<Since>, Vec<&str>> = IndexMap::new();
    for one in ones {
        names.entry(one.since).or_default().push(&one.name);
    }
    names.sort_by_key(|when, _| when.map(|when| when.at));
    names
}

/// Since when an address differs, where that is another time than that of its host, and the same for all.
fn own_since(ones: &[Entry<'_>], at: usize) -> Option<Since> {
    let when = ones[0].rows[at].since?;
    let is_common = ones.iter().all(|one| one.rows[at].since == Some(when));
    let is_own = ones
        .iter()
        .any(|one| one.since.is_none_or(|own| own.at != when.at));
    (is_common && is_own).then_some(when)
}

/// When the file of an address was last changed, where that is the same for all.
fn own_file<'o>(ones: &'o [Entry<'_>], at: usize) -> Option<&'o str> {
    let file = ones[0].rows[at].file.as_deref()?;
    let is_common = ones
        .iter()
        .all(|one| one.rows[at].file.as_deref() == Some(file));
    is_common.then_some(file)
}

/// The addresses that are as they should be.
fn unchanged(addresses: &[&str]) -> Markup {
    let what = match addresses.len() {
        1 => "1 address as the spec says".to_owned(),
        more => format!("{more} addresses as the spec says"),
    };
    html! {
        details class="unchanged" {
            summary { (what) }
            p { (shown(&words::some(addresses))) }
        }
    }
}
