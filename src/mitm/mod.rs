//! The handle of one proxy.

#[cfg(feature = "client")]
mod client;
mod config;
mod export;
mod journal;
mod left;
mod load;
mod resend;
pub(crate) mod runtime;
mod save;
mod servers;

#[cfg(feature = "client")]
pub use client::Client;
pub use config::Config;
pub use journal::JournalEntry;
pub use resend::Resend;

use crate::ca::CertificateAuthority;
use crate::crypto;
use crate::flow::Exchange;
use crate::journal::Journal;
use crate::page::Pages;
use crate::proxy::{Credential, Gate, Listen, Proxy, Ways};
use crate::record::Recording;
use crate::report::Failure;
use crate::verbs::{Replays, RuleContext, Verbs};
use once_cell::sync::OnceCell;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::NamedTempFile;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// An intercepting proxy on a free loopback port, with its rules and its journal.
///
/// A fixture: `async fn test(mitm: Mitm)`. In other tests, call [`Mitm::start`]. Clones are handles of the same proxy.
/// When the last one is dropped, the proxy stops accepting connections; [`stop`](Self::stop) also waits and reports.
#[derive(Clone, Debug)]
pub struct Mitm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    proxy: Proxy,
    gate: Arc<Gate>,
    verbs: Verbs,
    context: RuleContext,
    pages: Arc<Pages>,
    ca: Arc<CertificateAuthority>,
    export: OnceCell<NamedTempFile>,
    recordings: Mutex<Vec<(PathBuf, Recording)>>,
}

impl Mitm {
    /// Starts a proxy. `#[mitm_test]` does this automatically.
    ///
    /// ```
    /// # async fn example() -> holdup::TestResult {
    /// use holdup::prelude::*;
    /// let mitm = Mitm::start().await?;
    /// let hold = mitm.hold::<Request>(filter!(path == "/ajax"));
    /// # hold.optional().remove();
    /// mitm.stop().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When no port can be bound, when no CA can be made, or when `HOLDUP_LISTEN` or `HOLDUP_SEED` cannot be parsed.
    pub async fn start() -> Result<Self, Failure> {
        Self::start_with(Config::default()).await
    }

    /// Starts a proxy with the given settings.
    ///
    /// # Errors
    /// When the port cannot be bound, when no CA can be made, when `HOLDUP_LISTEN` or `HOLDUP_SEED` is needed and cannot be
    /// parsed, or when [`Config::reverse`] is not the URL of a server.
    pub async fn start_with(config: Config) -> Result<Self, Failure> {
        crypto::install_default_provider();
        let failed = |what: &dyn std::fmt::Display| Failure::bare(format!("the proxy could not be started: {what}"));
        let ca = CertificateAuthority::of_process().map_err(|error| failed(&error))?;
        let journal = Arc::new(Journal::new());
        let gate = Arc::new(Gate::new(Arc::clone(&journal), config.seed()?));
        let listen = match &config.listener {
            Some(bound) => Listen::Bound(Arc::clone(bound)),
            None => Listen::On(config.address()?),
        };
        let ways = Ways { connect_within: config.connect_within, reverse: config.reversed()? };
        let start = Proxy::start(listen, ways, Arc::clone(&ca), journal, Arc::clone(&gate));
        let runtime = runtime::handle().map_err(|error| failed(&error))?;
        let started = runtime.spawn(start).await;
        let proxy = started.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let pages = Arc::<Pages>::default();
        let replays = Arc::new(Replays::new(runtime));
        let context = RuleContext { gate: Arc::clone(&gate), pages: Arc::clone(&pages), replays };
        let verbs = Verbs::new(context.clone());
        Ok(Self(Arc::new(Inner {
            proxy,
            verbs,
            context,
            pages,
            gate,
            ca,
            export: OnceCell::new(),
            recordings: Mutex::default(),
        })))
    }

    /// Stops the proxy, and reports what the test has left behind.
    ///
    /// Rules are removed, parked flows are released, and connections are drained for at most 2 seconds. If the future
    /// is dropped meanwhile, the remaining connections are cut off.
    ///
    /// # Errors
    /// When a hold never caught anything, a flow was still parked, a rule failed, or a task of the proxy panicked.
    pub async fn stop(&self) -> Result<(), Failure> {
        let mut findings = self.findings();
        findings.extend(self.shut_down().await);
        Failure::joined(findings)
    }

    /// Removes all rules and releases what is parked.
    pub(crate) fn release_all(&self) {
        self.0.gate.stop();
    }

    /// Stops the proxy and returns its panics.
    pub(crate) async fn shut_down(&self) -> Vec<Failure> {
        self.release_all();
        let panics = self.0.proxy.stop().await;
        let panics = panics.into_iter().map(|panic| Failure::bare(format!("the proxy panicked: {panic}")));
        panics.chain(self.recordings_finished().await).collect()
    }

