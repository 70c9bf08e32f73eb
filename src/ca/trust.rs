//! What a client needs in order to trust the root.

use super::CertificateAuthority;
use crate::crypto;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::PublicKeyData;
use tokio_rustls::rustls::pki_types::CertificateDer;

impl CertificateAuthority {
    /// Returns the root's certificate as PEM.
    pub(crate) fn pem(&self) -> String {
        self.root.pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// Returns the base64 SHA-256 of the root's public key, as Chromium's `--ignore-certificate-errors-spki-list`
    /// requires.
    pub(crate) fn spki_sha256(&self) -> String {
        let spki = self.root.key().subject_public_key_info();
        BASE64_STANDARD.encode(crypto::sha256(&spki))
    }
}
