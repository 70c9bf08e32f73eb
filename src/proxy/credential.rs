//! Who may use a proxy that others can reach.

use crate::crypto;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};
use std::fmt;
use std::io;

/// A user and a password that this proxy alone takes (RFC 7617).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) password: String,
    header: String,
}

impl Credential {
    pub(crate) const USER: &'static str = "holdup";

    /// A new one, of 128 random bits.
    pub(crate) fn random() -> io::Result<Self> {
        let password = crypto::secret()?;
        let header = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{password}", Self::USER)));
        Ok(Self { password, header })
    }

    /// Whether a request brings it.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let said = headers.get(header::PROXY_AUTHORIZATION).map(http::HeaderValue::as_bytes).unwrap_or_default();
        // The scheme in whatever case (RFC 9110, section 11.1); the rest as it is.
        let is_basic = said.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "));
        let (said, expected) = (said.get(6..).unwrap_or_default(), &self.header.as_bytes()[6..]);
        if !is_basic {
            return false;
        }
        // Every byte is looked at, so that the time it takes tells nothing.
        said.len() == expected.len() && said.iter().zip(expected).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

/// Never shown.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}
