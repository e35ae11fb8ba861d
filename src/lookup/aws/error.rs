//! The SDK's errors, sorted by what people can do about them.

use std::{error::Error, time::Duration};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Account;
use crate::{
    lookup::cloud::CloudError,
    meter::{Call, Phase},
    text::escape_control,
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

/// What a call is about, for its errors.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The permission that it needs, such as `iam:GetRole`.
    pub action: &'static str,
    /// What is asked for, such as "the role `x`".
    pub what: &'a str,
    /// The way out when it may not be asked.
    pub denied: &'a str,
    /// The way out when there is none.
    pub absent: &'a str,
}

/// One call with its deadline.
pub async fn call<T, E>(
    account: &Account,
    about: About<'_>,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, CloudError>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let started = std::time::Instant::now();
    let answer = tokio::time::timeout(account.deadline, call).await;
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
    .tell();
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(sorted(account, about, &error)),
        Err(_) => Err(late(about.action, account.deadline)),
    }
}

/// No answer in time.
pub fn late(action: &'static str, deadline: Duration) -> CloudError {
    CloudError::Unreachable {
        action,
        said: format!("none within {} s", deadline.as_secs_f64()),
        help: "raise `--timeout`, or see whether this machine reaches AWS: network, proxy, \
               AWS_ENDPOINT_URL"
            .into(),
    }
}

fn sorted<E>(account: &Account, about: About<'_>, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let action = about.action;
    match error {
        SdkError::ServiceError(context) => {
            let code = context.err().code().unwrap_or_default();
            let words = context.err().message().unwrap_or_default();
            let said = match (code, words) {
                // Proxies and load balancers answer without either.
                ("", "") => format!(
                    "HTTP {}: {}",
                    context.raw().status().as_u16(),
                    chain(context.err())
                ),
                ("", words) => words.to_owned(),
                (code, "") => code.to_owned(),
                (code, words) => format!("{code}: {words}"),
            };
            let said = line(&said);
            let is = |list: &[&str]| list.contains(&code);
            if is(&NO_GOOD) {
                super::credentials::no_good(&account.source, said)
            } else if is(&NOT_ALLOWED) {
                CloudError::Denied {
                    action,
                    said,
                    help: about.denied.to_owned(),
                }
            } else if is(&NOT_THERE) {
                CloudError::NotFound {
                    what: about.what.to_owned(),
                    said,
                    help: about.absent.to_owned(),
                }
            } else {
                CloudError::Refused { action, said }
            }
        }
        SdkError::TimeoutError(_) => late(action, account.deadline),
        SdkError::ConstructionFailure(_) => CloudError::Refused {
            action,
            said: chain(error),
        },
        _ => CloudError::Unreachable {
            action,
            said: chain(error),
            help: "see whether this machine reaches AWS: network, proxy, AWS_ENDPOINT_URL".into(),
        },
    }
}

/// An error with all its causes, in one line; what a cause repeats of the one before is left out.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if parts.last().is_none_or(|last| !last.ends_with(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    line(&parts.join(": "))
}

/// The words of others: one line, escaped, and not without end.
pub fn line(text: &str) -> String {
    const MOST: usize = 600;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut start: String = words.chars().take(MOST).collect();
    if start.len() < words.len() {
        start.push('…');
    }
    escape_control(&start)
}
