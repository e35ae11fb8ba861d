//! AssumeRole, as AWS's jar calls it for `awsRoleArn` ("AssumeRole" in the STS API reference,
//! version 2011-06-15).

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http_body_util::Full;
use hyper::{Request, StatusCode, body::Bytes};
use indexmap::IndexMap;
use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{
    TlsConnector,
    rustls::{self, ClientConfig, pki_types::ServerName},
};

use super::{
    Credentials, CredentialsError, Stage,
    clock::Clock,
    http::{Answer, Connection},
    region, said,
    sigv4::{Signer, percent_encode, timestamp},
};
use crate::{
    names::{Region, RoleArn},
    proof::shared,
    transport::dial::Dial,
};

/// The global endpoint, whose requests are signed for us-east-1.
const GLOBAL: (&str, &str) = ("sts.amazonaws.com", "us-east-1");

/// The session name that AWS's jar takes where none is given.
pub const SESSION_NAME: &str = "aws-msk-iam-auth";

/// How long the jar's sessions last; the shortest that STS grants.
pub const DURATION: Duration = Duration::from_secs(900);

/// A role that is to be assumed.
#[derive(Debug, Clone, Copy)]
pub struct Role<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// What the session is called in CloudTrail.
    pub session_name: &'a str,
    /// How long the session lasts, in whole seconds.
    pub duration: Duration,
    /// The region whose STS is asked; the global one, as the jar does, when none is given.
    pub region: Option<&'a str>,
    /// What the role's trust policy asks for, where it asks.
    pub external_id: Option<&'a str>,
}

impl<'a> Role<'a> {
    /// As AWS's jar assumes it when only `awsRoleArn` is given.
    pub fn as_the_jar_does(arn: &'a str) -> Self {
        Self {
            arn,
            session_name: SESSION_NAME,
            duration: DURATION,
            region: None,
            external_id: None,
        }
    }

    /// As AWS's jar assumes it with further options, by the jar's own names (its
    /// `MSKCredentialProvider`); those that say nothing of the role are of no account.
    pub fn with_options(arn: &'a str, options: &'a IndexMap<String, String>) -> Self {
        let option = |name: &str| options.get(name).map(String::as_str);
        Self {
            session_name: option("awsRoleSessionName").unwrap_or(SESSION_NAME),
            region: option("awsStsRegion"),
            external_id: option("awsRoleExternalId"),
            ..Self::as_the_jar_does(arn)
        }
    }
}

/// A session of a role.
#[derive(Debug, Clone)]
pub struct Assumed {
    /// Its credentials.
    pub credentials: Credentials,
    /// The session's ARN: who we are from now on.
    pub arn: String,
}

/// Assumes a role. `tls` holds the roots to trust.
///
/// # Errors
/// When STS cannot be reached or refuses.
pub async fn assume_role(
    dial: &dyn Dial,
    tls: Arc<ClientConfig>,
    role: &Role<'_>,
    credentials: &Credentials,
    clock: Clock,
    deadline: Instant,
) -> Result<Assumed, CredentialsError> {
    let call = Call {
        role,
        credentials,
        at: clock.now(),
        endpoint: endpoint(role)?,
    };
    let (host, _) = &call.endpoint;
    let request = call.request()?;
    let name = ServerName::try_from(host.clone()).map_err(|_| call.fault())?;
    let late = || {
        call.error(
            format!("{host} did not answer in time"),
            String::new(),
            NO_WAY.into(),
        )
    };
    let stream = timeout_at(deadline, dial.dial(host, 443))
        .await
        .map_err(|_| late())?
        .map_err(|failed| {
            let help = failed.help.unwrap_or_else(|| NO_WAY.into());
            call.error(
                format!("{host}, port 443, cannot be reached"),
                failed.said,
                help,
            )
        })?;
    let encrypted = timeout_at(deadline, TlsConnector::from(tls).connect(name, stream))
        .await
        .map_err(|_| late())?
        .map_err(|error| call.no_tls(&error))?;
    let answer = async {
        Connection::new(encrypted)
            .await?
            .ask(request, deadline)
            .await
    };
    match answer.await {
        Ok(answer) if answer.status == StatusCode::OK => call.assumed(&answer),
        Ok(answer) => Err(call.refused(&answer)),
        Err(failure) => Err(call.error(
            format!("{host} gave no answer"),
            failure.words(),
            NO_WAY.into(),
        )),
    }
}

const NO_WAY: &str = "the role is assumed from the machine, as its own client does it: it needs a \
                      way to STS (port 443, by NAT or by a VPC endpoint)";

