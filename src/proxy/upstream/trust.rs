//! Trust in upstreams: the platform's roots and the certificates that a test adds, unless it declares a host insecure.

use crate::crypto;
use crate::flow::{Fault, FaultStage};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};

/// The trusted certificates. Reading the platform's roots takes tens of milliseconds, so they are read for the first
/// upstream with TLS.
#[derive(Debug, Default)]
pub(super) struct Trust {
    extra: Vec<CertificateDer<'static>>,
    verified: Option<Arc<ClientConfig>>,
}

impl Trust {
    pub(super) fn add(&mut self, pem: &str) -> Result<(), Fault> {
        let certificates = certificates(pem).map_err(|why| Fault::new(FaultStage::UpstreamTls, why))?;
        self.extra.extend(certificates);
        self.verified = None;
        Ok(())
    }

    pub(super) fn config(&mut self, insecure: bool) -> Result<Arc<ClientConfig>, Fault> {
        if let (false, Some(config)) = (insecure, &self.verified) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.build(insecure).map_err(|error| {
            Fault::from_error(FaultStage::UpstreamTls, "the platform's certificate roots cannot be used", &error)
        })?);
        if !insecure {
            self.verified = Some(Arc::clone(&config));
        }
        Ok(config)
    }

    fn build(&self, insecure: bool) -> Result<ClientConfig, rustls::Error> {
        let provider = crypto::provider();
        let verifier: Arc<dyn ServerCertVerifier> = if insecure {
            Arc::new(Anyone)
        } else {
            let roots = Verifier::new_with_extra_roots(self.extra.iter().cloned(), Arc::clone(&provider))?;
            Arc::new(RootsAndPinned { roots, pinned: self.extra.clone() })
        };
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let certificates = certificates.map_err(|error| format!("this is not PEM text: {error}"))?;
    if certificates.is_empty() {
        return Err("there is no CERTIFICATE in this PEM text".to_owned());
    }
    Ok(certificates)
}

/// Accepts the platform's roots, those of the test, and servers whose own certificate the test has pinned.
#[derive(Debug)]
struct RootsAndPinned {
    roots: Verifier,
    pinned: Vec<CertificateDer<'static>>,
}

impl RootsAndPinned {
    /// Returns whether the test has pinned this certificate, and it is refused only because of its place in a chain.
    /// (`openssl req -x509` makes one that is a CA, which no verifier accepts as a server's own.)
    fn is_pinned(&self, certificate: &CertificateDer<'_>, error: &rustls::Error) -> bool {
        use CertificateError::{BadEncoding, InvalidPurpose, InvalidPurposeContext, Other, UnknownIssuer};
        let of_chain = matches!(
            error,
            rustls::Error::InvalidCertificate(
                BadEncoding | InvalidPurpose | InvalidPurposeContext { .. } | Other(_) | UnknownIssuer
            )
        );
        of_chain && self.pinned.contains(certificate)
    }

    /// Accepts a pinned certificate that rustls cannot read (X.509 version 1): it provides no key to verify with.
    fn unless_unreadable(
        &self,
        certificate: &CertificateDer<'_>,
        verified: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let is_unreadable = verified.is_err() && ParsedCertificate::try_from(certificate).is_err();
        if is_unreadable && self.pinned.contains(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verified
    }
}

/// Returns whether a certificate is for this server. One that names no server (no `subjectAltName`) is for any, and so
/// is one that rustls cannot read.
fn is_for(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return true };
    match verify_server_name(&parsed, name) {
        Ok(()) => true,
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => {
            presented.is_empty()
        }
        Err(_) => false,
    }
}

impl ServerCertVerifier for RootsAndPinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.roots.verify_server_cert(certificate, chain, name, ocsp, now) {
            Err(error) if self.is_pinned(certificate, &error) => {
                let other = rustls::Error::InvalidCertificate(CertificateError::NotValidForName);
                if is_for(certificate, name) { Ok(ServerCertVerified::assertion()) } else { Err(other) }
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.unless_unreadable(certificate, self.roots.verify_tls12_signature(message, certificate, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.unless_unreadable(certificate, self.roots.verify_tls13_signature(message, certificate, signature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.supported_verify_schemes()
    }
}

/// Accepts any server, for hosts that the test declares insecure. Neither the certificate nor the signature made with
/// it is checked: keys that are too short, versions that are too old and algorithms that are too weak all pass.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme::{
            ECDSA_NISTP256_SHA256, ECDSA_NISTP384_SHA384, ECDSA_NISTP521_SHA512, ECDSA_SHA1_Legacy, ED448, ED25519,
            RSA_PKCS1_SHA1, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
            RSA_PSS_SHA512,
        };
        vec![
            ECDSA_NISTP256_SHA256,
            ECDSA_NISTP384_SHA384,
            ECDSA_NISTP521_SHA512,
            ED25519,
            ED448,
            RSA_PSS_SHA256,
            RSA_PSS_SHA384,
            RSA_PSS_SHA512,
            RSA_PKCS1_SHA256,
            RSA_PKCS1_SHA384,
            RSA_PKCS1_SHA512,
            ECDSA_SHA1_Legacy,
            RSA_PKCS1_SHA1,
        ]
    }
}

/// A client certificate with its key.
#[derive(Debug)]
pub(super) struct Identity(Arc<CertifiedKey>);

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.0.cert == other.0.cert
    }
}

impl Eq for Identity {}

impl Identity {
    pub(super) fn from_pem(certificate: &str, key: &str) -> Result<Self, String> {
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| format!("there is no private key in the second PEM text: {error}"))?;
        let certified = CertifiedKey::from_der(chain, key, &crypto::provider());
        certified.map(|certified| Self(Arc::new(certified))).map_err(|error| error.to_string())
    }
}

/// Provides a client certificate, and records that the server has requested one.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.identity.as_ref().map(|identity| Arc::clone(&identity.0))
    }

    fn has_certs(&self) -> bool {
        // rustls keeps the handshake, which a client certificate signs in TLS 1.2, only if this returns true.
        true
    }
}
