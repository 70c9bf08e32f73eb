//! The credential for a proxy that other machines can reach.

use crate::crypto;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};
use std::fmt;
use std::io;

/// A user and a password that only this proxy accepts (RFC 7617).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) password: String,
    header: String,
}

impl Credential {
    pub(crate) const USER: &'static str = "holdup";

    /// Creates a credential from 128 random bits. Fails when the system's random source does.
    pub(crate) fn random() -> io::Result<Self> {
        let password = crypto::secret()?;
        let header = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{password}", Self::USER)));
        Ok(Self { password, header })
    }

    /// Returns the value of `proxy-authorization`.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// Whether the request headers contain this credential.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let said = headers.get(header::PROXY_AUTHORIZATION).map(http::HeaderValue::as_bytes).unwrap_or_default();
        // The scheme is case-insensitive (RFC 9110, section 11.1).
        let is_basic = said.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "));
        let (said, expected) = (said.get(6..).unwrap_or_default(), &self.header.as_bytes()[6..]);
        if !is_basic {
            return false;
        }
        // Compares every byte, so that the duration reveals nothing.
        said.len() == expected.len() && said.iter().zip(expected).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

/// Never prints the password.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}
