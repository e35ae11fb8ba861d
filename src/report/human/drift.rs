//! What has moved, for people on call: which spec, when, how much and since when come first, the help
//! last.

use indexmap::IndexMap;

use super::{
    change, differing,
    page::{Ink, Page},
    plan::{held, selection},
    sign,
};
use crate::{
    exit::Code,
    history::{News, Since},
    kinds::Address,
    plan::{Part, Plan, State, Step, StepAction},
    report::{Report, alike::Errors, fix, words},
    script::quote,
    text::{columns, padded},
    utc::Utc,
};

/// Longer addresses than this do not push the reasons of the others to the right.
const ADDRESS: usize = 32;
/// What stands before the command that closes it.
const FIX: &str = "fix: ";

/// A drift report: hosts with the same drift together, and the exit code in words at the end. One line,
/// where nothing is wrong; with `only_news` nothing, where nothing is new.
pub fn drift(report: &Report<'_>) -> String {
    let news = report.history.filter(|_| report.detail.only_news);
    let news = news.map(|history| history.news());
    if news.is_some_and(News::is_none) {
        return String::new();
    }
    let plan = report.plan;
    let mut page = Page::new(&report.style);
    let fine = report.code == Code::Done;
    head(&mut page, report, fine);
    if !fine {
        counts(&mut page, plan);
    }
    if let Some(at) = news.and_then(|news| news.since) {
        let text = format!("what has changed since the run of {}:", at.minute());
        page.gap();
        page.line(&[(Ink::Plain, &text)]);
    }
    for state in State::ALL
        .into_iter()
        .filter(|state| *state != State::InSync)
    {
        let is_news = |part: &Part<'_>| news.is_none_or(|news| has_news(news, *part));
        let parts = plan.parts().filter(|part| part.state() == state);
        for group in groups(parts.filter(is_news), report, news) {
            page.gap();
            section(&mut page, report, state, &group);
        }
    }
    if let Some(news) = news {
        back(&mut page, news);
    }
    if !fine {
        end(&mut page, report);
    }
    page.into_text()
}

/// The specs, when, how many, how long.
fn head(page: &mut Page, report: &Report<'_>, fine: bool) {
    let plan = report.plan;
    let specs: Vec<&str> = plan.specs.iter().map(|spec| &*spec.path).collect();
    let what = how_many(plan.hosts.len(), plan.topics.len());
    let took = words::duration(report.took);
    let end = match fine {
        true => format!("{what} in sync ({took})"),
        false => format!("{what} in {took}"),
    };
    let text = format!("  {} UTC  {end}", report.at.minute());
    page.wrapped(&[(Ink::Bold, &words::some(&specs))], 2, Ink::Plain, &text);
    selection(page, plan);
}

fn how_many(hosts: usize, clusters: usize) -> String {
    let topics = format!("topics of {}", words::count(clusters, "cluster"));
    match (hosts, clusters) {
        (0, 1..) => topics,
        (_, 0) => words::count(hosts, "host"),
        _ => format!("{} and {topics}", words::count(hosts, "host")),
    }
}

/// How many hosts and clusters are in which state.
fn counts(page: &mut Page, plan: &Plan) {
    let has_topics = !plan.topics.is_empty();
    let mut all = Vec::new();
    for state in State::ALL {
        let of = |hosts: bool| {
            let parts = plan.parts().filter(|part| part.state() == state);
            parts.filter(|part| part.is_host() == hosts).count()
        };
        let what = match (of(true), of(false)) {
            (0, 0) => continue,
            (hosts, 0) if !has_topics => hosts.to_string(),
            (hosts, clusters) => how_many(hosts, clusters),
        };
        all.push((ink(state), format!("{} {what}", state.in_words())));
    }
    if let Some(((ink, first), rest)) = all.split_first() {
        let rest: String = rest.iter().map(|(_, text)| format!(", {text}")).collect();
        page.wrapped(&[(*ink, first)], 2, Ink::Plain, &rest);
    }
}

fn ink(state: State) -> Ink {
    match state {
        State::Drifted | State::Locked => Ink::Yellow,
        State::Unseen | State::Unreachable | State::Refused => Ink::Red,
        State::InSync => Ink::Plain,
    }
}

/// Whether something of a host or a cluster is new.
fn has_news(news: &News, part: Part<'_>) -> bool {
    let mut steps = part.steps.iter();
    news.has_part(part) || steps.any(|step| news.has_step(part, step))
}

/// Hosts with the same words, in the order of the spec, or one cluster.
struct Group<'p> {
    parts: Vec<Part<'p>>,
    error: Vec<String>,
    steps: Vec<&'p Step>,
}

