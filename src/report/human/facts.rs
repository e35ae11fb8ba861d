//! What was read of a machine, whatever the spec asks.

use super::{
    Style,
    page::{Ink, Page},
    plan::held,
};
use crate::{
    facts::{Host, Observation, PackageManager},
    report::words,
    text::{columns, padded},
};

/// One host's facts as aligned rows.
pub fn facts(name: &str, address: &str, facts: &Host, style: &Style) -> String {
    let mut page = Page::new(style);
    page.line(&[(Ink::Bold, name), (Ink::Plain, "  "), (Ink::Plain, address)]);
    let rows = rows(facts);
    let width = rows.iter().map(|(key, _)| columns(key)).max().unwrap_or(0);
    let hang = width + 4;
    for (key, values) in &rows {
        let lead = format!("  {}  ", padded(key, width));
        for (at, value) in values.iter().enumerate() {
            let lead = if at == 0 {
                lead.clone()
            } else {
                " ".repeat(hang)
            };
            page.wrapped(&[(Ink::Plain, &lead)], hang, Ink::Plain, value);
        }
    }
    page.into_text()
}

/// A clock, beside the one of the machine that asked; the connection takes a moment.
fn clock(skew: i64) -> String {
    match skew {
        -2..=2 => "as here".into(),
        3.. => format!("{skew} s ahead of here"),
        _ => format!("{} s behind here", skew.unsigned_abs()),
    }
}

fn rows(host: &Host) -> Vec<(&'static str, Vec<String>)> {
    let one = |value: String| vec![value];
    let or = |value: Option<String>, otherwise: &str| one(value.unwrap_or(otherwise.to_owned()));
    let kib = |kib: u64| words::bytes(kib.saturating_mul(1024));
    let words = |list: Vec<&str>, none: &str| match list.is_empty() {
        true => one(none.to_owned()),
        false => one(list.join(", ")),
    };
    let account = &host.account;
    let os = &host.os;
    let mut version = os.name.clone();
    if !os.id.is_empty() {
        version = format!("{version}, id {} {}", os.id, os.version);
    }
    let manager = os.package_manager.map(PackageManager::command);
    let memory = match (host.memory_available_kib, host.memory_total_kib) {
        (Some(free), Some(all)) => Some(format!("{} of {} available", kib(free), kib(all))),
        (Some(free), None) => Some(format!("{} available", kib(free))),
        (None, Some(all)) => Some(kib(all)),
        (None, None) => None,
    };
    let mut missing: Vec<&str> = host.missing_tools.iter().map(String::as_str).collect();
    if !host.tools.contains("sudo") {
        missing.push("sudo");
    }
    let mut key_types: Vec<&str> = host
        .identity
        .host_keys
        .iter()
        .filter_map(|key| key.split_whitespace().next())
        .collect();
    key_types.dedup();
    let mut rows = vec![
        (
            "account",
            one(format!("{} (uid {})", account.user, account.uid)),
        ),
        ("home", one(account.home.clone())),
        ("shell", one(account.shell.clone())),
        ("system", one(version)),
        ("arch", one(os.arch.clone())),
        (
            "packages",
            or(
                manager.map(str::to_owned),
                "no package manager that is known",
            ),
        ),
        (
            "disk",
            or(
                host.disk_free_kib.map(|free| format!("{} free", kib(free))),
                "not seen",
            ),
        ),
        ("memory", or(memory, "not seen")),
        ("clock", or(host.skew_seconds.map(clock), "not seen")),
        (
            "tools",
            words(host.tools.iter().map(String::as_str).collect(), "none"),
        ),
        ("missing", words(missing, "nothing")),
    ];
    match &host.login {
        Observation::Present(login) => {
            let entries = login.classpath.as_ref().map(|classpath| {
                let entries = classpath.split(':');
                // An empty entry is the working folder.
                entries.map(|entry| if entry.is_empty() { "(empty)" } else { entry }.to_owned())
            });
            rows.push((
                "CLASSPATH",
                entries.map_or_else(|| one("not set".into()), Iterator::collect),
            ));
            rows.push(("JAVA_HOME", or(login.java_home.clone(), "not set")));
            rows.push(("java", or(login.java.clone(), "not found")));
            if login.not_interactive {
                rows.push(("login", one("the shell answered only without `-i`".into())));
            }
        }
        Observation::Absent => rows.push(("login", one("not seen".into()))),
        Observation::Unknown(reason) => rows.push(("login", one(format!("not seen: {reason}")))),
    }
    rows.push(("host keys", words(key_types, "not seen")));
    rows.push((
        "machine id",
        or(host.identity.machine_id.clone(), "not seen"),
    ));
    if let Some(id) = &host.identity.instance_id {
        rows.push(("instance", one(id.clone())));
    }
    let lock = host.lock_holder.as_deref().map(held);
    rows.push(("lock", or(lock, "free")));
    rows
}
