//! Whose credentials: the SDK's default chain, or what the spec's `aws` says; read once a run.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig,
    profile::{ProfileFileCredentialsProvider, credentials::ProfileFileError},
    provider_config::ProviderConfig,
    sts::AssumeRoleProvider,
    timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials as Keys,
    credential_feature::AwsCredentialFeature as Feature,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError},
};
use secrecy::SecretString;

use super::{
    Account,
    cause::{Cause, line},
    error::{self, About},
    heard::{Heard, listen},
    http,
    settings::{self, Settings},
};
use crate::{
    broker::credentials::Credentials,
    lookup::cloud::{Asked, CloudError},
    spec::Aws,
};

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
    let settings = Settings::read(aws, environment).await?;
    let config = configuration(aws, environment, deadline).await;
    let region = settings.region(aws, config.region().map(AsRef::as_ref));
    region.as_ref().map(settings::fit).transpose()?;
    let tried = tried(&settings, aws);
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
            .ok_or_else(|| none(&tried, "the SDK offers nothing"))?,
    };
    let keys = provide(&provider, &settings, &tried, deadline).await?;
    let account = Account {
        source: source(&keys, aws, environment),
        no_token: keys.access_key_id().starts_with("ASIA") && keys.session_token().is_none(),
        config: with_keys(&config, keys),
        region,
        deadline,
        whose: Arc::default(),
    };
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

fn with_keys(config: &SdkConfig, keys: Keys) -> SdkConfig {
    let fixed = SharedCredentialsProvider::new(keys);
    let builder = config.clone().into_builder().credentials_provider(fixed);
    builder.build()
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
    let (answer, heard) = listen(asking).await;
    let cause = match answer {
        Ok(Ok(keys)) => {
            return Ok(Account {
                source: format!("the role {arn}, assumed with {}", base.source),
                no_token: false,
                config: with_keys(&base.config, keys),
                whose: Arc::default(),
                ..base
            });
        }
        Err(_) => Cause::late(&heard),
        Ok(Err(_)) => Cause::heard(&heard).unwrap_or(Cause::NotMade),
    };
    let about = About {
        action: ASSUME,
        what: &format!("the role {arn}"),
        resources: &[arn.to_owned()],
        denied: "let the role's trust policy name who asks",
        absent: "see its ARN",
    };
    Err(match error::sorted(&base, about, cause, &heard).await {
        CloudError::Denied {
            action,
            said,
            help,
            grants,
            asked,
        } => CloudError::Denied {
            action,
            said: format!("{arn} as {}: {said}", base.source),
            help,
            grants,
            asked,
        },
        other => other,
    })
}

/// For IAM and STS, which are the same in every region.
pub(crate) fn with_region(config: &SdkConfig) -> SdkConfig {
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
    settings: &Settings,
    tried: &str,
    deadline: Duration,
) -> Result<Keys, CloudError> {
    let asking = tokio::time::timeout(deadline, provider.provide_credentials());
    match listen(asking).await {
        (Ok(Ok(keys)), _) => Ok(keys),
        (Ok(Err(failed)), heard) => Err(without(settings, tried, &failed, &heard, deadline)),
        (Err(_), heard) => {
            let said = Cause::late(&heard).words(deadline);
            Err(credentials(
                tried,
                &format!("no answer: {said}"),
                asked_of(&heard),
            ))
        }
    }
}

fn asked_of(heard: &Heard) -> Box<Asked> {
    Box::new(Asked {
        endpoint: Some(heard.endpoint.clone()).filter(|name| !name.is_empty()),
        ..Asked::default()
    })
}

fn none(tried: &str, said: &str) -> CloudError {
    credentials(tried, said, Box::default())
}

fn credentials(tried: &str, said: &str, asked: Box<Asked>) -> CloudError {
    CloudError::Credentials {
        tried: tried.to_owned(),
        help: help(tried),
        said: said.to_owned(),
        asked,
    }
}

/// Why a chain gave none. What it says itself is not for people: see [`error`].
fn without(
    settings: &Settings,
    tried: &str,
    failed: &CredentialsError,
    heard: &Heard,
    deadline: Duration,
) -> CloudError {
    if let Some(error) = profile_error(failed) {
        return CloudError::Credentials {
            tried: tried.to_owned(),
            said: in_words(error),
            help: "mend it in ~/.aws/config: `aws configure list` shows what is taken".into(),
            asked: Box::default(),
        };
    }
    if matches!(failed, CredentialsError::CredentialsNotLoaded(_)) {
        return none(tried, &settings.nothing());
    }
    let asked = asked_of(heard);
    let login = || format!("log in again: `aws sso login{}`", settings.profile_flag());
    let (said, help) = match Cause::heard(heard) {
        Some(cause) => {
            let clock = match &cause {
                Cause::Aws { .. } => error::clock(false, true, heard),
                _ => None,
            };
            let said = match (clock, &cause) {
                (Some(clock), _) => format!("{clock}: {}", cause.words(deadline)),
                (None, Cause::Late(_)) => format!("no answer: {}", cause.words(deadline)),
                (None, _) => cause.words(deadline),
            };
            match portal(&heard.path, heard, settings) {
                Some((why, help)) => (format!("{why}: {said}"), help),
                None if of_login(&cause) => (said, login()),
                None => {
                    let help = help_for(&cause).unwrap_or_else(|| help(tried));
                    (said, help)
                }
            }
        }
        None if settings.is_sso() => ("nobody is logged in to SSO, or no longer".into(), login()),
        None => match (
            settings.of_profile("credential_process"),
            settings.has_keys(),
        ) {
            (Some(_), false) => (
                "its `credential_process` gave none".into(),
                "run the program of `credential_process` by hand: it says why".into(),
            ),
            _ => (settings.nothing(), help(tried)),
        },
    };
    CloudError::Credentials {
        tried: tried.to_owned(),
        said,
        help,
        asked,
    }
}

