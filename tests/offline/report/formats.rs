//! The formats that machines and forges read: golden texts, schemas, limits, and that all of them
//! say the same.

use proptest::prelude::*;
use trueup::{
    apply::{
        event::{Event, Sink},
        outcome::Outcome,
    },
    exit::Code,
    kinds::{Change, TextChange},
    plan::{HostPlan, Plan, Step, StepAction, Subject, TopicsPlan, selection::Selection},
    proof::{Proof, ProofResult},
    report::{
        Format, ReportKind,
        jsonl::{self, Lines},
        render,
    },
};

use super::{Shared, blessed, play};
use crate::{
    told::{agree, cases, valid},
    values::*,
};

/// Every plan that there is by hand, with its name.
fn plans() -> Vec<(&'static str, Plan)> {
    vec![
        ("example", example()),
        ("nothing", plan(vec![host("client", in_place(&ALL))])),
        ("blocked", blocked_and_unknown()),
        ("sensitive", sensitive()),
        ("unreachable", unreachable()),
        ("locked", locked()),
        ("fleet", fleet()),
        ("long", long_text()),
        ("hostile", hostile()),
        ("topics", topics()),
        ("topics-nothing", topics_in_place()),
        ("topics-away", topics_away()),
        ("looked-up", looked_up()),
        ("topics-many", many_topics()),
        ("alike", alike_hosts()),
        ("unread", unread_hosts()),
    ]
}

