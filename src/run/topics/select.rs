//! Which clusters of the specs a command works on.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use indexmap::IndexSet;

use super::{ClusterTarget, compared};
use crate::{
    exit::Code,
    kinds::client::{Client, msk_iam_auth::Role},
    lookup::{clusters, hosts},
    plan::{DesiredCluster, selection::Chosen},
    run::{Surroundings, complain},
    spec::{self, Resolved},
    transport::dial::DIRECT,
};

/// What is selected, over all specs.
#[derive(Clone, Copy)]
pub(crate) struct Selected<'s> {
    /// The names of the selected hosts of this spec, of all shards.
    pub picked: &'s IndexSet<String>,
    /// The hosts of this spec in our shard.
    pub hosts: &'s [hosts::HostLookup],
    /// See [`crate::lookup::Lookups::members`].
    pub members: &'s BTreeMap<String, Vec<String>>,
    /// The selected addresses.
    pub chosen: &'s Chosen,
    /// The names that `--allow-delete` gives.
    pub deletable: &'s [String],
    /// See [`declared`].
    pub declared: &'s [(spec::Cluster, BTreeSet<String>)],
}

/// The topics of all specs, by cluster: those of another spec are no leftovers.
pub(crate) fn declared(specs: &[Resolved]) -> Vec<(spec::Cluster, BTreeSet<String>)> {
    let mut all: Vec<(spec::Cluster, BTreeSet<String>)> = Vec::new();
    for cluster in specs.iter().flat_map(|spec| &spec.clusters) {
        let names = cluster.topics.iter().map(|topic| topic.name.clone());
        match all.iter_mut().find(|(known, _)| *known == cluster.cluster) {
            Some((_, known)) => known.extend(names),
            None => all.push((cluster.cluster.clone(), names.collect())),
        }
    }
    all
}

