//! Parameter Store.

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
    let what = format!("the parameter `{name}`");
    let about = About {
        action: "ssm:GetParameter",
        what: &what,
        denied: "allow it for who asks, and `kms:Decrypt` where the parameter has a key of its own",
        absent: "see its name and region",
    };
    let client = Client::new(region(account, "Parameter Store")?);
    let asking = client.get_parameter().name(name).with_decryption(true);
    let answer = call(account, about, asking.send()).await?;
    match answer.parameter.and_then(|parameter| parameter.value) {
        Some(value) => Ok(SecretString::from(value)),
        None => Err(CloudError::Refused {
            action: about.action,
            said: "the answer has no value".into(),
        }),
    }
}
