//! Several specs in one command: hosts of one name are told apart, and no machine is given the same
//! thing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Cluster, Resolved, ResolvedCluster, ResolvedHost, ResolvedTopic, Route};
use crate::{
    kinds::{Address, declared::Claim},
    names::SshAddress,
};

/// What `topics.via` says where no host leads there.
const DIRECT: &str = "direct";

/// Gives hosts whose name several specs have a name of their own: the spec's file name without its
/// ending, a slash, and the name (`prod/client`); the whole path where file names are alike, too.
pub fn tell_apart(specs: &mut [Resolved]) {
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    for spec in specs.iter() {
        for host in &spec.hosts {
            *owners.entry(host.name.clone()).or_default() += 1;
        }
    }
    let labels: Vec<String> = specs.iter().map(|spec| stem(&spec.path)).collect();
    for (at, spec) in specs.iter_mut().enumerate() {
        let alone = labels.iter().filter(|label| **label == labels[at]).count() == 1;
        let label = if alone { &labels[at] } else { &spec.path }.clone();
        rename(spec, |name| match owners.get(name) {
            Some(2..) => format!("{label}/{name}"),
            _ => name.to_owned(),
        });
    }
}

fn stem(path: &str) -> String {
    let stem = Path::new(path).file_stem();
    stem.map_or_else(|| path.to_owned(), |stem| stem.display().to_string())
}

fn rename(spec: &mut Resolved, new: impl Fn(&str) -> String) {
    for host in &mut spec.hosts {
        host.name = new(&host.name);
    }
    for cluster in &mut spec.clusters {
        if let Some(via) = cluster.access.via.as_mut().filter(|via| *via != DIRECT) {
            *via = new(via);
        }
        for (host, _) in &mut cluster.hosts {
            *host = new(host);
        }
        super::rename(&mut cluster.topics, |host| vec![new(host)]);
    }
    for host in spec
        .unsupported
        .iter_mut()
        .filter_map(|(host, _)| host.as_mut())
    {
        *host = new(host);
    }
}

/// What two specs give the same machine or the same cluster, and what two hosts of one spec give
/// one machine in two ways: each in a sentence that names both.
/// `selected` says which hosts are looked at.
pub fn conflicts(specs: &[Resolved], selected: impl Fn(&str) -> bool) -> Vec<String> {
    // Of one account on one machine `~` is one place.
    let symbolic = str::to_owned;
    let mut found = Vec::new();
    let mut machines: BTreeMap<String, Vec<(&Resolved, &ResolvedHost)>> = BTreeMap::new();
    for spec in specs {
        let hosts = spec.hosts.iter().filter(|host| selected(&host.name));
        for host in hosts {
            let machine = machine(host);
            let others = machines.entry(machine.clone()).or_default();
            // Each is one conflict, however many hosts are this machine.
            let mut known = BTreeSet::new();
            for (other_spec, other) in &*others {
                let two_specs = !std::ptr::eq(*other_spec, spec);
                for name in contested((other, &symbolic), (host, &symbolic), two_specs, false) {
                    if known.insert(name.clone()) {
                        found.push(match two_specs {
                            true => sentence(&name, &machine, other_spec, spec),
                            false => twice(&name, &machine, other, host),
                        });
                    }
                }
            }
            others.push((spec, host));
        }
        for cluster in &spec.clusters {
            let others = specs.iter().take_while(|other| !std::ptr::eq(*other, spec));
            for other in others {
                let same = other.clusters.iter().filter(|one| same(one, cluster));
                let mine = |topic: &&ResolvedTopic| topic.hosts.names().any(|host| selected(host));
                let theirs: BTreeSet<&str> = same
                    .flat_map(|one| one.topics.iter().filter(mine))
                    .map(|topic| topic.name.as_str())
                    .collect();
                for topic in cluster.topics.iter().filter(mine) {
                    if theirs.contains(topic.name.as_str()) {
                        let name = format!("`topics/{}`", topic.name);
                        found.push(sentence(&name, "one cluster", other, spec));
                    }
                }
            }
        }
    }
    found
}

/// A host, and how its paths are written on its machine.
pub(crate) type OnMachine<'h> = (&'h ResolvedHost, &'h dyn Fn(&str) -> String);

/// Of two hosts that are one machine: what both have, as far as it is to be two things, or two specs give
/// it. Of two accounts, what each has for itself is none. Each is an address in backticks, with that of the other
/// host where one thing has two.
pub fn contested(
    one: OnMachine<'_>,
    other: OnMachine<'_>,
    two_specs: bool,
    two_accounts: bool,
) -> Vec<String> {
    let theirs = claims(other);
    let mut contested = Vec::new();
    for (address, mine) in claims(one) {
        for (their_address, their) in &theirs {
            let same_address = address == *their_address;
            let both = mine.shares_place(their) || (same_address && !two_accounts);
            if both && (two_specs || mine.contradicts(their)) {
                contested.push(match same_address {
                    true => format!("`{address}`"),
                    false => format!("`{address}` (`{their_address}` of the other)"),
                });
            }
        }
    }
    contested
}

/// Whether two specs mean one cluster: a name is one in its account.
fn same(one: &ResolvedCluster, other: &ResolvedCluster) -> bool {
    let in_account = !matches!(one.cluster, Cluster::Name(_)) || one.access.aws == other.access.aws;
    one.cluster == other.cluster && in_account
}

fn sentence(name: &str, machine: &str, one: &Resolved, other: &Resolved) -> String {
    format!(
        "{name} of {machine} is given by two specs: {} and {}",
        one.path, other.path
    )
}

/// What a host wants, address by address.
fn claims((host, expand): OnMachine<'_>) -> Vec<(Address, Claim)> {
    let addresses = host.addresses().into_iter();
    addresses
        .filter_map(|address| {
            let claim = host.declared.claim(&address, expand)?;
            Some((address, claim))
        })
        .collect()
}

fn twice(name: &str, machine: &str, one: &ResolvedHost, other: &ResolvedHost) -> String {
    format!(
        "{name} of {machine} is to be two things: the hosts `{}` and `{}` are one machine",
        one.name, other.name
    )
}

/// The machine and the account, as far as a spec says it.
fn machine(host: &ResolvedHost) -> String {
    match &host.route {
        Route::Local => "this machine".into(),
        Route::Ssh(ssh) | Route::Ec2 { ssh, .. } => {
            let user = ssh.user.as_ref().map(|user| format!("{user}@"));
            let address = match (&host.route, host.route.found()) {
                (_, Some(found)) => found.instance_id.clone(),
                (Route::Ec2 { ec2, .. }, None) => {
                    // Tags say one instance in one account and region.
                    let aws = [&host.aws.profile, &host.aws.region, &host.aws.assume_role];
                    let aws: Vec<&str> = aws.into_iter().flatten().map(String::as_str).collect();
                    let of = if aws.is_empty() { "" } else { " of " };
                    format!("{}{of}{}", ec2.reference(), aws.join(", "))
                }
                _ => {
                    let text = ssh.address.as_deref().unwrap_or_default();
                    SshAddress::parse(text).map_or_else(|_| text.to_owned(), |it| it.canonical())
                }
            };
            let port = ssh.port.filter(|port| *port != 22);
            let port = port.map(|port| format!(":{port}"));
            format!(
                "{}{address}{}",
                user.unwrap_or_default(),
                port.unwrap_or_default()
            )
        }
    }
}
