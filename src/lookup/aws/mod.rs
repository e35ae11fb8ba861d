//! AWS itself, through its SDK: a file a service.
//!
//! Nothing is made before it is needed: the first question about an account reads configuration
//! and credentials, once; all further ones share them. Each call has the SDK's retries (throttling
//! among them) and a deadline over all of its tries.

mod cause;
mod credentials;
mod ec2;
mod error;
mod exchange;
mod http;
mod iam;
mod kafka;
mod network;
mod regions;
mod settings;
mod ssm;
mod sts;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::SdkConfig;
use secrecy::SecretString;
use tokio::sync::{Mutex, OnceCell};

use super::cloud::{
    Caller, Cloud, CloudError, Console, Instance, InstanceQuery, MskCluster, Region,
    RequestContext, Role,
};
use crate::{
    broker::credentials::Credentials,
    spec::{Aws, Cluster},
};
use exchange::Exchange;

/// AWS, asked through its SDK.
pub(crate) struct Sdk {
    environment: BTreeMap<String, String>,
    deadline: Duration,
    accounts: Mutex<BTreeMap<Aws, Arc<Opening>>>,
}

/// An account that is opened by the first who asks; the others wait for it.
type Opening = OnceCell<Result<Account, CloudError>>;

/// An account with what signs there.
// No `Debug`: there are keys in it.
#[derive(Clone)]
struct Account {
    config: SdkConfig,
    /// Where the credentials came from, for people.
    source: String,
    /// The access key is a temporary one, and its token is not there.
    no_token: bool,
    /// The region that is asked.
    region: Option<Region>,
    deadline: Duration,
    /// The owner of the credentials; looked up when something fails.
    caller: Arc<OnceCell<Option<Caller>>>,
}

impl Account {
    /// Where a call went.
    fn context(&self, action: &str, exchange: &Exchange) -> RequestContext {
        let is_global = action.starts_with("iam:") || action.starts_with("sts:");
        let region = self.region.as_ref().filter(|_| !is_global);
        RequestContext {
            endpoint: Some(exchange.endpoint.clone()).filter(|name| !name.is_empty()),
            region: region.map(|region| region.name.clone()),
            account: None,
        }
    }

    /// The owner of the credentials, from STS in a region that every account has.
    async fn caller(&self) -> Option<Caller> {
        let lookup = || async { sts::known_caller(self).await };
        self.caller.get_or_init(lookup).await.clone()
    }
}

impl Sdk {
    /// Asks nothing yet, and makes no client. `deadline` is for each look-up, its retries included.
    pub fn new(environment: BTreeMap<String, String>, deadline: Duration) -> Self {
        Self {
            environment,
            deadline,
            accounts: Mutex::default(),
        }
    }

    /// The account, opened at its first use.
    async fn account(&self, aws: &Aws) -> Result<Account, CloudError> {
        let cell = {
            let mut accounts = self.accounts.lock().await;
            Arc::clone(accounts.entry(aws.clone()).or_default())
        };
        let opening = || async {
            let opened = credentials::open(aws, &self.environment, self.deadline).await;
            if let Ok(account) = &opened {
                tracing::info!(
                    credentials = account.source,
                    region = account.region.as_ref().map(|region| region.name.as_str()),
                    from = account.region.as_ref().map(|region| region.source.as_str()),
                    "AWS SDK"
                );
            }
            opened
        };
        cell.get_or_init(opening).await.clone()
    }
}

#[async_trait]
impl Cloud for Sdk {
    async fn instances(
        &self,
        aws: &Aws,
        query: &InstanceQuery,
    ) -> Result<Vec<Instance>, CloudError> {
        ec2::instances(&self.account(aws).await?, query).await
    }

    async fn instances_of(
        &self,
        aws: &Aws,
        queries: &[InstanceQuery],
    ) -> Result<BTreeMap<InstanceQuery, Vec<Instance>>, CloudError> {
        ec2::instances_of(&self.account(aws).await?, queries).await
    }

    async fn key_pair_ids(
        &self,
        aws: &Aws,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CloudError> {
        ec2::key_pair_ids(&self.account(aws).await?, names).await
    }

    async fn parameters(
        &self,
        aws: &Aws,
        names: &[String],
    ) -> Result<BTreeMap<String, SecretString>, CloudError> {
        ssm::parameters(&self.account(aws).await?, names).await
    }

    async fn key_pair_id(&self, aws: &Aws, name: &str) -> Result<String, CloudError> {
        ec2::key_pair_id(&self.account(aws).await?, name).await
    }

    async fn console(&self, aws: &Aws, id: &str, latest: bool) -> Result<Console, CloudError> {
        ec2::console(&self.account(aws).await?, id, latest).await
    }

    async fn parameter(&self, aws: &Aws, name: &str) -> Result<SecretString, CloudError> {
        ssm::parameter(&self.account(aws).await?, name).await
    }

    async fn role(&self, aws: &Aws, name: &str) -> Result<Role, CloudError> {
        iam::role(&self.account(aws).await?, name).await
    }

    async fn profile_roles(&self, aws: &Aws, name: &str) -> Result<Vec<String>, CloudError> {
        iam::profile_roles(&self.account(aws).await?, name).await
    }

    async fn cluster(&self, aws: &Aws, cluster: &Cluster) -> Result<MskCluster, CloudError> {
        kafka::cluster(&self.account(aws).await?, cluster).await
    }

    async fn caller(&self, aws: &Aws) -> Result<Caller, CloudError> {
        sts::caller(&self.account(aws).await?).await
    }

    async fn region(&self, aws: &Aws) -> Result<Option<Region>, CloudError> {
        Ok(self.account(aws).await?.region)
    }

    async fn credentials(&self, aws: &Aws) -> Result<Credentials, CloudError> {
        credentials::signing(&self.account(aws).await?).await
    }
}

/// The configuration of a service that is another one in every region.
fn region<'a>(account: &'a Account, service: &'static str) -> Result<&'a SdkConfig, CloudError> {
    match account.config.region() {
        Some(_) => Ok(&account.config),
        None => Err(CloudError::NoRegion { service }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_account_is_opened_when_it_is_asked_for_and_once() {
        // Nothing here reaches a network: the profile is nowhere, and says so.
        let sdk = Sdk::new(BTreeMap::new(), Duration::from_secs(5));
        assert_eq!(sdk.accounts.lock().await.len(), 0);
        let aws = Aws {
            profile: Some("no-such-profile-anywhere".into()),
            region: Some("us-east-1".into()),
            assume_role: None,
        };
        let (one, two) = tokio::join!(sdk.parameter(&aws, "/a"), sdk.role(&aws, "r"));
        for error in [
            one.map(|_| ()).expect_err("none"),
            two.map(|_| ()).expect_err("none"),
        ] {
            assert!(matches!(error, CloudError::Credentials { .. }), "{error}");
        }
        let accounts = sdk.accounts.lock().await;
        assert_eq!(accounts.len(), 1);
        assert!(accounts[&aws].initialized());
    }
}
