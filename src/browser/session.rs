//! One browser session and its most common operations.

use crate::ca::CertificateAuthority;
use crate::driver::{self, BrowserError, BrowserKind, Driver, Launch};
use crate::filter::Filter;
use crate::flow::Place;
use crate::inspector::{Inspector, Login, Until};
use crate::journal::Journal;
use crate::page::{SessionPages, Settled};
use crate::relay::{ENDED, Relay, Turns, UserContext};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use url::Url;

/// Timeout for a session's start. If the browser hangs, the driver waits for its pipe without end.
const START: Duration = Duration::from_secs(30);
/// Timeout for closing the windows of a test.
const LEAVE: Duration = Duration::from_secs(5);
const NO_BIDI: &str = "the driver provides no `webSocketUrl` (WebDriver BiDi), which Holdup needs to query pages\n  \
    help: use a current chromedriver or geckodriver";
/// What a browser needs to use the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) proxy: SocketAddr,
    /// Credentials, if the proxy requires them.
    pub(crate) login: Option<Login>,
    pub(crate) ca: Arc<CertificateAuthority>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) turns: Turns,
}

/// A real browser that uses the test's proxy and trusts it.
///
/// Derefs to [`fantoccini::Client`]. Clones share the session.
///
/// As a fixture (`async fn test(browser: Browser)`), it starts with new cookies, storage, caches and permissions, and its
/// windows end with the test. A headless shell or Firefox then serves the next test of the process, in another user
/// context; `HOLDUP_NEW_BROWSER=1` prevents that. Browser and driver end with the process, however that exits.
#[derive(Clone, Debug)]
pub struct Browser {
    kind: BrowserKind,
    pub(super) client: Client,
    pub(super) relay: Arc<Relay>,
    session: String,
    pub(super) pages: Arc<SessionPages>,
    /// The user context of its window, where one session serves many tests.
    user: Option<String>,
    /// Whether each of several tests can have a user context with its own proxy.
    is_shareable: bool,
    /// The runtime of the relay and the proxy: its tasks continue while the test's own thread is blocked.
    runtime: Handle,
}

impl Browser {
    pub(crate) async fn open(kind: BrowserKind, wire: Wire) -> Result<Self, BrowserError> {
        let driver = Driver::of(kind.driver(), wire.proxy.ip()).await?;
        // The DevTools connection does not log in to the proxy.
        let through = driver.listening().filter(|_| wire.login.is_none());
        if through.is_some() {
            match Self::begin(kind, &wire, &driver, through).await? {
                Some(browser) => return Ok(browser),
                None => driver.note_hidden(),
            }
        }
        // Some machines do not run scripts in temporary folders, and some packages hide where their browser listens.
        let browser = Self::begin(kind, &wire, &driver, None).await?;
        browser.ok_or_else(|| BrowserError::Session(NO_BIDI.to_owned()))
    }

