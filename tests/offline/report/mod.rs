//! What people and machines see, from values built by hand. `TRUEUP_BLESS=1 cargo test --test
//! offline report` writes the golden texts anew; read the difference before you commit it.

mod drift;
mod formats;
mod page;

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use crate::values::*;
use serde_json::Value;
use trueup::{
    apply::{
        event::{Event, Sink},
        outcome::{Failure, Outcome},
    },
    exit::Code,
    facts::Observation,
    plan::{Plan, Subject},
    report::{
        Format, Report, ReportKind,
        human::{self, Style},
        json,
        jsonl::Lines,
        progress::Progress,
        render,
    },
};

/// Every golden text, with its name.
fn goldens(color: bool) -> Vec<(&'static str, String)> {
    let style = style(color);
    let plan_of = |value: &Plan| human::plan(value, &style, TOOK);
    let drift = |value: &Plan| {
        let report = report(ReportKind::Drift, value, &[], value.code());
        human::drift(&Report { style, ..report })
    };
    let nothing = plan(vec![host("client", in_place(&ALL))]);
    let nothing_over_three = plan(
        ["client-1", "client-2", "client-3"]
            .map(|name| host(name, in_place(&ALL)))
            .into(),
    );
    let done = outcome(&[
        "client/msk_iam_auth",
        "client/classpath",
        "client/properties",
    ]);
    let mut elsewhere = failure();
    elsewhere.subject = Subject::Host("client-3".into());
    vec![
        ("plan-example", plan_of(&example())),
        ("plan-nothing", plan_of(&nothing)),
        ("plan-nothing-fleet", plan_of(&nothing_over_three)),
        ("plan-blocked", plan_of(&blocked_and_unknown())),
        ("plan-sensitive", plan_of(&sensitive())),
        ("plan-unreachable", plan_of(&unreachable())),
        ("plan-locked", plan_of(&locked())),
        ("plan-fleet", plan_of(&fleet())),
        ("plan-long", plan_of(&long_text())),
        ("plan-hostile", plan_of(&hostile())),
        ("plan-topics", plan_of(&topics())),
        ("plan-topics-nothing", plan_of(&topics_in_place())),
        ("plan-topics-away", plan_of(&topics_away())),
        ("plan-looked-up", plan_of(&looked_up())),
        ("plan-topics-many", plan_of(&many_topics())),
        ("plan-alike", plan_of(&alike_hosts())),
        ("plan-unread", plan_of(&unread_hosts())),
        ("drift-unread", drift(&unread_hosts())),
        ("drift-topics", drift(&topics())),
        ("drift-topics-nothing", drift(&topics_in_place())),
        ("drift-topics-away", drift(&topics_away())),
        (
            "outcome-topics",
            shown(
                &[outcome(&["client/java"]), topics_failed()],
                &topics(),
                color,
            ),
        ),
        (
            "outcome-topics-not-reached",
            shown(
                &[
                    failure(),
                    Outcome {
                        failure: None,
                        also_failed: vec![],
                        applied: vec![],
                        ..topics_failed()
                    },
                ],
                &topics(),
                color,
            ),
        ),
        ("drift-example", drift(&example())),
        ("drift-nothing", drift(&nothing)),
        ("drift-fleet", drift(&fleet())),
        ("drift-blocked", drift(&blocked_and_unknown())),
        ("drift-locked", drift(&locked())),
        ("drift-unreachable", drift(&unreachable())),
        ("drift-hostile", drift(&hostile())),
        ("outcome-done", shown(&[done], &example(), color)),
        ("outcome-nothing", shown(&[], &nothing, color)),
        ("outcome-failure", shown(&[failure()], &example(), color)),
        ("outcome-partial", shown(&[partial()], &example(), color)),
        (
            "outcome-not-converged",
            shown(&[not_converged()], &example(), color),
        ),
        (
            "outcome-unverified",
            shown(&[unverified()], &example(), color),
        ),
        ("outcome-in-part", shown(&[in_part()], &example(), color)),
        (
            "outcome-interrupted",
            shown(&[interrupted()], &example(), color),
        ),
        (
            "outcome-blocked",
            shown(&[outcome(&["client/java"])], &blocked_and_unknown(), color),
        ),
        ("outcome-fleet", shown(&[elsewhere], &unreachable(), color)),
        (
            "facts",
            human::facts(
                "client",
                "ec2-3-80-1-2.compute-1.amazonaws.com",
                &facts(),
                &style,
            ),
        ),
    ]
}

