//! TLS to brokers: which authorities are trusted.

use std::{fmt, path::Path, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject},
    },
};

use crate::text::escape_control;

/// The certificate authorities that a broker's certificate may come from.
#[derive(Clone)]
pub struct Roots(Arc<ClientConfig>);

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots")
    }
}

/// No authorities to trust. Exit code 3 for a file that the spec names, else 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}\n  help: {help}")]
pub struct RootsError {
    /// What is wrong, naming the file.
    pub message: String,
    /// What helps.
    pub help: String,
}

impl Roots {
    /// The configuration, for other TLS clients.
    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    /// This machine's own authorities; the environment variables `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` are honoured, as OpenSSL does.
    ///
    /// # Errors
    /// When none is found.
    pub fn system() -> Result<Self, RootsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        // A single unreadable certificate of the system's is skipped.
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            let cause = found
                .errors
                .first()
                .map(|error| format!(": {}", escape_control(&error.to_string())))
                .unwrap_or_default();
            return Err(RootsError {
                message: format!("no certificate authorities are found on this machine{cause}"),
                help: "install `ca-certificates`, or name a file of them with `ca:`".to_owned(),
            });
        }
        Self::of(store)
    }

    /// The authorities in a file of PEM certificates, and no others.
    ///
    /// # Errors
    /// When the file cannot be read, or holds none or a broken one.
    pub fn from_pem_file(path: &Path) -> Result<Self, RootsError> {
        let name = escape_control(&path.display().to_string());
        let invalid = |message: String| RootsError {
            message,
            help: "`ca:` names a file with one or more `-----BEGIN CERTIFICATE-----` blocks"
                .to_owned(),
        };
        let text = std::fs::read(path).map_err(|e| invalid(format!("cannot read {name}: {e}")))?;
        let mut store = RootCertStore::empty();
        for (number, certificate) in CertificateDer::pem_slice_iter(&text).enumerate() {
            certificate
                .map_err(|e| e.to_string())
                .and_then(|der| store.add(der).map_err(|e| e.to_string()))
                .map_err(|e| {
                    let at = number + 1;
                    invalid(format!(
                        "certificate {at} in {name} is broken: {}",
                        escape_control(&e)
                    ))
                })?;
        }
        if store.is_empty() {
            return Err(invalid(format!("no certificate is in {name}")));
        }
        Self::of(store)
    }

    fn of(store: RootCertStore) -> Result<Self, RootsError> {
        // Explicit: another crate may bring a second provider.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| RootsError {
                message: format!("TLS cannot be set up: {e}"),
                help: "this is a fault of this build: please report it".to_owned(),
            })?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let error = Roots::from_pem_file(&path).unwrap_err();
        assert!(error.message.contains("cannot read"), "{error}");
        std::fs::write(&path, "nothing").expect("a file");
        let error = Roots::from_pem_file(&path).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
        assert!(error.to_string().contains("`ca:`"), "{error}");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, broken).expect("a file");
        let error = Roots::from_pem_file(&path).unwrap_err();
        assert!(error.message.starts_with("certificate 1 in"), "{error}");
    }
}
