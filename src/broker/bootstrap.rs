//! From what a spec says of a cluster to a connection that may ask: credentials are read, a role is
//! assumed, a broker is dialled and told who we are.

use std::{path::PathBuf, sync::Arc, time::Duration};

use indexmap::IndexMap;
use tokio::time::Instant;

use super::{
    Address, Cluster, Error, Roots, Route, Security,
    credentials::{Credentials, CredentialsError, clock::Clock, imds, sts},
    sasl::{Authenticator, iam::Iam},
};
use crate::transport::dial::Dial;

/// A way into a cluster, with every reference of the spec resolved.
#[derive(Clone)]
pub struct Bootstrap {
    /// Brokers to begin with.
    pub bootstrap: Vec<Address>,
    /// What their port expects.
    pub login: Auth,
    /// A PEM file with the authorities that vouch for them; else the system's.
    pub ca: Option<PathBuf>,
}

/// What a broker's port expects.
#[derive(Clone)]
pub enum Auth {
    /// Nothing.
    Plaintext,
    /// TLS.
    Tls,
    /// TLS and AWS_MSK_IAM.
    Iam(Principal),
    /// A user of the cluster.
    Sasl {
        /// Who, and by which mechanism.
        authenticator: Arc<dyn Authenticator>,
        /// Within TLS.
        tls: bool,
    },
}

/// Whose AWS credentials sign.
#[derive(Clone)]
pub enum Principal {
    /// The role of the instance that dials; it assumes another where the client does.
    Instance,
    /// These.
    Given(Credentials),
}

/// What is known of the machine that dials.
#[derive(Debug, Clone, Copy)]
pub struct Dialler<'d> {
    /// How it is called in messages: a host's name, or `direct`.
    pub name: &'d str,
    /// The role that its Kafka client assumes, if any.
    pub role_arn: Option<&'d str>,
    /// Options of AWS's jar with which it does so, by the jar's own names.
    pub options: Option<&'d IndexMap<String, String>>,
    /// Its clock, which signatures are made with.
    pub clock: Clock,
}

/// Why there is no way in. Exit code 4.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoEntrance {
    /// What the spec refers to was not found.
    #[error("{0}")]
    LookUp(String),
    /// There are no AWS credentials to sign with.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No authorities, so that no broker can be checked.
    #[error(transparent)]
    Roots(#[from] super::RootsError),
    /// The brokers.
    #[error(transparent)]
    Broker(#[from] Error),
}

impl Bootstrap {
    /// Goes in. `deadline` holds for each dial and each request.
    ///
    /// # Errors
    /// When nobody answers, or nobody lets us in.
    pub async fn open<'d>(
        &self,
        dial: &'d dyn Dial,
        dialler: Dialler<'_>,
        deadline: Duration,
    ) -> Result<Cluster<'d>, NoEntrance> {
        let security = match &self.login {
            Auth::Plaintext => Security::Plaintext,
            Auth::Tls => Security::Tls(self.roots()?),
            Auth::Sasl { authenticator, tls } => Security::Sasl {
                authenticator: Arc::clone(authenticator),
                tls: tls.then(|| self.roots()).transpose()?,
            },
            Auth::Iam(principal) => Security::Sasl {
                authenticator: Arc::new(principal.sign_in(dial, dialler, deadline).await?),
                tls: Some(self.roots()?),
            },
        };
        let way = Route {
            bootstrap: self.bootstrap.clone(),
            security,
            deadline,
            via: dialler.name.to_owned(),
        };
        Ok(Cluster::connect(dial, way).await?)
    }

    /// Whether whoever goes in is the same one each time. What this machine asks AWS with is another
    /// in each place: a pipeline's plan may not be allowed what its apply is.
    pub fn is_one_caller(&self) -> bool {
        !matches!(self.login, Auth::Iam(Principal::Given(_)))
    }

    /// Whether AWS signatures are made, which clocks matter for.
    pub fn signs(&self) -> bool {
        matches!(self.login, Auth::Iam(_))
    }

    fn roots(&self) -> Result<Roots, super::RootsError> {
        match &self.ca {
            Some(file) => Roots::from_pem_file(file),
            None => Roots::system(),
        }
    }
}

impl Principal {
    /// The credentials that the client itself would sign with.
    async fn sign_in(
        &self,
        dial: &dyn Dial,
        dialler: Dialler<'_>,
        deadline: Duration,
    ) -> Result<Iam, NoEntrance> {
        let clock = dialler.clock;
        let (credentials, caller, region) = match self {
            Self::Given(credentials) => (credentials.clone(), credentials.caller(), None),
            Self::Instance => {
                let own = imds::instance_role(dial, Instant::now() + deadline).await?;
                match dialler.role_arn {
                    None => (own.credentials.clone(), own.caller(), own.region.clone()),
                    Some(arn) => {
                        let none = IndexMap::new();
                        let options = dialler.options.unwrap_or(&none);
                        let role = sts::Role::with_options(arn, options);
                        // STS is a public service: a cluster's own authority has no say in it.
                        let roots = Roots::system()?;
                        let (own_keys, until) = (&own.credentials, Instant::now() + deadline);
                        let asking =
                            sts::assume_role(dial, roots.client(), &role, own_keys, clock, until);
                        let assumed = asking.await?;
                        (assumed.credentials, assumed.arn, own.region)
                    }
                }
            }
        };
        Ok(Iam {
            credentials,
            clock,
            region,
            caller,
        })
    }
}
