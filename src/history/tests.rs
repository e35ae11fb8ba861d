use super::*;
use crate::plan::{HostPlan, Step, StepAction};

const HOUR: u64 = 3600;

fn at(hour: u64) -> Utc {
    Utc::of_seconds(hour * HOUR)
}

fn step(address: &str, differs: bool) -> Step {
    Step {
        action: if differs {
            StepAction::Update
        } else {
            StepAction::None
        },
        reason: if differs {
            "it differs".into()
        } else {
            String::new()
        },
        ..Step::none(address)
    }
}

fn host(name: &str, steps: Vec<Step>) -> HostPlan {
    let mut host = HostPlan::unreached(name, "local", String::new());
    (host.error, host.steps) = (None, steps);
    host
}

/// A host with two addresses, and which of them differ.
fn two(name: &str, first: bool, second: bool) -> HostPlan {
    host(
        name,
        vec![step("client/java", first), step("client/kafka", second)],
    )
}

fn unreachable(name: &str) -> HostPlan {
    HostPlan::unreached(name, "local", "timed out".into())
}

/// Runs one after another, an hour each, as they stand in a file.
#[derive(Default)]
struct Desk {
    text: String,
    runs: u64,
    scope: Scope,
}

impl Desk {
    fn run(&mut self, hosts: Vec<HostPlan>) -> History {
        let plan = Plan::new(format!("salt {}", self.runs), vec![], hosts, vec![]);
        self.run_of("drift", &plan, &[])
    }

    fn run_of(&mut self, command: &'static str, plan: &Plan, outcomes: &[Outcome]) -> History {
        self.runs += 1;
        let ended = Ended {
            command,
            at: at(self.runs),
            took: Duration::from_millis(2100),
            code: plan.code(),
            plan,
            outcomes,
        };
        let history = History::new(&self.scope, &self.text, &ended);
        self.text.push_str(&history.line());
        history
    }
}

impl History {
    /// Since when a host or one of its addresses differs, or it could not be checked.
    fn since(&self, host: &str, address: Option<&str>) -> Option<Since> {
        let entry = self.now.get(&Subject::Host(host.to_owned()))?;
        let Some(address) = address else {
            return entry.since;
        };
        let mut differ = entry.differ.iter();
        let differs = differ.find(|one| one.address == address)?;
        Some(differs.since)
    }
}

fn since(hour: u64, last_in_sync: Option<u64>) -> Option<Since> {
    let last_in_sync = last_in_sync.map(at);
    Some(Since {
        at: at(hour),
        last_in_sync,
    })
}

#[test]
fn since_is_the_first_run_of_the_row_in_which_it_differed() {
    let mut desk = Desk::default();
    let first = desk.run(vec![two("a", true, false)]);
    assert_eq!(first.since("a", Some("client/java")), since(1, None));
    desk.run(vec![two("a", false, false)]);
    desk.run(vec![two("a", false, true)]);
    // Nobody saw it meanwhile, and it is the same row.
    desk.run(vec![unreachable("a")]);
    let last = desk.run(vec![two("a", true, true)]);
    assert_eq!(last.since("a", Some("client/kafka")), since(3, Some(2)));
    assert_eq!(last.since("a", Some("client/java")), since(5, Some(3)));
    assert_eq!(last.since("a", None), since(3, Some(2)));
    assert_eq!(last.since("b", None), None);
    let hours: Vec<_> = last.runs().iter().map(|run| run.at).collect();
    assert_eq!(hours, [1, 2, 3, 4, 5].map(at));
    let counts = last
        .runs()
        .iter()
        .map(|run| (run.in_sync, run.drifted, run.unreachable));
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [(0, 1, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 0)]
    );
    assert_eq!(last.last_in_sync(), Some(at(2)));

    let fine = desk.run(vec![two("a", false, false)]);
    assert_eq!(fine.since("a", None), None);
    assert_eq!(fine.since("a", Some("client/java")), None);
    assert_eq!(fine.last_in_sync(), Some(at(6)));
}

#[test]
fn a_host_that_is_away_is_so_since_it_was_last_checked() {
    let mut desk = Desk::default();
    desk.run(vec![unreachable("a")]);
    desk.run(vec![two("a", false, false)]);
    desk.run(vec![two("a", false, true)]);
    desk.run(vec![unreachable("a")]);
    let last = desk.run(vec![unreachable("a")]);
    assert_eq!(last.since("a", None), since(4, Some(2)));
}