#[test]
fn texts_are_as_blessed() {
    let texts = goldens(false).into_iter();
    blessed(texts.map(|(name, text)| (format!("{name}.txt"), text)));
}

/// Holds texts against the files of their names.
fn blessed(texts: impl Iterator<Item = (String, String)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/report");
    let mut wrong = Vec::new();
    for (name, text) in texts {
        let path = folder.join(&name);
        if std::env::var_os("TRUEUP_BLESS").is_some() {
            fs::write(&path, &text).expect("the fixtures can be written");
        }
        let blessed = fs::read_to_string(&path).unwrap_or_default();
        if blessed != text {
            wrong.push(format!("--- {name}: blessed\n{blessed}--- now\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_keep_to_the_width() {
    for (name, text) in goldens(false) {
        if name.ends_with("hostile") {
            continue;
        }
        for line in text.lines() {
            // Paths, URLs and the lines of a file stay whole; people copy them.
            let words = line.trim_start();
            let is_whole = words.starts_with(['+', '-'])
                || words.starts_with("export ")
                || words.split(' ').any(|word| word.chars().count() > 55);
            assert!(line.chars().count() <= 80 || is_whole, "{name}: {line}");
        }
    }
}

#[test]
fn narrow_terminals_get_every_word() {
    let words = |text: String| {
        text.split_whitespace()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    for value in [example(), blocked_and_unknown(), unreachable(), locked()] {
        let narrow = Style {
            color: false,
            width: 40,
        };
        let wide = human::plan(&value, &style(false), TOOK);
        assert_eq!(words(human::plan(&value, &narrow, TOOK)), words(wide));
    }
}

#[test]
fn colour_says_nothing_that_the_words_do_not() {
    for ((name, plain), (_, colored)) in goldens(false).into_iter().zip(goldens(true)) {
        assert!(!plain.contains('\u{1b}'), "{name}");
        assert_eq!(strip(&colored), plain, "{name}");
        // Of what looks like a command of a runner, colour does not hide the beginning of a line.
        assert!(
            colored
                .lines()
                .all(|line| line.matches("\u{1b}[").count() % 2 == 0),
            "{name}"
        );
    }
    assert!(human::plan(&example(), &style(true), TOOK).contains('\u{1b}'));
}

/// Takes the colours out, and nothing else.
fn strip(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (codes, rest) = piece.split_once('m').expect("only colours");
        assert!(
            codes.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{codes}"
        );
        plain.push_str(rest);
    }
    plain
}

#[test]
fn secrets_stay_out_of_everything() {
    let value = sensitive();
    let outcomes = [outcome(&["client/properties"])];
    let mut texts = 0;
    for (name, format) in Format::ALL {
        for told in [ReportKind::Plan, ReportKind::Drift, ReportKind::Apply] {
            let text = render(format, &report(told, &value, &outcomes, Code::Changes));
            assert!(!text.contains(CANARY), "{name}: {text}");
            // It is told that they differ.
            assert!(text.contains("client/properties"), "{name}: {text}");
            texts += 1;
        }
    }
    assert_eq!(texts, 21);
    assert!(!human::plan(&value, &style(true), TOOK).contains(CANARY));
}

fn assert_tame(text: &str) {
    for c in text.chars() {
        let moves = c.is_control() && c != '\n';
        assert!(
            !moves && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
            "{c:?}: {text}"
        );
    }
    for line in text.lines() {
        assert!(
            !line.trim_start().starts_with("::") && !line.contains("##["),
            "{line}"
        );
    }
}

#[test]
fn remote_text_is_shown_escaped() {
    let value = hostile();
    let mut of_host = failure();
    of_host.subject = Subject::Host(HOSTILE.into());
    of_host.applied = vec![HOSTILE.into()];
    of_host.not_converged = vec![(HOSTILE.into(), HOSTILE.into())];
    of_host.unverified = vec![(HOSTILE.into(), HOSTILE.into())];
    of_host.paste = vec!["::error::p".into()];
    of_host.failure = Some(Failure {
        address: Some(HOSTILE.into()),
        reasons: vec![HOSTILE.into(), "::error::x".into()],
        help: Some(HOSTILE.into()),
        outcome_unknown: true,
        done: vec![HOSTILE.into(), "::error::d".into()],
    });
    let mut host = facts();
    host.os.name = HOSTILE.into();
    host.login = Observation::Unknown(HOSTILE.into());
    host.identity.host_keys = vec![HOSTILE.into()];
    let (results, log) = (Shared::default(), Shared::default());
    play(&mut progress(&results, &log), HOSTILE);
    let all = [
        shown(&[of_host.clone()], &value, false),
        human::facts("::error::", HOSTILE, &host, &style(false)),
        json::text(&json::facts(HOSTILE, HOSTILE, &host, &[])),
        results.text(),
        log.text(),
    ];
    let mut all = all.to_vec();
    let outcomes = [of_host];
    for (_, format) in Format::ALL {
        for told in [ReportKind::Plan, ReportKind::Drift, ReportKind::Apply] {
            all.push(render(
                format,
                &report(told, &value, &outcomes, Code::Partial),
            ));
        }
    }
    for text in all {
        assert!(text.contains("\\u"), "{text}");
        assert_tame(&text);
    }
}

#[test]
fn json_has_the_fields_that_are_promised() {
    let value: Value = serde_json::from_str(&json::plan(&hostile())).expect("JSON");
    assert_eq!(value["format_version"], "1.0");
    assert_eq!(value["tool_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(value["specs"][0]["path"], "specs/pinterest-client.yaml");
    assert_eq!(value["complete"], false);
    assert_eq!(value["summary"]["update"], 1);
    let step = &value["hosts"][0]["steps"][0];
    // It reads back as what was there.
    assert_eq!(step["reason"], HOSTILE);
    assert_eq!(step["changes"][0]["path"], HOSTILE);
    assert_eq!(step["changes"][0]["sensitive"], false);
    for key in [
        "address",
        "action",
        "observed_digest",
        "actions_digest",
        "requires",
    ] {
        assert!(!step[key].is_null(), "{key}");
    }
    // The user's own lines are for people alone.
    assert!(step["text"].is_null());
    assert!(value["hosts"][0]["identity"]["machine_id"].is_string());
    assert!(value["hosts"][1]["identity"].is_null());
    assert!(json::plan(&example()).ends_with("}\n"));

    let all: Value = serde_json::from_str(&json::plan(&blocked_and_unknown())).expect("JSON");
    let actions = all["hosts"][0]["steps"].as_array().expect("steps").iter();
    let actions: Vec<_> = actions
        .map(|step| step["action"].as_str().expect("text"))
        .collect();
    assert_eq!(
        actions,
        ["create", "blocked", "blocked", "unknown", "delete"]
    );
}

#[test]
fn json_of_an_apply_is_the_plan_with_an_outcome() {
    let mut one = partial();
    one.not_converged = not_converged().not_converged;
    let value: Value =
        serde_json::from_str(&json::outcome(&example(), &[one], &[], 5)).expect("JSON");
    assert_eq!(value["format_version"], "1.0");
    assert_eq!(value["outcome"]["exit_code"], 5);
    let host = &value["outcome"]["hosts"][0];
    assert_eq!(host["host"], "client");
    assert_eq!(host["took_ms"], 6200);
    assert_eq!(host["applied"][0], "client/msk_iam_auth");
    assert_eq!(host["failure"]["address"], "client/classpath");
    assert_eq!(host["failure"]["outcome_unknown"], true);
    assert_eq!(host["not_reached"][0], "client/properties");
    assert_eq!(host["not_converged"][0]["address"], "client/classpath");
    assert_eq!(host["interrupted"], false);

    let facts = json::facts("client", "10.0.0.5", &facts(), &[]);
    assert_eq!(facts["name"], "client");
    assert_eq!(facts["facts"]["account"]["user"], "ec2-user");
}

#[test]
fn the_question_counts() {
    assert_eq!(human::prompt(4), "Apply these 4 changes? [y/N] ");
    assert_eq!(human::prompt(1), "Apply this change? [y/N] ");
}

/// A writer that the test can read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("one thread").clone()).expect("text")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn progress(results: &Shared, log: &Shared) -> Progress {
    let mut progress =
        Progress::new(false, false, 80, Box::new(results.clone())).with_log(Box::new(log.clone()));
    progress.expect(&example(), false);
    progress
}

fn play(progress: &mut dyn Sink, what: &str) {
    let (subject, address) = (
        &Subject::Host("client".into()),
        &"client/msk_iam_auth".into(),
    );
    for _ in 0..3 {
        progress.event(Event::Waiting {
            subject,
            holder: what,
        });
    }
    progress.event(Event::Started {
        subject,
        addresses: &[address],
        verb: "fetch",
    });
    let total = 13_421_772;
    for part in 0..=1000 {
        progress.event(Event::Bytes {
            subject,
            address,
            have: total / 1000 * part,
            total: Some(total),
        });
    }
    progress.event(Event::Done {
        subject,
        address,
        summary: what,
    });
    let address = &"client/java".into();
    progress.event(Event::Started {
        subject,
        addresses: &[address],
        verb: "install",
    });
    let line = Event::Line {
        subject,
        address,
        line: what,
    };
    progress.event(line);
    progress.event(Event::Bytes {
        subject,
        address,
        have: 5,
        total: None,
    });
    progress.event(Event::Interrupted {
        subject,
        address,
        what,
    });
    progress.event(Event::Failed { subject, address });
    // What nobody began does no harm.
    progress.event(Event::Bytes {
        subject,
        address,
        have: 5,
        total: Some(0),
    });
    progress.event(line);
}

/// Each host and each cluster has a step of its own.
#[test]
fn what_happens_at_several_places_at_once_is_kept_apart() {
    let (results, log) = (Shared::default(), Shared::default());
    let mut progress =
        Progress::new(false, false, 80, Box::new(results.clone())).with_log(Box::new(log.clone()));
    progress.expect(&unreachable(), true);
    let out = Shared::default();
    let mut lines = Lines::new(Box::new(out.clone()));
    let (a, b) = (&Subject::Host("a".into()), &Subject::Host("b".into()));
    let (address, total) = (&"client/kafka".into(), 100 << 20);
    let fetched = |subject, have| Event::Bytes {
        subject,
        address,
        have,
        total: Some(total),
    };
    let addresses = &[address];
    let [at_a, at_b] = [a, b].map(|subject| Event::Started {
        subject,
        addresses,
        verb: "fetch",
    });
    let done = Event::Done {
        subject: b,
        address,
        summary: "b is done",
    };
    let events = [
        at_a,
        at_b,
        fetched(b, total / 2),
        fetched(a, total / 4),
        done,
        fetched(a, total / 2),
    ];
    for event in events {
        progress.event(event);
        lines.event(event);
    }
    let words = |text: String| -> Vec<String> {
        let lines = text.lines();
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(
        words(log.text()),
        [
            "a:client/kafka fetch",
            "b:client/kafka fetch",
            "b:client/kafka fetch 50 %, 50.0/100.0 MiB",
            "a:client/kafka fetch 25 %, 25.0/100.0 MiB",
            "a:client/kafka fetch 50 %, 50.0/100.0 MiB",
        ]
    );
    assert_eq!(words(results.text()), ["b:client/kafka done b is done"]);
    let told: Vec<Value> = out
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let told: Vec<_> = told
        .iter()
        .filter(|value| value["event"] == "bytes")
        .map(|value| (value["host"].as_str(), value["have"].as_u64()))
        .collect();
    assert_eq!(
        told,
        [
            (Some("b"), Some(total / 2)),
            (Some("a"), Some(total / 4)),
            (Some("a"), Some(total / 2)),
        ]
    );
}

#[test]
fn without_a_terminal_progress_is_a_few_plain_lines() {
    let (results, log) = (Shared::default(), Shared::default());
    play(
        &mut progress(&results, &log),
        "12.8 MiB in 3.1 s, sha256 as in the spec",
    );
    assert_eq!(
        results.text(),
        "  client/msk_iam_auth  done      12.8 MiB in 3.1 s, sha256 as in the spec\n  \
         client/java          failed\n"
    );
    assert_eq!(
        log.text().lines().collect::<Vec<_>>(),
        [
            "waiting on client for an apply by 12.8 MiB in 3.1 s, sha256 as in the spec",
            "  client/msk_iam_auth  fetch",
            "  client/msk_iam_auth  fetch     25 %, 3.2/12.8 MiB",
            "  client/msk_iam_auth  fetch     50 %, 6.4/12.8 MiB",
            "  client/msk_iam_auth  fetch     75 %, 9.6/12.8 MiB",
            "  client/java          install",
            "interrupted: 12.8 MiB in 3.1 s, sha256 as in the spec",
        ]
    );
}

#[test]
fn on_a_terminal_results_carry_no_bar() {
    for width in [20, 40, 80] {
        let (results, log) = (Shared::default(), Shared::default());
        let mut progress = Progress::new(true, true, width, Box::new(results.clone()))
            .with_log(Box::new(log.clone()));
        progress.expect(&unreachable(), true);
        play(&mut progress, HOSTILE);
        drop(progress);
        let text = strip(&results.text());
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("client:client/java"), "{text}");
        assert_tame(&text);
        assert_tame(&log.text());
    }
}