/// The name to dial and the region to sign for.
fn endpoint(role: &Role<'_>) -> Result<(String, String), CredentialsError> {
    let wrong = |what: String, help: &str| CredentialsError {
        stage: Stage::Sts,
        what: format!("the role {} cannot be assumed: {what}", said(role.arn)),
        said: String::new(),
        help: help.into(),
    };
    let arn = RoleArn::parse(role.arn).map_err(|_| {
        wrong(
            "this is no ARN of a role".into(),
            "it looks like arn:aws:iam::123456789012:role/NAME",
        )
    })?;
    let region = role.region.map(Region::parse).transpose();
    match region.map_err(|no| wrong(no.sentence(), &no.help))? {
        Some(region) => {
            let region = region.as_str();
            Ok((region::endpoint("sts", region), region.to_owned()))
        }
        None if arn.partition() == "aws" => Ok((GLOBAL.0.to_owned(), GLOBAL.1.to_owned())),
        None => Err(wrong(
            "the global sts.amazonaws.com does not know its partition".into(),
            "give a region of that partition, for the client too: \
             `msk_iam_auth: { options: { awsStsRegion: … } }`",
        )),
    }
}

/// One call, and what its messages need.
struct Call<'a> {
    role: &'a Role<'a>,
    credentials: &'a Credentials,
    at: SystemTime,
    endpoint: (String, String),
}

impl Call<'_> {
    fn request(&self) -> Result<Request<Full<Bytes>>, CredentialsError> {
        let seconds = self.role.duration.as_secs().to_string();
        let fields = [
            ("Action", Some("AssumeRole")),
            ("Version", Some("2011-06-15")),
            ("RoleArn", Some(self.role.arn)),
            ("RoleSessionName", Some(self.role.session_name)),
            ("DurationSeconds", Some(&*seconds)),
            ("ExternalId", self.role.external_id),
        ];
        let fields = fields
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", percent_encode((*value)?))));
        let body = fields.collect::<Vec<_>>().join("&");
        let (host, region) = &self.endpoint;
        let mut headers = BTreeMap::from([
            (
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
            ("host", host.clone()),
            ("x-amz-date", timestamp(self.at)),
        ]);
        if let Some(token) = self.credentials.session_token() {
            headers.insert("x-amz-security-token", token.expose_secret().to_owned());
        }
        let signer = Signer {
            credentials: self.credentials,
            region,
            service: "sts",
            at: self.at,
        };
        let authorization = signer.authorization(&headers, body.as_bytes());
        let mut request = Request::post("/").header("authorization", authorization);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(Full::from(body)).map_err(|_| self.fault())
    }

    fn assumed(&self, answer: &Answer) -> Result<Assumed, CredentialsError> {
        let unlike = |what: &str| {
            self.error(
                format!(
                    "{} gave an answer that is not STS's: {what}",
                    self.endpoint.0
                ),
                format!("{} and {} bytes", answer.status, answer.body.len()),
                "look at what answers by that name on the machine: a proxy?".into(),
            )
        };
        // The parser's own message may quote what it read: it is not shown.
        let response: AssumeRoleResponse = quick_xml::de::from_str(&answer.body)
            .map_err(|_| unlike("it has no credentials in it"))?;
        let AssumeRoleResult { user, credentials } = response.result;
        let expires = humantime::parse_rfc3339(credentials.expiration.trim())
            .map_err(|_| unlike("its time of expiration is none"))?;
        let credentials = Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key.into(),
            Some(credentials.session_token.into()),
            Some(expires),
        )
        .map_err(unlike)?;
        Ok(Assumed {
            credentials,
            arn: said(&user.arn),
        })
    }

    fn refused(&self, answer: &Answer) -> CredentialsError {
        let Ok(response) = quick_xml::de::from_str::<ErrorResponse>(&answer.body) else {
            return self.error(
                format!("{} answers in a way that STS does not", self.endpoint.0),
                format!("{} and {} bytes", answer.status, answer.body.len()),
                "try again; if it stays so, look at what answers by that name on the machine"
                    .into(),
            );
        };
        let ErrorResponse { error } = response;
        let message = self.credentials.redact(&error.message);
        let code = self.credentials.redact(&error.code);
        let help = self.help(&code, &message);
        self.error(
            format!("{} refuses", self.endpoint.0),
            format!("{code}: {message}"),
            help,
        )
    }

    /// The way out of an error of STS, by its code.
    fn help(&self, code: &str, message: &str) -> String {
        let key = self.credentials.access_key_id();
        let late = ["Signature expired", "Signature not yet current"];
        match code {
            "AccessDenied" => shared::trust(&self.principal(message)),
            "RequestExpired" | "RequestTimeTooSkewed" => self.clock_help(),
            "SignatureDoesNotMatch" if late.iter().any(|late| message.starts_with(late)) => {
                self.clock_help()
            }
            "SignatureDoesNotMatch" => format!(
                "the secret does not belong to {key}: check AWS_SECRET_ACCESS_KEY, where the \
                 credentials are from the environment"
            ),
            "ExpiredToken" | "ExpiredTokenException" => format!(
                "the session of {key} has ended: take new credentials (and export all three \
                 variables, where they are from the environment)"
            ),
            "InvalidClientTokenId" | "UnrecognizedClientException" => format!(
                "AWS knows no {key} with this session token: was the key deleted, or is it of \
                 another partition? From the environment: AWS_SESSION_TOKEN must be the one that \
                 came with the key, and not set for a key of a user"
            ),
            "RegionDisabledException" => {
                "the account does not use this region: activate STS for it in IAM's account \
                 settings"
                    .into()
            }
            "ValidationError" => "check the role's ARN".into(),
            "Throttling" | "ThrottlingException" | "ServiceUnavailable" | "InternalFailure" => {
                "try again in a moment".into()
            }
            _ => "the code is explained under \"Common errors\" in the STS API reference".into(),
        }
    }

    fn clock_help(&self) -> String {
        format!(
            "the request was signed at {}, by the machine's clock, and AWS refuses what is more \
             than 5 minutes off: set that clock (`timedatectl`, `chronyc makestep`)",
            timestamp(self.at)
        )
    }

    /// Who has to stand in the trust policy, from `User: ARN is not authorized…`. The ARN of a
    /// session has lost its role's path; it is known where the role is the one to be assumed.
    fn principal(&self, message: &str) -> String {
        let unknown = "ARN OF THE CALLER'S ROLE";
        let Some(user) = message
            .strip_prefix("User: ")
            .and_then(|rest| rest.split(' ').next())
        else {
            return unknown.into();
        };
        let parts: Vec<&str> = user.split(':').collect();
        let ["arn", partition, "sts", "", account, resource] = parts[..] else {
            return user.into();
        };
        let Some(role) = resource
            .strip_prefix("assumed-role/")
            .and_then(|rest| rest.split('/').next())
        else {
            return unknown.into();
        };
        let own = format!("arn:{partition}:iam::{account}:role/");
        let same =
            self.role.arn.starts_with(&own) && self.role.arn.rsplit('/').next() == Some(role);
        if same {
            self.role.arn.to_owned()
        } else {
            format!("{own}{role}")
        }
    }

    fn no_tls(&self, error: &std::io::Error) -> CredentialsError {
        let host = &self.endpoint.0;
        let cause = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<rustls::Error>());
        let help = match cause {
            Some(rustls::Error::InvalidCertificate(_)) => {
                "the certificate is not one that is trusted here: does a proxy stand in between? \
                 then give its CA"
            }
            Some(rustls::Error::InvalidMessage(_)) => {
                "what answers there speaks no TLS: look at what the name stands for on the machine"
            }
            _ => NO_WAY,
        };
        self.error(
            format!("TLS with {host} failed"),
            said(&error.to_string()),
            help.into(),
        )
    }

    fn fault(&self) -> CredentialsError {
        self.error(
            "the request cannot be written".into(),
            String::new(),
            "this is a fault in trueup: please report it".into(),
        )
    }

    fn error(&self, what: String, said: String, help: String) -> CredentialsError {
        CredentialsError {
            stage: Stage::Sts,
            what: format!("the role {} was not assumed: {what}", self.role.arn),
            said,
            help,
        }
    }
}

