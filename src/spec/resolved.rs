//! What commands work with: a spec without choices left open. Defaults are filled in, variables
//! are replaced, and each host has a client of its own. `~` stays: only the host knows its home.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    host_names::HostNames,
    merge::{Filled, HostTree},
    tables::TableList,
    topics::{Pattern, Row, Template},
    tree::Node,
    types::{
        Aws, Cluster, ConfigPolicy, Credentials, Ec2, Network, SecretRef, Security, Ssh, Tables,
        TopicSettings, Topics,
    },
};
use crate::{
    diagnostic::Problem,
    facts::is_instance_id,
    kinds::{
        Address, Resource,
        declared::{Declarations, Inputs, Reference},
    },
};

/// The lines of the spec where keys stand, for messages about what they say.
pub type Lines = BTreeMap<String, u32>;

/// A spec that is right.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The file, as the user typed it.
    pub path: String,
    /// The sha256 of its text, in hexadecimal.
    pub sha256: String,
    /// The hosts, in the file's order.
    pub hosts: Vec<ResolvedHost>,
    /// The clusters that must have topics.
    pub clusters: Vec<ResolvedCluster>,
    /// What is right and cannot be planned yet; with the host that asks for it, when one does.
    pub(super) unsupported: Vec<(Option<String>, Problem)>,
}

/// One machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResolvedHost {
    /// Its name in the spec.
    pub name: String,
    /// Its line in the spec.
    #[serde(skip)]
    pub line: u32,
    /// How it is reached.
    #[serde(rename = "way")]
    pub route: Route,
    /// Which AWS account is asked about it, and in which region.
    #[serde(default)]
    pub aws: Aws,
    /// What it must be, by top-level keys.
    #[serde(flatten, with = "super::format_1")]
    pub declared: Declarations,
    /// The lines of the spec where keys stand, by address.
    #[serde(skip)]
    pub lines: BTreeMap<Address, Lines>,
}

impl ResolvedHost {
    /// What it must have, in the order in which that is brought about.
    pub fn resources(&self, given: &Inputs) -> Vec<Box<dyn Resource>> {
        self.declared.resources(given)
    }

    /// The addresses of these.
    pub fn addresses(&self) -> Vec<Address> {
        // What is referred to changes nothing of what there is.
        let all = self.resources(&Inputs::default());
        all.iter().map(|resource| resource.address()).collect()
    }

    /// Local files whose bytes it needs, as the spec names them.
    pub fn sources(&self) -> Vec<(Address, &str)> {
        let declared = self.declared.iter();
        let sources = declared.flat_map(|(_, declared)| declared.sources());
        sources.collect()
    }

    /// The secrets that it refers to.
    pub fn references(&self) -> Vec<Reference<'_>> {
        let declared = self.declared.iter();
        declared
            .flat_map(|(_, declared)| declared.references())
            .collect()
    }
}

/// How a machine is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// It is this one.
    Local,
    /// Over SSH; the address is there.
    Ssh(Ssh),
    /// Its address is looked up; `ssh` says the rest.
    Ec2 {
        /// Which instance.
        ec2: Ec2,
        /// How it is reached then; without an address.
        ssh: Ssh,
        /// What was found. It is looked up anew for every command, so it is in no saved plan.
        #[serde(skip)]
        found: Option<Found>,
    },
}

/// An EC2 instance, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id, which no other instance will ever have.
    pub instance_id: String,
    /// Which of its names is handed to ssh.
    pub address: String,
}

/// What a member of a fleet (`all: true`) is called, from the fleet's name.
pub fn member(fleet: &str, instance_id: &str) -> String {
    format!("{fleet}/{instance_id}")
}

/// The fleet that a host is of, and which instance of it; see [`member`].
pub fn fleet_of(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('/')
        .filter(|(_, last)| is_instance_id(last))
}

impl Route {
    /// The instance that it leads to, where one was found.
    pub fn found(&self) -> Option<&Found> {
        match self {
            Self::Ec2 { found, .. } => found.as_ref(),
            Self::Local | Self::Ssh(_) => None,
        }
    }
}

/// A cluster, the way into it, and the topics that it must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedCluster {
    /// Which one.
    pub cluster: Cluster,
    /// How its brokers are reached and spoken to.
    pub access: Access,
    /// The hosts whose variables name it, with what their names of topics look like; in the
    /// file's order.
    pub hosts: Vec<(String, Pattern)>,
    /// Its topics, each once, in the order of hosts and tables.
    pub topics: Vec<ResolvedTopic>,
    /// Lists of tables that are still to be read, a host each. A saved plan has none: it has the
    /// topics that they became.
    #[serde(skip)]
    pub lists: Vec<TableList>,
}

