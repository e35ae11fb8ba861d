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
    first_line,
    http::{Connection, Response},
    region,
    sigv4::{Signer, percent_encode, timestamp},
};
use crate::{
    names::{Region, RoleArn},
    proof::shared,
    transport::dial::Dial,
};

/// The global endpoint, whose requests are signed for us-east-1.
const GLOBAL: (&str, &str) = ("sts.amazonaws.com", "us-east-1");

/// The session name that AWS's jar uses by default.
pub(crate) const SESSION_NAME: &str = "aws-msk-iam-auth";

/// How long the jar's sessions last; the shortest that STS grants.
pub(crate) const DURATION: Duration = Duration::from_secs(900);

/// A role to assume.
#[derive(Debug, Clone, Copy)]
pub struct Role<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// What the session is called in CloudTrail.
    pub session_name: &'a str,
    /// How long the session lasts, in whole seconds.
    pub duration: Duration,
    /// The region of the STS endpoint; `None` is the global endpoint, the jar's default.
    pub region: Option<&'a str>,
    /// The external id that the role's trust policy requires, if any.
    pub external_id: Option<&'a str>,
}

impl<'a> Role<'a> {
    /// As AWS's jar assumes it with `awsRoleArn` alone.
    pub fn with_jar_defaults(arn: &'a str) -> Self {
        Self {
            arn,
            session_name: SESSION_NAME,
            duration: DURATION,
            region: None,
            external_id: None,
        }
    }

    /// As AWS's jar assumes it with further options, by the jar's own names (its
    /// `MSKCredentialProvider`); options that do not concern the role are ignored.
    pub fn with_options(arn: &'a str, options: &'a IndexMap<String, String>) -> Self {
        let option = |name: &str| options.get(name).map(String::as_str);
        Self {
            session_name: option("awsRoleSessionName").unwrap_or(SESSION_NAME),
            region: option("awsStsRegion"),
            external_id: option("awsRoleExternalId"),
            ..Self::with_jar_defaults(arn)
        }
    }
}

/// A session of a role.
#[derive(Debug, Clone)]
pub struct Assumed {
    /// Its credentials.
    pub credentials: Credentials,
    /// The session's ARN.
    pub arn: String,
}

/// Assumes a role. `tls` holds the trusted roots.
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
    let assume = AssumeRole {
        role,
        credentials,
        at: clock.now(),
        endpoint: endpoint(role)?,
    };
    let (host, _) = &assume.endpoint;
    let request = assume.request()?;
    let name = ServerName::try_from(host.clone()).map_err(|_| assume.internal_error())?;
    let timed_out = || {
        assume.error(
            format!("{host} did not answer in time"),
            String::new(),
            NO_ROUTE.into(),
        )
    };
    let stream = timeout_at(deadline, dial.dial(host, 443))
        .await
        .map_err(|_| timed_out())?
        .map_err(|failed| {
            let help = failed.help.unwrap_or_else(|| NO_ROUTE.into());
            assume.error(
                format!("{host}, port 443, cannot be reached"),
                failed.message,
                help,
            )
        })?;
    let encrypted = timeout_at(deadline, TlsConnector::from(tls).connect(name, stream))
        .await
        .map_err(|_| timed_out())?
        .map_err(|error| assume.tls_error(&error))?;
    let response = async {
        Connection::new(encrypted)
            .await?
            .send(request, deadline)
            .await
    };
    match response.await {
        Ok(response) if response.status == StatusCode::OK => assume.assumed(&response),
        Ok(response) => Err(assume.refused(&response)),
        Err(failure) => Err(assume.error(
            format!("{host} gave no answer"),
            failure.message(),
            NO_ROUTE.into(),
        )),
    }
}

const NO_ROUTE: &str = "the role is assumed from the machine, as its own client does it: it needs a \
                      way to STS (port 443, by NAT or by a VPC endpoint)";

/// The name to dial and the region to sign for.
fn endpoint(role: &Role<'_>) -> Result<(String, String), CredentialsError> {
    let invalid = |problem: String, help: &str| CredentialsError {
        stage: Stage::Sts,
        problem: format!(
            "the role {} cannot be assumed: {problem}",
            first_line(role.arn)
        ),
        message: String::new(),
        help: help.into(),
    };
    let arn = RoleArn::parse(role.arn).map_err(|_| {
        invalid(
            "this is no ARN of a role".into(),
            "it looks like arn:aws:iam::123456789012:role/NAME",
        )
    })?;
    let region = role.region.map(Region::parse).transpose();
    match region.map_err(|name| invalid(name.sentence(), &name.help))? {
        Some(region) => {
            let region = region.as_str();
            Ok((region::endpoint("sts", region), region.to_owned()))
        }
        None if arn.partition() == "aws" => Ok((GLOBAL.0.to_owned(), GLOBAL.1.to_owned())),
        None => Err(invalid(
            "the global sts.amazonaws.com does not know its partition".into(),
            "give a region of that partition, for the client too: \
             `msk_iam_auth: { options: { awsStsRegion: … } }`",
        )),
    }
}