/// What SSO's portal says of a role.
fn portal(path: &str, heard: &Heard, settings: &Settings) -> Option<(String, String)> {
    let query = path.strip_prefix("/federation/credentials?")?;
    let of = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| value);
        line(value.unwrap_or("?"))
    };
    let login = format!("log in again: `aws sso login{}`", settings.profile_flag());
    let (role, account) = (of("role_name"), of("account_id"));
    match heard.answer.as_ref()?.status {
        401 => Some(("the login of SSO is over".into(), login)),
        403 | 404 => Some((
            format!("the role `{role}` of account {account} is not assigned to who is logged in"),
            "see `sso_role_name` and `sso_account_id` of the profile; who manages IAM Identity Center \
             assigns it; the access portal shows which are"
                .into(),
        )),
        _ => None,
    }
}

/// A login of SSO that cannot be made fresh.
fn of_login(cause: &Cause) -> bool {
    let Cause::Aws { code, .. } = cause else {
        return false;
    };
    let of_oidc = [
        "invalid_grant",
        "InvalidGrantException",
        "invalid_client",
        "InvalidClientException",
    ];
    of_oidc.contains(&code.as_str())
}

fn help_for(cause: &Cause) -> Option<String> {
    let Cause::Aws { code, .. } = cause else {
        return None;
    };
    match code.as_str() {
        "AccessDenied" => Some(
            "let the trust policy of the role that the profile (or AWS_ROLE_ARN) names allow who asks".into(),
        ),
        "RegionDisabledException" => Some(
            "STS is turned off in this region: turn it on in IAM's account settings, or name another region: \
             `aws: { region: … }`"
                .into(),
        ),
        _ => None,
    }
}

fn profile_error(failed: &CredentialsError) -> Option<&ProfileFileError> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(failed);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A profile's mistake. Its messages are the SDK's own constants.
fn in_words(error: &ProfileFileError) -> String {
    use ProfileFileError as Bad;
    let text = match error {
        Bad::NoProfilesDefined { .. } => "there are no profiles".to_owned(),
        Bad::ProfileDidNotContainCredentials { profile, .. } => {
            format!("the profile `{profile}` says nothing of credentials")
        }
        Bad::CredentialLoop { next, .. } => {
            format!("`source_profile` leads from the profile `{next}` back to itself")
        }
        Bad::MissingCredentialSource {
            profile, message, ..
        }
        | Bad::InvalidCredentialSource {
            profile, message, ..
        }
        | Bad::MissingProfile {
            profile, message, ..
        }
        | Bad::InvalidSsoConfig {
            profile, message, ..
        } => {
            format!("the profile `{profile}`: {message}")
        }
        Bad::UnknownProvider { name, .. } => {
            format!("there is no `credential_source` called `{name}`")
        }
        Bad::MissingSsoSession {
            profile,
            sso_session,
            ..
        } => format!(
            "the profile `{profile}` names the sso-session `{sso_session}`, which is not there"
        ),
        Bad::TokenProviderConfig { .. } => {
            "`sso_account_id` and `sso_role_name` are missing".to_owned()
        }
        _ => "the profile cannot be used".to_owned(),
    };
    line(&text)
}

/// Credentials that AWS did not take.
pub(crate) fn no_good(account: &Account, said: String, asked: Box<Asked>) -> CloudError {
    let help = match account.no_token {
        true => {
            "the access key is a temporary one (ASIA…), which is good only with its token: set \
                 AWS_SESSION_TOKEN, too"
                .into()
        }
        false => help(&account.source),
    };
    CloudError::Credentials {
        tried: account.source.clone(),
        help,
        said,
        asked,
    }
}

fn help(source: &str) -> String {
    if source.contains("(SSO)") {
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
fn tried(settings: &Settings, aws: &Aws) -> String {
    if aws.profile.is_some() {
        return settings.called();
    }
    if settings.has_keys() {
        return "the environment (AWS_ACCESS_KEY_ID)".into();
    }
    let mut places = vec!["the environment".to_owned(), settings.called()];
    if let Some(file) = settings.set("AWS_WEB_IDENTITY_TOKEN_FILE") {
        places.push(format!("the web identity token {file}"));
    }
    if settings
        .set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        .is_some()
        || settings.set("AWS_CONTAINER_CREDENTIALS_FULL_URI").is_some()
    {
        places.push("the container's role".into());
    }
    if settings.set("AWS_EC2_METADATA_DISABLED") != Some("true") {
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
pub(crate) async fn signing(account: &Account) -> Result<Credentials, CloudError> {
    let nothing = |said: &str| none(&account.source, said);
    let provider = account.config.credentials_provider();
    let provider = provider.ok_or_else(|| nothing("there are none"))?;
    // They were fetched when the account was opened.
    let keys = provider.provide_credentials().await;
    let keys = keys.map_err(|_| nothing("there are none"))?;
    Credentials::new(
        keys.access_key_id().to_owned(),
        SecretString::from(keys.secret_access_key()),
        keys.session_token().map(SecretString::from),
        keys.expiry(),
    )
    .map_err(nothing)
}
