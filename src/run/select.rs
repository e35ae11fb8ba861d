//! `--host`, `--target` and `--exclude`: what of the specs a command looks at.

use std::collections::BTreeSet;

use super::{complain, complain_safely};
use crate::{
    cli::LookArgs,
    exit::Code,
    kinds::{declared::Inputs, topic},
    plan::selection::{Chosen, Known},
    spec::{Resolved, ResolvedHost, Way, fleet_of, several},
};

/// Whether `--host` selects a host: all of them where there is no such flag. A host that several
/// specs have is meant by its name alone, too, and then in each of them; the name of a fleet means
/// all its members, and one of a member means the fleet as long as it is not looked up.
pub(crate) fn has_host(hosts: &[String], host: &ResolvedHost) -> bool {
    let (name, instance) = split(&host.name);
    let bare = name.rsplit_once('/').map(|(_, bare)| bare);
    let is_fleet = matches!(&host.way, Way::Ec2 { ec2, .. } if ec2.all);
    let is_it = |wanted: &String| {
        let (wanted, of_it) = split(wanted);
        let same_instance = of_it.is_none() || of_it == instance || is_fleet;
        (wanted == name || Some(wanted) == bare) && same_instance
    };
    hosts.is_empty() || hosts.iter().any(is_it)
}

/// The names of the hosts that `--host` selects.
pub(crate) fn hosts(look: &LookArgs, specs: &[Resolved]) -> BTreeSet<String> {
    let all = specs.iter().flat_map(|spec| &spec.hosts);
    let selected = all.filter(|host| has_host(&look.hosts, host));
    selected.map(|host| host.name.clone()).collect()
}

/// A host's name, and which instance of it where it is a fleet.
fn split(name: &str) -> (&str, Option<&str>) {
    match fleet_of(name) {
        Some((fleet, instance)) => (fleet, Some(instance)),
        None => (name, None),
    }
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

/// Refuses a `--host` that no spec has, or that no fleet turned out to have.
pub(crate) fn known_hosts(look: &LookArgs, specs: &[Resolved]) -> Result<(), Code> {
    let hosts = || specs.iter().flat_map(|spec| &spec.hosts);
    let is_it = |wanted: &String, host| has_host(std::slice::from_ref(wanted), host);
    let mut wanted = look.hosts.iter();
    let Some(unknown) = wanted.find(|wanted| !hosts().any(|host| is_it(wanted, host))) else {
        return Ok(());
    };
    let paths: Vec<String> = specs
        .iter()
        .map(|spec| format!("`{}`", spec.path))
        .collect();
    let names: Vec<&str> = hosts().map(|host| host.name.as_str()).collect();
    let (have, they) = if specs.len() == 1 {
        ("has", "it has")
    } else {
        ("have", "they have")
    };
    complain_safely(&format!(
        "error: {} {have} no host `{unknown}`\n  help: {they} {}",
        paths.join(" and "),
        names.join(", ")
    ));
    Err(Code::Usage)
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
    for host in all.filter(|host| has_host(&look.hosts, host)) {
        // What a kind requires does not depend on secrets.
        for resource in host.resources(&Inputs::default()) {
            known.push(Known {
                host: Some(host.name.clone()),
                address: resource.address().to_string(),
                requires: resource
                    .requires()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
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
        address: topic::address(name).to_string(),
        requires: vec![],
    }));
    let chosen = Chosen::new(&look.targets, &look.excludes, &known).map_err(|error| {
        complain(&format!("error: {error}"));
        Code::Usage
    })?;
    for name in deletable {
        let address = topic::address(name);
        if !chosen.has(None, &address) {
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
        complain(&format!(
            "note: `--target` takes with it what is required: {}",
            selection.required.join(", ")
        ));
    }
    Ok(chosen)
}
