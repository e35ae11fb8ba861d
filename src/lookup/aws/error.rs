//! From what came of a failed call to an error of ours, sorted by what people can do.

use std::time::Duration;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};

use super::{
    Account,
    cause::Cause,
    heard::{Heard, listen},
    network::Network,
    regions,
};
use crate::{
    lookup::cloud::{Asked, CloudError, Grant},
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

/// What a region says of credentials that it has never heard of, as one does that is not enabled.
const UNKNOWN: [&str; 3] = [
    "AuthFailure",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
];

/// The clock was off, whatever the answer's own clock says.
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
    /// What is asked for, such as "the role `x`".
    pub what: &'a str,
    /// The resources that a policy names for it; `{partition}`, `{region}` and `{account}` are
    /// filled in.
    pub resources: &'a [String],
    /// The way out when it may not be asked, beside allowing it.
    pub denied: &'a str,
    /// The way out when there is none.
    pub absent: &'a str,
}

/// One call with its deadline.
pub async fn call<T, E>(
    account: &Account,
    about: About<'_>,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, CloudError> {
    let started = std::time::Instant::now();
    let (answer, heard) = listen(tokio::time::timeout(account.deadline, call)).await;
    Call {
        phase: Phase::LookUp,
        name: about.action,
        place: "AWS",
        took: started.elapsed(),
        // The SDK's tries are its own.
        round_trips: None,
        sent: 0,
        got: 0,
        detail: if matches!(answer, Ok(Ok(_))) {
            ""
        } else {
            "failed"
        },
    }
    .log();
    let cause = match answer {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => Cause::of(&error, &heard),
        Err(_) => Cause::late(&heard),
    };
    Err(sorted(account, about, cause, &heard).await)
}

/// What people can do about it decides what it is.
pub async fn sorted(
    account: &Account,
    about: About<'_>,
    cause: Cause,
    heard: &Heard,
) -> CloudError {
    let action = about.action;
    let mut asked = Box::new(account.asked(action, heard));
    let mut said = cause.words(account.deadline);
    let code = match cause {
        Cause::Aws { code, .. } => code,
        Cause::Late(_) => {
            let help = format!("raise `--timeout`, or {NETWORK}");
            return CloudError::Unreachable {
                action,
                said,
                help,
                asked,
            };
        }
        Cause::Network(network) => {
            let help = network_help(&network, &asked);
            return CloudError::Unreachable {
                action,
                said,
                help,
                asked,
            };
        }
        Cause::NotMade => {
            return CloudError::Settings {
                what: format!("`{action}` could not be asked: {said}"),
                help: "see the region, and the endpoints that are set: AWS_ENDPOINT_URL, \
                       AWS_ENDPOINT_URL_…, `endpoint_url` and `services` in the profile"
                    .into(),
            };
        }
        Cause::Foreign(..) | Cause::Unreadable(..) => {
            let help = Some(BETWEEN.into());
            return CloudError::Refused {
                action,
                said,
                help,
                asked,
            };
        }
    };
    let is = |list: &[&str]| list.contains(&code.as_str());
    if let Some(clock) = clock(is(&SKEWED), is(&NO_GOOD), heard) {
        return CloudError::Settings {
            what: format!("{clock}: {said}{asked}"),
            help: "set the clock: `timedatectl set-ntp true`, or `chronyc makestep`".into(),
        };
    }
    let again = heard.tries > 1;
    if is(&THROTTLED) {
        said = format!("{said}, after {} tries", heard.tries);
        let help = Some(BUSY.into());
        return CloudError::Refused {
            action,
            said,
            help,
            asked,
        };
    }
    // Whose account it is tells a wrong profile from a wrong name.
    let caller = account.whose().await;
    asked.account = caller.as_ref().map(|caller| caller.account.clone());
    if is(&OFF) {
        let help = not_enabled(&asked);
        return CloudError::NotHere {
            action,
            said,
            help,
            asked,
        };
    }
    if is(&NO_GOOD) {
        return match (caller, &asked.region) {
            (Some(caller), Some(region))
                if is(&UNKNOWN) && Partition::of(region).home != region =>
            {
                let said = format!(
                    "{said}. In {} AWS takes these credentials, as {}",
                    Partition::of(region).home,
                    caller.arn
                );
                let help = not_enabled(&asked);
                CloudError::NotHere {
                    action,
                    said,
                    help,
                    asked,
                }
            }
            _ => super::credentials::no_good(account, said, asked),
        };
    }
    if is(&NOT_ALLOWED) {
        return denied(about, said, asked, account);
    }
    if is(&NOT_THERE) {
        return CloudError::NotFound {
            what: about.what.to_owned(),
            said,
            help: about.absent.to_owned(),
            asked,
        };
    }
    if again {
        said = format!("{said}, after {} tries", heard.tries);
    }
    CloudError::Refused {
        action,
        said,
        help: None,
        asked,
    }
}

