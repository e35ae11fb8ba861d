//! `--host`, `--exclude-host`, `--shard`, `--target` and `--exclude`: which part of the specs a command
//! looks at.

use std::collections::BTreeSet;

use indexmap::IndexSet;

use super::{complain, complain_safely, stdio::note};
use crate::{
    cli::{LookArgs, PickArgs},
    exit::Code,
    kinds::{Address, declared::Inputs, topic},
    plan::{
        Shard,
        selection::{Chosen, Known},
    },
    spec::{
        Resolved, ResolvedCluster, ResolvedHost, Route, fleet_of, member, several, suggestions,
    },
    text::matches,
    transport::dial::DIRECT,
};

/// How many hosts are listed where there is no suggestion.
const MOST_NAMED: usize = 12;

/// Whether `--host` and `--exclude-host` select a host; without them all are. The name of a member selects
/// its fleet as long as that is not looked up.
pub(crate) fn has_host(pick: &PickArgs, host: &ResolvedHost) -> bool {
    let picked = pick.hosts.is_empty() || pick.hosts.iter().any(|pattern| may_match(pattern, host));
    picked
        && !pick
            .exclude_hosts
            .iter()
            .any(|pattern| matches_host(pattern, host))
}

/// Whether a host is in our shard. A fleet is in every shard as long as it is not looked up.
pub(crate) fn in_shard(pick: &PickArgs, host: &ResolvedHost) -> bool {
    is_fleet(host) || shard_has(pick, &host.name)
}

/// Whether our shard has a host of this name.
pub(crate) fn shard_has(pick: &PickArgs, name: &str) -> bool {
    pick.shard.as_ref().is_none_or(|share| share.has(name))
}

/// Whether our shard needs a cluster: it has the first selected host that the cluster is reached through, so that
/// its topics are ours, or a host that has topics on it.
pub(crate) fn cluster_in_shard(
    pick: &PickArgs,
    cluster: &ResolvedCluster,
    hosts: &[ResolvedHost],
) -> bool {
    let via = cluster.access.via.as_deref().filter(|via| *via != DIRECT);
    let hosts_of_cluster = cluster.hosts.iter().map(|(name, _)| name.as_str());
    let mut all = hosts_of_cluster.chain(via);
    let host_named = |name: &str| hosts.iter().find(|host| host.name == name);
    let is_ours = |host: &ResolvedHost| has_host(pick, host) && in_shard(pick, host);
    // A host that is not selected is reported later.
    pick.shard.is_none() || all.any(|name| host_named(name).is_none_or(is_ours))
}

/// Whether a pattern of the command line matches a host: its name or that of its fleet, in each spec
/// that has one of this name unless the pattern says which.
fn matches_host(pattern: &str, host: &ResolvedHost) -> bool {
    let (name, instance) = match fleet_of(&host.name) {
        Some((fleet, instance)) => (fleet, Some(instance)),
        None => (host.name.as_str(), None),
    };
    let bare = name.rsplit_once('/').map(|(_, bare)| bare);
    std::iter::once(name).chain(bare).any(|name| {
        let is_member = |id| matches(pattern, &member(name, id));
        matches(pattern, name) || instance.is_some_and(is_member)
    })
}

/// As [`matches_host`]; a fleet that is not looked up also by patterns that may match its members.
fn may_match(pattern: &str, host: &ResolvedHost) -> bool {
    let of_member = pattern.rsplit_once('/').filter(|_| is_fleet(host));
    matches_host(pattern, host) || of_member.is_some_and(|(fleet, _)| matches_host(fleet, host))
}

fn is_fleet(host: &ResolvedHost) -> bool {
    matches!(&host.route, Route::Ec2 { ec2, .. } if ec2.all)
}