#[test]
fn what_was_not_looked_at_says_nothing() {
    let mut desk = Desk::default();
    desk.run(vec![two("a", true, true), two("b", false, false)]);
    // The one address is known to have been in sync.
    desk.scope.only = vec!["--target".into(), "client/java".into()];
    let mut plan = Plan::new(
        "x".into(),
        vec![],
        vec![host("a", vec![step("client/java", false)])],
        vec![],
    );
    plan.selection = Some(crate::plan::Selection::default());
    let some = desk.run_of("drift", &plan, &[]);
    assert_eq!(some.last_in_sync(), Some(at(2)));
    desk.scope.only = vec!["--host".into(), "b".into()];
    desk.run(vec![two("b", false, false)]);
    desk.scope.only.clear();
    let last = desk.run(vec![two("a", true, true), two("b", false, true)]);
    assert_eq!(last.since("a", Some("client/kafka")), since(1, None));
    assert_eq!(last.since("a", Some("client/java")), since(4, Some(2)));
    assert_eq!(last.since("a", None), since(1, None));
    assert_eq!(last.since("b", None), since(4, Some(3)));
    // Neither of the parts was all of it.
    assert_eq!(last.last_in_sync(), None);
}

#[test]
fn a_run_that_sees_less_does_not_vouch_for_what_it_does_not_see() {
    let mut desk = Desk::default();
    desk.scope.deep = true;
    desk.run(vec![two("a", false, true)]);
    desk.scope.deep = false;
    desk.run(vec![two("a", false, false)]);
    desk.scope.deep = true;
    let last = desk.run(vec![two("a", false, true)]);
    assert_eq!(last.since("a", Some("client/kafka")), since(1, None));
    assert_eq!(last.since("a", None), since(1, None));
    assert!(last.news().is_none());
}

#[test]
fn other_specs_and_other_variables_are_another_history() {
    let mut desk = Desk::default();
    desk.scope.specs = vec!["/a.yaml".into()];
    desk.scope.vars = vec![("env".into(), "canary".into())];
    desk.run(vec![two("a", true, false)]);
    desk.scope.vars[0].1 = "test".into();
    let other = desk.run(vec![two("a", true, false)]);
    assert_eq!(
        (other.runs().len(), other.since("a", None)),
        (1, since(2, None))
    );
    desk.scope.vars[0].1 = "canary".into();
    let same = desk.run(vec![two("a", true, false)]);
    assert_eq!(
        (same.runs().len(), same.since("a", None)),
        (2, since(1, None))
    );
    desk.scope.specs = vec!["/b.yaml".into()];
    assert_eq!(desk.run(vec![]).runs().len(), 1);
    assert!(!desk.text.contains("canary"), "{}", desk.text);
}

#[test]
fn an_apply_says_what_it_left() {
    let mut desk = Desk::default();
    desk.run(vec![two("a", true, true)]);
    let plan = Plan::new("x".into(), vec![], vec![two("a", true, true)], vec![]);
    let outcome = Outcome {
        applied: vec!["client/java".into(), "client/kafka".into()],
        not_converged: vec![("client/kafka".into(), "still".into())],
        ..Outcome::new(Subject::Host("a".into()))
    };
    let applied = desk.run_of("apply", &plan, &[outcome]);
    assert_eq!(applied.since("a", Some("client/java")), None);
    assert_eq!(applied.since("a", Some("client/kafka")), since(1, None));
    let last = desk.run(vec![two("a", true, true)]);
    assert_eq!(last.since("a", Some("client/java")), since(3, Some(2)));
    assert_eq!(last.since("a", Some("client/kafka")), since(1, None));
    // It is the same as in the last reported run, and yet not the same drift.
    let news = last.news();
    assert_eq!(news.since, Some(at(1)));
    let steps = plan.hosts[0].steps.iter();
    let new: Vec<bool> = steps
        .map(|step| news.has_step((&plan.hosts[0]).into(), step))
        .collect();
    assert_eq!(new, [true, false]);
    // What could not be read again is not known, whatever was planned.
    let lost = Outcome {
        applied: vec!["client/java".into()],
        unverified: vec![("client/java".into(), "lost".into())],
        ..Outcome::new(Subject::Host("b".into()))
    };
    let plan = Plan::new(
        "x".into(),
        vec![],
        vec![host("b", vec![step("client/java", true)])],
        vec![],
    );
    let unread = desk.run_of("apply", &plan, &[lost]);
    assert_eq!(unread.runs().last().map(|run| run.unreachable), Some(1));
}

