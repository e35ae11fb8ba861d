//! The file: what it holds, what it never holds, and what is refused of it.

use std::{fs, path::PathBuf, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use trueup::{
    exit::Code,
    kinds::client::Client,
    plan::{self, FileError, Plan, Saved, StepAction, is_saved},
    report::{Detail, Format, Report, ReportKind, human::Style, json, render},
    utc::Utc,
};

use super::sample::{CANARY, plan_and_desired, selected, text};
use crate::sealed::{checksum, sealed};

const PLAIN: Style = Style {
    color: false,
    width: 80,
};

/// A plan in a format, as a command tells it.
fn told(kind: ReportKind, plan: &Plan, format: Format) -> String {
    let report = Report {
        kind,
        plan,
        outcomes: &[],
        proofs: &[],
        code: Code::Done,
        style: PLAIN,
        at: Utc::of_seconds(1_795_749_000),
        took: Duration::from_millis(300),
        history: None,
        detail: Detail::default(),
        next: &[],
    };
    render(format, &report)
}

/// What `show` prints of a saved plan.
fn show(saved: &Saved, format: Format) -> String {
    told(ReportKind::Saved, &saved.plan, format)
}

fn at(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The file with something changed and a checksum that fits again.
fn resealed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_str(&text()).expect("JSON");
    value.as_object_mut().expect("a map").remove("checksum");
    change(&mut value);
    sealed(value)
}

#[test]
fn a_plan_comes_back_as_it_went() {
    let (plan, desired) = plan_and_desired();
    let actions: Vec<StepAction> = plan.steps().map(|step| step.action).collect();
    for wanted in [
        StepAction::None,
        StepAction::Create,
        StepAction::Update,
        StepAction::Delete,
    ] {
        assert!(
            actions.contains(&wanted),
            "the sample has no {wanted:?}: {actions:?}"
        );
    }
    let saved = Saved::load(text().as_bytes()).expect("whole");
    assert_eq!(
        json::plan(&saved.plan),
        json::plan(&plan),
        "`show --format json`"
    );
    let back = saved.desired().expect("it fits");
    assert_eq!(json!(back), json!(desired));
    // It says its own checksum, by a rule that others can follow.
    let mut value: Value = serde_json::from_str(&text()).expect("JSON");
    let own = value
        .as_object_mut()
        .expect("a map")
        .remove("checksum")
        .expect("a checksum");
    assert_eq!(own, checksum(&value));
    // Reformatted by somebody's tool it is still the same plan.
    Saved::load(
        serde_json::from_str::<Value>(&text())
            .expect("JSON")
            .to_string()
            .as_bytes(),
    )
    .expect("the same");
}

#[test]
fn show_says_what_plan_said_but_for_what_is_not_saved() {
    let (plan, _) = plan_and_desired();
    let planned = told(ReportKind::Plan, &plan, Format::Human);
    let saved = Saved::load(text().as_bytes()).expect("whole");
    let shown = show(&saved, Format::Human);
    let mut lost = Vec::new();
    let mut lines = shown.lines();
    for line in planned.lines() {
        let mut ahead = lines.clone();
        if ahead.any(|other| other == line) {
            lines = ahead;
        } else {
            lost.push(line.trim());
        }
    }
    // The facts, and the lines of a start file with their header.
    let kept_for_people = |line: &str| {
        line.starts_with("Amazon Linux 2,")
            || line == "~/.bashrc"
            || ["@@ ", "+ ", "- ", "# .bashrc", "export "]
                .iter()
                .any(|start| line.starts_with(start))
    };
    let wrong: Vec<_> = lost.iter().filter(|line| !kept_for_people(line)).collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{planned}\n{shown}");
    assert!(
        lost.len() > 3 && shown.contains("a saved plan, made by trueup"),
        "{shown}"
    );
    for said in [
        "fetch  https://",
        "warning: the topic goes",
        "keys move",
        "5 to add",
    ] {
        assert!(
            shown.contains(said) || said.starts_with('5'),
            "no `{said}` in:\n{shown}"
        );
    }
}

#[test]
fn no_secret_is_in_a_file_or_in_what_is_shown() {
    let raw = text();
    let saved = Saved::load(raw.as_bytes()).expect("whole");
    let mut outputs = vec![raw, format!("{saved:?}")];
    outputs.extend(Format::ALL.map(|(_, format)| show(&saved, format)));
    let url: String = CANARY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let forms = [
        CANARY.to_owned(),
        CANARY.replace('"', ""),
        Value::from(CANARY).to_string().trim_matches('"').to_owned(),
        STANDARD.encode(CANARY).trim_end_matches('=').to_owned(),
        url,
        "canary".into(),
        "5f2a".into(),
    ];
    for output in &outputs {
        for form in &forms {
            assert!(!output.contains(form.as_str()), "`{form}` is in:\n{output}");
        }
    }
    // Also where a kind forgets to leave out what is secret.
    let (mut plan, desired) = plan_and_desired();
    for change in plan.hosts[0]
        .steps
        .iter_mut()
        .flat_map(|step| &mut step.changes)
    {
        if change.sensitive {
            (change.before, change.after) = (Some(CANARY.into()), Some(CANARY.into()));
        }
    }
    let saved = Saved::new(plan, &desired).expect("complete");
    assert!(!saved.to_value().to_string().contains("canary"));
    // Not even the plan that people see has the user's own lines: only their places.
    let (plan, _) = plan_and_desired();
    assert!(!format!("{plan:?}").contains("canary"));
    // The mask still shows that the sides differ, and what is secret is there as its reference.
    let file: Value = serde_json::from_str(&outputs[0]).expect("JSON");
    let text = file.to_string();
    for key in ["ssl.truststore.password", "basic.auth.user.info"] {
        assert!(
            text.contains(&format!(
                "\"path\":\"{key}\",\"before\":null,\"after\":null,\"sensitive\":true"
            )),
            "{key}"
        );
    }
    assert!(text.contains(r#"{"env":"TRUSTSTORE_PASSWORD"}"#));
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    let whole = text().into_bytes();
    let last = whole.len() - 1;
    for length in (0..last).step_by(7).chain(last - 20..last) {
        let cut = &whole[..length];
        assert!(Saved::load(cut).is_err(), "{length} of {last} bytes");
        assert!(
            is_saved(cut) || length == 0,
            "{length} bytes are taken for a spec"
        );
    }
}

#[test]
fn a_file_with_a_flipped_bit_is_refused() {
    let whole = text().into_bytes();
    let value: Value = serde_json::from_slice(&whole).expect("JSON");
    let (mut refused, mut harmless) = (0, 0);
    for at in 0..whole.len() {
        // Every byte once, every bit in turn.
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(is_saved(&flipped), "byte {at}: it is taken for a spec");
        match Saved::load(&flipped) {
            Err(_) => refused += 1,
            // `\u00e9` and `\u00E9` are the same.
            Ok(_) => {
                let same: Value = serde_json::from_slice(&flipped).expect("it was loaded");
                assert_eq!(same, value, "byte {at}");
                harmless += 1;
            }
        }
    }
    assert!(
        refused > 5000 && harmless < 10,
        "{refused} refused, {harmless} harmless"
    );
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let load = |bytes: &[u8]| Saved::load(bytes).and_then(|saved| saved.desired().map(|_| saved));
    let error = |bytes: &[u8]| load(bytes).expect_err("refused");
    assert!(matches!(error(b"{"), FileError::NoJson(_)));
    assert!(matches!(error(b"[]"), FileError::Checksum));
    let (plan, _) = plan_and_desired();
    let printed = error(json::plan(&plan).as_bytes());
    assert!(
        matches!(printed, FileError::Printed) && printed.to_string().contains("plan --out FILE")
    );
    let other = error(&resealed(|value| {
        value["format_version"] = "2.0".into();
        value["tool_version"] = "9.1.0".into();
    }));
    assert!(
        other.to_string().contains("format 2.0") && other.to_string().contains("9.1.0"),
        "{other}"
    );
    let shape = error(&resealed(|value| {
        value["hosts"][0]["steps"] = json!("none");
    }));
    assert!(matches!(shape, FileError::Shape(_)), "{shape}");
    for change in [
        (|value: &mut Value| value["desired"]["hosts"] = json!([])) as fn(&mut Value),
        |value| value["desired"] = Value::Null,
        |value| value["desired"]["clusters"][0]["cluster"]["hosts"][0][1] = json!([]),
        |value| value["desired"]["hosts"][0]["host"]["name"] = json!("another"),
    ] {
        let bytes = resealed(change);
        assert!(matches!(error(&bytes), FileError::Shape(_)));
        Saved::load(&bytes).expect("what cannot be applied can be shown");
    }
}

#[test]
fn another_version_of_the_same_major_is_read() {
    let bytes = resealed(|value| {
        value["format_version"] = "1.7".into();
        value["tool_version"] = "0.9.9".into();
        value["new"] = json!({ "a": 1 });
        value["hosts"][0]["new"] = json!("x");
        value["hosts"][0]["steps"][0]["new"] = json!(true);
        value["desired"]["new"] = json!(true);
    });
    let saved = Saved::load(&bytes).expect("readable");
    saved.desired().expect("readable");
    let shown = show(&saved, Format::Human);
    assert!(shown.contains("made by trueup 0.9.9"), "{shown}");
}

#[test]
fn an_incomplete_plan_is_never_saved() {
    let (whole, desired) = plan_and_desired();
    let spoilt: [fn(&mut plan::Plan); 4] = [
        |plan| plan.hosts[0].error = Some("away".into()),
        |plan| plan.hosts[0].lock_holder = Some("somebody".into()),
        |plan| plan.topics[0].error = Some("away".into()),
        |plan| plan.hosts[0].steps[0].action = StepAction::Unknown,
    ];
    for spoil in spoilt {
        let mut plan = whole.clone();
        spoil(&mut plan);
        let plan = plan::Plan::new(plan.salt, plan.specs, plan.hosts, plan.topics);
        let refused = Saved::new(plan, &desired).expect_err("refused");
        assert!(refused.to_string().contains("never saved"));
    }
    Saved::new(whole, &desired).expect("saved");
}

#[test]
fn what_could_not_be_read_is_left_out_and_named_where_that_was_asked_for() {
    let (whole, desired) = plan_and_desired();
    assert!(!whole.topics.is_empty());
    let remade = |plan: plan::Plan| plan::Plan::new(plan.salt, plan.specs, plan.hosts, plan.topics);
    let mut spoilt = whole.clone();
    spoilt.topics[0].error = Some("nobody listens".into());
    let (mut rest, plan) = (desired.clone(), remade(spoilt));
    let partial = plan.without_unread(&mut rest);
    assert!(!partial.complete && partial.topics.is_empty() && rest.clusters.is_empty());
    assert_eq!(partial.hosts.len(), whole.hosts.len());
    let saved = Saved::new(partial, &rest).expect("saved");
    let text = json::text(&saved.to_value());
    let loaded = Saved::load(text.as_bytes()).expect("loaded");
    loaded.desired().expect("its parts fit");
    let missing = &loaded.plan.missing[0];
    assert_eq!(missing.cluster.as_deref(), Some(&*whole.topics[0].cluster));
    assert_eq!(missing.why, "nobody listens");
    // Who looks at it sees what is not in it, in every format.
    let shown = loaded.plan.clone().with_left_out();
    assert!(
        shown.topics[0]
            .error
            .as_deref()
            .is_some_and(|why| why.contains("nobody listens"))
    );
    let (hosts, topics) = loaded.plan.left_out();
    assert_eq!((hosts.len(), topics.len()), (0, 1));

    // What the spec is to blame for is refused, and nothing is no plan.
    let mut unfit = whole.clone();
    unfit.topics[0].error = Some("two tables make it".into());
    unfit.topics[0].unfit = true;
    let mut rest = desired.clone();
    let plan = remade(unfit).without_unread(&mut rest);
    Saved::new(plan, &rest).expect_err("refused");
    let mut away = whole.clone();
    for host in &mut away.hosts {
        host.lock_holder = Some("somebody".into());
    }
    away.topics[0].error = Some("away".into());
    let mut rest = desired.clone();
    let plan = remade(away).without_unread(&mut rest);
    assert!(
        plan.missing
            .iter()
            .any(|it| it.why.contains("an apply was running"))
    );
    Saved::new(plan, &rest).expect_err("nothing is left");
}

#[test]
fn specs_are_no_plans() {
    for folder in ["specs", "examples"] {
        for entry in fs::read_dir(at(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                assert!(
                    !is_saved(&fs::read(&path).expect("readable")),
                    "{}",
                    path.display()
                );
            }
        }
    }
    for text in [
        "",
        "version: 1",
        "{version: 1, hosts: {}}",
        "{ \"version\": 1 }",
        "# format_version",
    ] {
        assert!(!is_saved(text.as_bytes()), "{text}");
    }
}

/// A plan of version 1 loads for ever. When a field is added, a new sample goes beside these.
#[test]
fn the_samples_of_version_1_load() {
    // What each has: steps of its host, and what is selected.
    let samples = [("v1", 5, text()), ("v1-selected", 4, selected())];
    let folder = at("tests/fixtures/plans");
    let names = fs::read_dir(&folder).expect("a folder").count();
    for (name, steps, made) in &samples {
        let path = folder.join(format!("{name}.json"));
        if std::env::var_os("TRUEUP_BLESS").is_some() && !path.exists() {
            fs::write(&path, made).expect("written");
        }
        let bytes = fs::read(&path).expect("the sample");
        let saved = Saved::load(&bytes).expect("it loads");
        let desired = saved.desired().expect("it can be applied");
        assert_eq!((saved.plan.hosts.len(), saved.plan.topics.len()), (1, 1));
        assert_eq!(saved.plan.hosts[0].steps.len(), *steps);
        let kafka = desired.hosts[0].host.declared.get::<Client>();
        let kafka = kafka.and_then(|client| client.kafka.as_ref());
        assert_eq!(kafka.expect("kafka").version, "2.8.1");
        assert_eq!(desired.clusters[0].cluster.topics.len(), 3);
        let has_java = desired.chosen.has("client", &"client/java".into());
        assert_eq!(has_java, *steps == 5);
        assert_eq!(saved.plan.selection.is_none(), has_java);
        for (_, format) in Format::ALL {
            let shown = show(&saved, format);
            assert!(
                shown.contains("client/msk_iam_auth") && shown.contains("topics/u.old"),
                "{shown}"
            );
        }
        assert!(validator().is_valid(&serde_json::from_slice(&bytes).expect("JSON")));
    }
    assert_eq!(names, samples.len(), "a sample that is not looked at");
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&plan::schema()).expect("a schema")
}

#[test]
fn the_schema_is_up_to_date() {
    let path = at("schemas/plan.schema.json");
    let made = serde_json::to_string_pretty(&plan::schema()).expect("JSON") + "\n";
    if std::env::var_os("TRUEUP_BLESS").is_some() {
        fs::write(&path, &made).expect("written");
    }
    assert!(
        fs::read_to_string(&path).is_ok_and(|kept| kept == made),
        "schemas/plan.schema.json is out of date; renew it: trueup schema plan > schemas/plan.schema.json"
    );
}

#[test]
fn plans_are_as_the_schema_says() {
    let validator = validator();
    let (plan, _) = plan_and_desired();
    let printed: Value = serde_json::from_str(&json::plan(&plan)).expect("JSON");
    let saved: Value = serde_json::from_str(&text()).expect("JSON");
    let after: Value = serde_json::from_str(&json::outcome(&plan, &[], &[], 0)).expect("JSON");
    for value in [&printed, &saved, &after] {
        let wrong: Vec<String> = validator
            .iter_errors(value)
            .map(|one| one.to_string())
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
    // And it does look.
    let spoilt: [fn(&mut Value); 6] = [
        |value| value["complete"] = json!("yes"),
        |value| value["hosts"][0]["steps"][0]["action"] = json!("renew"),
        |value| value["hosts"][0]["steps"][0]["address"] = json!(1),
        |value| {
            _ = value["topics"][0]
                .as_object_mut()
                .expect("a map")
                .remove("cluster");
        },
        |value| value["summary"]["create"] = json!(-1),
        |value| value["hosts"][0]["steps"][2]["changes"][0]["sensitive"] = Value::Null,
    ];
    for (at, spoil) in spoilt.iter().enumerate() {
        let mut value = printed.clone();
        spoil(&mut value);
        assert!(!validator.is_valid(&value), "{at}");
    }
}
