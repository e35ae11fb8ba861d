//! Connects to the cluster of a spec: reads credentials, assumes a role, dials a broker, and
//! authenticates.

use std::{path::PathBuf, sync::Arc, time::Duration};

use indexmap::IndexMap;
use tokio::time::Instant;

use super::{
    BrokerAddress, Cluster, Error, Roots, Route, Security,
    credentials::{Credentials, CredentialsError, clock::Clock, imds, sts},
    sasl::{Authenticator, iam::Iam},
};
use crate::transport::dial::Dial;

/// How to connect to a cluster, with every reference of the spec resolved.
#[derive(Clone)]
pub struct Bootstrap {
    /// The bootstrap brokers.
    pub bootstrap: Vec<BrokerAddress>,
    /// What their listener expects.
    pub auth: Auth,
    /// A PEM file with the trusted authorities; else the system's.
    pub ca: Option<PathBuf>,
}

/// What a broker's listener expects.
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
        /// The mechanism and its credentials.
        authenticator: Arc<dyn Authenticator>,
        /// Over TLS.
        tls: bool,
    },
}

/// Whose AWS credentials sign.
#[derive(Clone)]
pub enum Principal {
    /// The role of the dialling instance, which assumes another if the client does.
    Instance,
    /// These.
    Given(Credentials),
}

/// The machine that dials.
#[derive(Debug, Clone, Copy)]
pub struct Dialler<'d> {
    /// Its name in messages: a host's name, or `direct`.
    pub name: &'d str,
    /// The role that its Kafka client assumes, if any.
    pub role_arn: Option<&'d str>,
    /// The client's options of AWS's jar for that, by the jar's own names.
    pub options: Option<&'d IndexMap<String, String>>,
    /// Its clock, which signatures are made with.
    pub clock: Clock,
}

/// Why a cluster cannot be used. Exit code 4.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A reference of the spec was not found.
    #[error("{0}")]
    LookUp(String),
    /// No AWS credentials to sign with.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No trusted authorities.
    #[error(transparent)]
    Roots(#[from] super::RootsError),
    /// No broker can be used.
    #[error(transparent)]
    Broker(#[from] Error),
}

impl Bootstrap {
    /// Connects. `deadline` is for each dial and each request.
    ///
    /// # Errors
    /// When credentials are missing, or no broker accepts the connection.
    pub async fn open<'d>(
        &self,
        dial: &'d dyn Dial,
        dialler: Dialler<'_>,
        deadline: Duration,
    ) -> Result<Cluster<'d>, ConnectError> {
        let security = match &self.auth {
            Auth::Plaintext => Security::Plaintext,
            Auth::Tls => Security::Tls(self.roots()?),
            Auth::Sasl { authenticator, tls } => Security::Sasl {
                authenticator: Arc::clone(authenticator),
                tls: tls.then(|| self.roots()).transpose()?,
            },
            Auth::Iam(principal) => Security::Sasl {
                authenticator: Arc::new(principal.iam(dial, dialler, deadline).await?),
                tls: Some(self.roots()?),
            },
        };
        let route = Route {
            bootstrap: self.bootstrap.clone(),
            security,
            deadline,
            via: dialler.name.to_owned(),
        };
        Ok(Cluster::connect(dial, route).await?)
    }

    /// Whether plan and apply have the same caller wherever they run. The environment's credentials
    /// differ: a pipeline's plan may lack rights that its apply has.
    pub(crate) fn has_one_caller(&self) -> bool {
        !matches!(self.auth, Auth::Iam(Principal::Given(_)))
    }

    /// Whether requests are signed for AWS, so that clocks matter.
    pub(crate) fn uses_iam(&self) -> bool {
        matches!(self.auth, Auth::Iam(_))
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
    async fn iam(
        &self,
        dial: &dyn Dial,
        dialler: Dialler<'_>,
        deadline: Duration,
    ) -> Result<Iam, ConnectError> {
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
                        // STS has a public certificate, whatever the cluster's authority is.
                        let roots = Roots::system()?;
                        let (tls, until) = (roots.client(), Instant::now() + deadline);
                        let assumed =
                            sts::assume_role(dial, tls, &role, &own.credentials, clock, until)
                                .await?;
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
