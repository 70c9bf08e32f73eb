//! Certificates that the test gives to the proxy, instead of those that the CA issues.

use super::names::{ByName, no_name};
use crate::ca;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The TLS configurations by host name.
#[derive(Debug, Default)]
pub(crate) struct Certificates(RwLock<ByName<Arc<ServerConfig>>>);

impl Certificates {
    /// Uses a certificate for a name from now on. The error is what is wrong with the texts.
    pub(crate) fn set(&self, name: &str, certificate_pem: &str, key_pem: &str) -> Result<(), String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate_pem.as_bytes()).collect();
        let chain = chain.map_err(|error| format!("the certificate is not PEM text: {error}"))?;
        if chain.is_empty() {
            return Err("there is no CERTIFICATE in the PEM text".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| format!("there is no private key in the PEM text: {error}"))?;
        let config = ca::config_of(chain, key).map_err(|error| format!("the certificate cannot be used: {error}"))?;
        // The change is one insertion, so a panic elsewhere leaves the table intact.
        let mut by_name = self.0.write().unwrap_or_else(PoisonError::into_inner);
        by_name.insert(name, Arc::new(config)).map_err(|_| no_name(name))
    }

    pub(super) fn of(&self, name: &str) -> Option<Arc<ServerConfig>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}