fn groups<'p>(
    parts: impl Iterator<Item = Part<'p>>,
    report: &Report<'p>,
    news: Option<&News>,
) -> Vec<Group<'p>> {
    let errors = Errors::of(report.plan);
    let mut groups: IndexMap<String, Group<'p>> = IndexMap::new();
    for part in parts {
        let mut steps = differing(part.steps);
        steps.retain(|step| {
            news.is_none_or(|news| news.has_part(part) || news.has_step(part, step))
        });
        let error = error(report.plan, part, &errors);
        let mut key: Vec<&str> = error.iter().map(String::as_str).collect();
        key.extend(part.lock_holder);
        // A cluster stands alone.
        key.extend((!part.is_host()).then_some(part.name()));
        let mut alike = Page::new(&report.style);
        for step in &steps {
            self::step(&mut alike, report, part, (step, None), (0, 0));
        }
        let key = format!("{}\n{}", key.join("\n"), alike.into_text());
        let group = groups.entry(key).or_insert(Group {
            parts: vec![],
            error,
            steps,
        });
        group.parts.push(part);
    }
    groups.into_values().collect()
}

/// Why it could not be read, line by line, without its name or its address where that begins it, and where
/// many could not for the same reason, without what is its own.
fn error(plan: &Plan, part: Part<'_>, errors: &Errors<'_>) -> Vec<String> {
    let common = errors.common(part.name()).filter(|_| part.is_host());
    let error = common.or(part.error).unwrap_or_default();
    let host = plan
        .hosts
        .iter()
        .find(|host| part.is_host() && host.name == part.name());
    let own = |name: &str| error.strip_prefix(&format!("{name}: "));
    let text = own(part.name())
        .or_else(|| own(&host?.address))
        .unwrap_or(error);
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn section(page: &mut Page, report: &Report<'_>, state: State, group: &Group<'_>) {
    let names = group.parts.iter().map(|part| words::name(part.subject));
    let names = words::some(&names.collect::<Vec<_>>());
    let since: Vec<Option<Since>> = group.parts.iter().map(|part| part.since).collect();
    let in_words = words::since(&since, report.at);
    let word = state.in_words();
    let lead = [(ink(state), word), (Ink::Plain, "  ")];
    let hang = word.len() + 2;
    let margin = " ".repeat(hang);
    if let [first, rest @ ..] = group.error.as_slice() {
        page.wrapped(&lead, hang, Ink::Plain, &format!("{names}  {first}"));
        for line in rest {
            page.wrapped(&[(Ink::Plain, &margin)], hang + 2, Ink::Plain, line);
        }
        if let Some(text) = in_words {
            page.wrapped(&[(Ink::Plain, &margin)], hang, Ink::Plain, &text);
        }
        return;
    }
    let text = in_words.map_or(names.clone(), |since| format!("{names}  {since}"));
    page.wrapped(&lead, hang, Ink::Plain, &text);
    let Some(part) = group.parts.first() else {
        return;
    };
    if let Some(holder) = part.lock_holder {
        let text = format!("{}; what is shown may change", held(holder));
        page.wrapped(&[(Ink::Plain, "  ")], 2, Ink::Plain, &text);
    }
    let widest = |of: fn(&Step) -> &str| group.steps.iter().map(|step| columns(of(step))).max();
    let widths = (
        widest(|step| word_of(step.action)).unwrap_or(0),
        widest(|step| &step.address).unwrap_or(0).min(ADDRESS),
    );
    // Of several hosts that began at several times each address has its own.
    let one_time = since.iter().all(|one| *one == since[0]);
    for step in &group.steps {
        let own = step.since.filter(|own| one_time && Some(*own) != since[0]);
        let own = own.and_then(|own| words::since(&[Some(own)], report.at));
        self::step(page, report, *part, (step, own), widths);
    }
}

/// What is the case with an address.
pub(in crate::report) fn word_of(action: StepAction) -> &'static str {
    match action {
        StepAction::None => "",
        StepAction::Create => "missing",
        StepAction::Update => "changed",
        StepAction::Delete => "extra",
        StepAction::Blocked => "blocked",
        StepAction::Unknown => "not seen",
    }
}