/// How brokers are reached and spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Access {
    /// Through which host, or `direct`, when the spec says so.
    #[serde(default)]
    pub via: Option<String>,
    /// What their port expects.
    #[serde(default)]
    pub security: Security,
    /// Whose AWS credentials sign, when the spec says so.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// The file with their authorities, when the spec names one.
    #[serde(default)]
    pub ca: Option<String>,
    /// Which listeners of a cluster that is looked up.
    #[serde(default)]
    pub network: Network,
    /// Which AWS account is asked, where one is: for the cluster, a password, or credentials.
    #[serde(default)]
    pub aws: Option<Aws>,
}

impl ResolvedCluster {
    /// Whether some table's name makes this topic of it, on one of its hosts.
    pub fn makes(&self, topic: &str) -> bool {
        self.patterns().iter().any(|pattern| pattern.makes(topic))
    }

    /// What its hosts' names of topics look like, each once.
    pub fn patterns(&self) -> Vec<&Pattern> {
        let patterns = self.hosts.iter().map(|(_, pattern)| pattern);
        let mut seen = HashSet::new();
        patterns.filter(|pattern| seen.insert(*pattern)).collect()
    }

    /// Whether this may be a topic of a table that is still to be read.
    pub fn may_come_to(&self, topic: &str) -> bool {
        let mut lists = self.lists.iter();
        let named = |list: &TableList| {
            let mut own = list.tables.settings.values();
            own.any(|own| own.topic.as_deref() == Some(topic))
        };
        self.makes(topic) || lists.any(named)
    }
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedTopic {
    /// Its name.
    pub name: String,
    /// The table that it is for.
    pub table: String,
    /// Its settings, the spec's defaults included.
    pub settings: TopicSettings,
    /// What happens to other overrides.
    pub config_policy: ConfigPolicy,
    /// The hosts whose variables render it.
    pub hosts: HostNames,
    /// The line of its table.
    #[serde(skip)]
    pub line: u32,
}

/// Builds a host without mistakes.
pub(super) fn host(tree: &HostTree, filled: &Filled) -> ResolvedHost {
    let Filled {
        ec2,
        ssh,
        local,
        aws,
        topics: _,
        declared,
    } = filled.clone();
    let mut aws = aws.unwrap_or_default();
    let ssh = ssh.unwrap_or_default();
    let route = match ec2 {
        Some(ec2) => {
            aws.region = ec2.region.clone().or(aws.region);
            let found = None;
            Route::Ec2 { ec2, ssh, found }
        }
        None if local.is_some() => Route::Local,
        None => Route::Ssh(ssh),
    };
    let mut host = ResolvedHost {
        name: tree.name.text.clone(),
        line: tree.name.span.line,
        route,
        aws,
        lines: BTreeMap::new(),
        declared,
    };
    for address in host.addresses() {
        let lines = lines(&tree.node, &address);
        host.lines.insert(address, lines);
    }
    host
}

/// The lines of a resource's keys, and its own under its own name.
fn lines(host: &Node, address: &Address) -> Lines {
    let mut out = Lines::new();
    let mut found = host.entry(address.kind());
    if let Some(name) = address.name() {
        found = found.and_then(|(_, node)| node.entry(name));
    }
    let Some((key, node)) = found else {
        return out;
    };
    out.insert(key.text.clone(), key.span.line);
    for (key, value) in node.entries() {
        out.insert(key.text.clone(), key.span.line);
        if key.text == "extra" {
            out.extend(
                value
                    .entries()
                    .iter()
                    .map(|(key, _)| (key.text.clone(), key.span.line)),
            );
        }
    }
    out
}

/// Hosts that render the same topics.
pub(super) struct Alike<'a> {
    /// Their names, with their places in the file.
    pub names: Vec<(usize, &'a str)>,
    /// The `topics` of the first, which are those of all.
    pub topics: &'a Topics,
    /// The account that their references are looked up in.
    pub account: &'a Aws,
}

/// Each topic of each cluster once. The rows and templates are of the first of hosts that are alike,
/// by whose name `alike` has them.
/// `None` is a mistake of this program.
pub(super) fn clusters(
    rows: Vec<Row>,
    databases: Vec<Template>,
    alike: &HashMap<&str, Alike<'_>>,
) -> Option<Vec<ResolvedCluster>> {
    let mut clusters: Vec<ResolvedCluster> = Vec::new();
    let mut known: HashMap<(Cluster, Access), usize> = HashMap::new();
    let mut cluster_hosts: Vec<Vec<(usize, (String, Pattern))>> = Vec::new();
    let mut place = |host: &str, cluster: &Option<Cluster>, pattern: &Pattern| {
        let (cluster, alike) = (cluster.clone()?, alike.get(host)?);
        let topics = alike.topics;
        let mut access = Access {
            via: topics.via.clone(),
            security: topics.security.clone(),
            credentials: topics.credentials,
            ca: topics.ca.clone(),
            network: topics.network,
            aws: None,
        };
        access.aws = asks_aws(&cluster, &access).then(|| alike.account.clone());
        let at = *known.entry((cluster, access)).or_insert_with_key(|one| {
            let (cluster, access) = one.clone();
            clusters.push(ResolvedCluster {
                cluster,
                access,
                hosts: Vec::new(),
                topics: Vec::new(),
                lists: Vec::new(),
            });
            cluster_hosts.push(Vec::new());
            clusters.len() - 1
        });
        let hosts = alike.names.iter();
        cluster_hosts[at]
            .extend(hosts.map(|&(place, name)| (place, (name.to_owned(), pattern.clone()))));
        Some((at, alike))
    };
    let mut of_cluster: Vec<Vec<(Row, Arc<[String]>)>> = Vec::new();
    let mut of_host: Option<(String, usize, Arc<[String]>)> = None;
    for row in rows {
        // The rows of a host stand together.
        let (at, hosts) = match &of_host {
            Some((host, at, hosts)) if *host == row.host => (*at, Arc::clone(hosts)),
            _ => {
                let (at, alike) = place(&row.host, &row.cluster, &row.pattern)?;
                let names = alike.names.iter().map(|(_, name)| (*name).to_owned());
                let hosts: Arc<[String]> = names.collect();
                of_host = Some((row.host.clone(), at, Arc::clone(&hosts)));
                (at, hosts)
            }
        };
        of_cluster.resize_with(of_cluster.len().max(at + 1), Vec::new);
        of_cluster[at].push((row, hosts));
    }
    let mut lists = Vec::new();
    for template in databases {
        let (at, alike) = place(&template.host, &template.cluster, &template.pattern)?;
        let Tables::Database(tables) = alike.topics.tables.clone() else {
            return None;
        };
        let aws = alike.account.clone();
        lists.push((
            at,
            TableList {
                template,
                tables,
                aws,
            },
        ));
    }
    for (cluster, rows) in clusters.iter_mut().zip(of_cluster) {
        cluster.topics = merged(rows);
    }
    for (cluster, mut cluster_hosts) in clusters.iter_mut().zip(cluster_hosts) {
        cluster_hosts.sort_by_key(|(place, _)| *place);
        cluster.hosts = cluster_hosts.into_iter().map(|(_, host)| host).collect();
    }
    for (at, list) in lists {
        clusters[at].lists.push(list);
    }
    Some(clusters)
}

/// The topics of a cluster, each once; of each row with the hosts that it is of.
pub(super) fn merged(rows: impl IntoIterator<Item = (Row, Arc<[String]>)>) -> Vec<ResolvedTopic> {
    let mut topics: Vec<ResolvedTopic> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (row, hosts) in rows {
        let at = *known.entry(row.name).or_insert_with_key(|name| {
            topics.push(ResolvedTopic {
                name: name.clone(),
                table: row.table,
                settings: row.settings,
                config_policy: row.policy,
                hosts: HostNames::default(),
                line: row.place.line,
            });
            topics.len() - 1
        });
        topics[at].hosts.add(&hosts);
    }
    topics
}

/// Whether something of a cluster is looked up.
fn asks_aws(cluster: &Cluster, access: &Access) -> bool {
    let password = match &access.security {
        Security::Plain(user) | Security::ScramSha256(user) | Security::ScramSha512(user) => {
            matches!(user.password, SecretRef::SsmParameter(_))
        }
        Security::Iam | Security::Tls | Security::Plaintext => false,
    };
    let named = !matches!(cluster, Cluster::Bootstrap(_));
    named || password || access.credentials == Some(Credentials::Here)
}
