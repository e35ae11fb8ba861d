//! References of the spec → values. Reads only.
//!
//! [`settle`] does all of it: references of hosts and clusters become questions to a [`Cloud`], asked
//! concurrently, and the answers are put in. Secrets of this machine (`env`, `file`)
//! are read in [`secrets`], without any network.

#[cfg(feature = "aws")]
pub mod aws;
pub mod bootstrap;
mod choose;
pub mod cloud;
pub mod clusters;
pub mod console;
pub mod hosts;
pub mod mysql;
pub mod questions;
pub mod secrets;
pub mod tables;
pub mod trust;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::spec::{self, Aws, ResolvedCluster, ResolvedHost};
use questions::Answers;

pub use cloud::{
    Caller, Cloud, CloudError, Console, Door, Instance, InstanceQuery, Listener, MskCluster,
    NoCloud, Region, RequestContext, Role,
};

/// AWS as this build can ask it. Nothing is made until something is asked.
/// `deadline` is for each look-up.
#[cfg(feature = "aws")]
pub fn cloud(environment: &BTreeMap<String, String>, deadline: Duration) -> Arc<dyn Cloud> {
    Arc::new(aws::Sdk::new(environment.clone(), deadline))
}

/// AWS as this build can ask it: not at all.
#[cfg(not(feature = "aws"))]
pub fn cloud(_: &BTreeMap<String, String>, _: Duration) -> Arc<dyn Cloud> {
    Arc::new(NoCloud)
}

/// Hosts and clusters with what their references became, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Lookups {
    /// What each host became: itself, or for a fleet (`all: true`) as many as it has instances.
    pub hosts: Vec<Vec<hosts::HostLookup>>,
    /// The clusters. Where they name a fleet, they name its members.
    pub clusters: Vec<clusters::ClusterLookup>,
    /// The names of the hosts that each host of the spec became.
    pub members: BTreeMap<String, Vec<String>>,
    /// The accounts and regions that were asked.
    pub accounts: BTreeSet<Aws>,
}

/// Looks up what hosts and clusters refer to, side by side, each thing once. What refers to
/// nothing costs nothing.
pub async fn settle(
    cloud: &Arc<dyn Cloud>,
    hosts: Vec<ResolvedHost>,
    clusters: Vec<ResolvedCluster>,
) -> Lookups {
    let asked_for = |answers: &Answers| {
        let of_hosts = hosts
            .iter()
            .flat_map(|host| hosts::questions(host, answers));
        let of_clusters = clusters.iter().flat_map(clusters::questions);
        of_hosts.chain(of_clusters).collect()
    };
    let answers = Answers::gather(cloud, asked_for).await;
    let mut settled = Lookups {
        accounts: answers.accounts(),
        ..Lookups::default()
    };
    for host in hosts {
        let name = host.name.clone();
        let lookups = hosts::settle(host, &answers);
        let names: Vec<String> = lookups
            .iter()
            .map(|lookup| lookup.host.name.clone())
            .collect();
        settled.members.insert(name, names);
        settled.hosts.push(lookups);
    }
    for mut cluster in clusters {
        fleet(&mut cluster, &settled.members);
        settled.clusters.push(clusters::settle(cluster, &answers));
    }
    settled
}

/// A fleet's name stands for its members.
fn fleet(cluster: &mut ResolvedCluster, members: &BTreeMap<String, Vec<String>>) {
    let of = |name: &String| {
        members
            .get(name)
            .cloned()
            .unwrap_or_else(|| vec![name.clone()])
    };
    let hosts = cluster.hosts.iter();
    cluster.hosts = hosts
        .flat_map(|(name, pattern)| {
            let names = of(name).into_iter();
            names.map(|name| (name, pattern.clone()))
        })
        .collect();
    spec::rename(&mut cluster.topics, of);
}