fn step(
    page: &mut Page,
    report: &Report<'_>,
    part: Part<'_>,
    (step, since): (&Step, Option<String>),
    widths: (usize, usize),
) {
    let (ink, _) = sign(step.action);
    let word = padded(word_of(step.action), widths.0);
    let address = padded(&step.address, widths.1);
    let lead = [
        (Ink::Plain, "  "),
        (ink, &*word),
        (Ink::Plain, "  "),
        (Ink::Plain, &*address),
        (Ink::Plain, "  "),
    ];
    let mut text = step.reason.clone();
    if !part.is_host() && step.action == StepAction::Create {
        text.push_str(" (apply would create it, empty)");
    }
    // Below its beginning, unless a path of it needs the room.
    let address = 2 + columns(&word) + 2;
    let below = address + widths.1 + 2;
    let longest = text.split(' ').map(columns).max().unwrap_or(0);
    let hang = if page.fits(below + longest) {
        below
    } else {
        address
    };
    page.wrapped(&lead, hang, Ink::Plain, &text);
    let margin = " ".repeat(address);
    let margin = [(Ink::Plain, &*margin)];
    for text in since.iter().chain(&file_in_words(step, report.at)) {
        page.wrapped(&margin, address, Ink::Plain, text);
    }
    if let Some(help) = &step.help {
        page.wrapped(&margin, address + 2, Ink::Plain, &format!("help: {help}"));
    }
    if report.detail.diff {
        change::rows(page, step);
        if let Some(text) = &step.text {
            change::lines(page, text);
        }
    } else {
        change::differences(page, step);
    }
    if let Some(remains) = &step.remains {
        let text = format!("an apply cannot change: {remains}");
        page.wrapped(&margin, address + 2, Ink::Plain, &text);
    }
}

/// When its file was last changed, and whose it is.
pub(in crate::report) fn file_in_words(step: &Step, now: Utc) -> Option<String> {
    let file = step.file.as_ref()?;
    let at = file.changed_at;
    // A clock ahead of ours is no reason to leave it out.
    let day = at.minute_after(now);
    let owner = file.owner.as_ref();
    let owner = owner.map_or(String::new(), |owner| format!(", owner {owner}"));
    Some(format!("{} changed {day}{owner}", file.path))
}

/// What is no longer wrong.
fn back(page: &mut Page, news: &News) {
    page.gap();
    for one in &news.back {
        let name = words::name(one.subject.borrowed());
        let mut row = |word: &str, addresses: &[Address]| {
            let what = match addresses {
                [] => name.clone(),
                some => format!("{name}  {}", words::some(some)),
            };
            let lead = [(Ink::Green, word), (Ink::Plain, "  ")];
            page.wrapped(&lead, word.len() + 2, Ink::Plain, &what);
        };
        if one.checked {
            row("checked again", &[]);
        }
        if !one.in_sync.is_empty() {
            row("back in sync", &one.in_sync);
        }
        if !one.gone.is_empty() {
            row("no longer in the spec", &one.gone);
        }
    }
}

/// The help, and why the code is what it is.
fn end(page: &mut Page, report: &Report<'_>) {
    page.gap();
    for (at, line) in command(report.next, report.style.width).iter().enumerate() {
        let lead = if at == 0 { FIX } else { "  " };
        page.line(&[(Ink::Bold, lead), (Ink::Plain, line)]);
    }
    if !report.next.is_empty() && fix::leaves_something(report.plan) {
        let text = "it leaves what is blocked: the help above is the way out of that";
        page.wrapped(&[(Ink::Plain, "  ")], 2, Ink::Plain, text);
    }
    let lead = format!("exit {}: ", report.code as u8);
    page.wrapped(&[(Ink::Plain, &lead)], 2, Ink::Plain, code_in_words(report));
}

/// A command as it is typed, on as many lines as it takes.
fn command(words: &[String], width: usize) -> Vec<String> {
    // A flag and its value stay together.
    let mut units: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let quoted = quote(word).unwrap_or_default();
        let is_value = at > 0 && words[at - 1].starts_with("--") && !word.starts_with("--");
        match units.last_mut() {
            Some(unit) if is_value => unit.push_str(&format!(" {quoted}")),
            _ => units.push(quoted),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for unit in units {
        let lead = if lines.len() > 1 { 2 } else { FIX.len() };
        match lines.last_mut() {
            Some(line) if lead + columns(line) + columns(&unit) + 3 <= width => {
                line.push_str(&format!(" {unit}"));
            }
            Some(line) => {
                line.push_str(" \\");
                lines.push(unit);
            }
            None => lines.push(unit),
        }
    }
    lines
}

/// Why the code is what it is.
pub(in crate::report) fn code_in_words(report: &Report<'_>) -> &'static str {
    let plan = report.plan;
    match report.code {
        Code::Changes => "something differs from the spec",
        Code::Locked => "an apply is running; what is shown may change",
        Code::Unreachable if plan.parts().all(|part| part.error.is_none()) => {
            "not everything could be seen"
        }
        Code::Unreachable if plan.hosts.iter().all(|host| host.error.is_none()) => {
            "the cluster could not be read"
        }
        Code::Unreachable if plan.hosts.len() == 1 => "the host could not be read",
        Code::Unreachable => "not every host could be read",
        code => code.meaning(),
    }
}
