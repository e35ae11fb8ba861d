//! A list of tests for a CI system: a suite a host or cluster, a test an address. What differs is a
//! failure, what could not be read an error.

use serde::Serialize;

use super::{Report, ReportKind, code_in_words, selection_in_words, words};
use crate::{
    apply::outcome::Outcome,
    plan::{LookedUp, Moved, Part, Plan, Step, StepAction},
    proof::{Proof, ProofResult},
    text::escape_control,
};

#[derive(Serialize)]
#[serde(rename = "testsuites")]
struct Suites {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@tests")]
    tests: usize,
    #[serde(rename = "@failures")]
    failures: usize,
    #[serde(rename = "@errors")]
    errors: usize,
    #[serde(rename = "@skipped")]
    skipped: usize,
    #[serde(rename = "@time")]
    time: String,
    #[serde(rename = "testsuite")]
    suites: Vec<Suite>,
}

#[derive(Serialize)]
struct Suite {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@tests")]
    tests: usize,
    #[serde(rename = "@failures")]
    failures: usize,
    #[serde(rename = "@errors")]
    errors: usize,
    #[serde(rename = "@skipped")]
    skipped: usize,
    /// When it began, of `drift`.
    #[serde(rename = "@timestamp", skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    properties: Properties,
    testcase: Vec<Case>,
}

#[derive(Serialize, Clone)]
struct Properties {
    property: Vec<Property>,
}

#[derive(Serialize, Clone)]
struct Property {
    #[serde(rename = "@name")]
    name: &'static str,
    #[serde(rename = "@value")]
    value: String,
}

#[derive(Serialize)]
struct Case {
    #[serde(rename = "@classname")]
    classname: String,
    #[serde(rename = "@name")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<Finding>,
}

#[derive(Serialize)]
struct Finding {
    #[serde(rename = "@type", skip_serializing_if = "str::is_empty")]
    kind: &'static str,
    /// The first line is what lists show; the whole text stands inside.
    #[serde(rename = "@message")]
    message: String,
    #[serde(rename = "$text")]
    text: String,
}

enum TestResult {
    Passed,
    Failed {
        kind: &'static str,
        why: String,
        more: String,
    },
    Error {
        kind: &'static str,
        why: String,
    },
    Skipped {
        why: String,
    },
}

struct Test {
    name: String,
    result: TestResult,
}

/// A report as JUnit's XML.
pub fn junit(report: &Report<'_>) -> String {
    let plan = report.plan.clone().masked();
    let about = about(report, &plan);
    let suites: Vec<Suite> = plan
        .parts()
        .map(|part| (part, tests(report, part)))
        .filter(|(_, tests)| !tests.is_empty())
        .map(|(part, tests)| suite(suite_name(part), tests, of_suite(&about, part)))
        .map(|suite| Suite {
            timestamp: (report.kind == ReportKind::Drift)
                .then(|| report.at.to_string().trim_end_matches('Z').to_owned()),
            ..suite
        })
        .collect();
    let all = |number: fn(&Suite) -> usize| suites.iter().map(number).sum();
    let whole = Suites {
        name: format!("trueup {}", report.kind.command()),
        tests: all(|suite| suite.tests),
        failures: all(|suite| suite.failures),
        errors: all(|suite| suite.errors),
        skipped: all(|suite| suite.skipped),
        time: format!("{:.3}", report.took.as_secs_f64()),
        suites,
    };
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut serializer = quick_xml::se::Serializer::new(&mut text);
    serializer.indent(' ', 2);
    let written = whole.serialize(serializer);
    written.unwrap_or_else(|error| unreachable!("a report is plain data: {error}"));
    text.push('\n');
    text
}

fn suite(name: String, tests: Vec<Test>, properties: Properties) -> Suite {
    let count = |is: fn(&TestResult) -> bool| tests.iter().filter(|test| is(&test.result)).count();
    Suite {
        tests: tests.len(),
        failures: count(|result| matches!(result, TestResult::Failed { .. })),
        errors: count(|result| matches!(result, TestResult::Error { .. })),
        skipped: count(|result| matches!(result, TestResult::Skipped { .. })),
        timestamp: None,
        properties,
        testcase: tests.into_iter().map(|test| case(&name, test)).collect(),
        name,
    }
}

