//! Stub.
use crate::plan::Plan;
/// x
pub fn plan(p: &Plan) -> String {
    serde_json::to_string_pretty(p).unwrap()
}
/// x
pub fn outcome(p: &Plan, _: &[super::event::HostOutcome], _: u8) -> String {
    plan(p)
}
/// x
pub fn facts(_: &str, _: &str, h: &crate::facts::Host) -> serde_json::Value {
    serde_json::to_value(h).unwrap()
}
/// x
pub fn problems(_: &str, p: &[crate::diagnostic::Problem]) -> String {
    format!("{p:?}")
}
