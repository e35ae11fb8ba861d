//! `--host`, `--exclude-host`, `--shard`, `--target` and `--exclude`: what of the specs a command
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

/// So many hosts are named where none is near to what was typed.
const MOST_NAMED: usize = 12;

/// Whether `--host` and `--exclude-host` leave a host: all of them where there is no such flag. The
/// name of a member of a fleet means the fleet as long as it is not looked up.
pub(crate) fn has_host(pick: &PickArgs, host: &ResolvedHost) -> bool {
    let picked = pick.hosts.is_empty() || pick.hosts.iter().any(|word| may_mean(word, host));
    picked && !pick.exclude_hosts.iter().any(|word| means(word, host))
}

/// Whether a host is in our part of the fleet, too. A fleet is in every part as long as it is not
/// looked up.
pub(crate) fn is_here(pick: &PickArgs, host: &ResolvedHost) -> bool {
    is_fleet(host) || has_name(pick, &host.name)
}

/// Whether the host of a name is in our part of the fleet.
pub(crate) fn has_name(pick: &PickArgs, name: &str) -> bool {
    pick.shard.as_ref().is_none_or(|share| share.has(name))
}

/// Whether our part of the fleet has to know a cluster: the first of the picked hosts that leads to
/// it is in it, so that its topics are ours, or one that has topics on it is.
pub(crate) fn cluster_is_here(
    pick: &PickArgs,
    cluster: &ResolvedCluster,
    hosts: &[ResolvedHost],
) -> bool {
    let via = cluster.access.via.as_deref().filter(|via| *via != DIRECT);
    let own = cluster.hosts.iter().map(|(name, _)| name.as_str());
    let mut all = own.chain(via);
    let named = |name: &str| hosts.iter().find(|host| host.name == name);
    let is_ours = |host: &ResolvedHost| has_host(pick, host) && is_here(pick, host);
    // Of a host that is left out is told later.
    pick.shard.is_none() || all.any(|name| named(name).is_none_or(is_ours))
}

/// Whether a word of the command line means a host: its name or that of its fleet, in each spec
/// that has one of this name unless the word says which.
fn means(word: &str, host: &ResolvedHost) -> bool {
    let (name, instance) = match fleet_of(&host.name) {
        Some((fleet, instance)) => (fleet, Some(instance)),
        None => (host.name.as_str(), None),
    };
    let bare = name.rsplit_once('/').map(|(_, bare)| bare);
    std::iter::once(name).chain(bare).any(|name| {
        let is_member = |id| matches(word, &member(name, id));
        matches(word, name) || instance.is_some_and(is_member)
    })
}

/// As [`means`]; of a fleet that is not looked up also what may mean one of its members.
fn may_mean(word: &str, host: &ResolvedHost) -> bool {
    let of_member = word.rsplit_once('/').filter(|_| is_fleet(host));
    means(word, host) || of_member.is_some_and(|(fleet, _)| means(fleet, host))
}

fn is_fleet(host: &ResolvedHost) -> bool {
    matches!(&host.route, Route::Ec2 { ec2, .. } if ec2.all)
}

/// The names of the hosts that `--host` and `--exclude-host` leave, in whichever part they are.
pub(crate) fn hosts(look: &LookArgs, specs: &[Resolved]) -> BTreeSet<String> {
    let all = specs.iter().flat_map(|spec| &spec.hosts);
    let selected = all.filter(|host| has_host(&look.pick, host));
    selected.map(|host| host.name.clone()).collect()
}

/// Refuses what two specs give one machine.
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

/// Refuses a `--host` or an `--exclude-host` that no spec has.
pub(crate) fn known_hosts(look: &LookArgs, specs: &[Resolved]) -> Result<(), Code> {
    refuse_unknown(look, specs, |word| {
        let mut hosts = specs.iter().flat_map(|spec| &spec.hosts);
        hosts.any(|host| may_mean(word, host))
    })
}

/// The same of what no fleet turned out to have; what was left out before is no longer there.
pub(crate) fn known_members(look: &LookArgs, specs: &[Resolved]) -> Result<(), Code> {
    refuse_unknown(look, specs, |word| {
        let Some((front, _)) = word.rsplit_once('/') else {
            return true;
        };
        let hosts = specs.iter().flat_map(|spec| &spec.hosts);
        let of_fleet = hosts.filter(|host| fleet_of(&host.name).is_some() && means(front, host));
        let mut of_fleet = of_fleet.peekable();
        of_fleet.peek().is_none() || of_fleet.any(|host| means(word, host))
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
    let picked = hosts.iter().map(|word| ("", word));
    let mut words = picked.chain(
        exclude_hosts
            .iter()
            .map(|word| ("`--exclude-host`: ", word)),
    );
    if let Some((flag, word)) = words.find(|(_, word)| !is_known(word)) {
        return Err(unknown(flag, word, specs));
    }
    if !exclude_hosts.is_empty() && self::hosts(look, specs).is_empty() {
        complain(
            "error: `--exclude-host` leaves no host\n  help: leave it out, or name fewer hosts",
        );
        return Err(Code::Usage);
    }
    Ok(())
}

/// Says that no spec has such a host, and which there are.
fn unknown(flag: &str, word: &str, specs: &[Resolved]) -> Code {
    let paths = specs.iter().map(|spec| format!("`{}`", spec.path));
    let paths: Vec<String> = paths.collect();
    let hosts = specs.iter().flat_map(|spec| &spec.hosts);
    let names: Vec<&str> = hosts.map(|host| host.name.as_str()).collect();
    let bare = names
        .iter()
        .filter_map(|name| Some(name.rsplit_once('/')?.1));
    let (have, they) = if specs.len() == 1 {
        ("has", "it has")
    } else {
        ("have", "they have")
    };
    let help = match suggestions::nearest(word, names.iter().copied().chain(bare)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let shown = names.iter().take(MOST_NAMED).copied().collect::<Vec<_>>();
            let more = match names.len() - shown.len() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            format!("{they} {}{more}", shown.join(", "))
        }
    };
    let like = if word.contains(['*', '?']) {
        " like"
    } else {
        ""
    };
    complain_safely(&format!(
        "error: {flag}{} {have} no host{like} `{word}`\n  help: {help}",
        paths.join(" and "),
    ));
    Code::Usage
}

/// Which part of the fleet a command looks at, with the hosts of all parts; said, where there are
/// parts.
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
        chosen.selection.is_none() || resources.iter().any(|one| has(&one.address()))
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

/// Reads `--target` and `--exclude`; what comes with a target is said.
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
    // Which tables a database has is known later; a name that one could make is taken at its word.
    let typed = look.targets.iter().chain(&look.excludes);
    let typed = typed.filter_map(|word| word.strip_prefix("topics/"));
    let may_come = typed.filter(|name| {
        let open = specs.iter().flat_map(|spec| &spec.clusters);
        let mut open = open.filter(|cluster| !cluster.lists.is_empty());
        open.any(|cluster| cluster.may_come_to(name))
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
        .filter(|it| !it.required.is_empty())
    {
        note(&format!(
            "note: `--target` takes with it what is required: {}",
            selection.required.join(", ")
        ));
    }
    Ok(chosen)
}