    /// Passes the caching headers of upstreams to the browser from now on.
    ///
    /// By default, `cache-control` becomes `no-cache`, unless it has `no-store`: a browser that uses its cache without
    /// a request would bypass every rule. (Playwright and Puppeteer turn the cache off for the same reason.)
    pub fn let_browsers_cache(&self) {
        self.0.proxy.let_browsers_cache();
    }

    /// Allows service workers from now on, even while rules change what pages load.
    ///
    /// By default, the script of such a worker is not found, since the worker would respond in the proxy's place, from
    /// its cache. A worker that was registered before stays in the browser, so declare rules before the page is opened.
    pub fn let_service_workers(&self) {
        self.0.gate.let_workers();
    }

    /// Limits the bytes of a body that are read into memory; 16 MiB by default.
    ///
    /// Bodies are read for rules that look into them or change them. A larger body fails the flow, and the test, if a
    /// rule must change it; the error names the rule. A rule that only looks into it does not match.
    pub fn limit_bodies(&self, bytes: usize) {
        self.0.gate.limit_bodies(bytes);
    }

    /// Limits the bytes that the journal keeps; 256 MiB by default.
    ///
    /// Beyond that, the oldest flows that have ended are dropped, and a failure says how many.
    /// [`exchanges`](Self::exchanges) and reports no longer include them.
    pub fn limit_journal(&self, bytes: usize) {
        self.0.gate.journal.limit(bytes);
    }

    /// Returns the address that the proxy listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.proxy.address()
    }

    /// Returns the proxy as a URL: `http://127.0.0.1:PORT`.
    ///
    /// If the proxy does not listen on loopback, the URL has the credential that it requires.
    #[must_use]
    pub fn proxy_url(&self) -> String {
        match self.0.proxy.credential() {
            None => format!("http://{}", self.address()),
            Some(credential) => format!("http://{}:{}@{}", Credential::USER, credential.password, self.address()),
        }
    }

    /// Returns the certificate of the CA that signs what the browser sees, as PEM.
    ///
    /// It is the same for all proxies of a process.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.0.ca.pem()
    }

    /// Returns arguments that make a Chromium use and trust this proxy.
    ///
    /// They also turn off its background requests. They are for clients other than [`Browser`](crate::Browser), which
    /// sets them.
    #[must_use]
    pub fn chromium_args(&self) -> Vec<String> {
        crate::driver::chromium_args(self.address(), &self.0.ca)
    }

    /// Returns a client that uses this proxy and trusts it.
    ///
    /// # Errors
    /// When the client cannot be built.
    #[cfg(feature = "client")]
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(self)
    }

    /// Returns every flow so far, in the order of arrival.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.gate.journal.exchanges()
    }

    /// Runs a future in which the verbs use this proxy.
    ///
    /// This is for spawned tasks, and for tests without `#[mitm_test]`.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.verbs.clone().ambient_in(future)
    }

    pub(crate) fn log(&self) -> &Arc<Journal> {
        &self.0.gate.journal
    }

    /// Returns the proxy's password, if it requires one.
    pub(crate) fn password(&self) -> Option<String> {
        self.0.proxy.credential().map(|credential| credential.password.clone())
    }

    /// Refuses requests to these ports of this machine from now on.
    pub(crate) fn refuse_ports(&self, ports: &[u16]) {
        self.0.proxy.upstreams().refuse_ports(ports);
    }

    pub(crate) fn allow_port(&self, port: u16) {
        self.0.proxy.upstreams().allow_port(port);
    }

    pub(crate) fn answer_favicons(&self) {
        self.0.proxy.answer_favicons();
    }

    pub(crate) fn context(&self) -> &RuleContext {
        &self.0.context
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.0.pages
    }

    pub(crate) fn ca(&self) -> &Arc<CertificateAuthority> {
        &self.0.ca
    }

    pub(crate) fn export(&self) -> &OnceCell<NamedTempFile> {
        &self.0.export
    }

    pub(crate) fn client_tls(&self) -> Result<ClientConfig, Failure> {
        let failed = |error: tokio_rustls::rustls::Error| Failure::bare(format!("no TLS for the client: {error}"));
        let mut roots = RootCertStore::empty();
        roots.add(self.0.ca.der()).map_err(failed)?;
        let builder = ClientConfig::builder_with_provider(crypto::provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Derefs to the verbs: `mitm.hold::<Request>(filter!(..))`.
impl Deref for Mitm {
    type Target = Verbs;

    fn deref(&self) -> &Verbs {
        &self.0.verbs
    }
}
