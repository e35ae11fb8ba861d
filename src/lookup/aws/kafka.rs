//! MSK: clusters and how they are reached.

use aws_sdk_kafka::{
    Client, operation::get_bootstrap_brokers::GetBootstrapBrokersOutput as Brokers,
    types::Cluster as Described,
};

use super::{
    Account,
    error::{About, call},
    region,
};
use crate::{
    lookup::cloud::{CloudError, Door, Listener, MskCluster, RequestContext},
    spec::{Cluster, Network},
};

const ABSENT: &str = "see its name and region: `aws: { region: … }`";
const DENIED: &str = "write `cluster: { bootstrap: HOST:PORT,… }`";

/// A cluster, with its brokers once it has them.
pub async fn cluster(account: &Account, which: &Cluster) -> Result<MskCluster, CloudError> {
    let client = Client::new(region(account, "MSK")?);
    let described = match which {
        Cluster::Name(name) => by_name(account, &client, name).await?,
        Cluster::Arn(arn) => by_arn(account, &client, arn).await?,
        Cluster::Bootstrap(text) => {
            return Err(not_found(
                text,
                "it is no name of a cluster",
                Box::default(),
            ));
        }
    };
    let mut cluster = MskCluster {
        arn: described.cluster_arn.clone().unwrap_or_default(),
        name: described.cluster_name.clone().unwrap_or_default(),
        state: described
            .state
            .as_ref()
            .map(|state| state.as_str().to_owned())
            .unwrap_or_default(),
        bootstrap: vec![],
    };
    if [&cluster.arn, &cluster.name, &cluster.state].contains(&&String::new()) {
        return Err(CloudError::Refused {
            action: match which {
                Cluster::Arn(_) => "kafka:DescribeClusterV2",
                _ => "kafka:ListClustersV2",
            },
            message: "the answer has a cluster without a name, an ARN or a state".into(),
            help: None,
            context: Box::default(),
        });
    }
    if has_brokers(&cluster.state) {
        let subject = format!("the brokers of `{}`", cluster.name);
        let about = About {
            action: "kafka:GetBootstrapBrokers",
            subject: &subject,
            resources: &["*".to_owned()],
            denied: DENIED,
            absent: ABSENT,
        };
        let request = client.get_bootstrap_brokers().cluster_arn(&cluster.arn);
        cluster.bootstrap = listeners(&call(account, about, request.send()).await?);
    }
    Ok(cluster)
}

/// While it is being made, deleted or has failed, it has none.
fn has_brokers(state: &str) -> bool {
    !matches!(state, "CREATING" | "DELETING" | "FAILED")
}

fn not_found(name: &str, message: &str, context: Box<RequestContext>) -> CloudError {
    CloudError::NotFound {
        subject: format!("the cluster `{name}`"),
        message: message.to_owned(),
        help: ABSENT.into(),
        context,
    }
}

async fn by_arn(account: &Account, client: &Client, arn: &str) -> Result<Described, CloudError> {
    let subject = format!("the cluster `{arn}`");
    let about = About {
        action: "kafka:DescribeClusterV2",
        subject: &subject,
        resources: &["*".to_owned()],
        denied: DENIED,
        absent: "see its ARN, whose region counts: `aws: { region: … }`",
    };
    let request = client.describe_cluster_v2().cluster_arn(arn);
    let response = call(account, about, request.send()).await?;
    response
        .cluster_info
        .ok_or_else(|| not_found(arn, "the answer has none", Box::default()))
}

async fn by_name(account: &Account, client: &Client, name: &str) -> Result<Described, CloudError> {
    let subject = format!("the cluster `{name}`");
    let about = About {
        action: "kafka:ListClustersV2",
        subject: &subject,
        resources: &["*".to_owned()],
        denied: DENIED,
        absent: ABSENT,
    };
    let mut next: Option<String> = None;
    let mut like: Vec<String> = Vec::new();
    loop {
        let request = client
            .list_clusters_v2()
            .cluster_name_filter(name)
            .set_next_token(next);
        let page = call(account, about, request.send()).await?;
        // The filter is one of beginnings.
        for one in page.cluster_info_list() {
            match one.cluster_name() {
                Some(found) if found == name => return Ok(one.clone()),
                Some(found) => like.push(found.to_owned()),
                None => {}
            }
        }
        next = page
            .next_token()
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    let context = Box::new(RequestContext {
        region: account.region.as_ref().map(|region| region.name.clone()),
        account: account.caller().await.map(|caller| caller.account),
        ..RequestContext::default()
    });
    let message = match like.as_slice() {
        [] => "no cluster of this account and region begins like that".into(),
        like => super::cause::line(&format!("there is {}", like.join(", "))),
    };
    Err(not_found(name, &message, context))
}

fn listeners(from: &Brokers) -> Vec<(Listener, String)> {
    use Door::{Iam, Plaintext, Scram, Tls};
    use Network::{Ipv6, Private, Public, Vpc};
    let all = [
        (Private, Plaintext, from.bootstrap_broker_string()),
        (Private, Tls, from.bootstrap_broker_string_tls()),
        (Private, Scram, from.bootstrap_broker_string_sasl_scram()),
        (Private, Iam, from.bootstrap_broker_string_sasl_iam()),
        (Public, Tls, from.bootstrap_broker_string_public_tls()),
        (
            Public,
            Scram,
            from.bootstrap_broker_string_public_sasl_scram(),
        ),
        (Public, Iam, from.bootstrap_broker_string_public_sasl_iam()),
        (
            Vpc,
            Tls,
            from.bootstrap_broker_string_vpc_connectivity_tls(),
        ),
        (
            Vpc,
            Scram,
            from.bootstrap_broker_string_vpc_connectivity_sasl_scram(),
        ),
        (
            Vpc,
            Iam,
            from.bootstrap_broker_string_vpc_connectivity_sasl_iam(),
        ),
        (Ipv6, Plaintext, from.bootstrap_broker_string_ipv6()),
        (Ipv6, Tls, from.bootstrap_broker_string_tls_ipv6()),
        (Ipv6, Scram, from.bootstrap_broker_string_sasl_scram_ipv6()),
        (Ipv6, Iam, from.bootstrap_broker_string_sasl_iam_ipv6()),
    ];
    let mut found = Vec::new();
    for (network, door, text) in all {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            found.push((Listener { network, door }, sorted(text)));
        }
    }
    found
}

/// Brokers in an order that stays.
fn sorted(text: &str) -> String {
    let mut brokers: Vec<&str> = text.split(',').map(str::trim).collect();
    brokers.retain(|broker| !broker.is_empty());
    brokers.sort_unstable();
    brokers.dedup();
    brokers.join(",")
}

#[cfg(test)]
mod tests {
    #[test]
    fn brokers_come_in_one_order() {
        assert_eq!(
            super::sorted("b-2:9098, b-1:9098,,b-2:9098"),
            "b-1:9098,b-2:9098"
        );
    }
}
