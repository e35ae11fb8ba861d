//! Stub.
use crate::plan::Plan;
use std::time::Duration;
/// x
pub struct Style {
    pub color: bool,
    pub width: usize,
}
/// x
pub fn plan(p: &Plan, _: &Style, _: Duration) -> String {
    let mut s = String::new();
    for h in &p.hosts {
        s += &format!("{} {:?}\n", h.name, h.error);
        for x in &h.steps {
            s += &format!(
                "  {:?} {} {} {:?} {:?}\n",
                x.action, x.address, x.reason, x.help, x.notes
            );
        }
    }
    s
}
/// x
pub fn drift(p: &Plan, s: &Style) -> String {
    plan(p, s, Duration::ZERO)
}
/// x
pub fn facts(n: &str, a: &str, h: &crate::facts::Host, _: &Style) -> String {
    format!("{n} {a} {h:#?}\n")
}
/// x
pub fn outcome(
    o: &[super::event::HostOutcome],
    _: &Plan,
    _: &Style,
    _: Duration,
    n: &[String],
) -> String {
    format!("{o:#?} {n:?}\n")
}
/// x
pub fn prompt(n: usize) -> String {
    format!("Apply these {n} changes? [y/N] ")
}
