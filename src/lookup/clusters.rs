//! Clusters: from a name to brokers, from references to passwords and credentials.

use std::collections::BTreeSet;

use secrecy::SecretString;

use super::{
    bootstrap,
    cloud::{Door, Listener, MskCluster, joined},
    hosts,
    questions::{Answers, Question},
    secrets, tables,
};
use crate::{
    broker::credentials::Credentials as Signing,
    plan::LookedUp,
    spec::{
        Access, Aws, Cluster, Credentials, Network, ResolvedCluster, SecretRef, Security,
        TableList, TableSource,
    },
    text::escape_control,
};

/// What a cluster's references became.
#[derive(Debug, Clone, Default)]
pub struct Values {
    /// Brokers, where the cluster was looked up.
    pub bootstrap: Option<String>,
    /// The password, where it comes out of the Parameter Store.
    pub password: Option<SecretString>,
    /// The passwords of the databases, in the order of the cluster's lists of tables, where they
    /// come out of the Parameter Store.
    pub tables: Vec<Option<SecretString>>,
    /// What signs, for `credentials: here`.
    pub signing: Option<Signing>,
    /// What to show of all this.
    pub looked_up: Vec<LookedUp>,
    /// What people should know of it.
    pub warnings: Vec<String>,
}

/// A cluster with what its references became, or why they became nothing.
#[derive(Debug, Clone)]
pub struct ClusterLookup {
    /// As the spec calls it.
    pub name: String,
    /// With the ARN put in where a name was: another cluster of that name is another one.
    pub cluster: ResolvedCluster,
    /// The values; or the errors, with help.
    pub values: Result<Values, String>,
}

/// The questions for a cluster.
pub fn questions(cluster: &ResolvedCluster) -> BTreeSet<Question> {
    let aws = account(cluster);
    let mut out = BTreeSet::new();
    if !matches!(cluster.cluster, Cluster::Bootstrap(_)) {
        out.insert(Question::Cluster(aws.clone(), cluster.cluster.clone()));
    }
    if let Some(name) = password(&cluster.access) {
        out.insert(Question::Parameter(aws.clone(), name.to_owned()));
    }
    for list in &cluster.lists {
        if let Some(name) = of_database(list) {
            let aws = in_its_region(&cluster.cluster, list.aws.clone());
            out.insert(Question::Parameter(aws, name.to_owned()));
        }
    }
    if cluster.access.credentials == Some(Credentials::Here) {
        out.insert(Question::Signing(aws));
    }
    out
}

/// Puts the answers in.
pub fn settle(mut cluster: ResolvedCluster, answers: &Answers) -> ClusterLookup {
    let name = name(&cluster.cluster).to_owned();
    let aws = account(&cluster);
    // As they were asked: what the cluster became has a region of its own.
    let of_lists = cluster.lists.iter();
    let of_lists: Vec<Aws> = of_lists
        .map(|list| in_its_region(&cluster.cluster, list.aws.clone()))
        .collect();
    let mut values = Values::default();
    let mut errors = Vec::new();
    match answers.cluster(&aws, &cluster.cluster) {
        Some(Ok(found)) => match bootstrap(found, &cluster.access) {
            Ok(brokers) => {
                let listener = door(&cluster.access.security).map_or("", word);
                let source = format!("MSK, {listener}, {}", network(cluster.access.network));
                let shown = LookedUp::shown("topics.cluster", &name, &brokers, &source);
                values.looked_up.push(shown);
                values.bootstrap = Some(brokers);
                if found.state != "ACTIVE" {
                    let state = escape_control(&found.state);
                    values
                        .warnings
                        .push(format!("MSK says that the cluster is {state}"));
                }
                cluster.cluster = Cluster::Arn(found.arn.clone());
            }
            Err(error) => errors.push(error),
        },
        Some(Err(error)) => errors.push(error.of("topics.cluster")),
        None => {}
    }
    let mut read = |aws: &Aws, key: &str, parameter: &str| match answers.parameter(aws, parameter) {
        Some(Ok(secret)) => match secrets::of_parameter(key, parameter, secret) {
            Ok(secret) => {
                let shown = LookedUp::secret(key, parameter, "Parameter Store");
                if !values.looked_up.contains(&shown) {
                    values.looked_up.push(shown);
                }
                Some(secret)
            }
            Err(error) => {
                errors.push(error);
                None
            }
        },
        Some(Err(error)) => {
            errors.push(error.of(key));
            None
        }
        None => None,
    };
    let of_access = password(&cluster.access);
    values.password = of_access.and_then(|name| read(&aws, bootstrap::PASSWORD, name));
    let lists = cluster.lists.iter().zip(&of_lists);
    values.tables = lists
        .map(|(list, aws)| read(aws, tables::PASSWORD, of_database(list)?))
        .collect();
    match answers.signing(&aws) {
        Some(Ok(credentials)) => {
            let who = credentials.caller();
            let shown = LookedUp::shown("topics.credentials", "here", who, "this machine");
            values.looked_up.push(shown);
            values.signing = Some(credentials.clone());
        }
        Some(Err(error)) => errors.push(error.of("topics.credentials")),
        None => {}
    }
    let regions: BTreeSet<&Aws> = of_lists.iter().chain([&aws]).collect();
    for region in regions.into_iter().filter_map(|aws| answers.region(aws)) {
        values.looked_up.push(hosts::region_row(region));
    }
    let mut seen = BTreeSet::new();
    errors.retain(|error| seen.insert(error.clone()));
    let values = match errors.as_slice() {
        [] => Ok(values),
        errors => Err(joined(errors)),
    };
    ClusterLookup {
        name,
        cluster,
        values,
    }
}

