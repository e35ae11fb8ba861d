//! The error of a failed call, classified by what people can do about it.

use std::time::Duration;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};

use super::{
    Account,
    cause::Cause,
    exchange::{Exchange, record},
    network::Network,
    regions,
};
use crate::{
    lookup::cloud::{CloudError, Grant, RequestContext},
    meter::{Call, Phase},
    names::Partition,
};

/// Credentials that AWS does not take: expired, unknown or wrongly signed.
const NO_GOOD: [&str; 12] = [
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Codes for credentials that a region does not know, as when it is not enabled.
const UNKNOWN: [&str; 3] = [
    "AuthFailure",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
];

/// The clock was off, whatever the response's `Date`.
const SKEWED: [&str; 2] = ["RequestInTheFuture", "RequestTimeTooSkewed"];

/// A service or region is turned off for the account.
const OFF: [&str; 3] = [
    "OptInRequired",
    "RegionDisabledException",
    "SubscriptionRequiredException",
];

/// AWS was asked too often.
const THROTTLED: [&str; 9] = [
    "LimitExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// The caller may not do this.
const NOT_ALLOWED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "Client.UnauthorizedOperation",
    "UnauthorizedException",
    "UnauthorizedOperation",
];

/// There is no such thing.
const NOT_THERE: [&str; 8] = [
    "InvalidInstanceID.Malformed",
    "InvalidInstanceID.NotFound",
    "InvalidKeyPair.NotFound",
    "NoSuchEntity",
    "NotFoundException",
    "ParameterNotFound",
    "ParameterVersionNotFound",
    "ResourceNotFoundException",
];

/// AWS refuses signatures whose date is more than five minutes off.
const SKEW_SECONDS: u64 = 300;

const NETWORK: &str =
    "see whether this machine reaches AWS: network, proxy (HTTPS_PROXY), AWS_ENDPOINT_URL";
const BETWEEN: &str = "what answered is not AWS, or something in between changed it: see proxies \
                       (HTTPS_PROXY), AWS_ENDPOINT_URL and `endpoint_url` in the profile";
const BUSY: &str =
    "AWS limits how often an account asks: try again in a minute, or with fewer hosts (`--host`)";

/// What a call is about, for its errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    /// The permission that it needs, such as `iam:GetRole`.
    pub action: &'static str,
    /// The thing that is looked up, such as "the role `x`".
    pub subject: &'a str,
    /// The resources that a policy names for it; `{partition}`, `{region}` and `{account}` are
    /// filled in.
    pub resources: &'a [String],
    /// The help where it is denied, beside allowing it.
    pub denied: &'a str,
    /// The help where there is no such thing.
    pub absent: &'a str,
}

/// One call with its deadline.
pub async fn call<T, E>(
    account: &Account,
    about: About<'_>,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, CloudError> {
    let started = std::time::Instant::now();
    let (response, exchange) = record(tokio::time::timeout(account.deadline, call)).await;
    Call {
        phase: Phase::LookUp,
        name: about.action,
        place: "AWS",
        took: started.elapsed(),
        // The SDK's tries are its own.
        round_trips: None,
        sent: 0,
        got: 0,
        detail: if matches!(response, Ok(Ok(_))) {
            ""
        } else {
            "failed"
        },
    }
    .log();
    let cause = match response {
        Ok(Ok(response)) => return Ok(response),
        Ok(Err(error)) => Cause::of(&error, &exchange),
        Err(_) => Cause::late(&exchange),
    };
    Err(classify(account, about, cause, &exchange).await)
}

