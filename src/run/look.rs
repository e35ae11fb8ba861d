//! Reading hosts and clusters, some at once.

use futures_util::future::{join, join_all};

use super::{
    Surroundings, Target, Targets, complain, connect,
    fleet::{Gateways, Slots},
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

/// Reads one host and compares. A host that cannot be read has its error in the plan.
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
    check_instance(target, reader.observe(&target.resources, deep).await?)
}

/// Checks that a host is the instance that was looked up.
///
/// # Errors
/// When it reports another instance id.
pub(super) fn check_instance(target: &Target, mut facts: Facts) -> Result<Facts, observe::Error> {
    if let Some(found) = target.host.route.found() {
        let reported = facts
            .host
            .identity
            .instance_id
            .get_or_insert_with(|| found.instance_id.clone());
        if *reported != found.instance_id {
            return Err(observe::Error::Another {
                found: found.instance_id.clone(),
                says: reported.clone(),
            });
        }
    }
    Ok(facts)
}

/// Reads and plans all hosts, some at once, and each cluster through its gateway. Plans are in the order of the
/// targets; a host that is only a possible gateway has none.
pub(crate) async fn look_at_all(
    targets: &Targets,
    args: &LookArgs,
    salt: &str,
    around: &Surroundings,
) -> (Vec<HostPlan>, Vec<TopicsPlan>) {
    let (gateways, slots) = (Gateways::new(targets), Slots::new(args.limits.parallel));
    let names = targets.hosts.iter().map(|target| target.host.name.clone());
    let reading = Reading::new(names.collect());
    let of_hosts = targets
        .hosts
        .iter()
        .enumerate()
        .map(async |(index, target)| {
            let turn = gateways.turn(index);
            if target.only_gateway && !turn.is_needed().await {
                return None;
            }
            let slot = slots.take().await;
            reading.begin(index);
            let looked =
                connect::with_reader(target, args.limits.timeout, around, async |reader| {
                    turn.reached();
                    let plan = look(target, reader, args.deep, salt).await;
                    reading.end(index);
                    drop(slot);
                    let mut topics = Vec::new();
                    for cluster in turn.clusters(&mut None).await {
                        let route = ClusterRoute::through(reader, &plan.name, plan.facts.as_ref());
                        topics.push((
                            cluster,
                            cluster.look(route, salt, args.limits.timeout).await,
                        ));
                    }
                    (plan, topics)
                });
            let looked = looked.await;
            reading.end(index);
            let unreached = |error: transport::Error| (target.unreached(error.to_string()), vec![]);
            Some(looked.unwrap_or_else(unreached))
        });
    let direct = gateways.direct().map(async |cluster| {
        let _slot = slots.take().await;
        let plan = cluster
            .look(ClusterRoute::DIRECT, salt, args.limits.timeout)
            .await;
        (cluster, plan)
    });
    let looking = join(join_all(of_hosts), join_all(direct));
    let (of_hosts, direct) = reading.during(looking).await;
    let (hosts, of_clusters): (Vec<HostPlan>, Vec<_>) = of_hosts.into_iter().flatten().unzip();
    let mut topics: Vec<(&ClusterTarget, TopicsPlan)> = of_clusters.into_iter().flatten().collect();
    topics.extend(direct);
    let unrouted = gateways.unrouted().into_iter();
    topics.extend(unrouted.map(|cluster| (cluster, cluster.no_gateway())));
    topics.sort_by_key(|(cluster, _)| targets.index_of(cluster));
    (hosts, topics.into_iter().map(|(_, plan)| plan).collect())
}

/// A plan's salt.
pub(crate) fn salt() -> Result<String, Code> {
    observe::random_mark().map_err(|error| {
        complain(&format!("error: {error}"));
        Code::Failed
    })
}