/// Every report by hand, with its name.
pub fn each(mut see: impl FnMut(&str, &trueup::report::Report<'_>)) {
    for (name, plan) in plans() {
        see(
            &format!("plan-{name}"),
            &report(ReportKind::Plan, &plan, &[], plan.code_of_work()),
        );
        see(
            &format!("drift-{name}"),
            &report(ReportKind::Drift, &plan, &[], plan.code()),
        );
        see(
            &format!("show-{name}"),
            &report(ReportKind::Saved, &plan, &[], Code::Done),
        );
    }
    let applied = [
        (
            "done",
            example(),
            vec![outcome(&[
                "client/msk_iam_auth",
                "client/classpath",
                "client/properties",
            ])],
            Code::Done,
        ),
        ("failure", example(), vec![failure()], Code::Partial),
        ("partial", example(), vec![partial()], Code::Partial),
        (
            "not-converged",
            example(),
            vec![not_converged()],
            Code::Partial,
        ),
        ("unverified", example(), vec![unverified()], Code::Partial),
        ("in-part", example(), vec![in_part()], Code::Partial),
        ("interrupted", example(), vec![interrupted()], Code::Partial),
        ("moved", example(), vec![moved()], Code::Stale),
        (
            "moved-machine",
            topics(),
            vec![another_machine(), topics_moved()],
            Code::Stale,
        ),
        (
            "moved-hostile",
            hostile(),
            vec![moved_hostile()],
            Code::Stale,
        ),
        (
            "topics",
            topics(),
            vec![outcome(&["client/java"]), topics_failed()],
            Code::Partial,
        ),
    ];
    for (name, plan, outcomes, code) in &applied {
        see(
            &format!("apply-{name}"),
            &report(ReportKind::Apply, plan, outcomes, *code),
        );
    }
}

#[test]
fn a_plan_ends_with_what_an_apply_could_not_do() {
    let blocked_alone = plan(vec![host("client", in_place(&ALL)), {
        let mut blocked = example().hosts.remove(0);
        blocked.steps.retain(|step| step.action == StepAction::None);
        blocked.steps[0].action = StepAction::Blocked;
        blocked
    }]);
    let mut locked_and_blocked = blocked_alone.clone();
    locked_and_blocked.hosts[1].lock_holder = Some("somebody".into());
    for (plan, detailed, plain) in [
        (example(), Code::Changes, Code::Done),
        (
            plan(vec![host("client", in_place(&ALL))]),
            Code::Done,
            Code::Done,
        ),
        (blocked_alone, Code::Changes, Code::Partial),
        (blocked_and_unknown(), Code::Unreachable, Code::Partial),
        (unreachable(), Code::Unreachable, Code::Unreachable),
        (locked_and_blocked, Code::Locked, Code::Locked),
    ] {
        let codes = (plan.code(), plan.code_of_work());
        assert_eq!(codes, (detailed, plain), "{:?}", plan.summary);
    }
}

#[test]
fn formats_are_as_blessed() {
    let mut texts = Vec::new();
    each(|name, report| {
        let kinds: &[(Format, &str)] = match name {
            "drift-example"
            | "drift-blocked"
            | "drift-unreachable"
            | "drift-locked"
            | "drift-topics"
            | "drift-hostile"
            | "drift-looked-up"
            | "apply-failure"
            | "apply-topics"
            | "apply-unverified"
            | "apply-in-part"
            | "apply-moved"
            | "show-topics"
            | "apply-moved-machine"
            | "apply-moved-hostile" => &[
                (Format::Junit, "xml"),
                (Format::Markdown, "md"),
                (Format::Jsonl, "jsonl"),
            ],
            name if name.starts_with("drift") || name.starts_with("show") => &[],
            "plan-topics" | "plan-example" => &[
                (Format::Markdown, "md"),
                (Format::Jsonl, "jsonl"),
                (Format::Json, "json"),
            ],
            _ => &[(Format::Markdown, "md")],
        };
        for (format, ending) in kinds {
            texts.push((format!("{name}.{ending}"), render(*format, report)));
        }
    });
    let mut selected = example();
    selected.selection = Some(Selection {
        target: vec!["client/classpath".into()],
        exclude: vec!["topics/@x".into()],
        required: vec!["client/kafka".into(), "client/msk_iam_auth".into()],
    });
    for (format, ending) in [(Format::Human, "txt"), (Format::Markdown, "md")] {
        let report = report(ReportKind::Plan, &selected, &[], Code::Done);
        texts.push((format!("plan-selected.{ending}"), render(format, &report)));
    }
    assert!(texts.len() > 30, "{}", texts.len());
    blessed(texts.into_iter());
}

#[test]
fn what_is_not_verified_and_what_was_applied_in_part_are_in_all_formats() {
    let plan = example();
    // Metrics are of a drift.
    let all = Format::ALL
        .into_iter()
        .filter(|(_, format)| *format != Format::Prom);
    for (format, text) in all.map(|(name, format)| {
        let of = |outcome| {
            render(
                format,
                &report(ReportKind::Apply, &plan, &[outcome], Code::Partial),
            )
        };
        (name, [of(unverified()), of(in_part()), of(failure())])
    }) {
        let flat = text.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
        let [unverified, in_part, failure] = &flat;
        for address in ["msk_iam_auth", "classpath", "properties"] {
            assert!(unverified.contains(address), "{format}: {unverified}");
        }
        assert!(
            unverified.contains("the connection was lost: Broken pipe")
                && !unverified.contains("applied and verified"),
            "{format}: {unverified}"
        );
        assert!(
            in_part.contains("~/.bashrc") && in_part.contains("no room in /home/ec2-user"),
            "{format}: {in_part}"
        );
        // Machines read a field, people the words; and neither is there for what did nothing.
        let how = match format {
            "json" => "\"done\": [ \"~/.bashrc\" ]",
            "jsonl" => "\"done\":[\"~/.bashrc\"]",
            _ => "applied in part",
        };
        let says = |text: &str| {
            text.replace("exit code 5: applied in part", "")
                .contains(how)
        };
        assert!(
            says(in_part) && !says(failure),
            "{format}: {in_part}{failure}"
        );
    }
}

#[test]
fn the_schema_of_events_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/events.schema.json");
    let made = format!("{:#}\n", jsonl::schema());
    if std::env::var_os("TRUEUP_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, &made).expect("written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "schemas/events.schema.json is out of date; renew it: trueup schema events > schemas/events.schema.json"
    );
}

