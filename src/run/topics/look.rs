//! Reading a cluster: its tables, its brokers, its part of the plan.

use std::time::{Duration, Instant};

use super::{ClusterRoute, ClusterTarget};
use crate::{
    action::TopicAction,
    broker::{
        self, Cluster as Brokers, WritableCluster,
        bootstrap::{Bootstrap, ConnectError, Dialler},
        credentials::clock::{self, Clock},
    },
    facts::cluster::Cluster,
    lookup::tables::TablesError,
    meter::{Call, Phase},
    observe::{
        cluster::{Question, observe},
        rehearsal::rehearse,
    },
    plan::TopicsPlan,
    spec::{Expanded, ResolvedTopic},
};

impl ClusterTarget {
    /// Connects to the brokers.
    ///
    /// # Errors
    /// See [`Bootstrap::open`].
    async fn open<'d>(
        &self,
        route: ClusterRoute<'d>,
        deadline: Duration,
    ) -> Result<Brokers<'d>, ConnectError> {
        let dialler = Dialler {
            name: route.name,
            role_arn: self.desired.role_of(route.name),
            options: self.desired.options_of(route.name),
            clock: Clock {
                offset_seconds: route.skew.unwrap_or(0),
            },
        };
        match &self.bootstrap {
            Ok(bootstrap) => bootstrap.open(route.dial, dialler, deadline).await,
            Err(lookup_error) => Err(ConnectError::LookUp(lookup_error.clone())),
        }
    }

    /// Likewise, to change it.
    ///
    /// # Errors
    /// See [`Bootstrap::open`].
    pub(crate) async fn open_to_change<'d>(
        &self,
        route: ClusterRoute<'d>,
        deadline: Duration,
    ) -> Result<WritableCluster<'d>, ConnectError> {
        let brokers = self.open(route, deadline).await?;
        Ok(WritableCluster::new(brokers))
    }

    /// The topics of the tables that its databases have; read once.
    async fn expand(
        &self,
        route: ClusterRoute<'_>,
        deadline: Duration,
    ) -> Result<&Expanded, TablesError> {
        let reading = || async {
            let started = Instant::now();
            let (cluster, dialled) = (&self.desired.cluster, (route.dial, route.name));
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
                .log();
            }
            read
        };
        self.expanded.get_or_try_init(reading).await
    }

    /// Reads the tables and the cluster, and compares. Errors become part of the plan.
    pub(crate) async fn look(
        &self,
        route: ClusterRoute<'_>,
        salt: &str,
        deadline: Duration,
    ) -> TopicsPlan {
        let unreached = |error| {
            let plan = TopicsPlan::unreached(self.name(), route.name, error);
            plan.with_lookups(&self.looked_up, &self.warnings)
        };
        if let Err(lookup_error) = &self.bootstrap {
            return unreached(lookup_error.clone());
        }
        let expanded = match self.expand(route, deadline).await {
            Ok(expanded) => expanded,
            Err(TablesError::Unfit(error)) => return unreached(error).unfit(),
            Err(error) => return unreached(error.to_string()),
        };
        let mut plan = self.look_at_brokers(route, salt, deadline).await;
        for warning in &expanded.warnings {
            plan = plan.warned(warning.clone());
        }
        let targets = self
            .chosen
            .selection
            .iter()
            .flat_map(|selection| &selection.target);
        let targets = targets.filter_map(|word| word.strip_prefix("topics/"));
        let cluster = &self.desired.cluster;
        for name in targets.filter(|name| !cluster.lists.is_empty() && cluster.may_come_to(name)) {
            let is_it = |topic: &ResolvedTopic| topic.name == name;
            if !self.topics().iter().any(is_it)
                && !self
                    .desired
                    .deletable
                    .iter()
                    .any(|deletable| deletable == name)
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

    async fn look_at_brokers(
        &self,
        route: ClusterRoute<'_>,
        salt: &str,
        deadline: Duration,
    ) -> TopicsPlan {
        let started = Instant::now();
        let plan = match self.open(route, deadline).await {
            Ok(mut brokers) => {
                let plan = self.plan(&mut brokers, route, salt).await;
                self.log_requests("read", started, &brokers);
                plan
            }
            Err(error) => TopicsPlan::unreached(self.name(), route.name, error.to_string()),
        };
        let plan = plan.with_lookups(&self.looked_up, &self.warnings);
        let signs = self.bootstrap.as_ref().is_ok_and(Bootstrap::uses_iam);
        let skew = route.skew.filter(|_| signs);
        match skew.and_then(|skew| clock::skew_warning(route.name, skew)) {
            Some(warning) => plan.warned(warning),
            None => plan,
        }
    }

    /// Reads the cluster, compares, and rehearses: what the brokers refuse is blocked.
    async fn plan(
        &self,
        brokers: &mut Brokers<'_>,
        route: ClusterRoute<'_>,
        salt: &str,
    ) -> TopicsPlan {
        let plan = async {
            let mut facts = self.observe(brokers).await?;
            let plan = self.compare(&facts, route, salt);
            let actions: Vec<&TopicAction> = plan.requests().collect();
            if actions.is_empty() {
                return Ok(plan);
            }
            let same_caller = self.bootstrap.as_ref().is_ok_and(Bootstrap::has_one_caller);
            facts.rehearsed = rehearse(brokers, &actions, same_caller).await?;
            Ok(self.compare(&facts, route, salt))
        };
        self.or_unreached(plan.await, route)
    }

    /// Reads and compares, to verify an apply.
    pub(crate) async fn read(
        &self,
        brokers: &mut Brokers<'_>,
        route: ClusterRoute<'_>,
        salt: &str,
    ) -> TopicsPlan {
        let facts = self.observe(brokers).await;
        self.or_unreached(facts.map(|facts| self.compare(&facts, route, salt)), route)
    }

    fn or_unreached(
        &self,
        plan: Result<TopicsPlan, broker::Error>,
        route: ClusterRoute<'_>,
    ) -> TopicsPlan {
        plan.unwrap_or_else(|error| {
            TopicsPlan::unreached(self.name(), route.name, error.to_string())
        })
    }

    async fn observe(&self, brokers: &mut Brokers<'_>) -> Result<Cluster, broker::Error> {
        let (cluster, deletable) = (&self.desired.cluster, &self.desired.deletable);
        let own_names = self.topics().iter().map(|topic| &topic.name);
        let question = Question {
            wanted: self.compared(),
            declared: own_names
                .chain(&self.desired.elsewhere)
                .map(String::as_str)
                .collect(),
            patterns: cluster.patterns(),
            deletable: deletable.iter().map(String::as_str).collect(),
        };
        observe(brokers, &question).await
    }

    fn compare(&self, facts: &Cluster, route: ClusterRoute<'_>, salt: &str) -> TopicsPlan {
        let (compared, deletable) = (self.compared(), &self.desired.deletable);
        TopicsPlan::new(self.name(), route.name, &compared, deletable, facts, salt)
    }

    /// Logs the requests to the brokers.
    pub(crate) fn log_requests(&self, name: &str, started: Instant, brokers: &Brokers<'_>) {
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
        .log();
    }
}