/// What an answer tells of this machine's clock, where that is to blame.
pub fn clock(surely: bool, perhaps: bool, heard: &Heard) -> Option<String> {
    let ahead = heard.answer.as_ref().and_then(|answer| answer.ahead);
    let off = ahead.filter(|ahead| ahead.unsigned_abs() > SKEW_SECONDS);
    match off {
        Some(ahead) if surely || perhaps => {
            let off = Duration::from_secs(ahead.unsigned_abs());
            let off = humantime::format_duration(off);
            let way = if ahead > 0 { "behind" } else { "ahead of" };
            Some(format!(
                "the clock of this machine is {off} {way} AWS's, which refuses signatures that are \
                 more than 5 minutes off"
            ))
        }
        None if surely => Some("the clock of this machine is off".into()),
        _ => None,
    }
}

fn not_enabled(asked: &Asked) -> String {
    let region = asked.region.as_deref().unwrap_or("REGION");
    let account = match &asked.account {
        Some(id) => format!("account {id}"),
        None => "the account".into(),
    };
    format!(
        "{region} is not enabled for {account}, or not for sessions of STS's global endpoint \
         (AWS_STS_REGIONAL_ENDPOINTS=regional): `aws account enable-region --region-name {region}`, or \
         name another region: `aws: {{ region: … }}`"
    )
}

fn network_help(network: &Network, asked: &Asked) -> String {
    let of_region = match (network, &asked.region) {
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
fn denied(about: About<'_>, said: String, asked: Box<Asked>, account: &Account) -> CloudError {
    let action = about.action;
    if said.contains("explicit deny") {
        return CloudError::Denied {
            action,
            help: "a policy denies it in so many words, perhaps the organisation's: one that allows it \
                   does not help. Ask who manages it"
                .into(),
            said,
            grants: vec![],
            asked,
        };
    }
    let grant = match named(&said) {
        Some((other, resource)) if other != action => Grant {
            action: other.to_owned(),
            resources: vec![resource.unwrap_or("*").to_owned()],
        },
        _ => {
            let of = |text: &String| filled(text, &asked, account);
            Grant {
                action: action.to_owned(),
                resources: about.resources.iter().map(of).collect(),
            }
        }
    };
    CloudError::Denied {
        action,
        said,
        help: about.denied.to_owned(),
        grants: vec![grant],
        asked,
    }
}

/// What AWS says is not allowed, and on which resource where it names an ARN.
fn named(said: &str) -> Option<(&str, Option<&str>)> {
    let (_, rest) = said.split_once("is not authorized to perform: ")?;
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

fn filled(resource: &str, asked: &Asked, account: &Account) -> String {
    let region = account.region.as_ref().map(|region| region.name.as_str());
    resource
        .replace(
            "{partition}",
            Partition::of(region.unwrap_or_default()).name,
        )
        .replace("{region}", region.unwrap_or("*"))
        .replace("{account}", asked.account.as_deref().unwrap_or("*"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::aws::heard::Answer;

    #[test]
    fn what_is_not_allowed_is_what_aws_names() {
        let said = "AccessDeniedException: User: arn:aws:iam::1:user/u is not authorized to perform: \
            kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k because no identity-based policy allows";
        assert_eq!(
            named(said),
            Some(("kms:Decrypt", Some("arn:aws:kms:us-east-1:1:key/k")))
        );
        let said = "User: u is not authorized to perform: iam:GetRole on resource: role r because";
        assert_eq!(named(said), Some(("iam:GetRole", None)));
        assert_eq!(
            named("You are not authorized to perform this operation."),
            None
        );
        assert_eq!(named("is not authorized to perform: {x}"), None);
    }

    #[test]
    fn the_clock_is_to_blame_where_the_answer_says_so() {
        let heard = |ahead| Heard {
            answer: Some(Answer {
                ahead,
                ..Answer::default()
            }),
            ..Heard::default()
        };
        assert_eq!(clock(false, true, &heard(Some(60))), None);
        assert_eq!(clock(false, false, &heard(Some(9000))), None);
        let text = clock(false, true, &heard(Some(9000))).expect("off");
        assert!(text.contains("is 2h 30m behind AWS's"), "{text}");
        let text = clock(true, false, &heard(Some(-600))).expect("off");
        assert!(text.contains("is 10m ahead of AWS's"), "{text}");
        assert!(clock(true, false, &heard(None)).is_some());
    }
}
