//! Parameter Store.

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use secrecy::SecretString;

use super::{
    Account,
    error::{About, call},
    region,
};
use crate::lookup::cloud::CloudError;

/// A parameter, decrypted.
pub async fn parameter(account: &Account, name: &str) -> Result<SecretString, CloudError> {
    let subject = format!("the parameter `{name}`");
    let about = About {
        action: "ssm:GetParameter",
        subject: &subject,
        resources: &[resource(name)],
        denied: "name another parameter, or take the value from elsewhere: `{ file: … }`",
        absent: "see its name, its region and whose account is asked",
    };
    let client = Client::new(region(account, "Parameter Store")?);
    let request = client.get_parameter().name(name).with_decryption(true);
    let response = call(account, about, request.send()).await?;
    match response.parameter.and_then(|parameter| parameter.value) {
        Some(value) => Ok(SecretString::from(value)),
        None => Err(CloudError::Refused {
            action: about.action,
            message: "the answer has no value".into(),
            help: None,
            context: Box::default(),
        }),
    }
}

/// Those of several parameters that exist, decrypted, by the requested names.
pub async fn parameters(
    account: &Account,
    names: &[String],
) -> Result<BTreeMap<String, SecretString>, CloudError> {
    let resources: Vec<String> = names.iter().map(|name| resource(name)).collect();
    let subject = format!("the parameters `{}`", names.join("`, `"));
    let about = About {
        action: "ssm:GetParameters",
        subject: &subject,
        resources: &resources,
        denied: "name other parameters, or take the values from elsewhere: `{ file: … }`",
        absent: "see their names, their region and whose account is asked",
    };
    let client = Client::new(region(account, "Parameter Store")?);
    let request = client.get_parameters().set_names(Some(names.to_vec()));
    let response = call(account, about, request.with_decryption(true).send()).await?;
    let mut found = BTreeMap::new();
    for parameter in response.parameters.unwrap_or_default() {
        let (name, selector) = (parameter.name.unwrap_or_default(), parameter.selector);
        let name = name + selector.as_deref().unwrap_or_default();
        let arn = parameter.arn.unwrap_or_default();
        let requested = names
            .iter()
            .find(|requested| **requested == name || **requested == arn);
        if let (Some(requested), Some(value)) = (requested, parameter.value) {
            found.insert(requested.clone(), SecretString::from(value));
        }
    }
    Ok(found)
}

/// As a policy names a parameter: without version or label, and what is an ARN as it stands.
fn resource(name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let name = name.split(':').next().unwrap_or_default();
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:{{partition}}:ssm:{{region}}:{{account}}:parameter{slash}{name}")
}

#[cfg(test)]
mod tests {
    use super::resource;

    #[test]
    fn parameters_as_policies_name_them() {
        let of = |name| {
            resource(name)
                .rsplit("{account}:")
                .next()
                .map(str::to_owned)
        };
        assert_eq!(of("/a/b:3").as_deref(), Some("parameter/a/b"));
        assert_eq!(of("a").as_deref(), Some("parameter/a"));
        let arn = "arn:aws:ssm:us-east-1:1:parameter/a";
        assert_eq!(resource(arn), arn);
    }
}
