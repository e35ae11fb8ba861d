//! What a command works on: the selected hosts and clusters of the specs, with what they refer to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use indexmap::{IndexMap, IndexSet};
use secrecy::SecretString;

use super::{
    Surroundings, complain_safely, select, show, text_of,
    topics::{self, ClusterTarget},
};
use crate::{
    action::Value,
    cli::{AllowArgs, LookArgs},
    exit::Code,
    kinds::{Address, Resource},
    lookup::{
        self, Cloud, clusters,
        hosts::{self, Values},
        secrets,
    },
    observe::Facts,
    plan::{HostPlan, LookedUp, Selection, Shard, selection::Chosen},
    spec::{self, Aws, Resolved, ResolvedCluster, ResolvedHost, Route, Source},
};

/// One host of a spec, with what it must have.
pub(crate) struct Target {
    pub host: ResolvedHost,
    /// The resources that are read.
    pub resources: Vec<Box<dyn Resource>>,
    /// What the host's references to secrets became, by property.
    pub secrets: IndexMap<String, Value>,
    /// Resources that are not selected, and only read because a selected one requires them.
    pub only_required: BTreeSet<Address>,
    /// Nothing of it is selected: it is a possible gateway to a cluster.
    pub only_gateway: bool,
    /// Its spec: relative paths start at the folder of that.
    pub spec: PathBuf,
    /// The private key that opens it, where the Parameter Store has it.
    pub ssh_key: Option<SecretString>,
    /// What its references became.
    pub looked_up: Vec<LookedUp>,
    /// Warnings about it.
    pub warnings: Vec<String>,
    /// Why it cannot be connected to: the error of its references.
    pub lookup_error: Option<String>,
    /// The cloud that has its instance.
    pub cloud: Arc<dyn Cloud>,
}

impl Target {
    /// A host with what is selected of it, and what that refers to. Local secrets are read only where they are
    /// compared; complains of missing ones.
    pub(crate) fn new(
        host_lookup: hosts::HostLookup,
        cloud: &Arc<dyn Cloud>,
        spec: &Path,
        chosen: &Chosen,
        around: &Surroundings,
    ) -> Result<Self, Code> {
        let host = host_lookup.host;
        let (values, lookup_error) = match host_lookup.values {
            Ok(values) => (values, None),
            Err(lookup_error) => (Values::default(), Some(lookup_error)),
        };
        let name = host.name.as_str();
        let only_required = |address: &Address| chosen.looks_beside(name, address);
        let looked_at = |address: &Address| chosen.has(name, address) || only_required(address);
        let sources = secrets::Sources {
            parameters: &values.parameters,
            spec,
            environment: &around.environment,
        };
        let inputs = secrets::resolve(&host, looked_at, &sources).map_err(|all| {
            for missing in all {
                complain_safely(&format!("error: host `{name}`, {missing}"));
            }
            Code::Usage
        })?;
        let mut resources = host.resources(&inputs);
        resources.retain(|resource| looked_at(&resource.address()));
        let only_required = resources
            .iter()
            .map(|resource| resource.address())
            .filter(only_required)
            .collect();
        Ok(Self {
            only_gateway: chosen.selection.is_some() && resources.is_empty(),
            resources,
            secrets: inputs.secrets,
            only_required,
            spec: spec.to_owned(),
            host,
            ssh_key: values.ssh_key,
            looked_up: values.looked_up,
            warnings: values.warnings,
            lookup_error,
            cloud: Arc::clone(cloud),
        })
    }

    /// Its plan, from what was read of it.
    pub(crate) fn plan(&self, facts: &Facts, salt: &str) -> HostPlan {
        let (name, address) = (&self.host.name, address(&self.host));
        let plan = HostPlan::new(
            name,
            &address,
            &self.resources,
            &facts.host,
            &facts.reply,
            salt,
        );
        self.with_lookups(plan.without(|address| self.only_required.contains(address)))
    }

    /// Its plan where it could not be read.
    pub(crate) fn unreached(&self, why: String) -> HostPlan {
        let plan = HostPlan::unreached(&self.host.name, &address(&self.host), why);
        self.with_lookups(plan)
    }

    /// A plan of it, with what its references became.
    pub(crate) fn with_lookups(&self, plan: HostPlan) -> HostPlan {
        plan.with_lookups(&self.looked_up, &self.warnings)
    }
}

