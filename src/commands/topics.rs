//! The clusters of a spec: through which host each is reached, what is asked of it, and what its
//! part of the plan is.

use std::{collections::BTreeSet, path::Path, time::Duration};

use secrecy::SecretString;

use super::{Surroundings, complain, complain_safely};
use crate::{
    broker::{
        Cluster as Brokers,
        credentials::clock::{self, Clock},
        entrance::{Dialler, Entrance, NoEntrance},
    },
    exit::Code,
    facts::Host,
    lookup::{self, clusters::Values, entrance},
    observe::cluster::{Question, observe},
    plan::{DesiredCluster, LookedUp, TopicsPlan},
    spec::{ResolvedCluster, ResolvedTopic, Role},
    transport::{Connection, dial::Dial, direct::Direct},
};

/// The `via` of clusters that are dialled from here.
pub(crate) const DIRECT: &str = "direct";

/// The clusters that nobody has looked at yet: each is taken by the first host that leads to it.
pub(crate) struct Pending<'t>(Vec<&'t ClusterTarget>);

impl<'t> Pending<'t> {
    /// All of them.
    pub fn new(clusters: &'t [ClusterTarget]) -> Self {
        Self(clusters.iter().collect())
    }

    /// Those that a host leads to.
    pub fn take(&mut self, host: &str) -> Vec<&'t ClusterTarget> {
        self.take_if(|cluster| cluster.leads_through(host))
    }

    /// Those that are dialled from here.
    pub fn take_direct(&mut self) -> Vec<&'t ClusterTarget> {
        self.take_if(|cluster| cluster.desired.through.is_empty())
    }

    fn take_if(&mut self, which: impl Fn(&ClusterTarget) -> bool) -> Vec<&'t ClusterTarget> {
        let all = std::mem::take(&mut self.0);
        let (taken, left) = all.into_iter().partition(|cluster| which(cluster));
        self.0 = left;
        taken
    }

    /// Those that no host led to.
    pub fn rest(self) -> impl Iterator<Item = &'t ClusterTarget> {
        self.0.into_iter()
    }
}

/// The machine that dials the brokers.
#[derive(Clone, Copy)]
pub(crate) struct Way<'w> {
    dial: &'w dyn Dial,
    /// How it is called.
    name: &'w str,
    skew: Option<i64>,
}

impl<'w> Way<'w> {
    /// This machine.
    pub const DIRECT: Way<'static> = Way {
        dial: &Direct,
        name: DIRECT,
        skew: None,
    };

    /// A host, with what was read of it.
    pub fn through(connection: &'w dyn Connection, name: &'w str, facts: Option<&Host>) -> Self {
        Self {
            dial: connection,
            name,
            skew: facts.and_then(|facts| facts.skew_seconds),
        }
    }
}

/// One cluster, with what must be on it.
pub(crate) struct ClusterTarget {
    /// What it must be, without any secret.
    pub desired: DesiredCluster,
    /// The password that it asks for, where it asks for one.
    pub password: Option<SecretString>,
    /// What its references became.
    pub looked_up: Vec<LookedUp>,
    warnings: Vec<String>,
    /// The way in; or what its references led to instead.
    entrance: Result<Entrance, String>,
}

/// The clusters that a command looks at, of the selected hosts; and those hosts. What is wrong is
/// said.
pub(crate) fn clusters(
    settled: lookup::Settled,
    deletable: Vec<String>,
    spec: &Path,
    around: &Surroundings,
) -> Result<(Vec<ClusterTarget>, Vec<lookup::hosts::Settled>), Code> {
    let hosts = settled.hosts;
    let selected: BTreeSet<String> = hosts.iter().map(|one| one.host.name.clone()).collect();
    let mut targets = Vec::new();
    let mut code = Ok(());
    for settled_cluster in settled.clusters {
        let (name, cluster) = (settled_cluster.name, settled_cluster.cluster);
        let own = |name: &String| selected.contains(name);
        let hosts_of_it = || cluster.hosts.iter().map(|(name, _)| name);
        // A fleet is as many ways as it has instances.
        let of = |host: &str| {
            let members = settled.members.get(host).into_iter().flatten();
            members.filter(|name| selected.contains(*name)).cloned()
        };
        let through = match cluster.access.via.as_deref() {
            Some(DIRECT) => vec![],
            Some(host) if of(host).next().is_some() => of(host).collect(),
            Some(host) => {
                complain(&format!(
                    "note: the topics of {name} are reached through `{host}`, which `--host` leaves out: \
                     they are left out, too"
                ));
                continue;
            }
            None => hosts_of_it().filter(|name| own(name)).cloned().collect(),
        };
        if !hosts_of_it().any(own) {
            continue;
        }
        let role = |one: &lookup::hosts::Settled| match &one.host.client.msk_iam_auth.as_ref()?.role
        {
            Role::Arn(arn) => Some(arn.clone()),
            Role::Own | Role::Name(_) => None,
        };
        let role_arn = hosts
            .iter()
            .filter(|one| through.is_empty() || through.contains(&one.host.name))
            .find_map(role);
        let desired = DesiredCluster {
            spec: spec.display().to_string(),
            name,
            through,
            role_arn,
            selected: selected.iter().cloned().collect(),
            deletable: deletable.clone(),
            cluster,
        };
        match ClusterTarget::new(desired, settled_cluster.values, around) {
            Ok(target) => targets.push(target),
            Err(wrong) => code = Err(wrong),
        }
    }
    code.map(|()| (targets, hosts))
}

