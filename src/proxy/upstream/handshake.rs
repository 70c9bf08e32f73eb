//! Explains why a TLS handshake with an upstream failed, and what to write in the test. Pure.

use crate::flow::{Advice, Fault, FaultStage, Target};
use std::error::Error;
use std::io;
use std::time::Duration;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

/// Returns the TLS error in the chain of an error, if there is one.
pub(super) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(error);
        }
        // The source of an `io::Error` is that of the error inside it, not that error itself.
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(error) = carried.and_then(|carried| carried.downcast_ref::<rustls::Error>()) {
            return Some(error);
        }
        cause = error.source();
    }
    None
}

/// Explains a failed handshake. `asked`: the server requested a client certificate. `has_identity`: the test set one.
pub(super) fn explain(target: &Target, error: &(dyn Error + 'static), asked: bool, has_identity: bool) -> Fault {
    let host = &target.host;
    let what = match tls_error(error) {
        None => format!("{target} closed the connection during the TLS handshake"),
        Some(rustls::Error::InvalidCertificate(why)) => distrust(target, why),
        Some(rustls::Error::InvalidMessage(_)) => {
            format!("{target} does not speak TLS at this port (a server without TLS is {})", Advice::Plain(host).text())
        }
        Some(rustls::Error::AlertReceived(alert)) => refusal(target, *alert, asked, has_identity),
        Some(rustls::Error::PeerIncompatible(_)) => {
            format!("{target} and Holdup have no TLS version or cipher suite in common (Holdup speaks TLS 1.2 and 1.3)")
        }
        Some(rustls::Error::NoApplicationProtocol) => no_protocol(target),
        Some(_) => format!("the TLS handshake with {target} failed"),
    };
    Fault::from_error(FaultStage::UpstreamTls, &what, error)
}

/// Explains a server that accepts the connection and does not respond.
pub(super) fn silent(target: &Target, within: Duration) -> Fault {
    let host = &target.host;
    let what = format!(
        "{target} accepted the connection and did not respond to the TLS handshake within {within:?}; if it does not \
         speak TLS, declare it as {}",
        Advice::Plain(host).text()
    );
    Fault::new(FaultStage::UpstreamTls, what)
}

fn distrust(target: &Target, why: &CertificateError) -> String {
    let host = &target.host;
    let any = format!("{} takes any certificate", Advice::Insecure(host).text());
    match why {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("{target} is not trusted: its certificate is for another name ({any})")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("{target} is not trusted: its certificate has expired ({any})")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("{target} is not trusted: its certificate is not valid yet ({any})")
        }
        CertificateError::BadEncoding => {
            format!("{target} is not trusted: its certificate cannot be read, such as one of X.509 version 1 ({any})")
        }
        _ => format!("{target} is not trusted ({} adds its root or own certificate; {any})", Advice::Trust.text()),
    }
}

fn refusal(target: &Target, alert: AlertDescription, asked: bool, has_identity: bool) -> String {
    use AlertDescription as Alert;
    let host = &target.host;
    match alert {
        Alert::CertificateRequired => wants_certificate(target),
        Alert::HandshakeFailure if asked && !has_identity => wants_certificate(target),
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            format!(
                "{target} and Holdup have no cipher suite in common (Holdup speaks those of TLS 1.3 and ECDHE of TLS 1.2)"
            )
        }
        Alert::ProtocolVersion => {
            format!("{target} and Holdup have no TLS version in common (Holdup speaks TLS 1.2 and 1.3)")
        }
        Alert::NoApplicationProtocol => no_protocol(target),
        Alert::UnrecognisedName => format!("{target} has no certificate for the name {host:?}"),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
            if asked && has_identity =>
        {
            format!("{target} refuses the client certificate that `Upstream::identity` has given")
        }
        _ if asked && !has_identity => wants_certificate(target),
        _ => format!("{target} ended the TLS handshake"),
    }
}

fn wants_certificate(target: &Target) -> String {
    let host = &target.host;
    format!(
        "{target} wants a client certificate: `mitm.host({host:?}, Upstream::tls(address).identity(certificate_pem, key_pem))`"
    )
}

fn no_protocol(target: &Target) -> String {
    format!(
        "{target} takes none of the protocols that it was offered: HTTP/2 and HTTP/1.1, unless `Upstream::http1_only` or \
         `Upstream::http2_only` leaves one"
    )
}