/// The clusters of the selected hosts of a spec; and those of another shard that some of our hosts have topics on.
/// Complains of errors.
pub(crate) fn clusters(
    lookups: Vec<clusters::ClusterLookup>,
    selected: Selected<'_>,
    spec: &Path,
    around: &Surroundings,
) -> Result<(Vec<ClusterTarget>, Vec<ClusterTarget>), Code> {
    let hosts = selected.hosts;
    let picked: BTreeSet<&String> = selected.picked.iter().collect();
    let selected_names: BTreeSet<String> = hosts
        .iter()
        .map(|host_lookup| host_lookup.host.name.clone())
        .collect();
    let (mut targets, mut other_shards) = (Vec::new(), Vec::new());
    let mut code = Ok(());
    for clusters::ClusterLookup {
        name,
        cluster,
        values,
    } in lookups
    {
        let is_picked = |name: &String| picked.contains(name);
        let hosts_of_it = || cluster.hosts.iter().map(|(name, _)| name);
        // A fleet is reached through each of its instances.
        let members_of = |host: &str| {
            let members = selected.members.get(host).into_iter().flatten();
            members.filter(|name| is_picked(name)).cloned()
        };
        let gateways: Vec<String> = match cluster.access.via.as_deref() {
            Some(host) if members_of(host).next().is_some() => members_of(host).collect(),
            Some(host) if host != DIRECT => {
                complain(&format!(
                    "note: the topics of {name} are reached through `{host}`, which `--host` leaves out: \
                     they are left out, too"
                ));
                continue;
            }
            Some(_) | None => hosts_of_it()
                .filter(|name| is_picked(name))
                .cloned()
                .collect(),
        };
        // It belongs to the shard of the first of them.
        let is_ours = gateways
            .first()
            .is_some_and(|name| selected_names.contains(name));
        let is_of_ours = hosts_of_it().any(|name| selected_names.contains(name));
        if !hosts_of_it().any(is_picked) || !is_ours && !is_of_ours {
            continue;
        }
        let mut through = gateways;
        through.retain(|name| {
            cluster.access.via.as_deref() != Some(DIRECT) && selected_names.contains(name)
        });
        let mut deletable = selected.deletable.to_vec();
        deletable.retain(|name| selected.chosen.has_topic(name));
        let mut declared = selected.declared.iter();
        let declared = declared.find(|(known, _)| *known == cluster.cluster);
        let role = |host_lookup: &hosts::HostLookup| match client(host_lookup)?.role()? {
            Role::Arn(arn) => Some(arn.to_owned()),
            Role::Own | Role::Name(_) => None,
        };
        let options = hosts.iter().filter_map(|host_lookup| {
            let jar = client(host_lookup)?.msk_iam_auth.as_ref()?;
            let options = jar.options.given();
            (!options.is_empty()).then(|| (host_lookup.host.name.clone(), options))
        });
        let gateways: BTreeSet<&String> = through.iter().collect();
        let gateway_hosts = hosts
            .iter()
            .filter(|host_lookup| gateways.contains(&host_lookup.host.name));
        let roles =
            gateway_hosts.map(|host_lookup| (host_lookup.host.name.clone(), role(host_lookup)));
        let roles: BTreeMap<String, Option<String>> = roles.collect();
        // Dialled from here there is no host of its own: the first with a role counts.
        let role_arn = match through.as_slice() {
            [] => hosts.iter().find_map(role),
            _ => None,
        };
        let names: BTreeSet<&String> = cluster.topics.iter().map(|topic| &topic.name).collect();
        let declared_elsewhere =
            declared.map(|(_, all)| all.iter().filter(|name| !names.contains(name)));
        let desired = DesiredCluster {
            spec: spec.display().to_string(),
            name,
            through,
            role_arn,
            options: options.collect(),
            roles,
            selected: picked.iter().copied().cloned().collect(),
            elsewhere: declared_elsewhere.into_iter().flatten().cloned().collect(),
            deletable,
            cluster,
        };
        let topics = &desired.cluster.topics;
        // The tables of a database are read later.
        let may_come = !desired.cluster.lists.is_empty()
            && selected
                .chosen
                .may_have_topics(|name| desired.cluster.may_come_to(name));
        let nothing = desired.deletable.is_empty()
            && !may_come
            && compared(&desired, topics, selected.chosen).is_empty();
        if selected.chosen.selection.is_some() && nothing {
            continue;
        }
        match ClusterTarget::new(desired, values, selected.chosen, around) {
            Ok(target) if is_ours => targets.push(target),
            Ok(target) => other_shards.push(target),
            Err(error) => code = Err(error),
        }
    }
    code.map(|()| (targets, other_shards))
}

/// The names of `--allow-delete`, each of which must match a pattern of the specs.
pub(crate) fn deletable(specs: &[Resolved], allow_delete: &[String]) -> Result<Vec<String>, Code> {
    let mut names = Vec::new();
    for address in allow_delete {
        let error = |what: &str, help: &str| {
            complain(&format!(
                "error: `--allow-delete {address}`: {what}\n  help: {help}"
            ));
            Err(Code::Usage)
        };
        let Some(name) = address.strip_prefix("topics/") else {
            return error("only topics can be deleted", "write `topics/NAME`");
        };
        let all = || specs.iter().flat_map(|spec| &spec.clusters);
        if all().any(|cluster| cluster.topics.iter().any(|topic| topic.name == name)) {
            return error(
                "the spec wants this topic",
                "take its table out of the spec first",
            );
        }
        let matches_pattern = all().any(|cluster| cluster.makes(name));
        if !matches_pattern || name.starts_with("__") {
            return error(
                "no table could make this topic by the spec's `topics.name`",
                "only leftovers of the spec's own pattern are deleted; use Kafka's tools for others",
            );
        }
        names.push(name.to_owned());
    }
    Ok(names)
}
fn client(host_lookup: &hosts::HostLookup) -> Option<&Client> {
    host_lookup.host.declared.get()
}
