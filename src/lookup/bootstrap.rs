//! How a cluster is entered: passwords, credentials and files that a spec refers to.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use secrecy::SecretString;

use super::{
    clusters::Values,
    secrets::{self, Missing},
};
use crate::{
    broker::{
        bootstrap::{Auth, Bootstrap, Principal},
        credentials,
        sasl::{
            Authenticator,
            plain::Plain,
            scram::{Hash, Scram},
        },
    },
    spec::{Access, Cluster, Credentials, Login as User, SecretRef, Security},
};

/// Reads what the spec refers to; `values` is what was looked up. Relative files start at the
/// spec's folder.
///
/// # Errors
/// A message with a help, for a reference that cannot be resolved.
pub fn resolve(
    cluster: &Cluster,
    access: &Access,
    values: &Values,
    spec: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Bootstrap, String> {
    let brokers = match (cluster, &values.bootstrap) {
        (Cluster::Bootstrap(text), _) | (_, Some(text)) => text,
        (Cluster::Name(name) | Cluster::Arn(name), None) => {
            return Err(format!("nobody asked for the brokers of `{name}`"));
        }
    };
    let bootstrap = brokers
        .split(',')
        .map(|broker| broker.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("`cluster.bootstrap`: {error}"))?;
    let password = |user: &User| read_password(user, values, spec, environment);
    let scram = |hash, user: &User| -> Result<Scram, String> {
        Ok(Scram {
            hash,
            username: user.username.clone(),
            password: password(user)?,
        })
    };
    let sasl = |authenticator: Arc<dyn Authenticator>, user: &User| Auth::Sasl {
        authenticator,
        tls: user.tls,
    };
    let auth = match &access.security {
        Security::Plaintext => Auth::Plaintext,
        Security::Tls => Auth::Tls,
        Security::Plain(user) => {
            let plain = Plain {
                username: user.username.clone(),
                password: password(user)?,
            };
            sasl(Arc::new(plain), user)
        }
        Security::ScramSha256(user) => sasl(Arc::new(scram(Hash::Sha256, user)?), user),
        Security::ScramSha512(user) => sasl(Arc::new(scram(Hash::Sha512, user)?), user),
        Security::Iam => Auth::Iam(match access.credentials {
            None | Some(Credentials::InstanceRole) => Principal::Instance,
            Some(Credentials::Here) => match &values.signing {
                Some(credentials) => Principal::Given(credentials.clone()),
                None => return Err("nobody asked for the credentials of this machine".into()),
            },
            Some(Credentials::Env) => Principal::Given(
                credentials::from_environment(environment).map_err(|error| error.to_string())?,
            ),
        }),
    };
    let ca = access
        .ca
        .as_ref()
        .map(|file| secrets::local_path(file, spec, environment));
    Ok(Bootstrap {
        bootstrap,
        auth,
        ca,
    })
}

/// What the spec calls the password of a cluster's user.
pub const PASSWORD: &str = "topics.security";

/// The password that a cluster asks for, where it asks for one.
///
/// # Errors
/// A message with a help, for a reference that cannot be resolved.
pub fn password(
    access: &Access,
    values: &Values,
    spec: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Option<SecretString>, String> {
    match &access.security {
        Security::Plain(user) | Security::ScramSha256(user) | Security::ScramSha512(user) => {
            read_password(user, values, spec, environment).map(Some)
        }
        Security::Iam | Security::Tls | Security::Plaintext => Ok(None),
    }
}

fn read_password(
    user: &User,
    values: &Values,
    spec: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<SecretString, String> {
    if let (SecretRef::SsmParameter(_), Some(password)) = (&user.password, &values.password) {
        return Ok(password.clone());
    }
    secrets::secret(PASSWORD, &user.password, spec, environment)
        .map_err(|missing: Missing| missing.to_string())
}
