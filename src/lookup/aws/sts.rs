//! Who we are.

use aws_sdk_sts::Client;

use super::{
    Account, credentials,
    error::{About, call},
};
use crate::lookup::cloud::{Caller, CloudError};

/// Who we are to AWS. Everybody may ask.
pub async fn caller(account: &Account) -> Result<Caller, CloudError> {
    let about = About {
        action: "sts:GetCallerIdentity",
        what: "who we are",
        denied: "",
        absent: "",
    };
    let client = Client::new(&credentials::with_region(&account.config));
    let answer = call(account, about, client.get_caller_identity().send()).await?;
    Ok(Caller {
        arn: answer.arn.unwrap_or_default(),
        account: answer.account.unwrap_or_default(),
        source: account.source.clone(),
    })
}
