//! What people and machines see of a run: everything is made from one plan value and one stream of
//! events.

pub mod event;
pub mod human;
pub mod json;
pub mod progress;
mod words;

use std::time::Duration;

use crate::{cli::Format, plan::Plan};
use human::Style;

/// A plan in a format. `took` is how long looking took; a plan that comes from a file has none.
pub fn plan(plan: &Plan, format: Format, style: &Style, took: Option<Duration>) -> String {
    match (format, took) {
        (Format::Human, Some(took)) => human::plan(plan, style, took),
        (Format::Human, None) => human::saved(plan, style),
        (Format::Json, _) => json::plan(plan),
    }
}