    /// Begins a session. Returns `None` if its browser cannot be queried this way; the session has ended then.
    async fn begin(
        kind: BrowserKind,
        wire: &Wire,
        driver: &Arc<Driver>,
        through: Option<&Path>,
    ) -> Result<Option<Self>, BrowserError> {
        let (journal, turns) = (&wire.journal, &wire.turns);
        // A driver on another machine finds its own browsers.
        let binary =
            if driver::remote().is_some() { None } else { Some(kind.binary().map_err(BrowserError::Missing)?) };
        let launch = Launch {
            binary: binary.as_deref(),
            proxy: wire.proxy,
            spki: wire.ca.spki_sha256(),
            is_root: driver::is_root(),
            headed: driver::headed(),
            through,
        };
        let failed = |error| BrowserError::Driver(format!("the relay could not be started: {error}"));
        let relay = Relay::start(Arc::clone(driver), Arc::clone(journal), turns.clone()).await.map_err(failed)?;
        let mut builder = client();
        let connecting = builder.capabilities(driver::capabilities_of(kind, &launch)).connect(relay.url());
        // On two busy cores, Firefox has been observed to need more than thirty seconds for its first window.
        let start = if kind == BrowserKind::Firefox { 3 * START } else { START };
        let client = match tokio::time::timeout(start, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(_)) if through.is_some() => return Ok(None),
            Ok(Err(error)) => return Err(BrowserError::session(&error, &driver.log())),
            Err(_) => return Err(BrowserError::session_timeout(start, kind, binary.as_deref(), &driver.log())),
        };
        let session = client.session_id().await.map_err(BrowserError::command("new session"))?.unwrap_or_default();
        let Some(inspector) = Self::inspect(&relay, &session, wire).await.map_err(BrowserError::Session)? else {
            relay.end_session(&session).await;
            return Ok(None);
        };
        let pages = SessionPages::watch(inspector, Arc::clone(journal), turns.clone()).await;
        let pages = pages.map_err(|fault| BrowserError::Session(format!("the page cannot be watched: {fault}")))?;
        let (relay, pages) = (Arc::new(relay), Arc::new(pages));
        // Chromium's user contexts are incognito profiles, and what pages notice of that has not been examined.
        let is_shareable = match kind {
            BrowserKind::Chromium => false,
            _ if wire.login.is_some() || driver::remote().is_some() || driver::is_new_for_each_test() => false,
            BrowserKind::HeadlessShell => through.is_some(),
            BrowserKind::Firefox => pages.inspector().has_own_proxies().await,
        };
        let runtime = Handle::current();
        Ok(Some(Self { kind, client, relay, session, pages, user: None, is_shareable, runtime }))
    }

    async fn inspect(relay: &Relay, session: &str, wire: &Wire) -> Result<Option<Inspector>, String> {
        match relay.protocol(session) {
            Some(protocol) => Inspector::connect(&protocol, wire.login.clone()).await,
            None => Ok(None),
        }
    }

    /// Returns the session for another test, in a window that uses this proxy and shares nothing with the earlier ones.
    /// Must be called on the runtime that serves while a test blocks its thread.
    pub(crate) async fn anew(&self, wire: Wire) -> Result<Self, BrowserError> {
        let Wire { proxy, journal, turns, .. } = wire;
        let failed = |error: &dyn std::fmt::Display| BrowserError::Session(format!("no new window: {error}"));
        let anew = self.pages.anew(proxy, Arc::clone(&journal), turns.clone()).await;
        let (pages, user) = anew.map_err(|fault| failed(&fault))?;
        let inspector = Arc::clone(pages.inspector());
        let cookies_by_inspector = self.kind == BrowserKind::Firefox;
        let (id, session) = (user.clone(), self.session.clone());
        let context = UserContext { inspector, id, session, cookies_by_inspector };
        let relay = self.relay.next(journal, turns, context).await.map_err(|error| failed(&error))?;
        let in_front = async {
            // A window in the background takes keys slowly.
            pages.activate().await?;
            // Of a visible browser, the clipboard is the person's.
            if driver::headed() { Ok(()) } else { pages.empty_clipboard().await }
        };
        let builder = client();
        let (in_front, switched, connected) =
            tokio::join!(in_front, relay.switch(&self.session, pages.window()), builder.connect(relay.url()));
        in_front.map_err(|fault| failed(&fault))?;
        switched.map_err(|why| failed(&why))?;
        let client = connected.map_err(|error| failed(&error))?;
        // The earlier client may end its session when it is dropped.
        self.relay.end();
        let (relay, pages) = (Arc::new(relay), Arc::new(pages));
        Ok(Self { client, relay, pages, user: Some(user), ..self.clone() })
    }

    /// Returns whether tests can use the session one after another.
    pub(crate) fn is_shareable(&self) -> bool {
        self.is_shareable && self.relay.is_unchanged()
    }

    /// Closes the windows of a test and deletes what they have stored. Returns whether the session is still open.
    pub(crate) async fn leave(&self) -> bool {
        let Some(user) = &self.user else { return true };
        let left = async {
            // The driver would wait for a command in progress, which ends with its window.
            let is_released = !self.relay.is_busy() && self.relay.release_actions(&self.session).await;
            self.pages.forget(user).await.is_ok()
                && is_released
                // Commands that the test has sent, and does not wait for, have failed with their window.
                && matches!(self.client.session_id().await, Ok(Some(_)))
        };
        tokio::time::timeout(LEAVE, left).await.unwrap_or(false)
    }

    /// Keeps the session for another test: this handle and its clones are refused from now on.
    pub(crate) fn give_back(&self) {
        self.relay.end();
    }

    /// Journals what a person does in the pages that are opened from now on: for the tests that a console writes.
    #[doc(hidden)]
    pub async fn report_actions(&self) -> Result<(), BrowserError> {
        if self.relay.has_ended() {
            return Err(BrowserError::Session(ENDED.to_owned()));
        }
        self.relay.note_change();
        self.pages.report_actions().await.map_err(|fault| BrowserError::Session(fault.to_string()))
    }

    /// Returns which browser this is.
    #[must_use]
    pub fn kind(&self) -> BrowserKind {
        self.kind
    }

    /// Returns the local ports through which the browser is driven; pages must not connect to them.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let urls = [self.relay.url(), self.relay.driver_url(), self.pages.inspector_url()];
        urls.into_iter().filter_map(port_of_this_machine).collect()
    }

    /// Returns the port of the relay, which ends with its test.
    pub(crate) fn relay_port(&self) -> Option<u16> {
        port_of_this_machine(self.relay.url())
    }

    pub(crate) fn pages(&self) -> &Arc<SessionPages> {
        &self.pages
    }

    /// Waits until the page has settled.
    ///
    /// A page has settled when every request that it waits for is held by the test, no timer of up to one second and no
    /// animation frame is pending, and nothing moves. A test can then check what a release has changed, and what it has
    /// not.
    ///
    /// A page with an open dialog (`alert`, `confirm`, `prompt`) counts as settled: it does nothing else until the test
    /// answers the dialog (`accept_alert`, `dismiss_alert`, `send_alert_text` of the [`Client`]). Dialogs are not
    /// answered automatically.
    ///
    /// The wait covers every frame and window of the session. Requests that never end can be left out with
    /// [`ignore`](Self::ignore) for the session, or with [`Settled::ignore`] for one wait. Dropping the future ends the
    /// wait.
    ///
    /// # Errors
    /// Fails if the page does not settle within 5 seconds (see [`Settled::within`]); the error lists what is open, and
    /// the line of the script that requested it. While a navigation of the main frame is held, Chromium does not reply
    /// for the page: the wait then fails with that reason after a second.
    ///
    /// ```no_run
    /// # use holdup::prelude::*;
    /// # async fn example(browser: Browser, late: Held<Response>) -> TestResult {
    /// late.release().await?;
    /// browser.settled().await?;
    /// assert_eq!(browser.text("#results").await?, "results for ab"); // the late answer has changed nothing
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn settled(&self) -> Settled {
        Settled::new(Arc::clone(&self.pages), Place::here())
    }

    /// Leaves matching requests out of every later [`settled`](Self::settled).
    pub fn ignore(&self, filter: Filter) {
        self.pages.ignore(filter);
    }

    /// Ends the session, even while one of its commands is in progress. The fixture does this by itself.
    pub async fn close(self) {
        if !self.relay.has_ended() {
            self.end().await;
        }
    }

    /// Ends the session, also one that is kept.
    pub(crate) async fn end(self) {
        self.relay.end_session(&self.session).await;
    }

    /// Returns the URL of the WebDriver relay, for other clients.
    ///
    /// The path contains a token, and requests without it are refused, so that no page can drive its own browser.
    #[must_use]
    pub fn webdriver_url(&self) -> String {
        self.relay.url().to_owned()
    }

    /// Opens a URL and waits until it has loaded.
    ///
    /// Returns early if the page opens a dialog. Dropping the future does not stop a navigation that has begun.
    ///
    /// # Errors
    /// Fails if a dialog is open already, if the browser refuses the URL or shows its own error page (which
    /// chromedriver reports as a success), if the proxy could not fetch the page, or if loading can only wait for flows
    /// that the test holds.
    pub async fn goto(&self, url: &str) -> Result<(), BrowserError> {
        let says = format!("goto {url}");
        let failed = |why: String| match why.contains(driver::EXPLAINED) {
            true => BrowserError::NotLoaded(why),
            false => BrowserError::NotLoaded(format!("{url} did not load: {why}")),
        };
        let navigating = self.pages.navigate(self.relay.window(), url, Until::Loaded);
        let turn = self.relay.turn(&says);
        self.relay.beside(says.clone(), turn, navigating).await.map_err(failed)?;
        if self.pages.has_dialog() {
            return Ok(());
        }
        let shown = self.relay.shown(&self.session, &says).await;
        // The page has loaded and opened a dialog meanwhile.
        if shown.is_err() && self.pages.has_dialog_by_now().await {
            return Ok(());
        }
        let (at, text) = shown.map_err(failed)?;
        if at.starts_with("chrome-error:") {
            return Err(failed("the browser shows its own error page".to_owned()));
        }
        if text.starts_with("holdup could not fetch this") {
            return Err(failed(text));
        }
        Ok(())
    }

    /// Starts to open a URL without waiting, for navigations that the test holds.
    ///
    /// Errors are not returned. Later commands may wait in the driver until the page has loaded;
    /// [`settled`](Self::settled) does not.
    pub fn start(&self, url: &str) {
        let (relay, pages) = (Arc::clone(&self.relay), Arc::clone(&self.pages));
        let (says, url) = (format!("start {url}"), url.to_owned());
        let turn = self.relay.turn(&says);
        self.runtime.spawn(async move {
            let navigating = pages.navigate(relay.window(), &url, Until::Begun);
            // The page shows the result.
            drop(relay.beside(says, turn, navigating).await);
        });
    }
}

fn port_of_this_machine(url: &str) -> Option<u16> {
    let url = Url::parse(url).ok()?;
    let is_local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.port().filter(|_| is_local)
}

/// Returns what connects a client to a relay.
fn client() -> ClientBuilder<HttpConnector> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    ClientBuilder::new(connector)
}

impl Deref for Browser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
