//! What a drift report says beside what a plan says: since when, what is new, and the way out.

use std::time::Duration;

use trueup::{
    exit::Code,
    history::{Ended, History, Scope},
    kinds::{Change, TextChange},
    plan::{HostPlan, Plan, StepAction, selection::Selection},
    report::{
        Detail, Format, Report, ReportKind,
        fix::{Flags, fix, joined},
        human::{self, Style},
        json, render,
    },
    utc::Utc,
};

use super::blessed;
use crate::told::valid;
use crate::values::*;

/// Runs of `drift`, each so many minutes before the one that is reported, and at last that one.
fn after(runs: &[(u64, Plan)], now: &mut Plan) -> History {
    let mut text = String::new();
    let run = |text: &str, at: u64, plan: &Plan| {
        let ended = Ended {
            command: "drift",
            at: Utc::of_seconds(at),
            took: Duration::from_millis(2100),
            code: plan.code(),
            plan,
            outcomes: &[],
        };
        History::new(&Scope::default(), text, &ended)
    };
    for (minutes, plan) in runs {
        let line = run(&text, AT.seconds() - 60 * minutes, plan).line();
        text.push_str(&line);
    }
    let history = run(&text, AT.seconds(), now);
    history.date(now);
    history
}

fn in_sync() -> Plan {
    let hosts = (1..=40).map(|number| host(&format!("client-{number:02}"), in_place(&ALL)));
    plan(hosts.collect())
}

/// A night of a fleet: in sync at 22:10, drifted at 22:40, and one host away since 3:00.
fn night() -> (Plan, History) {
    let mut before = fleet();
    before.hosts[32] = host("client-33", in_place(&ALL));
    let mut now = fleet();
    now.hosts[6].steps.push(step(
        "client/properties",
        StepAction::Update,
        "2 of 4 keys differ in ~/c",
    ));
    now.hosts[6].steps[4].changes = vec![
        Change::shown("sasl.mechanism", Some("PLAIN"), Some("AWS_MSK_IAM")),
        Change::shown("mode", Some("0644"), Some("0600")),
    ];
    let runs = [(300, in_sync()), (270, before), (10, fleet())];
    let history = after(&runs, &mut now);
    (now, history)
}

fn reported<'r>(
    plan: &'r Plan,
    history: &'r History,
    next: &'r [String],
    detail: Detail,
) -> Report<'r> {
    Report {
        history: Some(history),
        next,
        detail,
        ..report(ReportKind::Drift, plan, &[], plan.code())
    }
}

fn narrow(width: usize) -> Style {
    let color = false;
    Style { color, width }
}

#[test]
fn the_first_lines_say_what_is_wrong_and_since_when_and_the_last_what_to_do() {
    let (plan, history) = night();
    let words = fix(&plan, &Flags::default());
    let report = reported(&plan, &history, &words, Detail::default());
    let at = |width| {
        human::drift(&Report {
            style: narrow(width),
            ..report
        })
    };
    for width in [60, 80] {
        for line in at(width).lines() {
            let whole = line
                .split(' ')
                .any(|word| word.chars().count() > width - 20);
            assert!(line.chars().count() <= width || whole, "{line}");
        }
    }
    let with = |format| render(format, &report);
    let files = [
        ("drift-night.txt", at(80)),
        ("drift-night-60.txt", at(60)),
        ("drift-night.md", with(Format::Markdown)),
        ("drift-night.xml", with(Format::Junit)),
        ("drift-night.jsonl", with(Format::Jsonl)),
        ("drift-night.prom", with(Format::Prom)),
    ];
    valid(&files[4].1);
    blessed(
        files
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text)),
    );

    let value: serde_json::Value = serde_json::from_str(&json::plan(&plan)).expect("JSON");
    let host = &value["hosts"][6];
    assert_eq!(host["since"]["at"], "2026-11-26T22:40:00Z");
    assert_eq!(host["since"]["last_in_sync"], "2026-11-26T22:10:00Z");
    assert_eq!(host["steps"][3]["since"]["at"], "2026-11-26T22:40:00Z");
    assert!(value["hosts"][0]["since"].is_null() && host["steps"][0]["since"].is_null());
}

#[test]
fn before_and_after_are_shown_where_they_are_asked_for() {
    let mut value = example();
    let history = after(&[], &mut value);
    let detail = Detail {
        diff: true,
        only_news: false,
    };
    let text = human::drift(&reported(&value, &history, &[], detail));
    let lines = "        @@ line 15 @@\n        + # trueup: CLASSPATH, managed\n";
    assert!(text.contains(lines), "{text}");
    let plain = human::drift(&reported(&value, &history, &[], Detail::default()));
    assert!(!plain.contains("@@ line"), "{plain}");
    blessed([("drift-diff.txt".to_owned(), text)].into_iter());
}