#[test]
fn each_line_is_valid_and_the_first_and_last_say_what_they_must() {
    let mut reports = 0;
    each(|name, report| {
        let values = valid(&render(Format::Jsonl, report));
        let (first, last) = (&values[0], &values[values.len() - 1]);
        assert_eq!(first["event"], "start", "{name}");
        assert_eq!(first["format_version"], "1.0");
        assert_eq!(first["specs"][0]["path"], "specs/pinterest-client.yaml");
        assert_eq!(last["event"], "end");
        assert_eq!(last["exit_code"], report.code as u8);
        assert_eq!(last["hosts"].is_array(), report.kind == ReportKind::Apply);
        let steps = values.iter().filter(|value| value["event"] == "step");
        assert_eq!(steps.count(), report.plan.steps().count(), "{name}");
        reports += 1;
    });
    assert!(reports > 30);
    // The validator does look.
    let validator = jsonschema::validator_for(&jsonl::schema()).expect("a schema");
    assert!(!validator.is_valid(&serde_json::json!({ "event": "start" })));
}

#[test]
fn events_are_lines_as_they_happen() {
    for what in ["12.8 MiB in 3.1 s", HOSTILE] {
        let out = Shared::default();
        let mut lines = Lines::new(Box::new(out.clone()));
        lines.put(&jsonl::start(ReportKind::Apply, &[], AT));
        play(&mut lines, what);
        let values = valid(&out.text());
        let events: Vec<&str> = values.iter().filter_map(|v| v["event"].as_str()).collect();
        let bytes = events.iter().filter(|event| **event == "bytes").count();
        assert!(
            (10..=21).contains(&bytes),
            "a thousand parts became {bytes} lines"
        );
        let others: Vec<&str> = events
            .into_iter()
            .filter(|event| *event != "bytes")
            .collect();
        assert_eq!(
            others,
            [
                "start",
                "waiting",
                "started",
                "done",
                "started",
                "interrupted",
                "failed"
            ]
        );
        let done = values
            .iter()
            .find(|value| value["event"] == "done")
            .expect("one");
        assert_eq!(done["summary"], what);
        assert_eq!(done["host"], "client");
        super::assert_tame(&out.text());
    }
    // Topics belong to no host.
    let out = Shared::default();
    let (subject, address) = (&Subject::Cluster("b:9098".into()), &"topics/a".into());
    Lines::new(Box::new(out.clone())).event(Event::Failed { subject, address });
    assert!(valid(&out.text())[0]["host"].is_null());
}

#[test]
fn a_writer_that_fails_stops_nothing_and_is_told() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut lines = Lines::new(Box::new(Full));
    play(&mut lines, "x");
    assert!(lines.error().is_some());
}

/// What a reader of Markdown sees of a line: without what stands in code.
fn outside_of_code(text: &str) -> String {
    let mut plain = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        if let Some(open) = &fence {
            if line == open {
                fence = None;
            }
            continue;
        }
        let run: String = line.chars().take_while(|c| *c == '`').collect();
        if run.len() >= 3 {
            fence = Some(run);
            continue;
        }
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('`') {
            plain.push_str(before);
            rest = after
                .split_once('`')
                .unwrap_or_else(|| panic!("an open span: {line}"))
                .1;
        }
        plain.push_str(rest);
        plain.push('\n');
    }
    assert!(fence.is_none(), "a fence stays open:\n{text}");
    while let Some((before, after)) = plain.split_once("<code>") {
        let (_, after) = after.split_once("</code>").expect("an end");
        plain = format!("{before}{after}");
    }
    plain
}

/// Text that means something in Markdown, in HTML, or to a forge.
pub const MARKUP: &str = "</details></code><script>alert(1)</script><img src=x onerror=y> @octocat @org/team \
     #1 GH-2 o/r#3 ![i](https://evil.example/i.png) [l](javascript:x) https://evil.example `@tick <b>` \
     **bold** | cell | ``` ~~~ $x$ <!-- c --> &lt; \\@octocat www.evil.example x@evil.example";

