//! Looking at hosts and clusters, some at once.

use futures_util::future::{join, join_all};

use super::{
    Surroundings, Target, Targets, complain, connect,
    fleet::{Leaders, Slots},
    reading::Reading,
    topics::{ClusterRoute, ClusterTarget},
};
use crate::{
    cli::LookArgs,
    exit::Code,
    observe::{self, Facts, Reader},
    plan::{HostPlan, TopicsPlan},
    transport,
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
    checked(target, reader.observe(&target.resources, deep).await?)
}

/// What was read of a host, unless it is another machine.
///
/// # Errors
/// When it says that it is another instance than the one that was looked up.
pub(super) fn checked(target: &Target, mut facts: Facts) -> Result<Facts, observe::Error> {
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

/// Looks at all hosts, some at once, and at each cluster through the first host of the spec that is
/// reached and leads to it. Plans come in the order of the targets; a host that could only have led to one has none.
pub(crate) async fn look_at_all(
    targets: &Targets,
    args: &LookArgs,
    salt: &str,
    around: &Surroundings,
) -> (Vec<HostPlan>, Vec<TopicsPlan>) {
    let (leaders, slots) = (Leaders::new(targets), Slots::new(args.limits.parallel));
    let names = targets.hosts.iter().map(|target| target.host.name.clone());
    let reading = Reading::new(names.collect());
    let of_hosts = targets.hosts.iter().enumerate().map(async |(at, target)| {
        let turn = leaders.turn(at);
        if target.only_leads && !turn.is_needed().await {
            return None;
        }
        let slot = slots.take().await;
        reading.begin(at);
        let looked = connect::reading(target, args.limits.timeout, around, async |reader| {
            turn.reached();
            let plan = look(target, reader, args.deep, salt).await;
            reading.end(at);
            drop(slot);
            let mut topics = Vec::new();
            for cluster in turn.clusters(&mut None).await {
                let way = ClusterRoute::through(reader, &plan.name, plan.facts.as_ref());
                topics.push((cluster, cluster.look(way, salt, args.limits.timeout).await));
            }
            (plan, topics)
        });
        let looked = looked.await;
        reading.end(at);
        let unreached = |error: transport::Error| (target.unreached(error.to_string()), vec![]);
        Some(looked.unwrap_or_else(unreached))
    });
    let direct = leaders.direct().map(async |cluster| {
        let _slot = slots.take().await;
        let plan = cluster
            .look(ClusterRoute::DIRECT, salt, args.limits.timeout)
            .await;
        (cluster, plan)
    });
    let looking = join(join_all(of_hosts), join_all(direct));
    let (of_hosts, direct) = reading.beside(looking).await;
    let (hosts, of_clusters): (Vec<HostPlan>, Vec<_>) = of_hosts.into_iter().flatten().unzip();
    let mut topics: Vec<(&ClusterTarget, TopicsPlan)> = of_clusters.into_iter().flatten().collect();
    topics.extend(direct);
    let rest = leaders.rest().into_iter();
    topics.extend(rest.map(|cluster| (cluster, cluster.nowhere())));
    topics.sort_by_key(|(cluster, _)| targets.place_of(cluster));
    (hosts, topics.into_iter().map(|(_, plan)| plan).collect())
}

/// A plan's salt.
pub(crate) fn salt() -> Result<String, Code> {
    observe::random_mark().map_err(|error| {
        complain(&format!("error: {error}"));
        Code::Failed
    })
}
