//! The command that closes what has drifted, as far as one does.

use crate::{
    kinds::client::properties::is_sensitive,
    plan::{HostPlan, Plan, StepAction, TopicsPlan},
};

/// The flags of a command line that shape what was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags<'a> {
    /// The variables that it sets.
    pub vars: &'a [(String, String)],
    /// The flags that leave hosts out, as words.
    pub hosts: &'a [String],
    /// With `--deep`.
    pub deep: bool,
}

/// The words of an `apply` that does what the plan of a drift finds to do, on the hosts where it does;
/// none, where an apply would do nothing.
pub fn fix(plan: &Plan, flags: &Flags<'_>) -> Vec<String> {
    let works =
        |host: &&HostPlan| host.has_work() && host.error.is_none() && host.lock_holder.is_none();
    let hosts = plan
        .hosts
        .iter()
        .filter(works)
        .map(|host| host.name.as_str());
    let mut hosts: Vec<&str> = hosts.collect();
    let clusters = plan.topics.iter().filter(|one| one.has_work());
    let clusters: Vec<&TopicsPlan> = clusters.collect();
    if hosts.is_empty() && clusters.is_empty() {
        return vec![];
    }
    // Topics are applied in the visit to the host that leads to their cluster.
    let direct = clusters.iter().any(|one| one.via == "direct");
    for one in &clusters {
        if one.via != "direct" && !hosts.contains(&one.via.as_str()) {
            hosts.push(&one.via);
        }
    }
    let mut words = vec!["trueup".to_owned(), "apply".to_owned()];
    words.extend(plan.specs.iter().map(|spec| spec.path.clone()));
    let mut flag = |flag: &str, value: &str| words.extend([flag.to_owned(), value.to_owned()]);
    for (name, value) in flags.vars {
        // A mail is read by others.
        let value = if is_sensitive(name) { "…" } else { value };
        flag("--var", &format!("{name}={value}"));
    }
    if let Some(selection) = &plan.selection {
        selection
            .target
            .iter()
            .for_each(|word| flag("--target", word));
        selection
            .exclude
            .iter()
            .for_each(|word| flag("--exclude", word));
    }
    let all = plan
        .hosts
        .iter()
        .all(|host| hosts.contains(&host.name.as_str()));
    if direct {
        words.extend_from_slice(flags.hosts);
    } else if !all || !flags.hosts.is_empty() {
        flag(HOST, &hosts.join(","));
    }
    if flags.deep {
        words.push("--deep".into());
    }
    words
}

const HOST: &str = "--host";

/// The commands of parts of a fleet in one; nothing, where they differ in more than their hosts.
pub fn joined(parts: &[&[String]]) -> Vec<String> {
    let place = |words: &[String]| words.iter().position(|word| word == HOST);
    let mut parts = parts.iter().filter(|words| !words.is_empty());
    let Some(first) = parts.next() else {
        return vec![];
    };
    let mut all = first.to_vec();
    for other in parts {
        let (Some(at), Some(own)) = (place(&all), place(other)) else {
            return vec![];
        };
        let mut same = other.to_vec();
        let hosts = std::mem::replace(&mut same[own + 1], all[at + 1].clone());
        if same != all {
            return vec![];
        }
        all[at + 1].push_str(&format!(",{hosts}"));
    }
    all
}

/// Whether something differs that no apply closes.
pub(super) fn leaves_something(plan: &Plan) -> bool {
    plan.steps().any(|step| step.action == StepAction::Blocked)
}