fn assert_inert(text: &str) {
    let plain = outside_of_code(text);
    // A forge looks for people and issues in what is shown: an entity shows them, too.
    for shown in ["&#64;", "&#35;", "&#36;"] {
        assert!(!plain.contains(shown), "`{shown}` in:\n{plain}");
    }
    let allowed = Regexes::new();
    let stripped = allowed.ours.replace_all(&plain, "");
    for bad in ["<", ">", "@", "](", "://", "www.", "~~", "$"] {
        assert!(
            !stripped.contains(bad),
            "`{bad}` in:\n{stripped}\nof:\n{text}"
        );
    }
    assert!(!allowed.reference.is_match(&stripped), "{stripped}");
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("\n</details>\n").count()
    );
}

struct Regexes {
    ours: regex::Regex,
    reference: regex::Regex,
}

impl Regexes {
    fn new() -> Self {
        let ours = r"</?details>|</?summary>|&#\d+;|(?m)^#+ ";
        Self {
            ours: regex::Regex::new(ours).expect("a pattern"),
            reference: regex::Regex::new(r"#\d|(?i)gh-\d").expect("a pattern"),
        }
    }
}

/// A plan in which everything from elsewhere is one text.
pub fn filled_with(text: &str) -> Plan {
    let mut one = step(text, StepAction::Update, text);
    one.help = Some(text.into());
    one.warning = Some(text.into());
    one.notes = vec![text.into()];
    one.changes = vec![
        Change::shown(text, Some(text), Some(text)),
        Change::shown(text, None, None),
        Change::sensitive(text),
    ];
    one.text = Some(TextChange {
        path: text.into(),
        before: format!("a\n{text}"),
        after: format!("a\n{text}\n{text}"),
    });
    let mut blocked = one.clone();
    blocked.action = StepAction::Blocked;
    let mut locked = host(text, vec![one, blocked]);
    locked.lock_holder = Some(text.into());
    let away = HostPlan::unreached(text, text, format!("{text}\n{text}"));
    let topics = TopicsPlan::unreached(text, text, text.into());
    let mut plan = plan_with(vec![locked, away], vec![topics]);
    plan.specs[0].path = text.into();
    plan.selection = Some(Selection {
        target: vec![text.into()],
        exclude: vec![text.into()],
        required: vec![text.into()],
    });
    plan
}

/// An outcome in which everything from elsewhere is one text.
pub fn outcome_of(text: &str) -> Outcome {
    let mut outcome = failure();
    outcome.subject = Subject::Host(text.into());
    outcome.not_converged = vec![(text.into(), text.into())];
    let failure = outcome.failure.as_mut().expect("it failed");
    failure.address = Some(text.into());
    failure.reasons = vec![text.into()];
    failure.help = Some(text.into());
    outcome
}

#[test]
fn nothing_from_elsewhere_is_markup_or_a_mention() {
    for text in [MARKUP, HOSTILE] {
        let (plan, outcomes) = (filled_with(text), [outcome_of(text)]);
        for told in [ReportKind::Plan, ReportKind::Drift, ReportKind::Apply] {
            assert_inert(&render(
                Format::Markdown,
                &report(told, &plan, &outcomes, Code::Partial),
            ));
        }
    }
    each(|_, report| assert_inert(&render(Format::Markdown, report)));
}

#[test]
fn junit_is_well_formed_whatever_stands_in_it() {
    let odd = "\u{0}\u{b}\u{fffe}\u{ffff}]]><x a='\"'>&amp;\u{85}\u{10ffff}";
    for text in [MARKUP, HOSTILE, odd] {
        let (plan, outcomes) = (filled_with(text), [outcome_of(text)]);
        for told in [ReportKind::Plan, ReportKind::Drift, ReportKind::Apply] {
            let xml = render(
                Format::Junit,
                &report(told, &plan, &outcomes, Code::Partial),
            );
            assert_eq!(cases(&xml).all.len(), 5, "{xml}");
        }
    }
    each(|_, report| drop(cases(&render(Format::Junit, report))));
}

