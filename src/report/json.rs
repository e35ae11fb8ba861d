//! JSON for machines: the plan value itself, one format with a version.

use serde_json::{Value, json};

use super::{Report, ReportKind};
use crate::{
    apply::outcome::Outcome,
    diagnostic::{Problem, Severity},
    facts::Host,
    plan::{FORMAT_VERSION, LookedUp, Plan},
    proof::Proof,
    spec::Aws,
    text::escape_control,
};

/// A plan.
pub fn plan(plan: &Plan) -> String {
    text(&plan_value(plan))
}

/// A whole report: the plan, and what became of it.
pub fn whole(report: &Report<'_>) -> String {
    let code = report.code as u8;
    match report.kind {
        ReportKind::Plan | ReportKind::Drift | ReportKind::Saved => plan(report.plan),
        ReportKind::Apply => outcome(report.plan, report.outcomes, report.proofs, code),
        ReportKind::Prove => {
            let mut value = plan_value(report.plan);
            value["outcome"] = json!({ "exit_code": code, "proofs": report.proofs });
            text(&value)
        }
    }
}

/// A plan and what became of it.
pub fn outcome(plan: &Plan, outcomes: &[Outcome], proofs: &[Proof], code: u8) -> String {
    let mut value = plan_value(plan);
    let (topics, hosts): (Vec<_>, Vec<_>) = outcomes.iter().partition(|one| !one.subject.is_host());
    value["outcome"] = json!({ "exit_code": code, "hosts": hosts, "topics": topics });
    if !proofs.is_empty() {
        value["outcome"]["proofs"] = json!(proofs);
    }
    text(&value)
}

/// One host's facts, and what its references became.
pub fn facts(name: &str, address: &str, facts: &Host, looked_up: &[LookedUp]) -> Value {
    let mut value = json!({ "name": name, "address": address });
    if !looked_up.is_empty() {
        value["looked_up"] = json!(looked_up);
    }
    value["facts"] = json!(facts);
    value
}

/// Who AWS takes us for; `region` is the one that is asked, and what says so.
pub fn caller(aws: &Aws, region: Option<(&str, &str)>, arn: &str, source: &str) -> Value {
    let mut value = json!({ "aws": aws, "caller": arn, "source": source });
    if let Some((name, source)) = region {
        value["region"] = json!({ "name": name, "source": source });
    }
    value
}

/// What the references of a cluster became.
pub fn cluster(name: &str, looked_up: &[LookedUp]) -> Value {
    json!({ "cluster": name, "looked_up": looked_up })
}

/// What is wrong in specs: an object for one, a list for several.
pub fn problems(specs: &[(String, Vec<Problem>)]) -> String {
    let all: Vec<Value> = specs
        .iter()
        .map(|(path, problems)| of_spec(path, problems))
        .collect();
    match all.as_slice() {
        [one] => text(one),
        _ => text(&Value::Array(all)),
    }
}

fn of_spec(path: &str, problems: &[Problem]) -> Value {
    let list: Vec<Value> = problems
        .iter()
        .map(|problem| {
            json!({
                "severity": match problem.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                },
                "message": problem.message,
                "line": problem.span.map(|span| span.line),
                "column": problem.span.map(|span| span.column),
                "help": (!problem.label.is_empty()).then_some(&problem.label),
            })
        })
        .collect();
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    json!({
        "format_version": FORMAT_VERSION,
        "path": path,
        "errors": errors,
        "warnings": problems.len() - errors,
        "problems": list,
    })
}

/// A value as text: indented, with a newline at its end, and with nothing in it that could move a
/// cursor, turn the direction of text or start a CI command. It reads back as the same value.
pub fn text(value: &Value) -> String {
    let plain = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| unreachable!("a value is plain data: {error}"));
    safe(&plain)
}

/// Like [`text`], on one line.
pub fn line(value: &Value) -> String {
    safe(&value.to_string())
}

fn safe(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len() + 1);
    for (at, c) in plain.char_indices() {
        // serde_json escapes what lies below U+0020; the rest stands in strings only, where
        // JSON's own escapes do the same.
        let unsafe_here = match c {
            '\n' => false,
            // `##[group]`, `##vso[…]`: some CI agents take these for commands anywhere in a line.
            '#' => plain[at + 1..].starts_with('#'),
            c if c.is_ascii() => c.is_control(),
            c => escape_control(c.encode_utf8(&mut [0; 4])).starts_with('\\'),
        };
        if unsafe_here {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    text
}

fn plan_value(plan: &Plan) -> Value {
    serde_json::to_value(plan.clone().masked())
        .unwrap_or_else(|error| unreachable!("a plan is plain data: {error}"))
}

/// Descriptions that come from doc comments, each on one line.
pub(super) fn one_line_descriptions(schema: &mut Value) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(one_line_descriptions),
        Value::Array(items) => items.iter_mut().for_each(one_line_descriptions),
        _ => {}
    }
}
