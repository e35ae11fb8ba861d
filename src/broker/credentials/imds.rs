//! The role of the machine that dials, from its EC2 metadata service, version 2 ("Use the Instance
//! Metadata Service" in the EC2 user guide). Read through the machine's own network; nothing is
//! stored there or here.

use std::time::SystemTime;

use http_body_util::Full;
use hyper::{Request, StatusCode, body::Bytes};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::{
    Credentials, CredentialsError, Stage, first_line,
    http::{Connection, HttpError, Response},
};
use crate::{
    names::{Region, RoleName},
    transport::dial::{Dial, DialError, DialStage},
};

/// Where the service answers on every instance.
pub const ADDRESS: &str = "169.254.169.254";
/// Its port.
pub const PORT: u16 = 80;

/// Lifetime of the session token, in seconds.
const TOKEN_SECONDS: &str = "60";

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// The role that an instance has.
#[derive(Debug, Clone)]
pub struct InstanceRole {
    /// Its credentials of the hour.
    pub credentials: Credentials,
    /// Its name, without a path.
    pub role_name: String,
    /// The region that the instance is in, if the service knows it.
    pub region: Option<String>,
}

impl InstanceRole {
    /// Who this is, for messages.
    pub fn caller(&self) -> String {
        format!("instance role {}", self.role_name)
    }
}

/// The credentials of the machine's own role: a token, the role's name, its credentials and the
/// region, on one connection where the service keeps it open.
///
/// # Errors
/// When there is no such service, it is off, the machine has no role, or it does not respond in time.
pub async fn instance_role(
    dial: &dyn Dial,
    deadline: Instant,
) -> Result<InstanceRole, CredentialsError> {
    let mut service = Service {
        dial,
        deadline,
        connection: None,
        token: None,
    };
    service.fetch_token().await?;
    let listed = service.get(ROLES).await?;
    let role_name = role_name(&listed)?;
    let response = service.get(&format!("{ROLES}{role_name}")).await?;
    let credentials = credentials(&response, &role_name)?;
    // The credentials do not depend on it.
    let response = service.get("/latest/meta-data/placement/region").await;
    let region = response
        .ok()
        .filter(|response| response.status == StatusCode::OK)
        .map(|response| response.body.trim().to_owned())
        .filter(|region| Region::parse(region).is_ok());
    Ok(InstanceRole {
        credentials,
        role_name,
        region,
    })
}

/// The service, dialled anew whenever it has closed the connection.
struct Service<'a> {
    dial: &'a dyn Dial,
    deadline: Instant,
    connection: Option<Connection>,
    token: Option<SecretString>,
}

impl Service<'_> {
    /// Fetches a session token.
    async fn fetch_token(&mut self) -> Result<(), CredentialsError> {
        let response = self.send("PUT", "/latest/api/token").await?;
        let token = response.body.trim();
        match response.status {
            StatusCode::OK if !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()) => {
                self.token = Some(token.into());
                Ok(())
            }
            StatusCode::FORBIDDEN => Err(error(
                "the metadata service is off",
                response.status.to_string(),
                "switch it on: `aws ec2 modify-instance-metadata-options --instance-id ID \
                 --http-endpoint enabled`; or `topics.credentials: env`",
            )),
            _ => Err(unexpected(&response, "asked for a session token")),
        }
    }

    async fn get(&mut self, path: &str) -> Result<Response, CredentialsError> {
        let response = self.send("GET", path).await?;
        if response.status == StatusCode::UNAUTHORIZED {
            return Err(error(
                "the metadata service did not take the session token that it gave",
                response.status.to_string(),
                "try again; if it stays so, something between the machine and the service answers \
                 in its place",
            ));
        }
        Ok(response)
    }

    /// Sends one request. Some versions of the service close the connection after every response:
    /// then it is sent again over a new one, which no request here minds.
    async fn send(&mut self, method: &str, path: &str) -> Result<Response, CredentialsError> {
        if let Some(mut used) = self.connection.take() {
            match used.send(self.request(method, path)?, self.deadline).await {
                Err(HttpError::Broken(_)) => {}
                response => {
                    self.connection = Some(used);
                    return response.map_err(|failure| http_error(&failure));
                }
            }
        }
        let dialled = timeout_at(self.deadline, self.dial.dial(ADDRESS, PORT)).await;
        let stream = match dialled {
            Err(_) => return Err(unreachable(HttpError::Timeout.message())),
            Ok(Err(error)) => return Err(dial_error(error)),
            Ok(Ok(stream)) => stream,
        };
        let request = self.request(method, path)?;
        let fresh = async {
            let mut connection = Connection::new(stream).await?;
            let response = connection.send(request, self.deadline).await?;
            Ok((connection, response))
        };
        let (connection, response) = fresh.await.map_err(|failure| http_error(&failure))?;
        self.connection = Some(connection);
        Ok(response)
    }

    fn request(&self, method: &str, path: &str) -> Result<Request<Full<Bytes>>, CredentialsError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", ADDRESS);
        let request = match &self.token {
            None => request.header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS),
            Some(token) => request.header("x-aws-ec2-metadata-token", token.expose_secret()),
        };
        // Path and token have been checked.
        request.body(Full::default()).map_err(|_| {
            error(
                "the metadata service cannot be asked",
                String::new(),
                "this is a fault in trueup: please report it",
            )
        })
    }
}

