//! Reads every format of a report back: all of them, and the exit code, say the same of a plan.

use std::{collections::BTreeSet, sync::OnceLock, time::Duration};

use quick_xml::{Reader, events::Event as Xml};
use serde_json::{Value, json};
use trueup::{
    exit::Code,
    plan::{Plan, StepAction, schema},
    report::{Detail, Format, Report, ReportKind, human::Style, jsonl, render},
    utc::Utc,
};

use crate::html::read;

/// Every format and the exit code say the same of what changes.
pub fn agree(plan: &Plan) {
    let wanted = seen_in_plan(plan);
    let of = |format| {
        let report = Report {
            kind: ReportKind::Plan,
            plan,
            outcomes: &[],
            proofs: &[],
            code: plan.code(),
            style: Style {
                color: false,
                width: 80,
            },
            at: Utc::of_seconds(1_795_749_000),
            took: Duration::from_millis(312),
            history: None,
            detail: Detail::default(),
            next: &[],
        };
        render(format, &report)
    };
    let (text, json) = (of(Format::Human), of(Format::Json));
    assert_eq!(seen_in_json(&json), wanted);
    assert_eq!(seen_in_jsonl(&of(Format::Jsonl)), wanted);
    assert_eq!(seen_in_markdown(plan, &of(Format::Markdown)), wanted);
    assert_eq!(seen_in_text(plan, &text), wanted);
    assert_eq!(seen_in_html(&of(Format::Html)), wanted);
    counts(plan, &wanted, &text, &json);
    let cases = cases(&of(Format::Junit));
    let addresses = |all: &BTreeSet<(String, String)>| {
        let own = all.iter().filter(|(_, name)| name.contains('/'));
        own.cloned().collect::<BTreeSet<_>>()
    };
    let of_actions = |which: fn(&str) -> bool| -> BTreeSet<(String, String)> {
        let own = wanted.iter().filter(|(.., action)| which(action));
        own.map(|(host, address, _)| {
            let cluster = plan.topics.first().map_or("", |topics| &topics.cluster);
            let suite = match host.is_empty() {
                true => format!("topics of {cluster}"),
                false => host.clone(),
            };
            (suite, address.clone())
        })
        .collect()
    };
    assert_eq!(
        addresses(&cases.failed),
        of_actions(|action| action != "unknown")
    );
    assert_eq!(
        addresses(&cases.errors),
        of_actions(|action| action == "unknown")
    );
    // The code: what could not be seen, then what differs.
    let differs = wanted.iter().any(|(.., action)| action != "unknown");
    let code = plan.code();
    match (plan.complete, differs) {
        (true, true) => assert_eq!(code, Code::Changes),
        (true, false) => assert_eq!(code, Code::Done),
        (false, _) => assert!(matches!(code, Code::Locked | Code::Unreachable), "{code:?}"),
    }
    // And what applies only some of it says no more than that.
    let work = |action: &str| ["create", "update", "delete"].contains(&action);
    assert_eq!(
        plan.has_work(),
        wanted.iter().any(|(.., action)| work(action))
    );
}

/// The numbers of the JSON, of the text's last line and of the addresses themselves.
fn counts(plan: &Plan, wanted: &Seen, text: &str, json: &str) {
    let counted = |wanted_action: &str| {
        let own = |(.., action): &&(String, String, String)| action == wanted_action;
        wanted.iter().filter(own).count()
    };
    let [create, update, delete, blocked, unknown] =
        ["create", "update", "delete", "blocked", "unknown"].map(counted);
    let none = plan.steps().count() - wanted.len();
    let value: Value = serde_json::from_str(json).expect("JSON");
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    let validator = SCHEMA.get_or_init(|| jsonschema::validator_for(&schema()).expect("a schema"));
    let wrong: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?} in {json}");
    assert_eq!(
        value["summary"],
        json!({"none": none, "create": create, "update": update, "delete": delete, "blocked": blocked, "unknown": unknown})
    );
    assert_eq!(value["complete"], plan.complete);
    for step in plan.steps() {
        let sign = match step.action {
            StepAction::None => continue,
            StepAction::Create => '+',
            StepAction::Update => '~',
            StepAction::Delete => '-',
            StepAction::Blocked => '!',
            StepAction::Unknown => '?',
        };
        let line = format!("  {sign} {}", step.address);
        assert!(text.contains(&line), "no `{line}` in:\n{text}");
    }
    if plan.complete {
        let sum = format!("{create} to add, {update} to change, {delete} to delete");
        assert_eq!(text.contains(&sum), !wanted.is_empty(), "{text}");
    }
}

/// Holds lines against the schema; they as values.
pub fn valid(lines: &str) -> Vec<Value> {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    let validator =
        SCHEMA.get_or_init(|| jsonschema::validator_for(&jsonl::schema()).expect("a schema"));
    let values: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for value in &values {
        let wrong: Vec<String> = validator
            .iter_errors(value)
            .map(|e| e.to_string())
            .collect();
        assert!(wrong.is_empty(), "{value}: {wrong:?}");
    }
    values
}

/// The names of failed, wrong and all test cases, by suite.
#[derive(Default, Debug)]
pub struct Cases {
    pub all: Vec<(String, String)>,
    pub failed: BTreeSet<(String, String)>,
    pub errors: BTreeSet<(String, String)>,
}

fn attribute(tag: &quick_xml::events::BytesStart<'_>, name: &str) -> String {
    let attribute = tag
        .try_get_attribute(name)
        .expect("attributes")
        .expect(name);
    let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
    value.expect("a value").into_owned()
}