#[test]
fn what_clients_say_is_text_in_every_format() {
    for text in [MARKUP, HOSTILE] {
        let plan = plan(vec![host(text, vec![])]);
        let failed = Proof {
            host: text.into(),
            cluster: Some(text.into()),
            bootstrap: text.into(),
            result: ProofResult::Failed,
            cause: Some(text.into()),
            output: vec![text.into(), text.into()],
            help: Some(text.into()),
            notes: vec![text.into()],
            ..Proof::default()
        };
        let proven = Proof {
            host: text.into(),
            result: ProofResult::Proven,
            topics: Some(12),
            role: Some("arn:aws:iam::1:role/r".into()),
            ..Proof::default()
        };
        let proofs = [failed, proven];
        let mut report = report(ReportKind::Prove, &plan, &[], Code::Partial);
        report.proofs = &proofs;
        assert_inert(&render(Format::Markdown, &report));
        let tests = cases(&render(Format::Junit, &report));
        assert_eq!(tests.all.len(), 2);
        let lines = valid(&render(Format::Jsonl, &report));
        let said = lines.iter().filter(|line| line["event"] == "proof");
        assert_eq!(said.clone().count(), 2);
        let json = render(Format::Json, &report);
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let all = json["outcome"]["proofs"].as_array().expect("a list");
        assert_eq!(
            (&all[0]["result"], &all[1]["topics"]),
            (&"failed".into(), &12.into())
        );
        assert_eq!(all[1]["as"], "arn:aws:iam::1:role/r");
        let human = render(Format::Human, &report);
        assert!(
            human.contains("12 topics as arn:aws:iam::1:role/r"),
            "{human}"
        );
        for text in [human, render(Format::Json, &report)] {
            let raw = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(raw), "{text:?}");
        }
    }
}

#[test]
fn a_comment_fits_and_says_what_is_left_out() {
    let reason = "it is not as it should be, and this takes a whole sentence to say ";
    for (hosts, steps, values) in [(1, 3000, 1), (40, 400, 1), (3, 5, 20), (1, 1, 1)] {
        // No two hosts say the same.
        let steps = |host: usize| -> Vec<Step> {
            let reason = format!("{reason}{host}");
            (0..steps)
                .map(|number| {
                    let action = match number % 500 {
                        499 => StepAction::Delete,
                        _ => StepAction::Update,
                    };
                    let mut one = step(&format!("client/{number}"), action, &reason);
                    let long = "<`".repeat(values * 10);
                    let change = |n| Change::shown(format!("key{n}"), Some(&long), Some("b"));
                    one.changes = (0..values).map(change).collect();
                    one
                })
                .collect()
        };
        let hosts = (0..hosts).map(|number| host(&format!("client-{number}"), steps(number)));
        let plan = plan(hosts.collect());
        let text = render(
            Format::Markdown,
            &report(ReportKind::Plan, &plan, &[], Code::Done),
        );
        let size = text.chars().count();
        assert!(size <= 65_000, "{size}");
        assert_inert(&text);
        assert!(
            text.trim_end()
                .ends_with("(`--detailed-exitcode` makes this 2)"),
            "{text}"
        );
        let all = plan.steps().count();
        let sections = text.matches("\n#### ").count();
        let rows = text.matches("\n| change |").count() + text.matches("\n| **delete** |").count();
        if sections == all {
            assert!(!text.contains("Left out here"), "{text}");
            continue;
        }
        // It is full, and what is missing is counted.
        assert!(size > 55_000, "{size}");
        assert!(
            text.contains(&format!("the differences of {} addresses", all - sections)),
            "{sections} of {all}"
        );
        assert_eq!(
            rows < all,
            text.contains(&format!("{} rows of the table", all - rows))
        );
        // What deletes comes first.
        let deleted = text.rfind("\n| **delete** |");
        if let (Some(deleted), Some(changed)) = (deleted, text.find("\n| change |")) {
            assert!(deleted < changed);
        }
    }
}

