//! The clusters of a spec: through which host each is reached, what is asked of it, and what its
//! part of the plan is.

mod look;
mod select;

use std::path::Path;

use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::{Surroundings, complain_safely};
use crate::{
    broker::bootstrap::Bootstrap,
    exit::Code,
    facts::Host,
    lookup::{bootstrap, clusters::Values, tables::Databases},
    observe::Reader,
    plan::{DesiredCluster, LookedUp, TopicsPlan, selection::Chosen},
    spec::{Expanded, ResolvedTopic},
    transport::{
        dial::{DIRECT, Dial},
        direct::Direct,
    },
};
pub(crate) use select::{Selected, clusters, declared, deletable};

/// The machine that dials the brokers.
#[derive(Clone, Copy)]
pub(crate) struct ClusterRoute<'w> {
    dial: &'w dyn Dial,
    /// How it is called.
    name: &'w str,
    skew: Option<i64>,
}

impl<'w> ClusterRoute<'w> {
    /// This machine.
    pub(crate) const DIRECT: ClusterRoute<'static> = ClusterRoute {
        dial: &Direct,
        name: DIRECT,
        skew: None,
    };

    /// A host, with what was read of it.
    pub(crate) fn through(reader: Reader<'w>, name: &'w str, facts: Option<&Host>) -> Self {
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
    bootstrap: Result<Bootstrap, String>,
    /// What `--target` and `--exclude` leave.
    chosen: Chosen,
    /// Where the tables are read that some of its topics are for.
    databases: Databases,
    /// What they became: a run reads them once, as it reads the spec once.
    expanded: OnceCell<Expanded>,
}

impl ClusterTarget {
    /// A cluster with what is selected of it, and the secrets that it refers to. What leads nowhere
    /// is said.
    pub(crate) fn new(
        desired: DesiredCluster,
        values: Result<Values, String>,
        chosen: &Chosen,
        around: &Surroundings,
    ) -> Result<Self, Code> {
        let (values, trouble) = match values {
            Ok(values) => (values, None),
            Err(trouble) => (Values::default(), Some(trouble)),
        };
        let target = |bootstrap, password, databases| Self {
            chosen: chosen.clone(),
            desired: desired.clone(),
            password,
            looked_up: values.looked_up.clone(),
            warnings: values.warnings.clone(),
            bootstrap,
            databases,
            expanded: OnceCell::new(),
        };
        if let Some(trouble) = trouble {
            return Ok(target(Err(trouble), None, Databases::default()));
        }
        let (spec, environment) = (Path::new(&desired.spec), &around.environment);
        let (cluster, access) = (&desired.cluster.cluster, &desired.cluster.access);
        let found =
            bootstrap::resolve(cluster, access, &values, spec, environment).and_then(|door| {
                let password = bootstrap::password(access, &values, spec, environment)?;
                let (cluster, passwords) = (&desired.cluster, &values.tables);
                let databases = Databases::resolve(cluster, passwords, spec, environment)?;
                Ok((door, password, databases))
            });
        match found {
            Ok((bootstrap, password, databases)) => Ok(target(Ok(bootstrap), password, databases)),
            Err(error) => {
                complain_safely(&format!("error: topics of {}: {error}", desired.name));
                Err(Code::Usage)
            }
        }
    }

    /// As the spec names it.
    pub(crate) fn name(&self) -> &str {
        &self.desired.name
    }

    /// Whether it may be reached through a host.
    pub(crate) fn leads_through(&self, host: &str) -> bool {
        self.desired.through.iter().any(|name| name == host)
    }

    /// The brokers to begin with; or what its references led to instead.
    pub(crate) fn brokers(&self) -> Result<String, String> {
        let bootstrap = self.bootstrap.as_ref().map_err(String::clone)?;
        let names: Vec<String> = bootstrap
            .bootstrap
            .iter()
            .map(ToString::to_string)
            .collect();
        Ok(names.join(","))
    }

    /// Whether a host has topics on it.
    pub(crate) fn is_of(&self, host: &str) -> bool {
        self.desired
            .cluster
            .hosts
            .iter()
            .any(|(name, _)| name == host)
    }

    /// A broker to begin with, for people.
    pub(crate) fn first_broker(&self) -> String {
        let first = self
            .bootstrap
            .iter()
            .find_map(|door| door.bootstrap.first());
        first.map_or_else(|| self.name().to_owned(), ToString::to_string)
    }

    /// What it must be, as a saved plan keeps it: with the topics that the tables became.
    pub(crate) fn settled(&self) -> DesiredCluster {
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

    /// When no host that it could be reached through was reached itself.
    pub(crate) fn nowhere(&self) -> TopicsPlan {
        let hosts = self.desired.through.join(", ");
        let error = match &self.bootstrap {
            // No host could have helped.
            Err(trouble) => trouble.clone(),
            Ok(_) => format!("no host that it is reached through could be reached: {hosts}"),
        };
        self.unreached(error)
    }

    /// Where it could not be read.
    pub(crate) fn unreached(&self, why: String) -> TopicsPlan {
        let via = match self.desired.through.is_empty() {
            true => DIRECT.to_owned(),
            false => self.desired.through.join(", "),
        };
        TopicsPlan::unreached(self.name(), &via, why).with_lookups(&self.looked_up, &self.warnings)
    }

    /// The topics that are compared.
    fn wanted(&self) -> Vec<&ResolvedTopic> {
        wanted(&self.desired, self.topics(), &self.chosen)
    }
}

/// The topics that are compared: what a selected host renders, as far as `--target` and `--exclude`
/// leave it.
fn wanted<'t>(
    desired: &DesiredCluster,
    topics: &'t [ResolvedTopic],
    chosen: &Chosen,
) -> Vec<&'t ResolvedTopic> {
    let own = |host: &String| desired.selected.contains(host);
    let wanted = topics
        .iter()
        .filter(|topic| topic.hosts.names().any(own) && chosen.has_topic(&topic.name));
    wanted.collect()
}
