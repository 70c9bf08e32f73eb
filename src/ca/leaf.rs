//! Leaf certificates: one for each name, one key for all of them.

use super::CertificateAuthority;
use crate::crypto;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SerialNumber};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// The cache of TLS configurations by name.
pub(crate) struct Leaves {
    key: KeyPair,
    serial: AtomicU64,
    by_name: Mutex<BTreeMap<String, Leaf>>,
}

struct Leaf {
    made: SystemTime,
    config: Arc<ServerConfig>,
}

/// The cache is cleared at this many names; issuing a leaf takes a tenth of a millisecond.
const MOST: usize = 4096;

/// The age from which a leaf is issued again.
const OLD: Duration = Duration::from_hours(12);

impl Leaves {
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        Ok(Self { key: KeyPair::generate()?, serial: AtomicU64::new(1), by_name: Mutex::default() })
    }
}

impl CertificateAuthority {
    /// Returns the TLS configuration for a DNS name or an IP address.
    pub(crate) fn server_config(&self, name: &str) -> Result<Arc<ServerConfig>, LeafError> {
        // A config is inserted whole, so a panic elsewhere leaves the map intact.
        let mut by_name = self.leaves.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let made = SystemTime::now();
        // If the clock was set back, the leaf is issued again, too.
        let is_young = |leaf: &&Leaf| made.duration_since(leaf.made).is_ok_and(|age| age < OLD);
        if let Some(leaf) = by_name.get(name).filter(is_young) {
            return Ok(Arc::clone(&leaf.config));
        }
        let config = Arc::new(self.mint(name)?);
        if by_name.len() >= MOST {
            by_name.clear();
        }
        by_name.insert(name.to_owned(), Leaf { made, config: Arc::clone(&config) });
        Ok(config)
    }

    fn mint(&self, name: &str) -> Result<ServerConfig, LeafError> {
        // rcgen distinguishes DNS names and IP addresses.
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(1);
        // rcgen derives its default from the public key; with one key for all leaves the serials would repeat, and
        // Firefox rejects that.
        let serial = self.leaves.serial.fetch_add(1, Ordering::Relaxed);
        params.serial_number = Some(SerialNumber::from(serial.wrapping_add(u64::from(std::process::id()) << 32)));
        let leaf = params.signed_by(&self.leaves.key, &self.root)?;
        // Browsers that trust the root by its SPKI look for it in the chain.
        let chain: Vec<CertificateDer<'static>> = vec![leaf.into(), self.root.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.leaves.key.serialize_der()));
        Ok(config_of(chain, key)?)
    }
}

/// Returns the TLS configuration of a server with this certificate.
pub(crate) fn config_of(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(crypto::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Returns the validity from yesterday, for clocks that differ, until `days` from now: no certificate outlives a test
/// run by much.
pub(super) fn validity(days: u32) -> (time::OffsetDateTime, time::OffsetDateTime) {
    const DAY: Duration = Duration::from_hours(24);
    let now = SystemTime::now();
    ((now - DAY).into(), (now + days * DAY).into())
}

/// Why a leaf cannot be issued for a name.
#[derive(Debug)]
pub(crate) enum LeafError {
    Name(rcgen::Error),
    Tls(rustls::Error),
}

impl From<rcgen::Error> for LeafError {
    fn from(error: rcgen::Error) -> Self {
        Self::Name(error)
    }
}

impl From<rustls::Error> for LeafError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl std::fmt::Display for LeafError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(error) => write!(f, "no certificate for this name: {error}"),
            Self::Tls(error) => write!(f, "no TLS configuration: {error}"),
        }
    }
}

impl std::error::Error for LeafError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_never_repeat() {
        let ca = CertificateAuthority::new().expect("a CA");
        let serial = |name: &str| {
            ca.mint(name).expect("a leaf");
            ca.leaves.serial.load(Ordering::Relaxed)
        };
        assert!(serial("a.test") < serial("127.0.0.1"));
    }

    #[test]
    fn many_names_are_not_kept() {
        let ca = CertificateAuthority::new().expect("a CA");
        for n in 0..MOST + 10 {
            ca.server_config(&format!("n{n}.test")).expect("a leaf");
        }
        assert!(ca.leaves.by_name.lock().expect("no panic").len() <= MOST);
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_certificate_is_an_error() {
        let ca = CertificateAuthority::new().expect("a CA");
        assert!(ca.server_config("caf\u{e9}.test").is_err());
        assert!(ca.server_config("::1").is_ok());
    }
}
