//! Whose credentials: the SDK's default chain, or what the spec's `aws` says; read once a run.

use std::{collections::BTreeMap, time::Duration};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig, sts::AssumeRoleProvider, timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials as Keys,
    credential_feature::AwsCredentialFeature as Feature,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError},
};
use secrecy::SecretString;

use super::{Account, error, http};
use crate::{broker::credentials::Credentials, lookup::cloud::CloudError, spec::Aws};

/// How sessions of a role that we assume are called, in CloudTrail.
const SESSION: &str = "trueup";
/// What is asked of AWS when a role is assumed.
const ASSUME: &str = "sts:AssumeRole";

/// Reads configuration and credentials, and assumes a role where the spec says so.
pub async fn open(
    aws: &Aws,
    environment: &BTreeMap<String, String>,
    deadline: Duration,
) -> Result<Account, CloudError> {
    let config = configuration(aws, environment, deadline).await;
    let tried = tried(aws, environment);
    let provider = match &aws.profile {
        // The default chain would let the environment's keys win over a profile that the spec
        // names.
        Some(profile) => {
            let provider = ProviderConfig::without_region()
                .with_region(config.region().cloned())
                .with_http_client(http::client(environment));
            SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(&provider)
                    .profile_name(profile)
                    .build(),
            )
        }
        None => config
            .credentials_provider()
            .ok_or_else(|| none(&tried, "the SDK offers nothing".into()))?,
    };
    let keys = provide(&provider, &tried, deadline).await?;
    let source = source(&keys, aws, environment);
    let account = account(&config, keys, source, deadline);
    match &aws.assume_role {
        None => Ok(account),
        Some(arn) => assume(arn, account).await,
    }
}

async fn configuration(
    aws: &Aws,
    environment: &BTreeMap<String, String>,
    deadline: Duration,
) -> SdkConfig {
    // One try that hangs leaves time for another.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout((deadline / 2).min(Duration::from_secs(5)))
        .operation_attempt_timeout(deadline / 2)
        .operation_timeout(deadline)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http::client(environment))
        .timeout_config(timeouts);
    if let Ok(name) = AppName::new("trueup") {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &aws.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &aws.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader.load().await
}

fn account(config: &SdkConfig, keys: Keys, source: String, deadline: Duration) -> Account {
    let fixed = SharedCredentialsProvider::new(keys);
    let builder = config.clone().into_builder().credentials_provider(fixed);
    Account {
        config: builder.build(),
        source,
        deadline,
    }
}

async fn assume(arn: &str, base: Account) -> Result<Account, CloudError> {
    let deadline = base.deadline;
    // STS is everywhere; without a region its global endpoint would do, and has one, too.
    let config = with_region(&base.config);
    let provider = AssumeRoleProvider::builder(arn)
        .session_name(SESSION)
        .configure(&config)
        .build()
        .await;
    let asking = tokio::time::timeout(deadline, provider.provide_credentials());
    let keys = match asking.await {
        Err(_) => return Err(error::late(ASSUME, deadline)),
        Ok(Err(failed)) => {
            let said = error::chain(&failed);
            if [
                "ExpiredToken",
                "InvalidClientTokenId",
                "SignatureDoesNotMatch",
            ]
            .iter()
            .any(|code| said.contains(code))
            {
                return Err(no_good(&base.source, said));
            }
            return Err(CloudError::Denied {
                action: ASSUME,
                said: format!("{arn} as {}: {said}", base.source),
                help:
                    "let the role's trust policy name who asks, and the policy of who asks allow \
                       `sts:AssumeRole`"
                        .into(),
            });
        }
        Ok(Ok(keys)) => keys,
    };
    let source = format!("the role {arn}, assumed with {}", base.source);
    Ok(account(&base.config, keys, source, deadline))
}

/// For IAM and STS, which are the same in every region.
pub fn with_region(config: &SdkConfig) -> SdkConfig {
    match config.region() {
        Some(_) => config.clone(),
        None => {
            let region = Region::new("us-east-1");
            config.clone().into_builder().region(region).build()
        }
    }
}

async fn provide(
    provider: &SharedCredentialsProvider,
    tried: &str,
    deadline: Duration,
) -> Result<Keys, CloudError> {
    let asking = tokio::time::timeout(deadline, provider.provide_credentials());
    match asking.await {
        Ok(Ok(keys)) => Ok(keys),
        Ok(Err(failed @ CredentialsError::CredentialsNotLoaded(_))) => {
            // The SDK's words for "none" are a long list of what `tried` says shortly.
            let said = error::chain(&failed);
            let said = match said.contains("no credentials found in chain") {
                true => "there are none".into(),
                false => said,
            };
            Err(none(tried, said))
        }
        Ok(Err(failed)) => Err(none(tried, error::chain(&failed))),
        Err(_) => Err(none(
            tried,
            format!("no answer within {} s", deadline.as_secs_f64()),
        )),
    }
}