/// One AssumeRole request, and what its messages need.
struct AssumeRole<'a> {
    role: &'a Role<'a>,
    credentials: &'a Credentials,
    at: SystemTime,
    endpoint: (String, String),
}

impl AssumeRole<'_> {
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
        request
            .body(Full::from(body))
            .map_err(|_| self.internal_error())
    }

    fn assumed(&self, response: &Response) -> Result<Assumed, CredentialsError> {
        let unexpected = |problem: &str| {
            self.error(
                format!(
                    "{} gave an answer that is not STS's: {problem}",
                    self.endpoint.0
                ),
                format!("{} and {} bytes", response.status, response.body.len()),
                "look at what answers by that name on the machine: a proxy?".into(),
            )
        };
        // The parser's own message may quote what it read: it is not shown.
        let response: AssumeRoleResponse = quick_xml::de::from_str(&response.body)
            .map_err(|_| unexpected("it has no credentials in it"))?;
        let AssumeRoleResult { user, credentials } = response.result;
        let expires = humantime::parse_rfc3339(credentials.expiration.trim())
            .map_err(|_| unexpected("its time of expiration is none"))?;
        let credentials = Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key.into(),
            Some(credentials.session_token.into()),
            Some(expires),
        )
        .map_err(unexpected)?;
        Ok(Assumed {
            credentials,
            arn: first_line(&user.arn),
        })
    }

    fn refused(&self, response: &Response) -> CredentialsError {
        let Ok(response) = quick_xml::de::from_str::<ErrorResponse>(&response.body) else {
            return self.error(
                format!("{} answers in a way that STS does not", self.endpoint.0),
                format!("{} and {} bytes", response.status, response.body.len()),
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

    /// What helps against an error of STS, by its code.
    fn help(&self, code: &str, message: &str) -> String {
        let key = self.credentials.access_key_id();
        let clock_errors = ["Signature expired", "Signature not yet current"];
        match code {
            "AccessDenied" => shared::trust(&self.principal(message)),
            "RequestExpired" | "RequestTimeTooSkewed" => self.clock_help(),
            "SignatureDoesNotMatch"
                if clock_errors.iter().any(|start| message.starts_with(start)) =>
            {
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

    /// The principal that the trust policy needs, from `User: ARN is not authorized…`. The ARN of a
    /// session lacks its role's path, which is known only if it is the role to assume.
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

    fn tls_error(&self, error: &std::io::Error) -> CredentialsError {
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
            _ => NO_ROUTE,
        };
        self.error(
            format!("TLS with {host} failed"),
            first_line(&error.to_string()),
            help.into(),
        )
    }

    fn internal_error(&self) -> CredentialsError {
        self.error(
            "the request cannot be written".into(),
            String::new(),
            "this is a fault in trueup: please report it".into(),
        )
    }

    fn error(&self, problem: String, message: String, help: String) -> CredentialsError {
        CredentialsError {
            stage: Stage::Sts,
            problem: format!("the role {} was not assumed: {problem}", self.role.arn),
            message,
            help,
        }
    }
}

// The parts of STS responses that are read; no Debug, since secrets are in them.

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
        fn no_response_panics_or_leaks_the_token(
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
            let role = Role::with_jar_defaults("arn:aws:iam::123456789012:role/demo");
            let assume = AssumeRole {
                role: &role,
                credentials: &credentials,
                at: SystemTime::UNIX_EPOCH,
                endpoint: endpoint(&role).expect("an endpoint"),
            };
            let body = parts.concat();
            let response = Response { status: StatusCode::FORBIDDEN, body };
            let mut errors = vec![assume.refused(&response)];
            errors.extend(assume.assumed(&response).err());
            for error in errors {
                let shown = error.to_string();
                prop_assert!(!shown.contains("CANARY"), "{}", shown);
                prop_assert!(shown.lines().count() <= 3, "{:?}", shown);
            }
        }
    }
}
