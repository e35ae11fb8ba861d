//! Looking at hosts and clusters, one after another.

use super::{
    Surroundings, Target, Targets, complain,
    connect::reading,
    topics::{ClusterRoute, Pending},
};
use crate::{
    cli::LookArgs,
    exit::Code,
    observe::{self, Facts, Reader},
    plan::{HostPlan, TopicsPlan},
};

/// Reads one host and compares. What cannot be read becomes a part of the plan that says so.
pub(crate) async fn look(target: &Target, reader: Reader<'_>, deep: bool, salt: &str) -> HostPlan {
    match read(target, reader, deep).await {
        Ok(facts) => target.plan(&facts, salt),
        Err(error) => target.unreached(error.to_string()),
    }
}

/// Reads one host.
pub(crate) async fn read(
    target: &Target,
    reader: Reader<'_>,
    deep: bool,
) -> Result<Facts, observe::Error> {
    let mut facts = reader.observe(&target.resources, deep).await?;
    if let Some(found) = target.host.route.found() {
        let its_own = facts
            .host
            .identity
            .instance_id
            .get_or_insert_with(|| found.instance_id.clone());
        if *its_own != found.instance_id {
            return Err(observe::Error::Another {
                found: found.instance_id.clone(),
                says: its_own.clone(),
            });
        }
    }
    Ok(facts)
}

/// Looks at all hosts, one after another, and at each cluster through the first host that leads to
/// it.
pub(crate) async fn look_at_all(
    targets: &Targets,
    args: &LookArgs,
    salt: &str,
    around: &Surroundings,
) -> (Vec<HostPlan>, Vec<TopicsPlan>) {
    let mut hosts = Vec::new();
    let mut pending = Pending::new(&targets.clusters);
    // In the order of the targets, whoever leads to them first.
    let mut topics: Vec<(usize, TopicsPlan)> = Vec::new();
    for target in &targets.hosts {
        let looked = reading(target, args.timeout, around, async |reader| {
            let plan = look(target, reader, args.deep, salt).await;
            for cluster in pending.take(&plan.name) {
                let way = ClusterRoute::through(reader, &plan.name, plan.facts.as_ref());
                let plan = cluster.look(way, salt, args.timeout).await;
                topics.push((targets.place_of(cluster), plan));
            }
            plan
        });
        let looked = looked.await;
        hosts.push(looked.unwrap_or_else(|error| target.unreached(error.to_string())));
    }
    for cluster in pending.take_direct() {
        let plan = cluster.look(ClusterRoute::DIRECT, salt, args.timeout).await;
        topics.push((targets.place_of(cluster), plan));
    }
    let rest = pending.rest();
    topics.extend(rest.map(|cluster| (targets.place_of(cluster), cluster.nowhere())));
    topics.sort_by_key(|(place, _)| *place);
    (hosts, topics.into_iter().map(|(_, plan)| plan).collect())
}

/// A plan's salt.
pub(crate) fn salt() -> Result<String, Code> {
    observe::random_mark().map_err(|error| {
        complain(&format!("error: {error}"));
        Code::Failed
    })
}
