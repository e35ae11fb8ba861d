//! The credentials: of the SDK's default chain, or of the spec's `aws`; read once a run.

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
    exchange::{Exchange, record},
    http,
    settings::{self, Settings},
};
use crate::{
    broker::credentials::Credentials,
    lookup::cloud::{CloudError, RequestContext},
    spec::Aws,
};

/// How sessions of a role that we assume are called, in CloudTrail.
const SESSION: &str = "trueup";
/// The action that assumes a role.
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
        caller: Arc::default(),
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
    let request = tokio::time::timeout(deadline, provider.provide_credentials());
    let (response, exchange) = record(request).await;
    let cause = match response {
        Ok(Ok(keys)) => {
            return Ok(Account {
                source: format!("the role {arn}, assumed with {}", base.source),
                no_token: false,
                config: with_keys(&base.config, keys),
                caller: Arc::default(),
                ..base
            });
        }
        Err(_) => Cause::late(&exchange),
        Ok(Err(_)) => Cause::of_exchange(&exchange).unwrap_or(Cause::NotMade),
    };
    let about = About {
        action: ASSUME,
        subject: &format!("the role {arn}"),
        resources: &[arn.to_owned()],
        denied: "let the role's trust policy name who asks",
        absent: "see its ARN",
    };
    Err(
        match error::classify(&base, about, cause, &exchange).await {
            CloudError::Denied {
                action,
                message,
                help,
                grants,
                context,
            } => CloudError::Denied {
                action,
                message: format!("{arn} as {}: {message}", base.source),
                help,
                grants,
                context,
            },
            other => other,
        },
    )
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
    let request = tokio::time::timeout(deadline, provider.provide_credentials());
    match record(request).await {
        (Ok(Ok(keys)), _) => Ok(keys),
        (Ok(Err(failed)), exchange) => Err(no_credentials(
            settings, tried, &failed, &exchange, deadline,
        )),
        (Err(_), exchange) => {
            let message = Cause::late(&exchange).message(deadline);
            Err(credentials(
                tried,
                &format!("no answer: {message}"),
                context_of(&exchange),
            ))
        }
    }
}

fn context_of(exchange: &Exchange) -> Box<RequestContext> {
    Box::new(RequestContext {
        endpoint: Some(exchange.endpoint.clone()).filter(|name| !name.is_empty()),
        ..RequestContext::default()
    })
}

fn none(tried: &str, message: &str) -> CloudError {
    credentials(tried, message, Box::default())
}

fn credentials(tried: &str, message: &str, context: Box<RequestContext>) -> CloudError {
    CloudError::Credentials {
        tried: tried.to_owned(),
        help: help(tried),
        message: message.to_owned(),
        context,
    }
}

/// Why a chain gave no credentials. Its own text is not for people: see [`error`].
fn no_credentials(
    settings: &Settings,
    tried: &str,
    failed: &CredentialsError,
    exchange: &Exchange,
    deadline: Duration,
) -> CloudError {
    if let Some(error) = profile_error(failed) {
        return CloudError::Credentials {
            tried: tried.to_owned(),
            message: in_words(error),
            help: "mend it in ~/.aws/config: `aws configure list` shows what is taken".into(),
            context: Box::default(),
        };
    }
    if matches!(failed, CredentialsError::CredentialsNotLoaded(_)) {
        return none(tried, &settings.nothing());
    }
    let context = context_of(exchange);
    let login = || format!("log in again: `aws sso login{}`", settings.profile_flag());
    let (message, help) = match Cause::of_exchange(exchange) {
        Some(cause) => {
            let clock = match &cause {
                Cause::Aws { .. } => error::clock(false, true, exchange),
                _ => None,
            };
            let message = match (clock, &cause) {
                (Some(clock), _) => format!("{clock}: {}", cause.message(deadline)),
                (None, Cause::Late(_)) => format!("no answer: {}", cause.message(deadline)),
                (None, _) => cause.message(deadline),
            };
            match portal(exchange, settings) {
                Some((why, help)) => (format!("{why}: {message}"), help),
                None if of_login(&cause) => (message, login()),
                None => {
                    let help = help_for(&cause).unwrap_or_else(|| help(tried));
                    (message, help)
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
        message,
        help,
        context,
    }
}

/// Why SSO's portal refused a role, and the help.
fn portal(exchange: &Exchange, settings: &Settings) -> Option<(String, String)> {
    let query = exchange.path.strip_prefix("/federation/credentials?")?;
    let of = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| value);
        line(value.unwrap_or("?"))
    };
    let login = format!("log in again: `aws sso login{}`", settings.profile_flag());
    let (role, account) = (of("role_name"), of("account_id"));
    match exchange.response.as_ref()?.status {
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
pub(crate) fn rejected(
    account: &Account,
    message: String,
    context: Box<RequestContext>,
) -> CloudError {
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
        message,
        context,
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

/// Where the default chain looks, in its order, as far as the environment shows.
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
    let nothing = |message: &str| none(&account.source, message);
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