/// The first role of the list; an instance has no more than one.
fn role_name(response: &Response) -> Result<String, CredentialsError> {
    let name = response.body.lines().next().unwrap_or_default().trim();
    let missing = response.status == StatusCode::NOT_FOUND;
    if missing || (response.status == StatusCode::OK && name.is_empty()) {
        return Err(error(
            "the instance has no role",
            format!("{} for {ROLES}", response.status),
            "attach an instance profile: `aws ec2 associate-iam-instance-profile --instance-id ID \
             --iam-instance-profile Name=NAME`; or `topics.credentials: env`",
        ));
    }
    // It goes into the next request's path.
    if response.status != StatusCode::OK || RoleName::parse(name).is_err() {
        return Err(unexpected(response, "asked for the name of the role"));
    }
    Ok(name.to_owned())
}

/// A role's credentials as the service returns them; no Debug, since secrets are in it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: Option<String>,
    message: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

fn credentials(response: &Response, role: &str) -> Result<Credentials, CredentialsError> {
    let action = "asked for the role's credentials";
    if response.status != StatusCode::OK {
        return Err(unexpected(response, action));
    }
    // The parser's own message may quote what it read: it is not shown.
    let Ok(document) = serde_json::from_str::<Document>(&response.body) else {
        return Err(unexpected(response, action));
    };
    let code = document.code.unwrap_or_default();
    if code != "Success" {
        let message = document.message.unwrap_or_default();
        return Err(error(
            &format!("the instance's role {role} gives no credentials"),
            first_line(&format!("{code} {message}")),
            "the role must exist and its trust policy must let EC2 assume it: {\"Effect\":\"Allow\",\
             \"Principal\":{\"Service\":\"ec2.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}",
        ));
    }
    let expires = document.expiration.as_deref().map(humantime::parse_rfc3339);
    let expires: Option<SystemTime> = match expires.transpose() {
        Ok(expires) => expires,
        Err(_) => return Err(unexpected(response, action)),
    };
    Credentials::new(
        document.access_key_id.unwrap_or_default(),
        document.secret_access_key.unwrap_or_default().into(),
        document.token.map(Into::into),
        expires,
    )
    .map_err(|part| {
        error(
            &format!("the metadata service gave credentials that cannot be used: {part}"),
            String::new(),
            "look at what answers at 169.254.169.254 on the machine",
        )
    })
}

fn error(problem: &str, message: String, help: &str) -> CredentialsError {
    CredentialsError {
        stage: Stage::Metadata,
        problem: format!("no credentials from the machine's own role: {problem}"),
        message,
        help: help.into(),
    }
}

/// The error for a response that the service never gives.
fn unexpected(response: &Response, action: &str) -> CredentialsError {
    let status = response.status;
    let help = if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        "try again in a moment"
    } else {
        "is this an EC2 instance? look at what answers there: `curl -i -X PUT -H \
         'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token`; or \
         `topics.credentials: env`"
    };
    error(
        &format!("what answers at {ADDRESS} is not EC2's metadata service"),
        format!("{status} and {} bytes, when {action}", response.body.len()),
        help,
    )
}

fn http_error(failure: &HttpError) -> CredentialsError {
    match failure {
        HttpError::Timeout => error(
            &format!("the metadata service at {ADDRESS} took the connection and did not answer"),
            failure.message(),
            "in a container its answers end at the instance's hop limit (`aws ec2 \
             modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2`); \
             or a firewall on the machine drops them; or `topics.credentials: env`",
        ),
        HttpError::TooLong | HttpError::Broken(_) => error(
            &format!("what answers at {ADDRESS} is not EC2's metadata service"),
            failure.message(),
            "is this an EC2 instance, with nothing in front of its metadata service? or \
             `topics.credentials: env`",
        ),
    }
}

fn unreachable(message: String) -> CredentialsError {
    error(
        &format!("nothing answers at {ADDRESS}, port {PORT}, on the machine"),
        message,
        "is it an EC2 instance, with its metadata service on, and open to this account in the \
         machine's own firewall? where it is none: `topics.credentials: env`",
    )
}

fn dial_error(failed: DialError) -> CredentialsError {
    match failed.stage {
        DialStage::Tcp | DialStage::Name => unreachable(failed.message),
        DialStage::Machine | DialStage::Forwarding => {
            let help = failed.help.unwrap_or_else(|| {
                "the machine's sshd has to forward connections; or `topics.credentials: env`".into()
            });
            error(
                &format!("{ADDRESS} cannot be dialled from the machine"),
                failed.message,
                &help,
            )
        }
    }
}
