//! Cryptography for TLS, digests and random numbers: from `ring` or `aws-lc-rs`, depending on the features.

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!(
    "holdup needs one of its features `ring` (default) and `aws-lc-rs`: the one whose provider your other dependencies use \
     with rustls"
);

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
use aws_lc_rs as backend;
#[cfg(feature = "ring")]
use ring as backend;
#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
use tokio_rustls::rustls::crypto::aws_lc_rs as rustls_backend;
#[cfg(feature = "ring")]
use tokio_rustls::rustls::crypto::ring as rustls_backend;

use backend::rand::{SecureRandom, SystemRandom};
use std::io;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::CryptoProvider;

/// The name of the feature whose cryptography this build uses.
pub const BACKEND: &str = if cfg!(feature = "ring") { "ring" } else { "aws-lc-rs" };

/// Returns the provider of Holdup's own TLS. It does not depend on what the process has installed.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls_backend::default_provider())
}

/// Installs a default provider for the process unless it has one: a test may use clients that need one (`reqwest`
/// without a provider of its own), and with two providers in the build rustls does not choose.
pub(crate) fn install_default_provider() {
    if CryptoProvider::get_default().is_none() {
        // Fails only if another thread was faster, which is as good.
        let _ = rustls_backend::default_provider().install_default();
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = backend::digest::digest(&backend::digest::SHA256, bytes);
    let mut sum = [0; 32];
    sum.copy_from_slice(digest.as_ref());
    sum
}

/// Fills a buffer with random bytes.
pub(crate) fn random(bytes: &mut [u8]) -> io::Result<()> {
    SystemRandom::new().fill(bytes).map_err(|_| io::Error::other("the system gives no random numbers"))
}

/// Returns a secret of 128 random bits, in hexadecimal digits.
pub(crate) fn secret() -> io::Result<String> {
    let mut bits = [0; 16];
    random(&mut bits)?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}