/// The names of the hosts that `--host` and `--exclude-host` select, in whichever shard.
pub(crate) fn hosts(look: &LookArgs, specs: &[Resolved]) -> BTreeSet<String> {
    let all = specs.iter().flat_map(|spec| &spec.hosts);
    let selected = all.filter(|host| has_host(&look.pick, host));
    selected.map(|host| host.name.clone()).collect()
}

/// Refuses addresses that two specs give one machine.
pub(crate) fn conflicts(look: &LookArgs, specs: &[Resolved]) -> Result<(), Code> {
    let selected = hosts(look, specs);
    let conflicts = several::conflicts(specs, |name| selected.contains(name));
    for conflict in &conflicts {
        complain_safely(&format!(
            "error: {conflict}\n  help: take it out of one of them, or select hosts with `--host`"
        ));
    }
    if conflicts.is_empty() {
        Ok(())
    } else {
        Err(Code::Usage)
    }
}

/// Refuses a `--host` or an `--exclude-host` that matches no host.
pub(crate) fn check_hosts(look: &LookArgs, specs: &[Resolved]) -> Result<(), Code> {
    refuse_unknown(look, specs, |pattern| {
        let mut hosts = specs.iter().flat_map(|spec| &spec.hosts);
        hosts.any(|host| may_match(pattern, host))
    })
}

/// The same for members, once fleets are looked up.
pub(crate) fn check_members(look: &LookArgs, specs: &[Resolved]) -> Result<(), Code> {
    refuse_unknown(look, specs, |pattern| {
        let Some((fleet, _)) = pattern.rsplit_once('/') else {
            return true;
        };
        let hosts = specs.iter().flat_map(|spec| &spec.hosts);
        let of_fleet =
            hosts.filter(|host| fleet_of(&host.name).is_some() && matches_host(fleet, host));
        let mut of_fleet = of_fleet.peekable();
        of_fleet.peek().is_none() || of_fleet.any(|host| matches_host(pattern, host))
    })
}

fn refuse_unknown(
    look: &LookArgs,
    specs: &[Resolved],
    is_known: impl Fn(&str) -> bool,
) -> Result<(), Code> {
    let PickArgs {
        hosts,
        exclude_hosts,
        ..
    } = &look.pick;
    let picked = hosts.iter().map(|pattern| ("", pattern));
    let mut patterns = picked.chain(
        exclude_hosts
            .iter()
            .map(|pattern| ("`--exclude-host`: ", pattern)),
    );
    if let Some((flag, pattern)) = patterns.find(|(_, pattern)| !is_known(pattern)) {
        return Err(unknown(flag, pattern, specs));
    }
    if !exclude_hosts.is_empty() && self::hosts(look, specs).is_empty() {
        complain(
            "error: `--exclude-host` leaves no host\n  help: leave it out, or name fewer hosts",
        );
        return Err(Code::Usage);
    }
    Ok(())
}

/// Complains of a pattern that matches no host, with a suggestion or the names.
fn unknown(flag: &str, pattern: &str, specs: &[Resolved]) -> Code {
    let paths = specs.iter().map(|spec| format!("`{}`", spec.path));
    let paths: Vec<String> = paths.collect();
    let hosts = specs.iter().flat_map(|spec| &spec.hosts);
    let names: Vec<&str> = hosts.map(|host| host.name.as_str()).collect();
    let bare = names
        .iter()
        .filter_map(|name| Some(name.rsplit_once('/')?.1));
    let (have, it_has) = if specs.len() == 1 {
        ("has", "it has")
    } else {
        ("have", "they have")
    };
    let help = match suggestions::nearest(pattern, names.iter().copied().chain(bare)) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => {
            let shown = names.iter().take(MOST_NAMED).copied().collect::<Vec<_>>();
            let more = match names.len() - shown.len() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            format!("{it_has} {}{more}", shown.join(", "))
        }
    };
    let like = if pattern.contains(['*', '?']) {
        " like"
    } else {
        ""
    };
    complain_safely(&format!(
        "error: {flag}{} {have} no host{like} `{pattern}`\n  help: {help}",
        paths.join(" and "),
    ));
    Code::Usage
}

