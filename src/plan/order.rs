//! The order of steps, and what a step does whose requirement cannot be had.

use super::{Step, StepAction};

/// Puts every step after those that it requires; otherwise the order stays.
pub fn by_requirement(steps: &mut Vec<Step>) {
    let mut waiting = std::mem::take(steps);
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|step| {
            step.requires
                .iter()
                .all(|required| !waiting.iter().any(|other| other.address == *required))
        });
        // A circle is a bug of the kinds, which a test of theirs finds; the order given is kept.
        steps.push(waiting.remove(ready.unwrap_or(0)));
    }
}

/// A step that would change something waits for what it requires: blocked or unknown, it is so too.
pub fn hold_back(steps: &mut [Step]) {
    for at in 0..steps.len() {
        if !steps[at].action.changes() {
            continue;
        }
        let cause = steps[at].requires.iter().find_map(|required| {
            steps[..at].iter().find(|step| {
                step.address == *required
                    && matches!(step.action, StepAction::Blocked | StepAction::Unknown)
            })
        });
        if let Some((address, action)) = cause.map(|step| (step.address.clone(), step.action)) {
            let state = if action == StepAction::Blocked {
                "is blocked"
            } else {
                "could not be seen"
            };
            steps[at].hold(action, format!("needs `{address}`, which {state}"));
        }
    }
}