// What STS says, as far as it is read; no Debug, since secrets are in it.

#[derive(Deserialize)]
struct AssumeRoleResponse {
    #[serde(rename = "AssumeRoleResult")]
    result: AssumeRoleResult,
}

#[derive(Deserialize)]
struct AssumeRoleResult {
    #[serde(rename = "AssumedRoleUser")]
    user: AssumedRoleUser,
    #[serde(rename = "Credentials")]
    credentials: Issued,
}

#[derive(Deserialize)]
struct AssumedRoleUser {
    #[serde(rename = "Arn")]
    arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Issued {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Deserialize)]
struct ErrorResponse {
    #[serde(rename = "Error")]
    error: StsError,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StsError {
    code: String,
    #[serde(default)]
    message: String,
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_answer_makes_us_panic_or_quotes_the_token(
            parts in prop::collection::vec(
                prop_oneof![
                    "</?(AssumeRoleRe(sult|sponse)|Credentials|Arn|Error(Response)?|Code|Message)>",
                    Just("<Error><Code>x</Code><Message>".to_owned()),
                    Just("CANARY".to_owned()),
                    Just("&#67;ANARY&unknown;<![CDATA[".to_owned()),
                    any::<String>(),
                ],
                0..12,
            ),
        ) {
            let credentials = Credentials::new(
                "ASIA1".into(), "CANARY".into(), Some("CANARY".into()), None,
            ).expect("credentials");
            let role = Role::as_the_jar_does("arn:aws:iam::123456789012:role/demo");
            let call = Call {
                role: &role,
                credentials: &credentials,
                at: SystemTime::UNIX_EPOCH,
                endpoint: endpoint(&role).expect("an endpoint"),
            };
            let body = parts.concat();
            let answer = Answer { status: StatusCode::FORBIDDEN, body };
            let mut errors = vec![call.refused(&answer)];
            errors.extend(call.assumed(&answer).err());
            for error in errors {
                let shown = error.to_string();
                prop_assert!(!shown.contains("CANARY"), "{}", shown);
                prop_assert!(shown.lines().count() <= 3, "{:?}", shown);
            }
        }
    }
}