/// The error of a failed call, by what people can do about it.
pub async fn classify(
    account: &Account,
    about: About<'_>,
    cause: Cause,
    exchange: &Exchange,
) -> CloudError {
    let action = about.action;
    let mut context = Box::new(account.context(action, exchange));
    let mut message = cause.message(account.deadline);
    let code = match cause {
        Cause::Aws { code, .. } => code,
        Cause::Late(_) => {
            let help = format!("raise `--timeout`, or {NETWORK}");
            return CloudError::Unreachable {
                action,
                message,
                help,
                context,
            };
        }
        Cause::Network(network) => {
            let help = network_help(&network, &context);
            return CloudError::Unreachable {
                action,
                message,
                help,
                context,
            };
        }
        Cause::NotMade => {
            return CloudError::Settings {
                message: format!("`{action}` could not be asked: {message}"),
                help: "see the region, and the endpoints that are set: AWS_ENDPOINT_URL, \
                       AWS_ENDPOINT_URL_…, `endpoint_url` and `services` in the profile"
                    .into(),
            };
        }
        Cause::Foreign(..) | Cause::Unreadable(..) => {
            let help = Some(BETWEEN.into());
            return CloudError::Refused {
                action,
                message,
                help,
                context,
            };
        }
    };
    let is = |list: &[&str]| list.contains(&code.as_str());
    if let Some(clock) = clock(is(&SKEWED), is(&NO_GOOD), exchange) {
        return CloudError::Settings {
            message: format!("{clock}: {message}{context}"),
            help: "set the clock: `timedatectl set-ntp true`, or `chronyc makestep`".into(),
        };
    }
    let again = exchange.tries > 1;
    if is(&THROTTLED) {
        message = format!("{message}, after {} tries", exchange.tries);
        let help = Some(BUSY.into());
        return CloudError::Refused {
            action,
            message,
            help,
            context,
        };
    }
    // The account shows whether the profile or the name is wrong.
    let caller = account.caller().await;
    context.account = caller.as_ref().map(|caller| caller.account.clone());
    if is(&OFF) {
        let help = not_enabled(&context);
        return CloudError::NotHere {
            action,
            message,
            help,
            context,
        };
    }
    if is(&NO_GOOD) {
        return match (caller, &context.region) {
            (Some(caller), Some(region))
                if is(&UNKNOWN) && Partition::of(region).home != region =>
            {
                let message = format!(
                    "{message}. In {} AWS takes these credentials, as {}",
                    Partition::of(region).home,
                    caller.arn
                );
                let help = not_enabled(&context);
                CloudError::NotHere {
                    action,
                    message,
                    help,
                    context,
                }
            }
            _ => super::credentials::rejected(account, message, context),
        };
    }
    if is(&NOT_ALLOWED) {
        return denied(about, message, context, account);
    }
    if is(&NOT_THERE) {
        return CloudError::NotFound {
            subject: about.subject.to_owned(),
            message,
            help: about.absent.to_owned(),
            context,
        };
    }
    if again {
        message = format!("{message}, after {} tries", exchange.tries);
    }
    CloudError::Refused {
        action,
        message,
        help: None,
        context,
    }
}

/// How far this machine's clock is off, where that is the cause.
pub fn clock(surely: bool, perhaps: bool, exchange: &Exchange) -> Option<String> {
    let clock_ahead = exchange
        .response
        .as_ref()
        .and_then(|response| response.clock_ahead);
    let off = clock_ahead.filter(|clock_ahead| clock_ahead.unsigned_abs() > SKEW_SECONDS);
    match off {
        Some(clock_ahead) if surely || perhaps => {
            let off = Duration::from_secs(clock_ahead.unsigned_abs());
            let off = humantime::format_duration(off);
            let direction = if clock_ahead > 0 {
                "behind"
            } else {
                "ahead of"
            };
            Some(format!(
                "the clock of this machine is {off} {direction} AWS's, which refuses signatures that are \
                 more than 5 minutes off"
            ))
        }
        None if surely => Some("the clock of this machine is off".into()),
        _ => None,
    }
}

fn not_enabled(context: &RequestContext) -> String {
    let region = context.region.as_deref().unwrap_or("REGION");
    let account = match &context.account {
        Some(id) => format!("account {id}"),
        None => "the account".into(),
    };
    format!(
        "{region} is not enabled for {account}, or not for sessions of STS's global endpoint \
         (AWS_STS_REGIONAL_ENDPOINTS=regional): `aws account enable-region --region-name {region}`, or \
         name another region: `aws: {{ region: … }}`"
    )
}