/// The names that `--allow-delete` gives, when each is a leftover of some pattern of the spec.
pub(crate) fn deletable(
    clusters: &[ResolvedCluster],
    allow_delete: &[String],
) -> Result<Vec<String>, Code> {
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
        let all = || clusters.iter();
        if all().any(|cluster| cluster.topics.iter().any(|topic| topic.name == name)) {
            return wrong(
                "the spec wants this topic",
                "take its table out of the spec first",
            );
        }
        let made = all()
            .flat_map(|cluster| &cluster.hosts)
            .any(|(_, pattern)| pattern.makes(name));
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

impl ClusterTarget {
    /// Reads the secrets that a cluster refers to. What leads nowhere is said.
    pub fn new(
        desired: DesiredCluster,
        values: Result<Values, String>,
        around: &Surroundings,
    ) -> Result<Self, Code> {
        let values = match values {
            Ok(values) => values,
            Err(trouble) => {
                return Ok(Self {
                    desired,
                    password: None,
                    looked_up: vec![],
                    warnings: vec![],
                    entrance: Err(trouble),
                });
            }
        };
        let (spec, environment) = (Path::new(&desired.spec), &around.environment);
        let (cluster, access) = (&desired.cluster.cluster, &desired.cluster.access);
        let entrance =
            entrance::resolve(cluster, access, &values, spec, environment).and_then(|door| {
                Ok((
                    door,
                    entrance::password(access, &values, spec, environment)?,
                ))
            });
        match entrance {
            Ok((entrance, password)) => Ok(Self {
                desired,
                password,
                looked_up: values.looked_up,
                warnings: values.warnings,
                entrance: Ok(entrance),
            }),
            Err(error) => {
                complain_safely(&format!("error: topics of {}: {error}", desired.name));
                Err(Code::Usage)
            }
        }
    }

    /// As the spec names it.
    pub fn name(&self) -> &str {
        &self.desired.name
    }

    /// Whether it may be reached through a host.
    pub fn leads_through(&self, host: &str) -> bool {
        self.desired.through.iter().any(|name| name == host)
    }

    /// A broker to begin with, for people.
    pub fn first_broker(&self) -> String {
        let first = self.entrance.iter().find_map(|door| door.bootstrap.first());
        first.map_or_else(|| self.name().to_owned(), ToString::to_string)
    }

    /// Goes in.
    ///
    /// # Errors
    /// See [`Entrance::open`].
    pub async fn open<'d>(
        &self,
        way: Way<'d>,
        deadline: Duration,
    ) -> Result<Brokers<'d>, NoEntrance> {
        let dialler = Dialler {
            name: way.name,
            role_arn: self.desired.role_arn.as_deref(),
            clock: Clock {
                offset_seconds: way.skew.unwrap_or(0),
            },
        };
        match &self.entrance {
            Ok(entrance) => entrance.open(way.dial, dialler, deadline).await,
            Err(trouble) => Err(NoEntrance::LookUp(trouble.clone())),
        }
    }

    /// Reads the cluster and compares. What cannot be reached becomes a part of the plan that says
    /// so.
    pub async fn look(&self, way: Way<'_>, salt: &str, deadline: Duration) -> TopicsPlan {
        let plan = match self.open(way, deadline).await {
            Ok(mut brokers) => self.read(&mut brokers, way, salt).await,
            Err(error) => TopicsPlan::unreached(self.name(), way.name, error.to_string()),
        };
        let plan = plan.told(&self.looked_up, &self.warnings);
        let signs = self.entrance.as_ref().is_ok_and(Entrance::signs);
        let skew = way.skew.filter(|_| signs);
        match skew.and_then(|skew| clock::concern(way.name, skew)) {
            Some(warning) => plan.warned(warning),
            None => plan,
        }
    }

    /// Reads the cluster over a connection, and compares.
    pub async fn read(&self, brokers: &mut Brokers<'_>, way: Way<'_>, salt: &str) -> TopicsPlan {
        let wanted = self.wanted();
        let (cluster, deletable) = (&self.desired.cluster, &self.desired.deletable);
        let question = Question {
            wanted: wanted.clone(),
            declared: cluster.topics.iter().map(|topic| &*topic.name).collect(),
            patterns: cluster.hosts.iter().map(|(_, pattern)| pattern).collect(),
            deletable: deletable.iter().map(String::as_str).collect(),
        };
        let observed = observe(brokers, &question).await;
        tracing::debug!(
            cluster = self.name(),
            requests = ?brokers.requests(),
            "observed"
        );
        match observed {
            Ok(facts) => TopicsPlan::new(self.name(), way.name, &wanted, deletable, &facts, salt),
            Err(error) => TopicsPlan::unreached(self.name(), way.name, error.to_string()),
        }
    }

    /// When no host that it could be reached through was reached itself.
    pub fn nowhere(&self) -> TopicsPlan {
        let hosts = self.desired.through.join(", ");
        let error = match &self.entrance {
            // No host could have helped.
            Err(trouble) => trouble.clone(),
            Ok(_) => format!("no host that it is reached through could be reached: {hosts}"),
        };
        TopicsPlan::unreached(self.name(), &hosts, error).told(&self.looked_up, &self.warnings)
    }

    fn wanted(&self) -> Vec<&ResolvedTopic> {
        let own = |host: &String| self.desired.selected.contains(host);
        let selected = |topic: &&ResolvedTopic| topic.hosts.iter().any(own);
        self.desired
            .cluster
            .topics
            .iter()
            .filter(selected)
            .collect()
    }
}
