//! What a command looks at: the specs' hosts and clusters, with what they refer to, as far as they
//! are selected.

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
    /// What is read of it.
    pub resources: Vec<Box<dyn Resource>>,
    /// What the host's references to secrets became, by property.
    pub secrets: IndexMap<String, Value>,
    /// Of the resources: what is left out, and looked at only because something selected requires
    /// it.
    pub beside: BTreeSet<Address>,
    /// Nothing of it is selected: it is there as the way to a cluster, should no host before lead there.
    pub only_leads: bool,
    /// The spec that has it: relative paths start at its folder.
    pub spec: PathBuf,
    /// The private key that opens it, where the Parameter Store has it.
    pub ssh_key: Option<SecretString>,
    /// What its references became.
    pub looked_up: Vec<LookedUp>,
    /// What people should know of it.
    pub warnings: Vec<String>,
    /// Why there is no way to it: what its references led to.
    pub trouble: Option<String>,
    /// Who is asked about its instance.
    pub cloud: Arc<dyn Cloud>,
}

impl Target {
    /// A host with what is selected of it, and what its spec refers to. Secrets of this machine are
    /// read where they are compared; what leads nowhere is said.
    pub(crate) fn new(
        settled: hosts::HostLookup,
        cloud: &Arc<dyn Cloud>,
        spec: &Path,
        chosen: &Chosen,
        around: &Surroundings,
    ) -> Result<Self, Code> {
        let host = settled.host;
        let (values, trouble) = match settled.values {
            Ok(values) => (values, None),
            Err(trouble) => (Values::default(), Some(trouble)),
        };
        let name = host.name.as_str();
        let beside = |address: &Address| chosen.looks_beside(name, address);
        let looked_at = |address: &Address| chosen.has(name, address) || beside(address);
        let place = secrets::Place {
            parameters: &values.parameters,
            spec,
            environment: &around.environment,
        };
        let given = secrets::resolve(&host, looked_at, &place).map_err(|all| {
            for missing in all {
                complain_safely(&format!("error: host `{name}`, {missing}"));
            }
            Code::Usage
        })?;
        let mut resources = host.resources(&given);
        resources.retain(|resource| looked_at(&resource.address()));
        let beside = resources
            .iter()
            .map(|resource| resource.address())
            .filter(beside)
            .collect();
        Ok(Self {
            only_leads: chosen.selection.is_some() && resources.is_empty(),
            resources,
            secrets: given.secrets,
            beside,
            spec: spec.to_owned(),
            host,
            ssh_key: values.ssh_key,
            looked_up: values.looked_up,
            warnings: values.warnings,
            trouble,
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
        self.with_lookups(plan.without(|address| self.beside.contains(address)))
    }

    /// Where it could not be read.
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
    /// Clusters that some of the hosts have topics on which belong to another shard: their brokers
    /// are known, and nothing of them is looked at.
    pub elsewhere: Vec<ClusterTarget>,
    /// What `--target` and `--exclude` leave.
    pub chosen: Chosen,
    /// Which part of the fleet it is; absent: all of it.
    pub shard: Option<Shard>,
    /// The AWS accounts and regions that were asked what the specs refer to.
    pub accounts: BTreeSet<Aws>,
    /// Who was asked.
    pub cloud: Arc<dyn Cloud>,
}

impl Targets {
    /// What `--target` and `--exclude` say; nothing: everything is looked at.
    pub(crate) fn selection(&self) -> Option<&Selection> {
        self.chosen.selection.as_ref()
    }

    /// The place of one of the clusters among them.
    pub(crate) fn place_of(&self, cluster: &ClusterTarget) -> usize {
        let place = self
            .clusters
            .iter()
            .position(|one| std::ptr::eq(one, cluster));
        place.unwrap_or_else(|| unreachable!("the cluster is one of these"))
    }
}

/// The hosts and clusters that a command looks at. What this build cannot plan is said, with its
/// place; what the spec refers to is looked up.
pub(crate) async fn targets(
    look: &LookArgs,
    allow: &AllowArgs,
    specs: Vec<Resolved>,
    around: &Surroundings,
) -> Result<Targets, Code> {
    select::known_hosts(look, &specs)?;
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
    let cloud = lookup::cloud(&around.environment, look.timeout);
    let LookedUpSpecs {
        specs,
        picked,
        hosts,
        clusters: settled,
        members,
        accounts,
    } = look_up(specs, &cloud, look).await;
    // Only now it is known which machine is whom.
    select::known_members(look, &specs)?;
    select::conflicts(look, &specs)?;
    let chosen = select::choose(look, &specs, &deletable)?;
    let declared = topics::declared(&specs);
    let mut targets = Vec::new();
    let mut clusters = Vec::new();
    let mut elsewhere = Vec::new();
    let mut code = Ok(());
    let files = look.spec.specs.iter();
    let parts = hosts.into_iter().zip(settled).zip(&picked);
    for (file, ((hosts, settled), picked)) in files.zip(parts) {
        let how = topics::Selected {
            picked,
            hosts: &hosts,
            members: &members,
            chosen: &chosen,
            deletable: &deletable,
            declared: &declared,
        };
        let (of_spec, of_others) = topics::clusters(settled, how, file, around)?;
        elsewhere.extend(of_others);
        let mut of_hosts = Vec::new();
        for host in hosts {
            match Target::new(host, &cloud, file, &chosen, around) {
                Ok(target) => of_hosts.push(target),
                Err(error) => code = Err(error),
            }
        }
        of_hosts.retain(|target| {
            let leads = |cluster: &ClusterTarget| cluster.leads_through(&target.host.name);
            !target.resources.is_empty()
                || of_spec.is_empty() && chosen.selection.is_none()
                || of_spec.iter().any(leads)
        });
        targets.extend(of_hosts);
        clusters.extend(of_spec);
    }
    code?;
    Ok(Targets {
        shard: select::shard(look, &specs, &picked, &chosen),
        hosts: targets,
        clusters,
        elsewhere,
        chosen,
        accounts,
        cloud,
    })
}

/// Specs with what the selected hosts and their clusters became.
struct LookedUpSpecs {
    /// The specs, with that put in. Of the hosts the selected ones are left, with all members of a
    /// fleet of which one is. Those of another part of the fleet are as they were.
    specs: Vec<Resolved>,
    /// The names of the selected hosts of each, in whichever part of the fleet, in its order.
    picked: Vec<IndexSet<String>>,
    /// The hosts of each, of our part.
    hosts: Vec<Vec<hosts::HostLookup>>,
    /// The clusters of each that selected hosts have topics on.
    clusters: Vec<Vec<clusters::ClusterLookup>>,
    /// See [`lookup::Lookups::members`].
    members: BTreeMap<String, Vec<String>>,
    /// See [`lookup::Lookups::accounts`].
    accounts: BTreeSet<Aws>,
}

/// Looks up what the specs refer to, side by side over all of them.
async fn look_up(
    mut specs: Vec<Resolved>,
    cloud: &Arc<dyn Cloud>,
    look: &LookArgs,
) -> LookedUpSpecs {
    let selected = select::hosts(look, &specs);
    let mut asked = (Vec::new(), Vec::new());
    let mut counts = Vec::new();
    let mut orders = Vec::new();
    for spec in &mut specs {
        spec.hosts.retain(|host| selected.contains(&host.name));
        let all = &spec.hosts;
        let of_selected = |cluster: &mut ResolvedCluster| {
            let mut names = cluster.hosts.iter().map(|(name, _)| name);
            names.any(|name| selected.contains(name))
                && select::cluster_is_here(&look.pick, cluster, all)
        };
        let clusters = spec.clusters.extract_if(.., of_selected);
        let before = asked.1.len();
        asked.1.extend(clusters);
        let names = spec.hosts.iter().map(|host| host.name.clone());
        orders.push(names.collect::<Vec<String>>());
        let of_us = |host: &mut ResolvedHost| select::is_here(&look.pick, host);
        let here: Vec<ResolvedHost> = spec.hosts.extract_if(.., of_us).collect();
        counts.push((here.len(), asked.1.len() - before));
        asked.0.extend(here);
    }
    let settled = lookup::settle(cloud, asked.0, asked.1).await;
    let (mut hosts, mut clusters) = (settled.hosts.into_iter(), settled.clusters.into_iter());
    let mut out = LookedUpSpecs {
        specs: Vec::new(),
        picked: Vec::new(),
        hosts: Vec::new(),
        clusters: Vec::new(),
        members: settled.members,
        accounts: settled.accounts,
    };
    for ((mut spec, order), (of_hosts, of_clusters)) in specs.into_iter().zip(orders).zip(counts) {
        let mut hosts: Vec<_> = hosts.by_ref().take(of_hosts).flatten().collect();
        let clusters: Vec<_> = clusters.by_ref().take(of_clusters).collect();
        spec.hosts.extend(hosts.iter().map(|one| one.host.clone()));
        // Of a fleet, some may be meant.
        let meant = spec.hosts.iter();
        let meant = meant.filter(|host| select::has_host(&look.pick, host));
        let meant: BTreeSet<&str> = meant.map(|host| &*host.name).collect();
        let names = order
            .into_iter()
            .flat_map(|name| match out.members.get(&name) {
                Some(members) => members.clone(),
                None => vec![name],
            });
        let picked: IndexSet<String> = names.filter(|name| meant.contains(&**name)).collect();
        hosts.retain(|one| {
            picked.contains(&one.host.name) && select::has_name(&look.pick, &one.host.name)
        });
        spec.clusters
            .extend(clusters.iter().map(|one| one.cluster.clone()));
        out.specs.push(spec);
        out.picked.push(picked);
        out.hosts.push(hosts);
        out.clusters.push(clusters);
    }
    out
}

/// The address of a host, as it is handed to ssh.
pub(crate) fn address(host: &ResolvedHost) -> String {
    match &host.route {
        Route::Local => "local".into(),
        Route::Ssh(ssh) | Route::Ec2 { ssh, .. } => {
            let found = host.route.found().map(|found| found.address.clone());
            let address = found.or_else(|| ssh.address.clone());
            // An instance that was not found is called what the spec calls it.
            let address = address.unwrap_or_else(|| host.name.clone());
            match &ssh.user {
                Some(user) => format!("{user}@{address}"),
                None => address,
            }
        }
    }
}
