//! An application that uses TLS.

use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Builds a configuration as the documentation of rustls does: the build has only one provider.
pub fn config() -> ClientConfig {
    ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}
