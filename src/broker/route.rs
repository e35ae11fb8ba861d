//! The route to a cluster.

use std::{fmt, sync::Arc, time::Duration};

use super::{BrokerAddress, sasl::Authenticator, tls::Roots};

/// [`Route::via`] of brokers that this machine dials itself.
pub use crate::transport::dial::DIRECT;

/// The security protocol of a listener.
#[derive(Clone)]
pub enum Security {
    /// No TLS, no authentication.
    Plaintext,
    /// TLS without authentication.
    Tls(Roots),
    /// A SASL mechanism.
    Sasl {
        /// The mechanism and its credentials.
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

/// How to reach a cluster.
#[derive(Debug, Clone)]
pub struct Route {
    /// Bootstrap brokers, tried in this order.
    pub bootstrap: Vec<BrokerAddress>,
    /// The security protocol of their listeners.
    pub security: Security,
    /// For each request, and for each dial with its handshakes.
    pub deadline: Duration,
    /// The machine that dials, for messages: a host's name, or [`DIRECT`].
    pub via: String,
}