/// What a command looks at.
pub(crate) struct Targets {
    pub hosts: Vec<Target>,
    pub clusters: Vec<ClusterTarget>,
    /// Clusters of another shard that some of the hosts have topics on: only their brokers are needed.
    pub other_shards: Vec<ClusterTarget>,
    /// What `--target` and `--exclude` select.
    pub chosen: Chosen,
    /// The shard; `None`: the whole fleet.
    pub shard: Option<Shard>,
    /// The AWS accounts and regions that references were looked up in.
    pub accounts: BTreeSet<Aws>,
    /// The cloud that they were looked up in.
    pub cloud: Arc<dyn Cloud>,
}

impl Targets {
    /// What `--target` and `--exclude` say; `None`: everything is selected.
    pub(crate) fn selection(&self) -> Option<&Selection> {
        self.chosen.selection.as_ref()
    }

    /// The index of one of the clusters.
    pub(crate) fn index_of(&self, cluster: &ClusterTarget) -> usize {
        let mut clusters = self.clusters.iter();
        let index = clusters.position(|known| std::ptr::eq(known, cluster));
        index.unwrap_or_else(|| unreachable!("the cluster is one of these"))
    }
}

/// The hosts and clusters that a command works on: looks up what the specs refer to, and complains of what this
/// build does not support.
pub(crate) async fn targets(
    look: &LookArgs,
    allow: &AllowArgs,
    specs: Vec<Resolved>,
    around: &Surroundings,
) -> Result<Targets, Code> {
    select::check_hosts(look, &specs)?;
    let selected = select::hosts(look, &specs);
    let mut code = Ok(());
    for (file, spec) in look.spec.specs.iter().zip(&specs) {
        let unsupported = spec::unsupported(spec, |name| selected.contains(name));
        if !unsupported.is_empty() {
            let path = spec.path.clone();
            let text = text_of(file).unwrap_or_default();
            show(&Source { path, text }, &unsupported, around);
            code = Err(Code::Usage);
        }
    }
    code?;
    let deletable = topics::deletable(&specs, &allow.delete)?;
    let cloud = lookup::cloud(&around.environment, look.limits.timeout);
    let LookedUpSpecs {
        specs,
        picked,
        hosts,
        clusters: lookups,
        members,
        accounts,
    } = look_up(specs, &cloud, look).await;
    // Only now the machines are known.
    select::check_members(look, &specs)?;
    select::conflicts(look, &specs)?;
    let chosen = select::choose(look, &specs, &deletable)?;
    let declared = topics::declared(&specs);
    let mut targets = Vec::new();
    let mut clusters = Vec::new();
    let mut other_shards = Vec::new();
    let mut code = Ok(());
    let files = look.spec.specs.iter();
    let parts = hosts.into_iter().zip(lookups).zip(&picked);
    for (file, ((hosts, lookups), picked)) in files.zip(parts) {
        let selected_hosts = topics::Selected {
            picked,
            hosts: &hosts,
            members: &members,
            chosen: &chosen,
            deletable: &deletable,
            declared: &declared,
        };
        let (own_clusters, other_clusters) =
            topics::clusters(lookups, selected_hosts, file, around)?;
        other_shards.extend(other_clusters);
        let mut of_hosts = Vec::new();
        for host in hosts {
            match Target::new(host, &cloud, file, &chosen, around) {
                Ok(target) => of_hosts.push(target),
                Err(error) => code = Err(error),
            }
        }
        of_hosts.retain(|target| {
            let is_gateway = |cluster: &ClusterTarget| cluster.may_go_through(&target.host.name);
            !target.resources.is_empty()
                || own_clusters.is_empty() && chosen.selection.is_none()
                || own_clusters.iter().any(is_gateway)
        });
        targets.extend(of_hosts);
        clusters.extend(own_clusters);
    }
    code?;
    Ok(Targets {
        shard: select::shard(look, &specs, &picked, &chosen),
        hosts: targets,
        clusters,
        other_shards,
        chosen,
        accounts,
        cloud,
    })
}

