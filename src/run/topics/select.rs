//! The clusters of specs that a command looks at.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use indexmap::IndexSet;

use super::{ClusterTarget, wanted};
use crate::{
    exit::Code,
    kinds::msk_iam_auth::Role,
    lookup::{clusters, hosts},
    plan::{DesiredCluster, selection::Chosen},
    run::{Surroundings, complain},
    spec::{self, Resolved},
    transport::dial::DIRECT,
};

/// What is selected, over all specs.
#[derive(Clone, Copy)]
pub(crate) struct Selected<'s> {
    /// The names of the hosts of this spec that are selected, in whichever part of the fleet.
    pub picked: &'s IndexSet<String>,
    /// The hosts of this spec that are looked at.
    pub hosts: &'s [hosts::HostLookup],
    /// See [`crate::lookup::Lookups::members`].
    pub members: &'s BTreeMap<String, Vec<String>>,
    /// The addresses.
    pub chosen: &'s Chosen,
    /// The names that `--allow-delete` gives.
    pub deletable: &'s [String],
    /// See [`declared`].
    pub declared: &'s [(spec::Cluster, BTreeSet<String>)],
}

/// The topics that the specs have, by cluster: what another spec wants is no leftover.
pub(crate) fn declared(specs: &[Resolved]) -> Vec<(spec::Cluster, BTreeSet<String>)> {
    let mut all: Vec<(spec::Cluster, BTreeSet<String>)> = Vec::new();
    for cluster in specs.iter().flat_map(|spec| &spec.clusters) {
        let names = cluster.topics.iter().map(|topic| topic.name.clone());
        match all.iter_mut().find(|(one, _)| *one == cluster.cluster) {
            Some((_, known)) => known.extend(names),
            None => all.push((cluster.cluster.clone(), names.collect())),
        }
    }
    all
}

/// The clusters of a spec that a command looks at, of the selected hosts; and those whose topics
/// belong to another shard, which some of ours have topics on. What is wrong is said.
pub(crate) fn clusters(
    settled: Vec<clusters::ClusterLookup>,
    how: Selected<'_>,
    spec: &Path,
    around: &Surroundings,
) -> Result<(Vec<ClusterTarget>, Vec<ClusterTarget>), Code> {
    let hosts = how.hosts;
    let picked: BTreeSet<&String> = how.picked.iter().collect();
    let selected: BTreeSet<String> = hosts.iter().map(|one| one.host.name.clone()).collect();
    let (mut targets, mut elsewhere) = (Vec::new(), Vec::new());
    let mut code = Ok(());
    for clusters::ClusterLookup {
        name,
        cluster,
        values,
    } in settled
    {
        let own = |name: &String| picked.contains(name);
        let hosts_of_it = || cluster.hosts.iter().map(|(name, _)| name);
        // A fleet is as many ways as it has instances.
        let of = |host: &str| {
            let members = how.members.get(host).into_iter().flatten();
            members.filter(|name| own(name)).cloned()
        };
        let leads: Vec<String> = match cluster.access.via.as_deref() {
            Some(host) if of(host).next().is_some() => of(host).collect(),
            Some(host) if host != DIRECT => {
                complain(&format!(
                    "note: the topics of {name} are reached through `{host}`, which `--host` leaves out: \
                     they are left out, too"
                ));
                continue;
            }
            Some(_) | None => hosts_of_it().filter(|name| own(name)).cloned().collect(),
        };
        // It belongs to the part of the fleet that the first of them is in.
        let is_ours = leads.first().is_some_and(|name| selected.contains(name));
        let is_of_ours = hosts_of_it().any(|name| selected.contains(name));
        if !hosts_of_it().any(own) || !is_ours && !is_of_ours {
            continue;
        }
        let mut through = leads;
        through.retain(|name| {
            cluster.access.via.as_deref() != Some(DIRECT) && selected.contains(name)
        });
        let mut deletable = how.deletable.to_vec();
        deletable.retain(|name| how.chosen.has_topic(name));
        let mut declared = how.declared.iter();
        let declared = declared.find(|(one, _)| *one == cluster.cluster);
        let role = |one: &hosts::HostLookup| match one.host.client.role()? {
            Role::Arn(arn) => Some(arn.to_owned()),
            Role::Own | Role::Name(_) => None,
        };
        let options = hosts.iter().filter_map(|one| {
            let options = one.host.client.msk_iam_auth.as_ref()?.options.given();
            (!options.is_empty()).then(|| (one.host.name.clone(), options))
        });
        let leads: BTreeSet<&String> = through.iter().collect();
        let ways = hosts.iter().filter(|one| leads.contains(&one.host.name));
        let roles = ways.map(|one| (one.host.name.clone(), role(one)));
        let roles: BTreeMap<String, Option<String>> = roles.collect();
        // From here there is no host whose client is meant: the first that says something counts.
        let role_arn = match through.as_slice() {
            [] => hosts.iter().find_map(role),
            _ => None,
        };
        let names: BTreeSet<&String> = cluster.topics.iter().map(|topic| &topic.name).collect();
        let others = declared.map(|(_, all)| all.iter().filter(|name| !names.contains(name)));
        let desired = DesiredCluster {
            spec: spec.display().to_string(),
            name,
            through,
            role_arn,
            options: options.collect(),
            roles,
            selected: picked.iter().copied().cloned().collect(),
            elsewhere: others.into_iter().flatten().cloned().collect(),
            deletable,
            cluster,
        };
        let topics = &desired.cluster.topics;
        // Which topics a database's tables come to is known later.
        let may_come = !desired.cluster.lists.is_empty()
            && how
                .chosen
                .may_have_topics(|name| desired.cluster.may_come_to(name));
        let nothing = desired.deletable.is_empty()
            && !may_come
            && wanted(&desired, topics, how.chosen).is_empty();
        if how.chosen.selection.is_some() && nothing {
            continue;
        }
        match ClusterTarget::new(desired, values, how.chosen, around) {
            Ok(target) if is_ours => targets.push(target),
            Ok(target) => elsewhere.push(target),
            Err(wrong) => code = Err(wrong),
        }
    }
    code.map(|()| (targets, elsewhere))
}

/// The names that `--allow-delete` gives, when each is a leftover of some pattern of the specs.
pub(crate) fn deletable(specs: &[Resolved], allow_delete: &[String]) -> Result<Vec<String>, Code> {
    let mut names = Vec::new();
    for address in allow_delete {
        let wrong = |what: &str, help: &str| {
            complain(&format!(
                "error: `--allow-delete {address}`: {what}\n  help: {help}"
            ));
            Err(Code::Usage)
        };
        let Some(name) = address.strip_prefix("topics/") else {
            return wrong("only topics can be deleted", "write `topics/NAME`");
        };
        let all = || specs.iter().flat_map(|spec| &spec.clusters);
        if all().any(|cluster| cluster.topics.iter().any(|topic| topic.name == name)) {
            return wrong(
                "the spec wants this topic",
                "take its table out of the spec first",
            );
        }
        let made = all().any(|cluster| cluster.makes(name));
        if !made || name.starts_with("__") {
            return wrong(
                "no table could make this topic by the spec's `topics.name`",
                "only leftovers of the spec's own pattern are deleted; use Kafka's tools for others",
            );
        }
        names.push(name.to_owned());
    }
    Ok(names)
}
