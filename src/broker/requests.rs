//! Actions as requests of the protocol, for an apply and for a rehearsal.

use super::{Keys, NewTopic};
use crate::action::TopicAction;

/// The topic that an action creates.
pub(crate) fn new_topic(action: &TopicAction) -> Option<NewTopic> {
    let TopicAction::Create {
        name,
        partitions,
        replication_factor,
        config,
    } = action
    else {
        return None;
    };
    let config = config.iter();
    Some(NewTopic {
        name: name.clone(),
        // Counts beyond 31 bits are refused by the spec's schema.
        partitions: partitions.and_then(|count| count.try_into().ok()),
        replication_factor: replication_factor.and_then(|count| count.try_into().ok()),
        config: config.map(|(k, v)| (k.clone(), v.clone())).collect(),
    })
}

/// The topic to which an action adds partitions, and their new total.
pub(crate) fn partition_increase(action: &TopicAction) -> Option<(String, i32)> {
    match action {
        TopicAction::AddPartitions { name, total } => {
            Some((name.clone(), i32::try_from(*total).unwrap_or(i32::MAX)))
        }
        _ => None,
    }
}

/// The topic whose settings an action changes, and the changed keys.
pub fn settings(action: &TopicAction) -> Option<(String, Keys)> {
    let TopicAction::Configure { name, set, reset } = action else {
        return None;
    };
    let set = set
        .iter()
        .map(|(key, value)| (key.clone(), Some(value.clone())));
    let reset = reset.iter().map(|key| (key.clone(), None));
    Some((name.clone(), set.chain(reset).collect()))
}

/// The topic that an action deletes.
pub(crate) fn deleted_topic(action: &TopicAction) -> Option<String> {
    match action {
        TopicAction::Delete { name } => Some(name.clone()),
        _ => None,
    }
}
