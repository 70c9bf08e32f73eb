//! The handle of one proxy.

mod client;
mod config;
mod export;
pub(crate) mod runtime;

pub use client::Client;
pub use config::Config;

use crate::ca::CertificateAuthority;
use crate::crypto;
use crate::flow::Exchange;
use crate::journal::Journal;
use crate::page::Pages;
use crate::proxy::{Credential, Gate, Listen, Proxy, Upstream};
use crate::report::{Failure, finding, footer, misuse, rule_faults};
use crate::rules::Finding;
use crate::verbs::{RuleContext, Verbs, report_context};
use once_cell::sync::OnceCell;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use tempfile::NamedTempFile;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// One intercepting proxy, on a free loopback port, with its rules and its journal.
///
/// A fixture: `async fn test(mitm: Mitm)`. In a test of another kind, [`Mitm::start`]. Clones are handles of the same
/// proxy. When the last one is dropped the proxy stops accepting; [`stop`](Self::stop) also waits and reports.
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
}

impl Mitm {
    /// Starts a proxy. `#[mitm_test]` does this by itself.
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
    /// When no port can be bound or no CA can be made.
    pub async fn start() -> Result<Self, Failure> {
        Self::start_with(Config::default()).await
    }

    /// Starts a proxy with settings of its own.
    ///
    /// # Errors
    /// When the port cannot be bound or no CA can be made.
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
        let start = Proxy::start(listen, config.connect_within, Arc::clone(&ca), journal, Arc::clone(&gate));
        let started = runtime::handle().map_err(|error| failed(&error))?.spawn(start).await;
        let proxy = started.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let pages = Arc::<Pages>::default();
        let context = RuleContext { gate: Arc::clone(&gate), pages: Arc::clone(&pages) };
        let verbs = Verbs::new(context.clone());
        Ok(Self(Arc::new(Inner { proxy, verbs, context, pages, gate, ca, export: OnceCell::new() })))
    }

    /// Ends everything: rules are taken back, parked flows released, connections drained (for at most 2 seconds).
    ///
    /// # Errors
    /// What was left behind: a hold that never caught anything, a flow that was still parked, a rule that could not do
    /// its work, a task of the proxy that panicked.
    pub async fn stop(&self) -> Result<(), Failure> {
        let mut findings = self.findings();
        findings.extend(self.shut_down().await);
        let Some(first) = findings.first().cloned() else { return Ok(()) };
        let others = findings.iter().skip(1).map(ToString::to_string).collect::<Vec<_>>();
        Err(if others.is_empty() { first } else { first.section("and:", others) })
    }

    /// What the test has left behind so far.
    pub(crate) fn findings(&self) -> Vec<Failure> {
        let context = report_context(&self.0.gate);
        let left = self.0.gate.audit();
        left.iter().map(|left| finding(left, &context)).chain(rule_faults(&context)).collect()
    }

    /// The flows that nobody has decided on.
    pub(crate) fn still_parked(&self) -> Vec<Failure> {
        let context = report_context(&self.0.gate);
        let parked = self.0.gate.audit().into_iter().filter(|left| matches!(left, Finding::StillParked(..)));
        parked.map(|left| finding(&left, &context)).collect()
    }

    /// What stands under every failure.
    pub(crate) fn footer(&self) -> String {
        footer(&report_context(&self.0.gate), &self.0.gate.idle(), self.0.gate.seed())
    }

    /// Takes all rules back and releases what is parked.
    pub(crate) fn release_all(&self) {
        self.0.gate.stop();
    }

    /// Stops the proxy; gives what panicked.
    pub(crate) async fn shut_down(&self) -> Vec<Failure> {
        self.release_all();
        let panics = self.0.proxy.stop().await;
        panics.into_iter().map(|panic| Failure::bare(format!("the proxy panicked: {panic}"))).collect()
    }

    /// From now on the browser's `name` is this local server; it still sees `https://name`, whatever the server speaks.
    ///
    /// An address alone means a server that speaks plain HTTP; [`Upstream`] has other kinds. A name is found however it is
    /// spelled (upper case, `bücher.test`, `xn--bcher-kva.test`); `*.shop.test` is every name below `shop.test`, unless
    /// it has a server of its own.
    ///
    /// # Panics
    /// At the line of the test, when `name` is no host name (has a scheme, a port or a path).
    #[track_caller]
    pub fn host(&self, name: &str, upstream: impl Into<Upstream>) {
        if let Err(why) = self.0.proxy.upstreams().host(name, upstream.into()) {
            misuse(&why);
        }
    }

    /// From now on upstreams may also be certified by these certificates (PEM), besides those of the platform: roots, or a
    /// server's own, such as `openssl req -x509` makes.
    ///
    /// # Errors
    /// When the text holds no certificate.
    #[track_caller]
    pub fn trust_upstream(&self, pem: &str) -> Result<(), Failure> {
        self.0.proxy.upstreams().trust(pem).map_err(|fault| Failure::new(fault.to_string()))
    }

    /// From now on any certificate is good enough for this host: expired, for another name, self-signed, of X.509 version 1,
    /// or with a key that is too weak. `*.shop.test` is every name below.
    ///
    /// # Panics
    /// At the line of the test, when `name` is no host name.
    #[track_caller]
    pub fn insecure_upstream(&self, name: &str) {
        if let Err(why) = self.0.proxy.upstreams().insecure(name) {
            misuse(&why);
        }
    }

    /// From now on the requests of one client connection use so many HTTP/1 connections to a host at once; 6 unless said,
    /// as browsers have it. (A browser asks a proxy for all its pictures at once, by HTTP/2, and leaves the limit to it.)
    /// Flows that are parked, streams and WebSockets do not count; neither do clients that speak HTTP/1, since each of their
    /// connections has one request at a time.
    ///
    /// # Panics
    /// At the line of the test, when it is 0.
    #[track_caller]
    pub fn limit_connections(&self, per_host: usize) {
        if per_host == 0 {
            misuse("limit_connections(0) would stop every request");
        }
        self.0.proxy.upstreams().limit_connections(per_host);
    }

    /// From now on servers without TLS that stand in for an `https` name are not told so.
    ///
    /// Otherwise they get `x-forwarded-proto: https`, `x-forwarded-host` and `x-forwarded-for`, as from a proxy in front of
    /// them: an application that insists on `https` would redirect for ever. A header that is there already stays.
    pub fn forward_nothing(&self) {
        self.0.proxy.upstreams().forward_nothing();
    }

    /// From now on what upstreams say of caching reaches the browser as they say it.
    ///
    /// Otherwise `cache-control` becomes `no-cache` on its run_mode: a browser that used what it keeps without asking would
    /// slip past every rule. (Playwright and Puppeteer turn the cache off for the same reason.)
    pub fn let_browsers_cache(&self) {
        self.0.proxy.let_browsers_cache();
    }

    /// From now on pages may register service workers also while rules change what they load.
    ///
    /// Otherwise such a worker is not found: it would answer for the proxy, with what it has kept. One that was registered
    /// before is the browser's: declare rules before the page is opened.
    pub fn let_service_workers(&self) {
        self.0.gate.let_workers();
    }

    /// From now on no more than so many bytes of a body are read into memory, for rules that look into it or change it; 16 MiB
    /// unless said. A body that has more fails its flow, and the test, with an error that names the rule.
    pub fn limit_bodies(&self, bytes: usize) {
        self.0.gate.limit_bodies(bytes);
    }

    /// From now on the journal keeps no more than so many bytes; 256 MiB unless said. Beyond that the oldest flows that have
    /// ended are forgotten, and a failure says how many: [`exchanges`](Self::exchanges) and reports no longer know them.
    pub fn limit_journal(&self, bytes: usize) {
        self.0.gate.journal.limit(bytes);
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.proxy.address()
    }

    /// The proxy as a URL: `http://127.0.0.1:PORT`. Where it is not on loopback, with the credential that it asks for.
    #[must_use]
    pub fn proxy_url(&self) -> String {
        match self.0.proxy.credential() {
            None => format!("http://{}", self.address()),
            Some(credential) => format!("http://{}:{}@{}", Credential::USER, credential.password, self.address()),
        }
    }

    /// The certificate of the CA that signs what the browser sees. The same for all proxies of a process.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.0.ca.pem()
    }

    /// The arguments that make a Chromium use this proxy, trust it, and be silent about anything else. For clients other
    /// than [`Browser`](crate::Browser), which knows them.
    #[must_use]
    pub fn chromium_args(&self) -> Vec<String> {
        crate::driver::chromium_args(self.address(), &self.0.ca)
    }

    /// A client that uses this proxy and trusts it.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(self)
    }

    /// Every flow so far, in the order of arrival.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.gate.journal.exchanges()
    }

    /// Runs a future in which the verbs mean this proxy: for spawned tasks and tests of another kind.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.verbs.clone().ambient_in(future)
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.0.gate.journal
    }

    /// The password of the proxy, if it asks for one.
    pub(crate) fn password(&self) -> Option<String> {
        self.0.proxy.credential().map(|credential| credential.password.clone())
    }

    /// From now on nobody is led to these ports of this machine.
    pub(crate) fn refuse_ports(&self, ports: &[u16]) {
        self.0.proxy.upstreams().refuse_ports(ports);
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

/// The verbs: `mitm.hold::<Request>(filter!(..))`.
impl Deref for Mitm {
    type Target = Verbs;

    fn deref(&self) -> &Verbs {
        &self.0.verbs
    }
}