#[test]
fn news_are_what_is_new_and_what_is_gone() {
    let mut desk = Desk::default();
    let all = desk.run(vec![
        two("a", true, false),
        unreachable("b"),
        two("c", false, true),
    ]);
    assert_eq!(all.news().since, None);
    let same = desk.run(vec![
        two("a", true, false),
        unreachable("b"),
        two("c", false, true),
    ]);
    assert!(same.news().is_none() && same.news().since == Some(at(1)));
    let mut changed = two("a", true, true);
    changed.steps[0].reason = "it differs otherwise".into();
    let hosts = vec![
        changed,
        two("b", false, false),
        unreachable("c"),
        unreachable("d"),
    ];
    let plan = Plan::new("x".into(), vec![], hosts, vec![]);
    let next = desk.run_of("drift", &plan, &[]);
    let news = next.news();
    let part = |at: usize| (&plan.hosts[at]).into();
    assert!(
        plan.hosts[0]
            .steps
            .iter()
            .all(|step| news.has_step(part(0), step))
    );
    let parts: Vec<bool> = (0..4).map(|at| news.has_part(part(at))).collect();
    assert_eq!(parts, [false, false, true, true]);
    assert_eq!(news.back.len(), 1);
    assert!(news.back[0].checked && news.back[0].subject == Subject::Host("b".into()));

    // Of `c` nobody knows; the other is no longer in the spec.
    let fixed = desk.run(vec![
        host("a", vec![step("client/java", false)]),
        two("b", false, false),
    ]);
    let back = &fixed.news().back;
    assert_eq!(back.len(), 1);
    assert_eq!(
        (back[0].in_sync.len(), &*back[0].gone),
        (1, &["client/kafka".into()][..])
    );
    assert!(!fixed.news().is_none());
}

#[test]
fn a_plan_is_dated_and_no_value_of_a_host_is_kept() {
    let mut desk = Desk::default();
    let plan = || {
        let mut host = two("a", true, false);
        host.steps[0].reason = "it is canary, the spec wants 1".into();
        host.steps[0].changes = vec![crate::kinds::Change::shown(
            "mode",
            Some("canary"),
            Some("1"),
        )];
        Plan::new("x".into(), vec![], vec![host, unreachable("b")], vec![])
    };
    desk.run_of("drift", &plan(), &[]);
    let mut dated = plan();
    desk.run_of("drift", &dated, &[]).date(&mut dated);
    assert_eq!(dated.hosts[0].since, since(1, None));
    assert_eq!(dated.hosts[0].steps[0].since, since(1, None));
    assert_eq!(dated.hosts[0].steps[1].since, None);
    assert_eq!(dated.hosts[1].since, since(1, None));
    assert!(!desk.text.contains("canary"), "{}", desk.text);
}

#[test]
fn many_equal_hosts_take_one_group_and_old_runs_go() {
    let mut desk = Desk::default();
    desk.scope.specs = vec!["/rare.yaml".into()];
    desk.run(vec![two("a", true, false)]);
    desk.scope.specs = vec!["/a.yaml".into()];
    let names: Vec<String> = (0..1000).map(|n| format!("host-{n:04}")).collect();
    let hosts = || names.iter().map(|name| two(name, true, false)).collect();
    desk.run(hosts());
    let last = desk.run(hosts());
    assert!(last.line().len() < 20_000, "{}", last.line().len());
    assert_eq!(last.since("host-0999", None), since(2, None));

    let line = last.line();
    let text = format!("{}no run\n", desk.text) + &line.repeat(2 * KEPT_BYTES / line.len());
    let kept = trimmed(&text);
    assert!(kept.len() <= KEPT_BYTES + desk.text.len(), "{}", kept.len());
    assert!(kept.contains("/rare.yaml") && !kept.contains("no run") && kept.ends_with(&line));
    let short = desk.run(vec![]).line();
    assert_eq!(
        trimmed(&short.repeat(MOST_RUNS + 5)).lines().count(),
        MOST_RUNS
    );
}
