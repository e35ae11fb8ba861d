//! Whether a saved plan still holds: what was planned against what the same planner makes of fresh
//! facts.
//!
//! Per address: no differences any more, and it is done already (so that a plan that was cut short
//! can be applied again); the same observation, the same actions, and it is run; anything else has
//! moved. What was as it should be and no longer is has moved, too.

use super::{HostPlan, Step, StepAction, TopicsPlan};
use crate::kinds::{Address, Change};

/// What has moved, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The address; nothing: it is the machine itself.
    pub address: Option<Address>,
    /// How, in words.
    pub how: String,
}

impl Moved {
    fn machine(how: String) -> Vec<Self> {
        let address = None;
        vec![Self { address, how }]
    }

    fn at(step: &Step, how: String) -> Self {
        let address = Some(step.address.clone());
        Self { address, how }
    }
}

/// What has moved on a host. `now` is made with the salt of what was planned.
pub fn of_host(planned: &HostPlan, now: &HostPlan) -> Vec<Moved> {
    if now.error.is_some() {
        return vec![];
    }
    if let Some(how) = another_machine(planned, now) {
        return Moved::machine(how);
    }
    if planned.account != now.account {
        let name = |host: &HostPlan| host.account.clone().unwrap_or_default();
        let how = format!(
            "we are {} there, and were {} when it was planned",
            name(now),
            name(planned)
        );
        return Moved::machine(how);
    }
    of_steps(&planned.steps, &now.steps)
}

/// What has moved on a cluster.
pub fn of_topics(planned: &TopicsPlan, now: &TopicsPlan) -> Vec<Moved> {
    // What could not be read has its own error.
    if now.error.is_some() {
        return vec![];
    }
    of_steps(&planned.steps, &now.steps)
}

fn another_machine(planned: &HostPlan, now: &HostPlan) -> Option<String> {
    let (was, is) = (planned.identity.as_ref()?, now.identity.as_ref()?);
    let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".into());
    // An older plan does not have it.
    if was.instance_id.is_some() && was.instance_id != is.instance_id {
        return Some(format!(
            "it is the instance {}, and was {} when it was planned",
            name(&is.instance_id),
            name(&was.instance_id)
        ));
    }
    if was.machine_id != is.machine_id {
        return Some(format!(
            "its machine id is {}, and was {} when it was planned",
            name(&is.machine_id),
            name(&was.machine_id)
        ));
    }
    (was.host_keys != is.host_keys)
        .then(|| "its host keys are others than when it was planned".to_owned())
}

fn of_steps(planned: &[Step], now: &[Step]) -> Vec<Moved> {
    let find = |steps: &[Step], address: &Address| -> Option<usize> {
        steps.iter().position(|step| step.address == *address)
    };
    let mut moved: Vec<Moved> = now
        .iter()
        .filter_map(|step| {
            let planned = find(planned, &step.address).map(|at| &planned[at]);
            Some(Moved::at(step, how(planned, step)?))
        })
        .collect();
    // What was to be deleted and is no longer there is done.
    let gone = planned
        .iter()
        .filter(|step| step.action != StepAction::Delete && find(now, &step.address).is_none());
    moved.extend(gone.map(|step| Moved::at(step, "it is no longer looked at".to_owned())));
    moved
}

/// How one address has moved, if it has.
fn how(planned: Option<&Step>, now: &Step) -> Option<String> {
    if now.action == StepAction::None {
        return None;
    }
    let because = match now.reason.is_empty() {
        true => String::new(),
        false => format!(": {}", now.reason),
    };
    let Some(planned) = planned else {
        return Some(format!(
            "it is not in the plan, and {}{because}",
            verb(now.action)
        ));
    };
    // It was applied, and what no apply can close was reported.
    if now.action == StepAction::Blocked && planned.remains.as_ref() == Some(&now.reason) {
        return None;
    }
    // It was applied, and what may follow is left: nothing else of it differs.
    let left = planned.follows.as_ref();
    let as_it_was = |is: &Change| {
        let same = |was: &Change| was.path == is.path && was.before == is.before;
        is.before.is_none() || planned.changes.iter().any(same)
    };
    if left.is_some_and(|left| left.covers(&now.actions)) && now.changes.iter().all(as_it_was) {
        return None;
    }
    if planned.action != now.action {
        return Some(format!(
            "the plan says that it {}; now it {}{because}",
            verb(planned.action),
            verb(now.action)
        ));
    }
    if planned.observed_digest != now.observed_digest {
        let was = match planned.reason == now.reason {
            true => String::new(),
            false => format!(", and was: {}", planned.reason),
        };
        let fields = fields(planned, now);
        return Some(format!(
            "what it was planned on is no longer so{because}{was}{fields}"
        ));
    }
    (planned.actions_digest != now.actions_digest)
        .then(|| format!("something else would be done than was planned{because}"))
}

/// The fields that are no longer what they were, as far as they may be shown.
fn fields(planned: &Step, now: &Step) -> String {
    let same = |one: &Change| planned.changes.contains(one);
    let names: Vec<String> = now
        .changes
        .iter()
        .filter(|change| !same(change))
        .map(|change| match (change.sensitive, &change.before) {
            (false, Some(before)) => format!("`{}` is {before}", change.path),
            _ => format!("`{}`", change.path),
        })
        .take(5)
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(" ({})", names.join(", ")),
    }
}

fn verb(action: StepAction) -> &'static str {
    match action {
        StepAction::None => "stays as it is",
        StepAction::Create => "would be created",
        StepAction::Update => "would be changed",
        StepAction::Delete => "would be deleted",
        StepAction::Blocked => "is blocked",
        StepAction::Unknown => "could not be seen",
    }
}