/// The shard that a command looks at, with the hosts of all shards; notes it on stderr.
pub(crate) fn shard(
    look: &LookArgs,
    specs: &[Resolved],
    picked: &[IndexSet<String>],
    chosen: &Chosen,
) -> Option<Shard> {
    let share = look.pick.shard.as_ref()?;
    let is_looked_at = |host: &&ResolvedHost| {
        let resources = host.resources(&Inputs::default());
        let has = |address: &Address| chosen.has(&host.name, address);
        chosen.selection.is_none() || resources.iter().any(|resource| has(&resource.address()))
    };
    let hosts = specs.iter().flat_map(|spec| &spec.hosts);
    let hosts: BTreeSet<&str> = hosts.filter(is_looked_at).map(|host| &*host.name).collect();
    let names = picked.iter().flatten();
    let names: Vec<String> = names
        .filter(|name| hosts.contains(&***name))
        .cloned()
        .collect();
    let here = names.iter().filter(|name| share.has(name)).count();
    let all = match names.len() {
        1 => "1 host".to_owned(),
        more => format!("{more} hosts"),
    };
    note(&format!("{}: {here} of {all}", share.in_words()));
    Some(Shard::new(share, names))
}

/// Reads `--target` and `--exclude`; notes on stderr what the targets require.
pub(crate) fn choose(
    look: &LookArgs,
    specs: &[Resolved],
    deletable: &[String],
) -> Result<Chosen, Code> {
    let mut known: Vec<Known> = Vec::new();
    let selected = hosts(look, specs);
    let all = specs.iter().flat_map(|spec| &spec.hosts);
    for host in all.filter(|host| has_host(&look.pick, host)) {
        // What a kind requires does not depend on secrets.
        for resource in host.resources(&Inputs::default()) {
            known.push(Known {
                host: Some(host.name.clone()),
                address: resource.address(),
                requires: resource.requires(),
            });
        }
    }
    let clusters = specs.iter().flat_map(|spec| &spec.clusters);
    let wanted = clusters
        .flat_map(|cluster| &cluster.topics)
        .filter(|topic| {
            let mut hosts = topic.hosts.names();
            hosts.any(|host| selected.contains(host))
        });
    // The tables of a database are read later: a name that one of them could make is accepted.
    let typed = look.targets.iter().chain(&look.excludes);
    let typed = typed.filter_map(|address| address.strip_prefix("topics/"));
    let may_come = typed.filter(|name| {
        let clusters = specs.iter().flat_map(|spec| &spec.clusters);
        let mut with_lists = clusters.filter(|cluster| !cluster.lists.is_empty());
        with_lists.any(|cluster| cluster.may_come_to(name))
    });
    let names = wanted.map(|topic| topic.name.as_str());
    let names = names.chain(deletable.iter().map(String::as_str));
    let names: BTreeSet<&str> = names.chain(may_come).collect();
    known.extend(names.into_iter().map(|name| Known {
        host: None,
        address: topic::address(name),
        requires: vec![],
    }));
    let chosen = Chosen::new(&look.targets, &look.excludes, &known).map_err(|error| {
        complain(&format!("error: {error}"));
        Code::Usage
    })?;
    for name in deletable {
        if !chosen.has_topic(name) {
            let address = topic::address(name);
            complain(&format!(
                "error: `--allow-delete {address}`: this topic is not selected\n  help: add `--target \
                 {address}`, or leave `--allow-delete` out"
            ));
            return Err(Code::Usage);
        }
    }
    if let Some(selection) = chosen
        .selection
        .as_ref()
        .filter(|selection| !selection.required.is_empty())
    {
        note(&format!(
            "note: `--target` takes with it what is required: {}",
            selection.required.join(", ")
        ));
    }
    Ok(chosen)
}