/// How a spec calls a cluster.
fn name(cluster: &Cluster) -> &str {
    match cluster {
        Cluster::Name(text) | Cluster::Arn(text) | Cluster::Bootstrap(text) => text,
    }
}

/// Whose account is asked, and in which region.
fn account(cluster: &ResolvedCluster) -> Aws {
    let aws = cluster.access.aws.clone().unwrap_or_default();
    in_its_region(&cluster.cluster, aws)
}

/// All that `topics` refers to is asked where the cluster is, which its ARN says; else where the
/// spec's `aws` says.
fn in_its_region(cluster: &Cluster, mut aws: Aws) -> Aws {
    if let Cluster::Arn(arn) = cluster
        && let Some(region) = arn.split(':').nth(3).filter(|region| !region.is_empty())
    {
        aws.region = Some(region.to_owned());
    }
    aws
}

fn password(access: &Access) -> Option<&str> {
    match &access.security {
        Security::Plain(user) | Security::ScramSha256(user) | Security::ScramSha512(user) => {
            parameter(&user.password)
        }
        Security::Iam | Security::Tls | Security::Plaintext => None,
    }
}

fn of_database(list: &TableList) -> Option<&str> {
    let TableSource::Mysql(mysql) = list.source();
    parameter(&mysql.password)
}

fn parameter(reference: &SecretRef) -> Option<&str> {
    match reference {
        SecretRef::SsmParameter(name) => Some(name),
        SecretRef::Env(_) | SecretRef::File(_) => None,
    }
}

/// The listener for a security; MSK has none for some.
fn door(security: &Security) -> Option<Door> {
    match security {
        Security::Iam => Some(Door::Iam),
        Security::Tls => Some(Door::Tls),
        Security::Plaintext => Some(Door::Plaintext),
        Security::ScramSha512(_) => Some(Door::Scram),
        Security::ScramSha256(_) | Security::Plain(_) => None,
    }
}

fn bootstrap(found: &MskCluster, access: &Access) -> Result<String, String> {
    let name = escape_control(&found.name);
    let Some(door) = door(&access.security) else {
        return Err(format!(
            "the cluster `{name}` is MSK's, which speaks SCRAM-SHA-512, TLS and IAM\n  help: say \
             `security: iam`, or `scram_sha_512`"
        ));
    };
    if found.bootstrap.is_empty() {
        let state = escape_control(&found.state);
        let help = match found.state.as_str() {
            "CREATING" => "wait until it is ACTIVE; MSK takes half an hour",
            _ => "see what the MSK console says of it",
        };
        return Err(format!(
            "the cluster `{name}` is {state}, not ACTIVE, and has no brokers\n  help: {help}"
        ));
    }
    let wanted = Listener {
        network: access.network,
        door,
    };
    let listener = found
        .bootstrap
        .iter()
        .find(|(listener, _)| *listener == wanted);
    if let Some((_, brokers)) = listener {
        return Ok(escape_control(brokers));
    }
    let others: Vec<String> = found
        .bootstrap
        .iter()
        .map(|(listener, _)| format!("{} ({})", word(listener.door), network(listener.network)))
        .collect();
    Err(format!(
        "the cluster `{name}` has no listener for {} ({}); it has {}\n  help: turn it on for the \
         cluster, or say `security` and `network` as it has them",
        word(door),
        network(access.network),
        others.join(", ")
    ))
}

/// As `topics.security` has it.
fn word(door: Door) -> &'static str {
    match door {
        Door::Iam => "iam",
        Door::Tls => "tls",
        Door::Plaintext => "plaintext",
        Door::Scram => "scram_sha_512",
    }
}

/// As `topics.network` has it.
fn network(network: Network) -> &'static str {
    match network {
        Network::Private => "private",
        Network::Public => "public",
        Network::Vpc => "vpc",
        Network::Ipv6 => "ipv6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(state: &str, listeners: &[(Network, Door, &str)]) -> MskCluster {
        let listeners = listeners.iter();
        MskCluster {
            arn: "arn:aws:kafka:eu-west-1:1:cluster/c/1".into(),
            name: "c".into(),
            state: state.into(),
            bootstrap: listeners
                .map(|(network, door, text)| {
                    let listener = Listener {
                        network: *network,
                        door: *door,
                    };
                    (listener, (*text).to_owned())
                })
                .collect(),
        }
    }

    #[test]
    fn the_listener_fits_what_the_spec_says() {
        let cluster = found(
            "ACTIVE",
            &[
                (Network::Private, Door::Iam, "b-1:9098"),
                (Network::Public, Door::Iam, "b-1-public:9198"),
                (Network::Private, Door::Tls, "b-1:9094"),
            ],
        );
        let asked = |security: Security, network: Network| {
            let access = Access {
                security,
                network,
                ..Access::default()
            };
            bootstrap(&cluster, &access)
        };
        assert_eq!(
            asked(Security::Iam, Network::Private).as_deref(),
            Ok("b-1:9098")
        );
        assert_eq!(
            asked(Security::Iam, Network::Public).as_deref(),
            Ok("b-1-public:9198")
        );
        assert_eq!(
            asked(Security::Tls, Network::Private).as_deref(),
            Ok("b-1:9094")
        );
        let none = asked(Security::Tls, Network::Vpc).expect_err("none");
        assert!(
            none.contains("no listener for tls (vpc); it has iam (private), iam (public)"),
            "{none}"
        );
    }

    #[test]
    fn a_cluster_without_brokers_says_its_state() {
        let error = bootstrap(&found("CREATING", &[]), &Access::default()).expect_err("none");
        assert!(error.contains("is CREATING, not ACTIVE"), "{error}");
    }
}
