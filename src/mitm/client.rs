//! An HTTP client that uses the proxy, for tests without a browser.

use super::Mitm;
use crate::report::Failure;
use std::ops::Deref;

/// A [`reqwest::Client`] that uses the test's proxy and trusts only its CA.
///
/// A fixture: `async fn test(client: Client)`. In other tests, call [`Mitm::client`].
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

impl Client {
    pub(crate) fn new(mitm: &Mitm) -> Result<Self, Failure> {
        // `HTTP_PROXY` and the like are ignored: the test decides where its requests go.
        let proxy = reqwest::Proxy::all(mitm.proxy_url()).map_err(|error| failed(&error))?;
        let client = reqwest::Client::builder().proxy(proxy).tls_backend_preconfigured(mitm.client_tls()?);
        client.build().map(Self).map_err(|error| failed(&error))
    }
}

fn failed(error: &reqwest::Error) -> Failure {
    Failure::bare(format!("the HTTP client could not be built: {error}"))
}

impl Deref for Client {
    type Target = reqwest::Client;

    fn deref(&self) -> &reqwest::Client {
        &self.0
    }
}
