//! Case files: a probe's reply in; the observation, the differences and the actions out.
//!
//! `src/kinds/KIND/cases/NAME.yaml` holds what a spec declares, the probe's records and, where the
//! case is about it, the host's; `NAME.json` beside it is what has to come out. A new case is a new
//! file (of a topic, where no host is asked, with what was read of the cluster):
//! `TRUEUP_BLESS=1 cargo test --test offline cases` writes what comes out, for you to read.

use std::{collections::BTreeMap, env, fs};

use serde_json::json;
use trueup::{
    facts::Section,
    kinds::{Assessment, Effect, KINDS, Verdict, declared::Inputs},
    plan::{HostPlan, TopicsPlan},
    spec::{Given, ResolvedTopic, Source, load},
};

use crate::case::{self, Case, TopicsCase, files, host, parse};

fn run_topics(case: &TopicsCase) -> serde_json::Value {
    let wanted = case.wanted();
    let wanted: Vec<&ResolvedTopic> = wanted.iter().collect();
    let plan = TopicsPlan::new(
        "b:9098",
        "client",
        &wanted,
        &case.allow_delete,
        &case.cluster,
        "s",
    );
    let mut out = json!(plan);
    for (shown, step) in out["steps"]
        .as_array_mut()
        .expect("a list")
        .iter_mut()
        .zip(&plan.steps)
    {
        let shown = shown.as_object_mut().expect("a map");
        shown.retain(|key, _| {
            !key.ends_with("_digest")
                && !["requires", "notes", "warning", "remains"].contains(&key.as_str())
        });
        shown.insert("actions".into(), json!(step.actions));
        shown.insert("notes".into(), json!(step.notes));
        shown.insert("warning".into(), json!(step.warning));
    }
    out
}

fn run(kind: &str, case: &Case) -> serde_json::Value {
    let resource = case.resource(kind);
    let (section, host) = (Section::new(case.records()), host(&case.host));
    let Assessment {
        observed,
        verdict,
        warnings,
    } = resource.assess(&section, &host);
    let mut out = json!({ "arguments": resource.arguments(false), "observed": observed });
    if !warnings.is_empty() {
        out["warnings"] = json!(warnings);
    }
    match verdict {
        Verdict::InPlace => out["verdict"] = json!("in place"),
        Verdict::Unknown { reason } => out["unknown"] = json!(reason),
        Verdict::Blocked { reason, help } => {
            out["blocked"] = json!({ "reason": reason, "help": help });
        }
        Verdict::Change(work) => {
            let effect = match work.effect {
                Effect::Create => "create",
                Effect::Update => "update",
                Effect::Delete => "delete",
            };
            out[effect] = json!({
                "reason": work.reason,
                "changes": work.changes,
                "text": work.text.map(|text| json!({ "before": text.before.lines().collect::<Vec<_>>(), "after": text.after.lines().collect::<Vec<_>>() })),
                "notes": work.notes,
                "warning": work.warning,
                "actions": work.actions,
            });
            if let Some(follows) = work.follows {
                out[effect]["follows"] = json!(follows);
            }
        }
    }
    out
}

/// A spec that declares all that there is: the example of each kind.
fn all_kinds() -> String {
    let schema = trueup::spec::schema();
    let mut spec = json!({
        "version": 1,
        "hosts": { "c": { "local": {} } },
    });
    for kind in KINDS {
        let example = schema.pointer(&format!("/properties/{}/examples/0", kind.key));
        spec[kind.key] = example.expect("an example").clone();
    }
    spec.to_string()
}

#[test]
fn every_case_comes_out_as_its_file_says() {
    let bless = env::var_os("TRUEUP_BLESS").is_some();
    let mut wrong = Vec::new();
    for kind in case::kinds() {
        let inputs: Vec<_> = files(&case::folder(&kind))
            .into_iter()
            .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
            .collect();
        assert!(
            inputs.len() > 3,
            "{kind} has too few cases to mean anything"
        );
        for path in inputs {
            let text = fs::read_to_string(&path).expect("readable");
            let out = if kind == "topic" {
                run_topics(&parse(&text, &path))
            } else {
                run(&kind, &parse(&text, &path))
            };
            let out = format!("{out:#}\n");
            let expected = path.with_extension("json");
            if bless {
                fs::write(&expected, &out).expect("written");
            } else if fs::read_to_string(&expected).ok().as_deref() != Some(out.as_str()) {
                wrong.push(format!("{}:\n{out}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_has_cases() {
    let source = Source {
        path: "all.yaml".into(),
        text: all_kinds(),
    };
    let spec = load(&source, &Given::default()).0.expect("right");
    let resources = spec.hosts[0].resources(&Inputs::default());
    assert!(resources.len() >= 4 + KINDS.len(), "{}", resources.len());
    for resource in &resources {
        let address = resource.address();
        let kind = match address.kind() {
            "client" => address.name().expect("a name"),
            kind => kind,
        };
        assert!(case::folder(kind).is_dir(), "{kind} has no cases");
        // What is said nothing of is unknown, never in place.
        let assessment = resource.assess(&Section::default(), &host(&BTreeMap::new()));
        assert!(
            matches!(assessment.verdict, Verdict::Unknown { .. }),
            "{kind}"
        );
        for required in resource.requires() {
            assert!(
                resources.iter().any(|other| other.address() == *required),
                "{kind} requires {required}"
            );
        }
    }
    // A host whose probes all said nothing is not "in sync".
    let plan = HostPlan::new(
        "c",
        "local",
        &resources,
        &host(&BTreeMap::new()),
        &trueup::facts::Reply::default(),
        "s",
    );
    assert!(
        plan.steps
            .iter()
            .all(|step| step.action == trueup::plan::StepAction::Unknown)
    );
}

/// Every reason that stands in a JSON value.
fn reasons(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            let acts = map.get("action").is_none_or(|action| action != "none");
            for (key, value) in map {
                match value.as_str() {
                    Some(text) if (key == "reason" || key == "unknown") && acts => {
                        found.push(text.to_owned());
                    }
                    _ => reasons(value, found),
                }
            }
        }
        serde_json::Value::Array(all) => all.iter().for_each(|value| reasons(value, found)),
        _ => {}
    }
}

#[test]
fn each_verdict_says_why_in_one_sentence() {
    let mut seen = 0;
    for path in case::kinds()
        .iter()
        .flat_map(|kind| files(&case::folder(kind)))
    {
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("readable");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let mut found = Vec::new();
        reasons(&value, &mut found);
        let is_change = ["create", "update", "delete", "blocked", "unknown"]
            .iter()
            .any(|verdict| value.get(verdict).is_some());
        assert!(!is_change || !found.is_empty(), "{}", path.display());
        for reason in found {
            seen += 1;
            // A fragment: no full stop, no second line, and it says what is the case.
            let sound = reason.len() >= 10 && !reason.contains('\n') && !reason.ends_with('.');
            assert!(sound, "{}: {reason:?}", path.display());
        }
    }
    assert!(seen > 60, "only {seen} reasons were seen");
}
