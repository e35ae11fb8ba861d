//! What a cluster says of the changes of a plan before they are made: it is asked with
//! `validate_only`, and does nothing. The broker's own rules, policies and rights decide, not ours.

use std::collections::BTreeMap;

use crate::{
    action::TopicAction,
    broker::{self, Cluster, CreatedTopic, Error, Refusal, Rehearsal, codes, requests},
    facts::cluster::Rehearsed,
};

/// Codes that say nothing of what was asked: the cluster is busy with itself, or something else has
/// happened to the topic meanwhile (`Errors.java`: those whose exceptions are retriable).
const NO_VERDICT: [i16; 12] = [
    codes::UNKNOWN_TOPIC_OR_PARTITION,
    5,
    6,
    codes::REQUEST_TIMED_OUT,
    8,
    9,
    11,
    13,
    codes::NOT_CONTROLLER,
    56,
    77,
    codes::THROTTLING_QUOTA_EXCEEDED,
];

/// Asks; by topic, what the cluster says. `same_caller`: those who ask are those who would make the
/// changes, so that what they are not allowed is refused for good.
///
/// # Errors
/// When the cluster does not answer.
pub(crate) async fn rehearse(
    cluster: &mut Cluster<'_>,
    actions: &[&TopicAction],
    same_caller: bool,
) -> Result<BTreeMap<String, Rehearsed>, Error> {
    let mut verdicts = BTreeMap::new();
    let mut ask = Rehearsal::over(cluster);
    let new: Vec<_> = of(actions, requests::new_topic);
    if !new.is_empty() {
        take(&mut verdicts, ask.create_topics(&new).await?, same_caller);
    }
    let more: Vec<_> = of(actions, requests::partition_increase);
    if !more.is_empty() {
        take(
            &mut verdicts,
            ask.create_partitions(&more).await?,
            same_caller,
        );
    }
    let settings: Vec<_> = of(actions, requests::settings);
    if !settings.is_empty() {
        take(
            &mut verdicts,
            ask.alter_configs(&settings).await?,
            same_caller,
        );
    }
    Ok(verdicts)
}

fn of<T>(actions: &[&TopicAction], what: impl Fn(&TopicAction) -> Option<T>) -> Vec<T> {
    actions.iter().filter_map(|action| what(action)).collect()
}

/// Of a topic that is asked about twice the worse answer counts.
fn take(
    verdicts: &mut BTreeMap<String, Rehearsed>,
    answers: broker::RehearsalOutcomes,
    same_caller: bool,
) {
    for (name, answer) in answers {
        let answer = match answer {
            Ok(made) => accepted(made),
            Err(refusal) => judged(refusal, same_caller),
        };
        let worse = |one: &Rehearsed| match one {
            Rehearsed::Accepted { .. } => 0,
            Rehearsed::Undecided { .. } => 1,
            Rehearsed::Refused { .. } => 2,
        };
        match verdicts.get(&name) {
            Some(before) if worse(before) >= worse(&answer) => {}
            _ => {
                verdicts.insert(name, answer);
            }
        }
    }
}

fn accepted(made: Option<CreatedTopic>) -> Rehearsed {
    let least = |made: &CreatedTopic| {
        let mut config = made.config.iter();
        let (_, value) = config.find(|(key, _)| key == "min.insync.replicas")?;
        value.as_ref()?.parse().ok()
    };
    Rehearsed::Accepted {
        replicas: made
            .as_ref()
            .and_then(|made| u32::try_from(made.replication_factor).ok())
            .filter(|replicas| *replicas > 0),
        min_insync_replicas: made.as_ref().and_then(least),
    }
}

fn judged(refusal: Refusal, same_caller: bool) -> Rehearsed {
    let message = format!("{} ({})", refusal.message, refusal.name);
    let help = refusal.help;
    match refusal.code {
        // Somebody has just made it: an apply finds it there, and looks at what it is.
        codes::TOPIC_ALREADY_EXISTS => accepted(None),
        codes::TOPIC_AUTHORIZATION_FAILED | codes::CLUSTER_AUTHORIZATION_FAILED if !same_caller => {
            Rehearsed::Undecided { why: message, help }
        }
        code if NO_VERDICT.contains(&code) => Rehearsed::Undecided { why: message, help },
        _ => Rehearsed::Refused { message, help },
    }
}
