//! EC2: instances, key pairs, consoles.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::{
    Client,
    operation::describe_instances::builders::DescribeInstancesFluentBuilder,
    types::{self, Filter, PlatformValues},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Account,
    error::{About, call},
    region,
};
use crate::lookup::cloud::{CloudError, Console, Instance, InstanceQuery};

/// States in which an instance is there or can come back; the others linger for an hour.
const LIVING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

fn client(account: &Account) -> Result<Client, CloudError> {
    Ok(Client::new(region(account, "EC2")?))
}

/// All that match, page by page.
pub async fn instances(
    account: &Account,
    query: &InstanceQuery,
) -> Result<Vec<Instance>, CloudError> {
    let client = client(account)?;
    let (subject, filters) = match query {
        InstanceQuery::Id(id) => (format!("the instance `{id}`"), vec![]),
        InstanceQuery::Tags(tags) => {
            let of_tag = |(key, value): &(String, String)| {
                Filter::builder()
                    .name(format!("tag:{key}"))
                    .values(literal(value))
                    .build()
            };
            let living = Filter::builder()
                .name("instance-state-name")
                .set_values(Some(LIVING.map(str::to_owned).to_vec()))
                .build();
            let filters = tags.iter().map(of_tag).chain([living]).collect();
            ("such an instance".to_owned(), filters)
        }
    };
    let about = About {
        action: "ec2:DescribeInstances",
        subject: &subject,
        resources: &["*".to_owned()],
        denied: "give the host `ssh: { address: … }`",
        absent: "see the instance's id and region: `ec2: { region: … }`",
    };
    // A page's size cannot be given together with ids.
    let request = match query {
        InstanceQuery::Id(id) => client.describe_instances().instance_ids(id),
        InstanceQuery::Tags(_) => client
            .describe_instances()
            .set_filters(Some(filters))
            .max_results(1000),
    };
    let found = pages(account, about, request).await?;
    Ok(found.iter().map(instance).collect())
}

/// Those of several, by filters that take them all: ids, or tags of the same keys. An id that is not there is
/// left out.
pub(crate) async fn instances_of(
    account: &Account,
    queries: &[InstanceQuery],
) -> Result<BTreeMap<InstanceQuery, Vec<Instance>>, CloudError> {
    let about = About {
        action: "ec2:DescribeInstances",
        subject: "such an instance",
        resources: &["*".to_owned()],
        denied: "give the hosts `ssh: { address: … }`",
        absent: "see the instances' region: `ec2: { region: … }`",
    };
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for query in queries {
        match query {
            InstanceQuery::Id(id) => {
                let ids = values.entry("instance-id".into()).or_default();
                ids.insert(literal(id));
            }
            InstanceQuery::Tags(tags) => {
                let living = values.entry("instance-state-name".into()).or_default();
                living.extend(LIVING.map(str::to_owned));
                for (key, value) in tags {
                    let of_tag = values.entry(format!("tag:{key}")).or_default();
                    of_tag.insert(literal(value));
                }
            }
        }
    }
    let filter = |(name, values): (String, BTreeSet<String>)| {
        let values = values.into_iter().collect();
        Filter::builder()
            .name(name)
            .set_values(Some(values))
            .build()
    };
    let filters = values.into_iter().map(filter).collect();
    let request = client(account)?
        .describe_instances()
        .set_filters(Some(filters));
    let found = pages(account, about, request.max_results(1000)).await?;
    let mut answers = BTreeMap::new();
    for query in queries {
        let matches_query = |one: &&types::Instance| match query {
            InstanceQuery::Id(id) => one.instance_id() == Some(id),
            InstanceQuery::Tags(tags) => tags.iter().all(|(key, value)| {
                let mut its = one.tags().iter();
                its.any(|tag| tag.key() == Some(key) && tag.value().unwrap_or_default() == value)
            }),
        };
        let matching: Vec<Instance> = found.iter().filter(matches_query).map(instance).collect();
        if !(matching.is_empty() && matches!(query, InstanceQuery::Id(_))) {
            answers.insert(query.clone(), matching);
        }
    }
    Ok(answers)
}

/// All pages of an answer, sorted by id.
async fn pages(
    account: &Account,
    about: About<'_>,
    request: DescribeInstancesFluentBuilder,
) -> Result<Vec<types::Instance>, CloudError> {
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let request = request.clone().set_next_token(next);
        let page = call(account, about, request.send()).await?;
        let of_page = page.reservations().iter().flat_map(|one| one.instances());
        found.extend(of_page.cloned());
        next = page
            .next_token()
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    let is_whole = |one: &types::Instance| {
        let state = one.state().and_then(|state| state.name());
        one.instance_id().is_some_and(|id| !id.is_empty())
            && state.is_some_and(|state| !state.as_str().is_empty())
    };
    if !found.iter().all(is_whole) {
        return Err(CloudError::Refused {
            action: about.action,
            message: "the answer has an instance without an id or a state".into(),
            help: None,
            context: Box::default(),
        });
    }
    found.sort_by(|one, other| one.instance_id().cmp(&other.instance_id()));
    Ok(found)
}