/// Specs with the lookups of the selected hosts and their clusters.
struct LookedUpSpecs {
    /// The specs with the results: the selected hosts, with all members of a fleet of which one is selected.
    /// Hosts of other shards are as they were.
    specs: Vec<Resolved>,
    /// The names of the selected hosts of each, of all shards, in its order.
    picked: Vec<IndexSet<String>>,
    /// The hosts of each, of our shard.
    hosts: Vec<Vec<hosts::HostLookup>>,
    /// The clusters of each that selected hosts have topics on.
    clusters: Vec<Vec<clusters::ClusterLookup>>,
    /// See [`lookup::Lookups::members`].
    members: BTreeMap<String, Vec<String>>,
    /// See [`lookup::Lookups::accounts`].
    accounts: BTreeSet<Aws>,
}

/// Looks up what the specs refer to, for all of them at once.
async fn look_up(
    mut specs: Vec<Resolved>,
    cloud: &Arc<dyn Cloud>,
    look: &LookArgs,
) -> LookedUpSpecs {
    let selected = select::hosts(look, &specs);
    let mut requests = (Vec::new(), Vec::new());
    let mut counts = Vec::new();
    let mut order_of_names = Vec::new();
    for spec in &mut specs {
        spec.hosts.retain(|host| selected.contains(&host.name));
        let all = &spec.hosts;
        let of_selected = |cluster: &mut ResolvedCluster| {
            let mut names = cluster.hosts.iter().map(|(name, _)| name);
            names.any(|name| selected.contains(name))
                && select::cluster_in_shard(&look.pick, cluster, all)
        };
        let clusters = spec.clusters.extract_if(.., of_selected);
        let before = requests.1.len();
        requests.1.extend(clusters);
        let names = spec.hosts.iter().map(|host| host.name.clone());
        order_of_names.push(names.collect::<Vec<String>>());
        let in_shard = |host: &mut ResolvedHost| select::in_shard(&look.pick, host);
        let ours: Vec<ResolvedHost> = spec.hosts.extract_if(.., in_shard).collect();
        counts.push((ours.len(), requests.1.len() - before));
        requests.0.extend(ours);
    }
    let lookups = lookup::settle(cloud, requests.0, requests.1).await;
    let (mut hosts, mut clusters) = (lookups.hosts.into_iter(), lookups.clusters.into_iter());
    let mut out = LookedUpSpecs {
        specs: Vec::new(),
        picked: Vec::new(),
        hosts: Vec::new(),
        clusters: Vec::new(),
        members: lookups.members,
        accounts: lookups.accounts,
    };
    for ((mut spec, order), (of_hosts, of_clusters)) in
        specs.into_iter().zip(order_of_names).zip(counts)
    {
        let mut hosts: Vec<_> = hosts.by_ref().take(of_hosts).flatten().collect();
        let clusters: Vec<_> = clusters.by_ref().take(of_clusters).collect();
        spec.hosts
            .extend(hosts.iter().map(|host_lookup| host_lookup.host.clone()));
        // Of a fleet, only some members may match.
        let matched = spec.hosts.iter();
        let matched = matched.filter(|host| select::has_host(&look.pick, host));
        let matched: BTreeSet<&str> = matched.map(|host| &*host.name).collect();
        let names = order
            .into_iter()
            .flat_map(|name| match out.members.get(&name) {
                Some(members) => members.clone(),
                None => vec![name],
            });
        let picked: IndexSet<String> = names.filter(|name| matched.contains(&**name)).collect();
        hosts.retain(|host_lookup| {
            picked.contains(&host_lookup.host.name)
                && select::shard_has(&look.pick, &host_lookup.host.name)
        });
        spec.clusters
            .extend(clusters.iter().map(|lookup| lookup.cluster.clone()));
        out.specs.push(spec);
        out.picked.push(picked);
        out.hosts.push(hosts);
        out.clusters.push(clusters);
    }
    out
}

/// The address of a host, as ssh gets it.
pub(crate) fn address(host: &ResolvedHost) -> String {
    match &host.route {
        Route::Local => "local".into(),
        Route::Ssh(ssh) | Route::Ec2 { ssh, .. } => {
            let found = host.route.found().map(|found| found.address.clone());
            let address = found.or_else(|| ssh.address.clone());
            // An instance that was not found has its name in the spec.
            let address = address.unwrap_or_else(|| host.name.clone());
            match &ssh.user {
                Some(user) => format!("{user}@{address}"),
                None => address,
            }
        }
    }
}