#[test]
fn a_comment_fits_whatever_is_said_around_the_differences() {
    let long = "\u{202e}`<".repeat(100_000);
    let mut plan = plan(vec![host(
        &long,
        vec![step(&long, StepAction::Update, &long)],
    )]);
    plan.specs = (0..50).map(|_| plan.specs[0].clone()).collect();
    for spec in &mut plan.specs {
        spec.path.clone_from(&long);
    }
    plan.tool_version.clone_from(&long);
    plan.selection = Some(Selection {
        target: vec![long.clone(); 50],
        exclude: vec![long.clone(); 50],
        required: vec![long.as_str().into(); 50],
    });
    for told in [
        ReportKind::Plan,
        ReportKind::Drift,
        ReportKind::Apply,
        ReportKind::Saved,
    ] {
        let text = render(Format::Markdown, &report(told, &plan, &[], Code::Done));
        let size = text.chars().count();
        assert!(size <= 65_000, "{told:?}: {size}");
        assert_inert(&text);
    }
}

#[test]
fn one_step_too_large_is_left_out_and_the_text_stays_whole() {
    let mut huge = step("client/huge", StepAction::Update, &"word ".repeat(300));
    huge.changes = (0..100)
        .map(|n| {
            Change::shown(
                format!("k{n}"),
                Some(&"a".repeat(2000)),
                Some(&"b".repeat(2000)),
            )
        })
        .collect();
    let plan = plan(vec![host("client", vec![huge])]);
    let text = render(
        Format::Markdown,
        &report(ReportKind::Drift, &plan, &[], Code::Changes),
    );
    assert!(text.contains("the differences of 1 address.**"), "{text}");
    assert!(text.contains("| change | `client/huge` |"), "{text}");
    assert_inert(&text);
}

fn action() -> impl Strategy<Value = StepAction> {
    prop_oneof![
        Just(StepAction::None),
        Just(StepAction::Create),
        Just(StepAction::Update),
        Just(StepAction::Delete),
        Just(StepAction::Blocked),
        Just(StepAction::Unknown),
    ]
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let steps = |kind: &'static str| {
        proptest::collection::vec((action(), "[ -~]{0,30}"), 0..6).prop_map(move |rows| {
            let rows = rows.into_iter().enumerate();
            rows.map(|(at, (action, reason))| {
                let reason = if action == StepAction::None {
                    ""
                } else {
                    &reason
                };
                let mut one = step(&format!("{kind}/{at}"), action, reason);
                if action.changes() {
                    one.changes = vec![Change::shown("field", Some("a"), Some(reason))];
                }
                one
            })
            .collect::<Vec<_>>()
        })
    };
    let part = |kind| (steps(kind), any::<bool>(), any::<bool>());
    let hosts = proptest::collection::vec(part("client"), 0..4);
    (hosts, proptest::option::of(part("topics"))).prop_map(|(hosts, topics)| {
        let hosts = hosts
            .into_iter()
            .enumerate()
            .map(|(at, (steps, away, locked))| {
                let name = format!("client-{at}");
                if away {
                    return HostPlan::unreached(&name, "10.0.0.5", "no route".into());
                }
                let mut host = host(&name, steps);
                host.lock_holder = locked.then(|| "somebody".into());
                host
            });
        let topics = topics.map(|(steps, away, _)| match away {
            true => TopicsPlan::unreached("b:9098", "direct", "no route".into()),
            false => cluster(steps),
        });
        plan_with(hosts.collect(), topics.into_iter().collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_format_and_the_code_say_the_same(plan in any_plan()) {
        agree(&plan);
    }
}
