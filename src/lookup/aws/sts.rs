//! Who we are.

use std::time::Duration;

use aws_config::Region;
use aws_sdk_sts::Client;

use super::{
    Account,
    cause::line,
    credentials,
    error::{About, call},
};
use crate::{
    lookup::cloud::{Caller, CloudError},
    names::Partition,
};

/// Who we are to AWS. Everybody may ask.
pub async fn caller(account: &Account) -> Result<Caller, CloudError> {
    let about = About {
        action: "sts:GetCallerIdentity",
        subject: "who we are",
        resources: &["*".to_owned()],
        denied: "nobody needs to be allowed to ask this: see who denies it",
        absent: "",
    };
    let client = Client::new(&credentials::with_region(&account.config));
    let response = call(account, about, client.get_caller_identity().send()).await?;
    Ok(Caller {
        arn: response.arn.unwrap_or_default(),
        account: response.account.unwrap_or_default(),
        source: account.source.clone(),
    })
}

/// The same, or `None` where it fails: it only explains another failure. Asked in the home region
/// of the partition, which every account has.
pub async fn known_caller(account: &Account) -> Option<Caller> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let region = account.region.as_ref().map(|region| region.name.as_str());
    let home = Region::new(Partition::of(region.unwrap_or_default()).home);
    let builder = account.config.clone().into_builder().region(home);
    let client = Client::new(&builder.build());
    let request = client.get_caller_identity().send();
    let patience = account.deadline.min(PATIENCE);
    let response = tokio::time::timeout(patience, request).await.ok()?.ok()?;
    Some(Caller {
        arn: line(response.arn()?),
        account: line(response.account()?),
        source: account.source.clone(),
    })
}
