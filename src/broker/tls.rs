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

/// There are no authorities to trust. Exit code 3 for a file that the spec names, else 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}\n  help: {help}")]
pub struct RootsError {
    /// What is wrong, naming the file.
    pub said: String,
    /// The way out.
    pub help: String,
}

impl Roots {
    /// For another TLS client that trusts the same authorities.
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
        // A single odd certificate among the system's is not our user's fault.
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            let why = found
                .errors
                .first()
                .map(|error| format!(": {}", escape_control(&error.to_string())))
                .unwrap_or_default();
            return Err(RootsError {
                said: format!("no certificate authorities are found on this machine{why}"),
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
        let named = escape_control(&path.display().to_string());
        let wrong = |said: String| RootsError {
            said,
            help: "`ca:` names a file with one or more `-----BEGIN CERTIFICATE-----` blocks"
                .to_owned(),
        };
        let text = std::fs::read(path).map_err(|e| wrong(format!("cannot read {named}: {e}")))?;
        let mut store = RootCertStore::empty();
        for (number, certificate) in CertificateDer::pem_slice_iter(&text).enumerate() {
            certificate
                .map_err(|e| e.to_string())
                .and_then(|der| store.add(der).map_err(|e| e.to_string()))
                .map_err(|e| {
                    let at = number + 1;
                    wrong(format!(
                        "certificate {at} in {named} is broken: {}",
                        escape_control(&e)
                    ))
                })?;
        }
        if store.is_empty() {
            return Err(wrong(format!("no certificate is in {named}")));
        }
        Self::of(store)
    }

    fn of(store: RootCertStore) -> Result<Self, RootsError> {
        // The provider is named: another crate of the program may bring a second one.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| RootsError {
                said: format!("TLS cannot be set up: {e}"),
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
        assert!(error.said.contains("cannot read"), "{error}");
        std::fs::write(&path, "nothing").expect("a file");
        let error = Roots::from_pem_file(&path).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
        assert!(error.to_string().contains("`ca:`"), "{error}");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, broken).expect("a file");
        let error = Roots::from_pem_file(&path).unwrap_err();
        assert!(error.said.starts_with("certificate 1 in"), "{error}");
    }
}