fn case(suite: &str, test: Test) -> Case {
    let finding = |kind, why: &str, more: &str| {
        let text: Vec<String> = why.lines().chain(more.lines()).map(safe).collect();
        Some(Finding {
            kind,
            message: safe(why.lines().next().unwrap_or_default()),
            text: text.join("\n"),
        })
    };
    let (mut failure, mut error, mut skipped) = (None, None, None);
    match &test.result {
        TestResult::Passed => {}
        TestResult::Failed { kind, why, more } => failure = finding(kind, why, more),
        TestResult::Error { kind, why } => error = finding(kind, why, ""),
        TestResult::Skipped { why } => skipped = finding("", why, ""),
    }
    Case {
        classname: suite.to_owned(),
        name: safe(&test.name),
        failure,
        error,
        skipped,
    }
}

/// What is true of the whole run. Readers look for it in a suite.
fn about(report: &Report<'_>, plan: &Plan) -> Properties {
    let mut rows = vec![
        ("trueup.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("trueup.complete", plan.complete.to_string()),
        ("trueup.exit", code_in_words(report)),
    ];
    if report.kind == ReportKind::Drift {
        rows.push(("trueup.at", report.at.to_string()));
    }
    let specs = plan.specs.iter();
    rows.extend(specs.map(|spec| ("trueup.spec", spec.path.clone())));
    rows.extend(selection_in_words(plan).map(|text| ("trueup.selection", text)));
    let property = |(name, value): (&'static str, String)| property(name, &value);
    Properties {
        property: rows.into_iter().map(property).collect(),
    }
}

fn property(name: &'static str, value: &str) -> Property {
    Property {
        name,
        value: safe(value),
    }
}

/// The properties of a suite: those of all, and those of its host or cluster.
fn of_suite(about: &Properties, part: Part<'_>) -> Properties {
    let mut all = about.clone();
    let looked_up = part.looked_up.iter().map(LookedUp::in_words);
    let warnings = part.warnings.iter().map(|text| text.replace('\n', " "));
    all.property
        .extend(looked_up.map(|text| property("trueup.looked_up", &text)));
    all.property
        .extend(warnings.map(|text| property("trueup.warning", &text)));
    all
}

fn suite_name(part: Part<'_>) -> String {
    safe(&words::name(part.subject))
}

fn tests(report: &Report<'_>, part: Part<'_>) -> Vec<Test> {
    let mut tests = Vec::new();
    let mut whole = |name: &str, kind, why: String| {
        let (name, result) = (name.to_owned(), TestResult::Error { kind, why });
        tests.push(Test { name, result });
    };
    if let Some(holder) = part.lock_holder {
        let why = format!("an apply is running, by {holder}; what is shown may change");
        whole("lock", "locked", why);
    } else if let Some(error) = part.error {
        let name = part.subject.kind();
        let since = words::since(&[part.since], report.at).into_iter();
        let lines: Vec<String> = std::iter::once(error.to_owned()).chain(since).collect();
        whole(name, "unread", lines.join("\n"));
    }
    let own = report.outcomes.iter().filter(|one| one.is_of(&part));
    for Moved { address, how } in own.flat_map(|one| &one.moved) {
        let is_it = |step: &Step| address.as_ref() == Some(&step.address);
        // What is looked at has a test of its own, below.
        if !part.steps.iter().any(is_it) {
            let name = address.as_deref().unwrap_or(part.subject.kind()).to_owned();
            let result = moved(how);
            tests.push(Test { name, result });
        }
    }
    let own = report
        .proofs
        .iter()
        .filter(|proof| part.is_host() && proof.host == part.name());
    tests.extend(own.map(proven));
    let steps = match report.kind {
        // What differs is shown beside the client's output: it is no test of its own.
        ReportKind::Prove => &[],
        _ => part.steps,
    };
    tests.extend(steps.iter().map(|step| Test {
        name: step.address.to_string(),
        result: match report.kind {
            ReportKind::Apply => applied(report.outcomes, part, step),
            ReportKind::Plan | ReportKind::Saved | ReportKind::Prove => seen(step),
            ReportKind::Drift => match (seen(step), words::since(&[step.since], report.at)) {
                (TestResult::Failed { kind, why, more }, Some(since)) => TestResult::Failed {
                    kind,
                    why,
                    more: format!("{since}\n{more}"),
                },
                (result, _) => result,
            },
        },
    }));
    tests
}

/// What the installed client says.
fn proven(proof: &Proof) -> Test {
    let help = proof.help.iter().map(|help| format!("help: {help}"));
    let more: Vec<String> = proof
        .output
        .iter()
        .chain(&proof.notes)
        .cloned()
        .chain(help)
        .collect();
    let why = proof.in_words();
    Test {
        name: format!("prove {}", words::cluster(&proof.bootstrap)),
        result: match proof.result {
            ProofResult::Proven => TestResult::Passed,
            ProofResult::Failed => TestResult::Failed {
                kind: "not_proven",
                why,
                more: more.join("\n"),
            },
            ProofResult::Unread => TestResult::Error {
                kind: "unread",
                why,
            },
            ProofResult::Skipped => TestResult::Skipped { why },
        },
    }
}

/// What was found at an address.
fn seen(step: &Step) -> TestResult {
    let kind = match step.action {
        StepAction::None => return TestResult::Passed,
        StepAction::Unknown => {
            return TestResult::Error {
                kind: "unknown",
                why: step.reason.clone(),
            };
        }
        StepAction::Create => "create",
        StepAction::Update => "update",
        StepAction::Delete => "delete",
        StepAction::Blocked => "blocked",
    };
    let value = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".into());
    let help = step.help.iter().map(|help| format!("help: {help}"));
    let changes = step.changes.iter().map(|change| match change.sensitive {
        true => format!("{}: (sensitive)", change.path),
        false => format!(
            "{}: {} → {}",
            change.path,
            value(&change.before),
            value(&change.after_in_words())
        ),
    });
    TestResult::Failed {
        kind,
        why: step.reason.clone(),
        more: help.chain(changes).collect::<Vec<_>>().join("\n"),
    }
}

/// A saved plan no longer fits.
fn moved(how: &str) -> TestResult {
    TestResult::Failed {
        kind: "moved",
        why: "it has changed since the plan was made".into(),
        more: how.to_owned(),
    }
}

/// What became of an address.
fn applied(outcomes: &[Outcome], part: Part<'_>, step: &Step) -> TestResult {
    let outcome = outcomes.iter().find(|one| one.is_of(&part));
    let all = outcome.iter().flat_map(|outcome| &outcome.moved);
    let is_it = |moved: &&Moved| moved.address.as_ref() == Some(&step.address);
    if let Some(one) = all.into_iter().find(is_it) {
        return moved(&one.how);
    }
    let Some(outcome) = outcome.filter(|_| step.action.changes()) else {
        return match step.action {
            action if action.changes() => TestResult::Skipped {
                why: "not applied".into(),
            },
            _ => seen(step),
        };
    };
    let open = outcome.not_converged.iter();
    if let Some((_, why)) = open
        .into_iter()
        .find(|(address, _)| *address == step.address)
    {
        return TestResult::Failed {
            kind: "not_converged",
            why: why.clone(),
            more: String::new(),
        };
    }
    let unread = outcome.unverified.iter();
    if let Some((_, why)) = unread
        .into_iter()
        .find(|(address, _)| *address == step.address)
    {
        return TestResult::Failed {
            kind: "unverified",
            why: why.clone(),
            more: String::new(),
        };
    }
    if outcome.applied.contains(&step.address) {
        return TestResult::Passed;
    }
    let mut failures = outcome.failures();
    match failures.find(|failure| failure.address.as_ref() == Some(&step.address)) {
        Some(failure) => TestResult::Failed {
            kind: match (failure.outcome_unknown, failure.done.is_empty()) {
                (true, _) => "outcome_unknown",
                (false, true) => "failed",
                (false, false) => "applied_in_part",
            },
            why: failure.reasons.join("\n"),
            more: failure
                .in_part()
                .into_iter()
                .chain(failure.help.iter().map(|help| format!("help: {help}")))
                .collect::<Vec<_>>()
                .join("\n"),
        },
        None => TestResult::Skipped {
            why: match outcome.is_stale() {
                true => "not done: the plan no longer holds here".into(),
                false => "not reached".into(),
            },
        },
    }
}

/// Text on one line, without what XML 1.0 cannot hold.
fn safe(text: &str) -> String {
    escape_control(text)
        .chars()
        .flat_map(|c| match c {
            '\u{fffe}' | '\u{ffff}' => c.escape_unicode().collect(),
            c => vec![c],
        })
        .collect()
}