/// Every field that differs stands in the text, whatever is left out of a plan's rows.
#[test]
fn all_differences_of_an_address_are_named() {
    let mut value = long_text();
    value.hosts[0].steps[0].text = Some(TextChange {
        path: "~/.bashrc".into(),
        before: String::new(),
        after: "as in the archive\n".into(),
    });
    let history = after(&[], &mut value);
    let text = human::drift(&reported(&value, &history, &[], Detail::default()));
    for number in 1..=25 {
        assert!(
            text.contains(&format!("libs/{number}.jar")),
            "{number}: {text}"
        );
    }
}

#[test]
fn only_news_are_what_is_new_and_what_is_back() {
    let detail = Detail {
        diff: false,
        only_news: true,
    };
    let mut now = fleet();
    // One is mended, one away, one back, and of one the same is said as before.
    now.hosts[18] = host("client-19", in_place(&ALL));
    now.hosts[32] = host("client-33", in_place(&ALL));
    now.hosts[1] =
        HostPlan::unreached("client-02", "ec2", "connection timed out after 10 s".into());
    let history = after(&[(300, in_sync()), (60, fleet())], &mut now);
    let text = human::drift(&reported(&now, &history, &[], detail));
    assert!(
        !text.contains("client-07") && !text.contains("client-08"),
        "{text}"
    );
    blessed([("drift-news.txt".to_owned(), text)].into_iter());

    let mut same = fleet();
    let history = after(&[(300, in_sync()), (60, fleet())], &mut same);
    assert_eq!(human::drift(&reported(&same, &history, &[], detail)), "");
    // Nothing was told yet.
    let history = after(&[], &mut same);
    let first = human::drift(&reported(&same, &history, &[], detail));
    assert!(first.contains("client-07, client-19"), "{first}");
}

#[test]
fn the_way_out_goes_no_further_than_it_leads() {
    let quiet = Flags::default();
    let words = |plan: &Plan, flags: &Flags<'_>| fix(plan, flags).join(" ");
    let specs = "trueup apply specs/pinterest-client.yaml";
    let mut fleet = fleet();
    assert_eq!(
        words(&fleet, &quiet),
        format!("{specs} --host client-07,client-19")
    );
    // All there are, and no flag chose them.
    let one = example();
    assert_eq!(words(&one, &quiet), specs);
    let hosts = ["--host".to_owned(), "cl*".to_owned()];
    let chosen = Flags {
        hosts: &hosts,
        vars: &[
            ("env".into(), "a b".into()),
            ("db_password".into(), "canary".into()),
        ],
        deep: true,
    };
    let said = words(&one, &chosen);
    assert!(said.contains("--var env=a b --var db_password=…"), "{said}");
    assert!(said.ends_with("--host client --deep"), "{said}");
    // Nothing that an apply would close.
    assert_eq!(words(&in_sync(), &quiet), "");
    assert_eq!(words(&locked(), &quiet), "");
    // Topics are applied through a host, or from here.
    let mut topics = topics();
    assert_eq!(words(&topics, &quiet), specs);
    topics.hosts.push(host("other", in_place(&ALL)));
    assert_eq!(words(&topics, &quiet), format!("{specs} --host client"));
    topics.topics[0].via = "direct".into();
    assert_eq!(
        words(&topics, &chosen),
        format!("{specs} --var env=a b --var db_password=… --host cl* --deep")
    );
    fleet.selection = Some(Selection {
        target: vec!["client/kafka".into()],
        exclude: vec!["client/java".into()],
        required: vec![],
    });
    let said = words(&fleet, &quiet);
    assert!(
        said.contains("--target client/kafka --exclude client/java --host"),
        "{said}"
    );

    let typed = fix(&one, &chosen);
    let report = Report {
        next: &typed,
        style: narrow(60),
        ..report(ReportKind::Drift, &one, &[], Code::Changes)
    };
    let text = human::drift(&report);
    let end: Vec<&str> = text.lines().rev().take(4).collect();
    assert_eq!(
        end,
        [
            "exit 2: something differs from the spec",
            "  --deep",
            "  --var 'env=a b' --var 'db_password=…' --host client \\",
            "fix: trueup apply specs/pinterest-client.yaml \\",
        ],
        "{text}"
    );
}

#[test]
fn parts_of_a_fleet_have_one_way_out() {
    let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    let (one, other) = (
        words("trueup apply a.yaml --host c1,c2 --deep"),
        words("trueup apply a.yaml --host c3 --deep"),
    );
    assert_eq!(
        joined(&[&one, &[], &other]),
        words("trueup apply a.yaml --host c1,c2,c3 --deep")
    );
    assert_eq!(
        joined(&[&one, &words("trueup apply b.yaml --host c3 --deep")]),
        [""; 0]
    );
    assert_eq!(joined(&[]), [""; 0]);
}