/// `*` and `?` are wildcards in filters, but not in a spec.
fn literal(value: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn instance(from: &aws_sdk_ec2::types::Instance) -> Instance {
    // EC2 writes an empty name where there is none.
    let some = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let name = from.tags().iter().find(|tag| tag.key() == Some("Name"));
    Instance {
        id: from.instance_id().unwrap_or_default().to_owned(),
        name: some(name.and_then(|tag| tag.value())),
        state: from
            .state()
            .and_then(|state| state.name())
            .map(|name| name.as_str().to_owned())
            .unwrap_or_default(),
        public_dns: some(from.public_dns_name()),
        public_ip: some(from.public_ip_address()),
        private_ip: some(from.private_ip_address()),
        private_dns: some(from.private_dns_name()),
        ipv6: some(from.ipv6_address()),
        key_name: some(from.key_name()),
        profile_arn: some(
            from.iam_instance_profile()
                .and_then(|profile| profile.arn()),
        ),
        windows: from.platform() == Some(&PlatformValues::Windows),
    }
}

/// The id of a key pair.
pub(crate) async fn key_pair_id(account: &Account, name: &str) -> Result<String, CloudError> {
    let subject = format!("the key pair `{name}`");
    let about = About {
        action: "ec2:DescribeKeyPairs",
        subject: &subject,
        resources: &["*".to_owned()],
        denied: "name the parameter or the file that has the key: `key: { ssm_parameter: … }`, `key: { file: … }`",
        absent: "the instance outlived its key pair: name the parameter or the file that has the key: \
                 `key: { ssm_parameter: … }`, `key: { file: … }`",
    };
    let request = client(account)?.describe_key_pairs().key_names(name);
    let response = call(account, about, request.send()).await?;
    let id = response
        .key_pairs()
        .iter()
        .find_map(|pair| pair.key_pair_id());
    id.map(str::to_owned).ok_or_else(|| CloudError::NotFound {
        subject: subject.clone(),
        message: "EC2 knows no id for it".into(),
        help: about.absent.into(),
        context: Box::default(),
    })
}

/// The ids of those of several key pairs that are there.
pub(crate) async fn key_pair_ids(
    account: &Account,
    names: &[String],
) -> Result<BTreeMap<String, String>, CloudError> {
    let about = About {
        action: "ec2:DescribeKeyPairs",
        subject: "such a key pair",
        resources: &["*".to_owned()],
        denied: "name the parameters or the files that have the keys",
        absent: "name the parameters or the files that have the keys",
    };
    let values = names.iter().map(|name| literal(name)).collect();
    let filter = Filter::builder()
        .name("key-name")
        .set_values(Some(values))
        .build();
    let request = client(account)?.describe_key_pairs().filters(filter);
    let response = call(account, about, request.send()).await?;
    let pairs = response.key_pairs().iter();
    let id = pairs.filter_map(|pair| Some((pair.key_name()?, pair.key_pair_id()?)));
    let owned = id.map(|(name, id)| (name.to_owned(), id.to_owned()));
    Ok(owned.collect())
}

/// What an instance wrote to its console.
pub async fn console(account: &Account, id: &str, latest: bool) -> Result<Console, CloudError> {
    let subject = format!("the console of `{id}`");
    let about = About {
        action: "ec2:GetConsoleOutput",
        subject: &subject,
        resources: &["*".to_owned()],
        denied: "pin the host key: `host_key: { pinned: […] }`",
        absent: "see the instance's id and region",
    };
    let request = client(account)?.get_console_output().instance_id(id);
    let request = if latest {
        request.latest(true)
    } else {
        request
    };
    let response = call(account, about, request.send()).await?;
    let encoded: String = response
        .output()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .collect();
    let bytes = STANDARD.decode(encoded).map_err(|_| CloudError::Refused {
        action: about.action,
        message: "the output is no base64".into(),
        help: None,
        context: Box::default(),
    })?;
    Ok(Console {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        at: response.timestamp().map(ToString::to_string),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn wildcards_of_filters_are_what_they_look_like() {
        assert_eq!(super::literal(r"a*b?c\"), r"a\*b\?c\\");
        assert_eq!(super::literal("plain-1"), "plain-1");
    }
}