fn network_help(network: &Network, context: &RequestContext) -> String {
    let of_region = match (network, &context.region) {
        (Network::NoName | Network::NoResolver, Some(region)) if !regions::is_known(region) => {
            match regions::nearest(region) {
                Some(other) => format!("did you mean the region `{other}`? Else "),
                None => {
                    format!("see the region `{region}`, which this version has never heard of, or ")
                }
            }
        }
        _ => String::new(),
    };
    match network {
        Network::BadUrl => "write it with its scheme, such as `https://HOST`: AWS_ENDPOINT_URL, \
                            AWS_ENDPOINT_URL_…, or `endpoint_url` in the profile"
            .into(),
        _ => format!("{of_region}{NETWORK}"),
    }
}

/// Who asks may not do this; or not something that it needs, such as `kms:Decrypt`: AWS's words
/// name it.
fn denied(
    about: About<'_>,
    message: String,
    context: Box<RequestContext>,
    account: &Account,
) -> CloudError {
    let action = about.action;
    if message.contains("explicit deny") {
        return CloudError::Denied {
            action,
            help: "a policy denies it in so many words, perhaps the organisation's: one that allows it \
                   does not help. Ask who manages it"
                .into(),
            message,
            grants: vec![],
            context,
        };
    }
    let grant = match named(&message) {
        Some((other, resource)) if other != action => Grant {
            action: other.to_owned(),
            resources: vec![resource.unwrap_or("*").to_owned()],
        },
        _ => {
            let of = |text: &String| filled(text, &context, account);
            Grant {
                action: action.to_owned(),
                resources: about.resources.iter().map(of).collect(),
            }
        }
    };
    CloudError::Denied {
        action,
        message,
        help: about.denied.to_owned(),
        grants: vec![grant],
        context,
    }
}

/// The action that AWS names as not allowed, and the resource where it names an ARN.
fn named(message: &str) -> Option<(&str, Option<&str>)> {
    let (_, rest) = message.split_once("is not authorized to perform: ")?;
    let mut words = rest.split(' ');
    let action = words.next()?.trim_end_matches(['.', ',']);
    let is_action = |c: char| c.is_ascii_alphanumeric() || c == ':' || c == '-';
    if !action.contains(':') || !action.chars().all(is_action) {
        return None;
    }
    let resource = rest.split_once(" on resource: ").map(|(_, rest)| rest);
    let resource = resource.and_then(|rest| rest.split(' ').next());
    let is_arn = |text: &&str| text.starts_with("arn:") && !text.contains(['"', '\\']);
    Some((action, resource.filter(is_arn)))
}

fn filled(resource: &str, context: &RequestContext, account: &Account) -> String {
    let region = account.region.as_ref().map(|region| region.name.as_str());
    resource
        .replace(
            "{partition}",
            Partition::of(region.unwrap_or_default()).name,
        )
        .replace("{region}", region.unwrap_or("*"))
        .replace("{account}", context.account.as_deref().unwrap_or("*"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::aws::exchange::ResponseSummary;

    #[test]
    fn what_is_not_allowed_is_what_aws_names() {
        let message = "AccessDeniedException: User: arn:aws:iam::1:user/u is not authorized to perform: \
            kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k because no identity-based policy allows";
        assert_eq!(
            named(message),
            Some(("kms:Decrypt", Some("arn:aws:kms:us-east-1:1:key/k")))
        );
        let message =
            "User: u is not authorized to perform: iam:GetRole on resource: role r because";
        assert_eq!(named(message), Some(("iam:GetRole", None)));
        assert_eq!(
            named("You are not authorized to perform this operation."),
            None
        );
        assert_eq!(named("is not authorized to perform: {x}"), None);
    }

    #[test]
    fn the_clock_is_to_blame_where_the_answer_says_so() {
        let exchange = |clock_ahead| Exchange {
            response: Some(ResponseSummary {
                clock_ahead,
                ..ResponseSummary::default()
            }),
            ..Exchange::default()
        };
        assert_eq!(clock(false, true, &exchange(Some(60))), None);
        assert_eq!(clock(false, false, &exchange(Some(9000))), None);
        let text = clock(false, true, &exchange(Some(9000))).expect("off");
        assert!(text.contains("is 2h 30m behind AWS's"), "{text}");
        let text = clock(true, false, &exchange(Some(-600))).expect("off");
        assert!(text.contains("is 10m ahead of AWS's"), "{text}");
        assert!(clock(true, false, &exchange(None)).is_some());
    }
}
