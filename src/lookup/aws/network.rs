//! Why no response came: the causes below the SDK's errors.

use std::{error::Error, io};

use aws_smithy_runtime_api::client::result::ConnectorError;
use tokio_rustls::rustls::{self, CertificateError};

/// What happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// It was not even tried: the URL leads nowhere.
    BadUrl,
    /// The name has no address.
    NoName,
    /// Nobody answered what address the name has.
    NoResolver,
    /// Nobody listens there.
    Refused,
    /// No route to the address.
    NoRoute,
    /// No connection came about in time.
    Late,
    /// It ended before the answer did.
    BrokenOff,
    /// What answered does not speak HTTP.
    NoHttp,
    /// What answered does not speak TLS, or not ours.
    NoTls,
    /// The certificate is not good, with what is wrong.
    Certificate(&'static str),
    /// Nothing more is known.
    Failed,
}

impl Network {
    /// In words, to follow "no answer:".
    pub fn message(&self) -> String {
        match self {
            Self::BadUrl => "the endpoint is no `http://` or `https://` URL".into(),
            Self::NoName => "its name has no address".into(),
            Self::NoResolver => "its name could not be looked up: no name server answers".into(),
            Self::Refused => "connection refused".into(),
            Self::NoRoute => "there is no route to it".into(),
            Self::Late => "the connection did not come about in time".into(),
            Self::BrokenOff => "the connection broke off".into(),
            Self::NoHttp => "what answers there does not speak HTTP".into(),
            Self::NoTls => "what answers there does not speak TLS as it must".into(),
            Self::Certificate(wrong) => format!("its certificate {wrong}"),
            Self::Failed => "the connection failed".into(),
        }
    }
}

/// The cause of a failed request.
pub fn of(error: &ConnectorError) -> Network {
    if error.is_user() {
        return Network::BadUrl;
    }
    match deepest(error) {
        Network::Failed if error.is_timeout() => Network::Late,
        found => found,
    }
}

/// The deepest cause that is known: it is the most exact.
fn deepest(error: &(dyn Error + 'static)) -> Network {
    let mut found = Network::Failed;
    let mut next = Some(error);
    while let Some(error) = next {
        let here = one(error);
        if here != Network::Failed {
            found = here;
        }
        next = error.source();
    }
    found
}

fn one(error: &(dyn Error + 'static)) -> Network {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return tls(error);
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return match error {
            error if error.is_parse() => Network::NoHttp,
            error if error.is_timeout() => Network::Late,
            error if error.is_incomplete_message() || error.is_closed() => Network::BrokenOff,
            _ => Network::Failed,
        };
    }
    let Some(error) = error.downcast_ref::<io::Error>() else {
        return Network::Failed;
    };
    // `source` of such an error is that of what is in it, which would be passed by.
    if let Some(inner) = io::Error::get_ref(error) {
        let found = deepest(inner);
        if found != Network::Failed {
            return found;
        }
    }
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => Network::Refused,
        Kind::TimedOut => Network::Late,
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => {
            Network::NoRoute
        }
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::UnexpectedEof => Network::BrokenOff,
        _ => resolver(&error.to_string()),
    }
}

/// The standard library has no kind for errors of a resolver, only a text.
fn resolver(message: &str) -> Network {
    match message.strip_prefix("failed to lookup address information") {
        Some(why) if why.contains("emporary") => Network::NoResolver,
        Some(_) => Network::NoName,
        None => Network::Failed,
    }
}

fn tls(error: &rustls::Error) -> Network {
    use CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        return Network::NoTls;
    };
    Network::Certificate(match bad {
        Bad::UnknownIssuer => {
            "is from no authority that this system trusts (SSL_CERT_FILE names others)"
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "is for another name",
        Bad::Expired | Bad::ExpiredContext { .. } => {
            "has expired, or the clock of this machine is ahead"
        }
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "is not valid yet, or the clock of this machine is behind"
        }
        Bad::Revoked => "is revoked",
        _ => "is not a good one",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(error: io::Error) -> Network {
        of(&ConnectorError::io(Box::new(error)))
    }

    #[test]
    fn causes_are_known_by_what_they_are() {
        assert_eq!(
            io(io::ErrorKind::ConnectionRefused.into()),
            Network::Refused
        );
        assert_eq!(io(io::ErrorKind::UnexpectedEof.into()), Network::BrokenOff);
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let expired = io(io::Error::new(io::ErrorKind::InvalidData, expired));
        assert!(expired.message().contains("clock"), "{expired:?}");
        let nested = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let nested = io(io::Error::other(io::Error::other(nested)));
        assert!(nested.message().contains("no authority"), "{nested:?}");
        let odd = io(io::Error::other("StartEl { secret }"));
        assert_eq!(odd.message(), "the connection failed");
        let late = ConnectorError::timeout("HyperTimeout { }".into());
        assert_eq!(of(&late), Network::Late);
    }

    /// The words that the resolver of this system really has.
    #[test]
    fn a_name_without_address() {
        use std::net::ToSocketAddrs;
        let error = ("no-such-host.invalid", 443)
            .to_socket_addrs()
            .expect_err("none");
        assert!(matches!(io(error), Network::NoName | Network::NoResolver));
    }
}
