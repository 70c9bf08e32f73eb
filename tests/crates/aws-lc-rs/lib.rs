//! An application that speaks TLS.

use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// As the documentation of rustls has it: the provider is the only one in the build.
pub fn config() -> ClientConfig {
    ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}
