//! A cluster's topics, as a part of a plan.

use super::{
    differing, looked_up,
    page::{Ink, Page},
    plan, sign,
};
use crate::{
    plan::{Step, StepAction, TopicsPlan},
    report::words,
    text::{columns, padded},
};

/// How many topics are shown one by one; the rest is counted. What is deleted is always shown.
const MOST: usize = 40;
/// Longer names than this do not push the text of the others to the right.
const NAME: usize = 40;

/// A cluster that is not up to date.
pub fn section(page: &mut Page, cluster: &TopicsPlan, before: Option<&str>) {
    let route = match cluster.via.as_str() {
        "direct" => "dialled from here".to_owned(),
        host => format!("through {host}"),
    };
    let caller = cluster.caller.as_ref();
    let caller = caller.map(|caller| format!(", as {caller}"));
    let name = words::cluster(&cluster.cluster);
    let text = format!("{name}, {route}{}", caller.unwrap_or_default());
    let lead = [(Ink::Bold, "topics"), (Ink::Plain, "  ")];
    page.wrapped(&lead, 8, Ink::Plain, &text);
    looked_up::rows(page, &cluster.looked_up);
    if let Some(error) = &cluster.error {
        super::outcome::error_or_same(page, error, before);
        remarks(page, cluster);
        return;
    }
    let differing = differing(&cluster.steps);
    let width = differing
        .iter()
        .map(|step| columns(&step.address))
        .filter(|width| *width <= NAME)
        .max()
        .unwrap_or(0);
    let mut shown = 0;
    let mut folded = 0;
    for step in differing {
        if step.action == StepAction::Delete || shown < MOST {
            shown += 1;
            match step.action {
                StepAction::Create => line(page, step, width),
                _ => plan::step(page, step),
            }
        } else {
            folded += 1;
        }
    }
    if folded > 0 {
        let more = format!("  … and {} more", words::count(folded, "topic"));
        page.line(&[(Ink::Dim, &more)]);
    }
    plan::unchanged(page, &cluster.steps);
    remarks(page, cluster);
}

/// A topic that is made, in one line: what it will be.
fn line(page: &mut Page, step: &Step, width: usize) {
    let (ink, sign) = sign(step.action);
    let address = padded(&step.address, width);
    let lead = [
        (Ink::Plain, "  "),
        (ink, sign),
        (Ink::Plain, " "),
        (ink, &*address),
        (Ink::Plain, "  "),
    ];
    let mut parts = Vec::new();
    for change in &step.changes {
        let value = change.after.as_deref().unwrap_or_default();
        let many = if value == "1" { "" } else { "s" };
        parts.push(match change.path.as_str() {
            "partitions" => format!("{value} partition{many}"),
            "replication_factor" => format!("{value} replica{many}"),
            key => format!("{}={value}", key.trim_start_matches("config.")),
        });
    }
    let text = match parts.is_empty() {
        true => "as the brokers make it by default".to_owned(),
        false => parts.join(", "),
    };
    page.wrapped(&lead, 8, Ink::Plain, &text);
}

/// What is no difference and yet worth knowing.
pub(crate) fn remarks(page: &mut Page, cluster: &TopicsPlan) {
    if !cluster.unmanaged.is_empty() {
        let names: Vec<&str> = cluster.unmanaged.iter().map(String::as_str).collect();
        let text = format!(
            "{}: on the cluster, in no table of the spec: left alone",
            words::some(&names)
        );
        page.wrapped(&[(Ink::Dim, "  ? ")], 4, Ink::Plain, &text);
    }
    looked_up::warnings(page, &cluster.warnings);
}
