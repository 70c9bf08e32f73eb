//! Trust towards upstreams: the platform's roots, those that a test adds, and nothing else unless it says so.

use crate::flow::{Fault, FaultStage};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, SignatureScheme};

/// Whom to trust. Reading the platform's roots takes tens of milliseconds, so it waits for the first upstream with TLS.
#[derive(Debug, Default)]
pub(super) struct Trust {
    extra: Vec<CertificateDer<'static>>,
    verified: Option<Arc<ClientConfig>>,
}

impl Trust {
    pub(super) fn add(&mut self, pem: &str) -> Result<(), Fault> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let certificates = certificates.map_err(|error| Fault::from_error(FaultStage::UpstreamTls, "PEM", &error))?;
        if certificates.is_empty() {
            return Err(Fault::new(FaultStage::UpstreamTls, "there is no CERTIFICATE in this PEM text"));
        }
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
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if insecure {
            Arc::new(Anyone(Arc::clone(&provider)))
        } else {
            Arc::new(Verifier::new_with_extra_roots(self.extra.iter().cloned(), Arc::clone(&provider))?)
        };
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }
}

/// Believes anybody; for hosts that the test named as insecure.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
