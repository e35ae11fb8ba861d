//! The clusters of a spec: through which host each is reached, what is asked of it, and what its
//! part of the plan is.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::{Surroundings, complain, complain_safely};
use crate::{
    action::TopicAction,
    broker::{
        self, Cluster as Brokers,
        credentials::clock::{self, Clock},
        entrance::{Dialler, Entrance, NoEntrance},
    },
    exit::Code,
    facts::{Host, cluster::Cluster},
    kinds::{msk_iam_auth::Role, topic},
    lookup::{
        clusters::{self, Values},
        entrance, hosts,
        tables::{Databases, TablesError},
    },
    meter::{Call, Phase},
    observe::{
        Reader,
        cluster::{Question, observe},
        rehearsal::rehearse,
    },
    plan::{DesiredCluster, LookedUp, TopicsPlan, selection::Chosen},
    spec::{self, Expanded, Resolved, ResolvedTopic},
    transport::{
        dial::{DIRECT, Dial},
        direct::Direct,
    },
};

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
    pub fn through(reader: Reader<'w>, name: &'w str, facts: Option<&Host>) -> Self {
        Self {
            dial: reader.dial(),
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
    /// What `--target` and `--exclude` leave.
    chosen: Chosen,
    /// Where the tables are read that some of its topics are for.
    databases: Databases,
    /// What they became: a run reads them once, as it reads the spec once.
    expanded: OnceCell<Expanded>,
}

/// What is selected, over all specs.
#[derive(Clone, Copy)]
pub(crate) struct Selected<'s> {
    /// The hosts of this spec that are looked at.
    pub hosts: &'s [hosts::Settled],
    /// See [`crate::lookup::Settled::members`].
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

/// The clusters of a spec that a command looks at, of the selected hosts. What is wrong is said.
pub(crate) fn clusters(
    settled: Vec<clusters::Settled>,
    how: Selected<'_>,
    spec: &Path,
    around: &Surroundings,
) -> Result<Vec<ClusterTarget>, Code> {
    let hosts = how.hosts;
    let selected: BTreeSet<String> = hosts.iter().map(|one| one.host.name.clone()).collect();
    let mut targets = Vec::new();
    let mut code = Ok(());
    for clusters::Settled {
        name,
        cluster,
        values,
    } in settled
    {
        let own = |name: &String| selected.contains(name);
        let hosts_of_it = || cluster.hosts.iter().map(|(name, _)| name);
        // A fleet is as many ways as it has instances.
        let of = |host: &str| {
            let members = how.members.get(host).into_iter().flatten();
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
        let mut deletable = how.deletable.to_vec();
        deletable.retain(|name| how.chosen.has(None, &topic::address(name)));
        let mut declared = how.declared.iter();
        let declared = declared.find(|(one, _)| *one == cluster.cluster);
        let role = |one: &hosts::Settled| match one.host.client.role()? {
            Role::Arn(arn) => Some(arn.to_owned()),
            Role::Own | Role::Name(_) => None,
        };
        let options = hosts.iter().filter_map(|one| {
            let options = one.host.client.msk_iam_auth.as_ref()?.options.given();
            (!options.is_empty()).then(|| (one.host.name.clone(), options))
        });
        let ways = hosts.iter().filter(|one| through.contains(&one.host.name));
        let roles = ways.map(|one| (one.host.name.clone(), role(one)));
        let roles: BTreeMap<String, Option<String>> = roles.collect();
        // From here there is no host whose client is meant: the first that says something counts.
        let role_arn = match through.as_slice() {
            [] => hosts.iter().find_map(role),
            _ => None,
        };
        let name_is_here = |name: &String| cluster.topics.iter().any(|topic| topic.name == *name);
        let elsewhere = declared.map(|(_, names)| names.iter().filter(|name| !name_is_here(name)));
        let desired = DesiredCluster {
            spec: spec.display().to_string(),
            name,
            through,
            role_arn,
            options: options.collect(),
            roles,
            selected: selected.iter().cloned().collect(),
            elsewhere: elsewhere.into_iter().flatten().cloned().collect(),
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
            Ok(target) => targets.push(target),
            Err(wrong) => code = Err(wrong),
        }
    }
    code.map(|()| targets)
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

/// The topics that are compared: what a selected host renders, as far as `--target` and `--exclude`
/// leave it.
fn wanted<'t>(
    desired: &DesiredCluster,
    topics: &'t [ResolvedTopic],
    chosen: &Chosen,
) -> Vec<&'t ResolvedTopic> {
    let own = |host: &String| desired.selected.contains(host);
    let wanted = topics.iter().filter(|topic| {
        topic.hosts.iter().any(own) && chosen.has(None, &topic::address(&topic.name))
    });
    wanted.collect()
}

impl ClusterTarget {
    /// A cluster with what is selected of it, and the secrets that it refers to. What leads nowhere
    /// is said.
    pub fn new(
        desired: DesiredCluster,
        values: Result<Values, String>,
        chosen: &Chosen,
        around: &Surroundings,
    ) -> Result<Self, Code> {
        let (values, trouble) = match values {
            Ok(values) => (values, None),
            Err(trouble) => (Values::default(), Some(trouble)),
        };
        let target = |entrance, password, databases| Self {
            chosen: chosen.clone(),
            desired: desired.clone(),
            password,
            looked_up: values.looked_up.clone(),
            warnings: values.warnings.clone(),
            entrance,
            databases,
            expanded: OnceCell::new(),
        };
        if let Some(trouble) = trouble {
            return Ok(target(Err(trouble), None, Databases::default()));
        }
        let (spec, environment) = (Path::new(&desired.spec), &around.environment);
        let (cluster, access) = (&desired.cluster.cluster, &desired.cluster.access);
        let found =
            entrance::resolve(cluster, access, &values, spec, environment).and_then(|door| {
                let password = entrance::password(access, &values, spec, environment)?;
                let (cluster, passwords) = (&desired.cluster, &values.tables);
                let databases = Databases::resolve(cluster, passwords, spec, environment)?;
                Ok((door, password, databases))
            });
        match found {
            Ok((entrance, password, databases)) => Ok(target(Ok(entrance), password, databases)),
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

    /// The brokers to begin with; or what its references led to instead.
    pub fn brokers(&self) -> Result<String, String> {
        let entrance = self.entrance.as_ref().map_err(String::clone)?;
        let names: Vec<String> = entrance.bootstrap.iter().map(ToString::to_string).collect();
        Ok(names.join(","))
    }

    /// Whether a host has topics on it.
    pub fn is_of(&self, host: &str) -> bool {
        self.desired
            .cluster
            .hosts
            .iter()
            .any(|(name, _)| name == host)
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
            role_arn: self.desired.role_of(way.name),
            options: self.desired.options_of(way.name),
            clock: Clock {
                offset_seconds: way.skew.unwrap_or(0),
            },
        };
        match &self.entrance {
            Ok(entrance) => entrance.open(way.dial, dialler, deadline).await,
            Err(trouble) => Err(NoEntrance::LookUp(trouble.clone())),
        }
    }

    /// The topics of the tables that its databases have; read once.
    async fn expand(&self, way: Way<'_>, deadline: Duration) -> Result<&Expanded, TablesError> {
        let reading = || async {
            let started = Instant::now();
            let (cluster, dialled) = (&self.desired.cluster, (way.dial, way.name));
            let read = self.databases.read(cluster, dialled, deadline).await;
            if !cluster.lists.is_empty() {
                Call {
                    phase: Phase::Topics,
                    name: "tables",
                    place: self.name(),
                    took: started.elapsed(),
                    round_trips: None,
                    sent: 0,
                    got: 0,
                    detail: if read.is_ok() { "" } else { "failed" },
                }
                .tell();
            }
            read
        };
        self.expanded.get_or_try_init(reading).await
    }

    /// What it must be, as a saved plan keeps it: with the topics that the tables became.
    pub fn settled(&self) -> DesiredCluster {
        let mut desired = self.desired.clone();
        desired.cluster.topics = self.topics().to_vec();
        desired.cluster.lists.clear();
        desired
    }

    /// Its topics, as far as they are known.
    fn topics(&self) -> &[ResolvedTopic] {
        match self.expanded.get() {
            Some(expanded) => &expanded.topics,
            None => &self.desired.cluster.topics,
        }
    }

    /// Reads the tables and the cluster, and compares. What cannot be reached becomes a part of the
    /// plan that says so.
    pub async fn look(&self, way: Way<'_>, salt: &str, deadline: Duration) -> TopicsPlan {
        let unreached = |error| {
            let plan = TopicsPlan::unreached(self.name(), way.name, error);
            plan.told(&self.looked_up, &self.warnings)
        };
        if let Err(trouble) = &self.entrance {
            return unreached(trouble.clone());
        }
        let expanded = match self.expand(way, deadline).await {
            Ok(expanded) => expanded,
            Err(TablesError::Unfit(error)) => return unreached(error).unfit(),
            Err(error) => return unreached(error.to_string()),
        };
        let mut plan = self.look_at_brokers(way, salt, deadline).await;
        for warning in &expanded.warnings {
            plan = plan.warned(warning.clone());
        }
        let targets = self.chosen.selection.iter().flat_map(|it| &it.target);
        let targets = targets.filter_map(|word| word.strip_prefix("topics/"));
        let cluster = &self.desired.cluster;
        for name in targets.filter(|name| !cluster.lists.is_empty() && cluster.may_come_to(name)) {
            let is_it = |topic: &ResolvedTopic| topic.name == name;
            if !self.topics().iter().any(is_it)
                && !self.desired.deletable.iter().any(|it| it == name)
            {
                plan = plan.warned(format!(
                    "`--target topics/{name}`: no table of the database makes this topic"
                ));
            }
        }
        for name in &self.desired.deletable {
            if self.topics().iter().any(|topic| topic.name == *name) {
                plan = plan.warned(format!(
                    "`--allow-delete topics/{name}`: the topic stays, its table is in the database"
                ));
            }
        }
        plan
    }

    async fn look_at_brokers(&self, way: Way<'_>, salt: &str, deadline: Duration) -> TopicsPlan {
        let started = Instant::now();
        let plan = match self.open(way, deadline).await {
            Ok(mut brokers) => {
                let plan = self.plan(&mut brokers, way, salt).await;
                self.tell("read", started, &brokers);
                plan
            }
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

    /// Reads the cluster over a connection, and compares; what it would not do is blocked.
    async fn plan(&self, brokers: &mut Brokers<'_>, way: Way<'_>, salt: &str) -> TopicsPlan {
        let plan = async {
            let mut facts = self.observe(brokers).await?;
            let plan = self.compare(&facts, way, salt);
            let actions: Vec<&TopicAction> = plan.requests().collect();
            if actions.is_empty() {
                return Ok(plan);
            }
            let same_caller = self.entrance.as_ref().is_ok_and(Entrance::is_one_caller);
            facts.rehearsed = rehearse(brokers, &actions, same_caller).await?;
            Ok(self.compare(&facts, way, salt))
        };
        self.or_unreached(plan.await, way)
    }

    /// Likewise, to see what became of an apply: nothing more is to be done.
    pub async fn read(&self, brokers: &mut Brokers<'_>, way: Way<'_>, salt: &str) -> TopicsPlan {
        let facts = self.observe(brokers).await;
        self.or_unreached(facts.map(|facts| self.compare(&facts, way, salt)), way)
    }

    fn or_unreached(&self, plan: Result<TopicsPlan, broker::Error>, way: Way<'_>) -> TopicsPlan {
        plan.unwrap_or_else(|error| TopicsPlan::unreached(self.name(), way.name, error.to_string()))
    }

    async fn observe(&self, brokers: &mut Brokers<'_>) -> Result<Cluster, broker::Error> {
        let (cluster, deletable) = (&self.desired.cluster, &self.desired.deletable);
        let own = self.topics().iter().map(|topic| &topic.name);
        let question = Question {
            wanted: self.wanted(),
            declared: own
                .chain(&self.desired.elsewhere)
                .map(String::as_str)
                .collect(),
            patterns: cluster.hosts.iter().map(|(_, pattern)| pattern).collect(),
            deletable: deletable.iter().map(String::as_str).collect(),
        };
        observe(brokers, &question).await
    }

    fn compare(&self, facts: &Cluster, way: Way<'_>, salt: &str) -> TopicsPlan {
        let (wanted, deletable) = (self.wanted(), &self.desired.deletable);
        TopicsPlan::new(self.name(), way.name, &wanted, deletable, facts, salt)
    }

    /// Tells what was asked of the brokers.
    pub fn tell(&self, name: &str, started: Instant, brokers: &Brokers<'_>) {
        let requests = brokers.requests();
        let by_name: Vec<String> = requests
            .iter()
            .map(|(name, number)| format!("{name} {number}"))
            .collect();
        let (sent, got) = brokers.bytes();
        Call {
            phase: Phase::Topics,
            name,
            place: self.name(),
            took: started.elapsed(),
            round_trips: Some(requests.values().sum()),
            sent,
            got,
            detail: &by_name.join(", "),
        }
        .tell();
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

    /// The topics that are compared.
    fn wanted(&self) -> Vec<&ResolvedTopic> {
        wanted(&self.desired, self.topics(), &self.chosen)
    }
}
