//! The clusters of a spec: the host that each is reached through, its topics, and its part of the plan.

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
    /// Its name.
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

    /// A host, with its facts.
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
    /// The desired state, without any secret.
    pub desired: DesiredCluster,
    /// The password, where it needs one.
    pub password: Option<SecretString>,
    /// What its references became.
    pub looked_up: Vec<LookedUp>,
    warnings: Vec<String>,
    /// The brokers to connect to; or the error of its references.
    bootstrap: Result<Bootstrap, String>,
    /// What `--target` and `--exclude` select.
    chosen: Chosen,
    /// The databases with the tables that some of its topics are for.
    databases: Databases,
    /// The topics of the tables; a run reads them once.
    expanded: OnceCell<Expanded>,
}

impl ClusterTarget {
    /// A cluster with what is selected of it, and the secrets that it refers to. Complains of missing ones.
    pub(crate) fn new(
        desired: DesiredCluster,
        values: Result<Values, String>,
        chosen: &Chosen,
        around: &Surroundings,
    ) -> Result<Self, Code> {
        let (values, lookup_error) = match values {
            Ok(values) => (values, None),
            Err(lookup_error) => (Values::default(), Some(lookup_error)),
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
        if let Some(lookup_error) = lookup_error {
            return Ok(target(Err(lookup_error), None, Databases::default()));
        }
        let (spec, environment) = (Path::new(&desired.spec), &around.environment);
        let (cluster, access) = (&desired.cluster.cluster, &desired.cluster.access);
        let found =
            bootstrap::resolve(cluster, access, &values, spec, environment).and_then(|bootstrap| {
                let password = bootstrap::password(access, &values, spec, environment)?;
                let (cluster, passwords) = (&desired.cluster, &values.tables);
                let databases = Databases::resolve(cluster, passwords, spec, environment)?;
                Ok((bootstrap, password, databases))
            });
        match found {
            Ok((bootstrap, password, databases)) => Ok(target(Ok(bootstrap), password, databases)),
            Err(error) => {
                complain_safely(&format!("error: topics of {}: {error}", desired.name));
                Err(Code::Usage)
            }
        }
    }

    /// Its name in the spec.
    pub(crate) fn name(&self) -> &str {
        &self.desired.name
    }

    /// Whether it may be reached through a host.
    pub(crate) fn may_go_through(&self, host: &str) -> bool {
        self.desired.through.iter().any(|name| name == host)
    }

    /// The bootstrap brokers, with commas between; or the error of its references.
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
    pub(crate) fn has_topics_of(&self, host: &str) -> bool {
        self.desired
            .cluster
            .hosts
            .iter()
            .any(|(name, _)| name == host)
    }

    /// One bootstrap broker, for messages.
    pub(crate) fn first_broker(&self) -> String {
        let first = self
            .bootstrap
            .iter()
            .find_map(|bootstrap| bootstrap.bootstrap.first());
        first.map_or_else(|| self.name().to_owned(), ToString::to_string)
    }

    /// The desired state for a saved plan: with the topics of the tables.
    pub(crate) fn to_desired(&self) -> DesiredCluster {
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

    /// Its plan where none of the hosts that it could be reached through was reached.
    pub(crate) fn no_gateway(&self) -> TopicsPlan {
        let hosts = self.desired.through.join(", ");
        let error = match &self.bootstrap {
            Err(lookup_error) => lookup_error.clone(),
            Ok(_) => format!("no host that it is reached through could be reached: {hosts}"),
        };
        self.unreached(error)
    }

    /// Its plan where it could not be read.
    pub(crate) fn unreached(&self, why: String) -> TopicsPlan {
        let via = match self.desired.through.is_empty() {
            true => DIRECT.to_owned(),
            false => self.desired.through.join(", "),
        };
        TopicsPlan::unreached(self.name(), &via, why).with_lookups(&self.looked_up, &self.warnings)
    }

    /// The topics that are compared.
    fn compared(&self) -> Vec<&ResolvedTopic> {
        compared(&self.desired, self.topics(), &self.chosen)
    }
}

/// The topics that are compared: those of selected hosts, as far as `--target` and `--exclude` select them.
fn compared<'t>(
    desired: &DesiredCluster,
    topics: &'t [ResolvedTopic],
    chosen: &Chosen,
) -> Vec<&'t ResolvedTopic> {
    let is_selected = |host: &String| desired.selected.contains(host);
    let compared = topics
        .iter()
        .filter(|topic| topic.hosts.names().any(is_selected) && chosen.has_topic(&topic.name));
    compared.collect()
}