/// Reads a report as an XML parser does, which has to find it well-formed.
pub fn cases(xml: &str) -> Cases {
    for c in xml.chars() {
        let may = matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(may, "XML cannot hold {c:?}");
    }
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut cases = Cases::default();
    let mut depth = 0;
    loop {
        match reader.read_event().expect("well-formed") {
            Xml::Start(tag) | Xml::Empty(tag) if tag.name().as_ref() == "testcase" => {
                depth += 1;
                let name = (attribute(&tag, "classname"), attribute(&tag, "name"));
                cases.all.push(name);
            }
            Xml::Start(tag) | Xml::Empty(tag) if tag.name().as_ref() == "failure" => {
                cases.failed.extend(cases.all.last().cloned());
            }
            Xml::Start(tag) | Xml::Empty(tag) if tag.name().as_ref() == "error" => {
                cases.errors.extend(cases.all.last().cloned());
            }
            Xml::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, cases.all.len());
    cases
}

/// Addresses by host, with what happens to them: of one format.
type Seen = BTreeSet<(String, String, String)>;

fn seen_in_plan(plan: &Plan) -> Seen {
    let parts = plan
        .parts()
        .flat_map(|part| part.steps.iter().map(move |step| (part, step)));
    parts
        .filter(|(_, step)| step.action != StepAction::None)
        .map(|(part, step)| {
            let host = if part.is_host() { part.name() } else { "" };
            let action = serde_json::to_value(step.action).expect("a word");
            (
                host.into(),
                step.address.to_string(),
                action.as_str().expect("text").into(),
            )
        })
        .collect()
}

fn seen_in_values<'v>(rows: impl Iterator<Item = (String, &'v Value)>) -> Seen {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    rows.filter(|(_, step)| step["action"] != "none")
        .map(|(host, step)| (host, text(&step["address"]), text(&step["action"])))
        .collect()
}

fn seen_in_json(text: &str) -> Seen {
    let value: Value = serde_json::from_str(text).expect("JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let mut rows = Vec::new();
    for host in list(&value["hosts"]) {
        let name = host["name"].as_str().expect("a name").to_owned();
        rows.extend(
            list(&host["steps"])
                .into_iter()
                .map(|step| (name.clone(), step)),
        );
    }
    for cluster in list(&value["topics"]) {
        rows.extend(
            list(&cluster["steps"])
                .into_iter()
                .map(|step| (String::new(), step)),
        );
    }
    seen_in_values(rows.iter().map(|(name, step)| (name.clone(), step)))
}

fn seen_in_jsonl(text: &str) -> Seen {
    let values = valid(text);
    let steps = values.iter().filter(|value| value["event"] == "step");
    seen_in_values(steps.map(|step| (step["host"].as_str().unwrap_or_default().to_owned(), step)))
}

/// What stands in the summary of the text and in the table of the Markdown: the host before a colon
/// where there are several.
fn named(plan: &Plan, name: &str, action: &str) -> (String, String, String) {
    let only = plan.hosts.first().map_or("", |host| &host.name);
    let (host, address) = match name.split_once(':') {
        Some((host, address)) => (host, address),
        None if name.starts_with("topics/") => ("", name),
        None => (only, name),
    };
    (host.into(), address.into(), action.into())
}

fn seen_in_markdown(plan: &Plan, text: &str) -> Seen {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let action = match cells.next()? {
            "create" => "create",
            "change" => "update",
            "**delete**" => "delete",
            "**blocked**" => "blocked",
            "**not seen**" => "unknown",
            _ => return None,
        };
        Some(named(plan, cells.next()?.trim_matches('`'), action))
    });
    rows.collect()
}

fn seen_in_html(page: &str) -> Seen {
    let tree = read(page);
    let mut seen = Seen::new();
    for part in tree.of_class("part") {
        let listed = part.of_class("names").into_iter();
        let listed = listed.flat_map(|names| names.named("li"));
        let mut names: Vec<String> = listed.map(|name| name.text()).collect();
        if names.is_empty() {
            let title = part.named("h3")[0].text();
            let name = title.strip_suffix(part.attribute("data-state"));
            names.push(name.expect("its state").trim().to_owned());
        }
        if part.attribute("data-kind") == "clusters" {
            names = vec![String::new()];
        }
        let tables = part.of_class("rows").into_iter();
        for row in tables.flat_map(|rows| rows.named("tbody")[0].children_named("tr")) {
            let action = match row.of_class("state")[0].text().as_str() {
                "change" => "update".to_owned(),
                "not seen" => "unknown".to_owned(),
                other => other.to_owned(),
            };
            let address = row.named("th")[0].text();
            let of = |name: &String| (name.clone(), address.clone(), action.clone());
            seen.extend(names.iter().map(of));
        }
    }
    seen
}

fn seen_in_text(plan: &Plan, text: &str) -> Seen {
    let Some((_, summary)) = text.split_once("summary\n") else {
        return Seen::new();
    };
    let mut seen = Seen::new();
    let mut action = "";
    for line in summary.lines() {
        let mut words = line.split_whitespace().peekable();
        match words.peek().copied() {
            Some("create") => action = "create",
            Some("change") => action = "update",
            Some("delete") => action = "delete",
            Some("blocked") => action = "blocked",
            Some("unknown") => action = "unknown",
            Some("unread" | "locked") => action = "",
            Some(word) if word.contains('/') => {}
            _ => break,
        }
        let names = words.filter(|word| word.contains('/') && !action.is_empty());
        seen.extend(names.map(|name| named(plan, name.trim_end_matches(','), action)));
    }
    seen
}
