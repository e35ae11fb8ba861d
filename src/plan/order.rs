//! The order of steps, and what a step does whose requirement cannot be had.

use super::{Step, StepAction};
use crate::kinds::Address;

/// Puts every step after those that it requires; otherwise the order stays.
pub(crate) fn by_requirement(steps: &mut Vec<Step>) {
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
pub(crate) fn hold_back(steps: &mut [Step]) {
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

/// What requires something that is left out and not there is blocked, and so is what requires that.
pub(crate) fn hold_without(steps: &mut [Step], left_out: impl Fn(&Address) -> bool) {
    let absent: Vec<Address> = steps
        .iter()
        .filter(|step| left_out(&step.address) && step.action == StepAction::Create)
        .map(|step| step.address.clone())
        .collect();
    for step in steps.iter_mut().filter(|step| step.action.changes()) {
        let cause = absent.iter().find(|one| step.requires.contains(one));
        if let Some(address) = cause {
            let reason = format!("needs `{address}`, which is not there and is left out");
            step.hold(StepAction::Blocked, reason);
            step.help = Some(format!("take `{address}` in, or apply it first"));
        }
    }
    hold_back(steps);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(address: &str, action: StepAction, requires: &[&str]) -> Step {
        Step {
            action,
            reason: "x".into(),
            requires: requires.iter().map(|&one| one.into()).collect(),
            ..Step::none(address)
        }
    }

    #[test]
    fn what_is_left_out_and_absent_blocks_what_requires_it_and_nothing_else() {
        use StepAction::{Blocked, Create, None, Update};
        let steps = |kafka| {
            vec![
                step("client/java", Create, &[]),
                step("client/kafka", kafka, &[]),
                step("client/msk_iam_auth", Create, &["client/kafka"]),
                step("client/classpath", Create, &["client/msk_iam_auth"]),
            ]
        };
        let held = |kafka| {
            let mut steps = steps(kafka);
            hold_without(&mut steps, |address| *address == "client/kafka");
            let actions: Vec<StepAction> = steps.iter().map(|step| step.action).collect();
            (actions, steps)
        };
        let (actions, steps) = held(Create);
        assert_eq!(actions, [Create, Create, Blocked, Blocked]);
        assert!(
            steps[2]
                .reason
                .contains("`client/kafka`, which is not there")
        );
        assert!(
            steps[3]
                .reason
                .contains("`client/msk_iam_auth`, which is blocked")
        );
        // What is there serves, whether it is as the spec says or not.
        assert_eq!(held(Update).0, [Create, Update, Create, Create]);
        assert_eq!(held(None).0, [Create, None, Create, Create]);
    }
}
