//! How a cluster is reached, and as whom.

use std::{fmt, sync::Arc, time::Duration};

use super::{Address, sasl::Authenticator, tls::Roots};

/// [`Route::via`] of brokers that this machine dials itself.
pub use crate::transport::dial::DIRECT;

/// What a listener of a broker asks for.
#[derive(Clone)]
pub enum Security {
    /// Nothing.
    Plaintext,
    /// TLS, and no word of who we are.
    Tls(Roots),
    /// A SASL mechanism.
    Sasl {
        /// Who we are.
        authenticator: Arc<dyn Authenticator>,
        /// TLS below it; `None` is Kafka's `SASL_PLAINTEXT`.
        tls: Option<Roots>,
    },
}

impl Security {
    pub(super) fn roots(&self) -> Option<&Roots> {
        match self {
            Self::Plaintext => None,
            Self::Tls(roots) => Some(roots),
            Self::Sasl { tls, .. } => tls.as_ref(),
        }
    }

    pub(super) fn authenticator(&self) -> Option<&Arc<dyn Authenticator>> {
        match self {
            Self::Sasl { authenticator, .. } => Some(authenticator),
            _ => None,
        }
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.authenticator(), self.roots()) {
            (None, None) => "PLAINTEXT",
            (None, Some(_)) => "SSL",
            (Some(_), None) => "SASL_PLAINTEXT",
            (Some(_), Some(_)) => "SASL_SSL",
        })
    }
}

/// The way to a cluster.
#[derive(Debug, Clone)]
pub struct Route {
    /// Brokers to begin with, tried in this order.
    pub bootstrap: Vec<Address>,
    /// What their listeners ask for.
    pub security: Security,
    /// For each request, and for each dial with its handshakes.
    pub deadline: Duration,
    /// How the machine that dials is called in messages: a host's name, or [`DIRECT`].
    pub via: String,
}