fn none(tried: &str, said: String) -> CloudError {
    CloudError::Credentials {
        tried: tried.to_owned(),
        help: help(tried, &said),
        said,
    }
}

/// Credentials that AWS did not take.
pub fn no_good(source: &str, said: String) -> CloudError {
    CloudError::Credentials {
        tried: source.to_owned(),
        help: help(source, &said),
        said,
    }
}

fn help(source: &str, said: &str) -> String {
    // The last is how SSO calls a login that it no longer knows.
    let sso = [
        "SSO",
        "sso",
        "IAM Identity Center",
        "Session token not found",
    ];
    if sso
        .iter()
        .any(|word| said.contains(word) || source.contains(word))
    {
        "log in again: `aws sso login`, with `--profile` where the spec or AWS_PROFILE names one"
            .into()
    } else if source.contains("AWS_ACCESS_KEY_ID") {
        "export fresh ones; `aws sts get-caller-identity` shows whether they are good".into()
    } else {
        "log in, name a profile (`aws: { profile: … }` in the spec, or AWS_PROFILE), or export \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            .into()
    }
}

/// Where the default chain looks, in its order, as far as the environment tells.
fn tried(aws: &Aws, environment: &BTreeMap<String, String>) -> String {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if let Some(profile) = &aws.profile {
        return format!("the profile `{profile}`, which the spec names");
    }
    if set("AWS_ACCESS_KEY_ID").is_some() {
        return "the environment (AWS_ACCESS_KEY_ID)".into();
    }
    let mut places = vec!["the environment".to_owned()];
    places.push(match set("AWS_PROFILE") {
        Some(profile) => format!("the profile `{profile}` (AWS_PROFILE)"),
        None => "the profile `default`".into(),
    });
    if let Some(file) = set("AWS_WEB_IDENTITY_TOKEN_FILE") {
        places.push(format!("the web identity token {file}"));
    }
    if set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").is_some()
        || set("AWS_CONTAINER_CREDENTIALS_FULL_URI").is_some()
    {
        places.push("the container's role".into());
    }
    if set("AWS_EC2_METADATA_DISABLED").is_none_or(|value| value != "true") {
        places.push("the metadata service of this machine".into());
    }
    crate::text::escape_control(&places.join(", "))
}

/// Where credentials came from.
fn source(keys: &Keys, aws: &Aws, environment: &BTreeMap<String, String>) -> String {
    let features = keys.get_property::<Vec<Feature>>();
    let has = |wanted: Feature| features.is_some_and(|features| features.contains(&wanted));
    let profile = aws
        .profile
        .clone()
        .or_else(|| environment.get("AWS_PROFILE").cloned())
        .unwrap_or_else(|| "default".into());
    let profile = crate::text::escape_control(&profile);
    let of_profile = has(Feature::CredentialsProfile) || aws.profile.is_some();
    if has(Feature::CredentialsEnvVars) && !of_profile {
        "the environment (AWS_ACCESS_KEY_ID)".into()
    } else if has(Feature::CredentialsSso) {
        format!("the profile `{profile}` (SSO)")
    } else if of_profile {
        format!("the profile `{profile}`")
    } else if has(Feature::CredentialsImds) {
        "the role of this machine (its metadata service)".into()
    } else if has(Feature::CredentialsHttp) {
        "the container's role".into()
    } else if has(Feature::CredentialsProfileStsWebIdToken) {
        // So the SDK calls the environment's, too.
        "the web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)".into()
    } else {
        format!(
            "the SDK's default chain (access key {})",
            keys.access_key_id()
        )
    }
}

/// What signs, for brokers.
pub async fn signing(account: &Account) -> Result<Credentials, CloudError> {
    let provider = account
        .config
        .credentials_provider()
        .ok_or_else(|| none(&account.source, "there are none".into()))?;
    let keys = provide(&provider, &account.source, account.deadline).await?;
    Credentials::new(
        keys.access_key_id().to_owned(),
        SecretString::from(keys.secret_access_key()),
        keys.session_token().map(SecretString::from),
        keys.expiry(),
    )
    .map_err(|part| none(&account.source, part.to_owned()))
}
