//! The settled page: everything that it waits for is held by the test, and nothing in it moves.
//!
//! `settle.js` counts what the page waits for, and [`document`] queries it; the proxy's side is the journal's [`Live`]
//! flows; [`open`] compares the two. The rule follows from the measurements in `ARCHITECTURE.md`, "Settled".

mod actions;
mod document;
mod explain;
mod limit;
mod look;
mod open;
mod pages;
mod pending;
mod quiet_pages;
mod settled;
mod wait;
mod windows;
mod within;

pub(crate) use document::Appearance;
pub(crate) use limit::Limit;
#[cfg(test)]
pub(crate) use look::Picture;
pub(crate) use look::{Look, Moment};
pub(crate) use pages::Pages;
pub(crate) use pending::Pending;
pub use settled::Settled;

use crate::filter::Filter;
use crate::flow::{FlowId, Place};
use crate::inspector::{Fault, Inspector, Until, Window, as_on_the_wire};
use crate::journal::{ConsoleMessage, Event, Journal, Live};
use crate::relay::Turns;
use crate::report::Failure;
use document::{Asking, Documents};
use open::{Beside, Ignored};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use wait::Known;
use windows::Windows;

/// A document that does not reply for this long while its successor is held does not reply before the release.
const ANSWER: Duration = Duration::from_secs(1);
/// How many characters of a URL are journaled.
const LONGEST_URL: usize = 2000;
const ASKS: &str = "a dialog of the page is open (`alert`, `confirm` or `prompt`)\n  \
    help: answer it first: `browser.accept_alert()`, `browser.dismiss_alert()`";

/// No known documents.
static NONE: Documents = Documents::new();

/// The pages of one session and their known state.
#[derive(Debug)]
pub(crate) struct SessionPages {
    inspector: Arc<Inspector>,
    journal: Arc<Journal>,
    turns: Turns,
    /// What the test never waits for.
    ignored: Arc<std::sync::Mutex<Vec<Filter>>>,
    /// The window that the session, or the test in it, began with.
    window: String,
    windows: Arc<Windows>,
    /// Of that window, if it has its own.
    proxy: Option<SocketAddr>,
    known: Mutex<Known>,
    /// The same for `processed`, which must not wait until the page has settled.
    processing: Mutex<Known>,
    /// The test has ended; the session may be another's.
    has_ended: AtomicBool,
    /// What documents have refused so far: realm and URL.
    refused: std::sync::Mutex<BTreeSet<(String, String)>>,
}

impl SessionPages {
    /// Makes every document of the session count what it waits for.
    pub(crate) async fn watch(inspector: Inspector, journal: Arc<Journal>, turns: Turns) -> Result<Self, Fault> {
        let window = inspector.install(document::SETTLE).await?;
        Ok(Self::over(Arc::new(inspector), (window, None), Arc::default(), journal, turns))
    }

    fn over(
        inspector: Arc<Inspector>,
        (window, proxy): (String, Option<SocketAddr>),
        windows: Arc<Windows>,
        journal: Arc<Journal>,
        turns: Turns,
    ) -> Self {
        inspector.report_to(Some(Arc::clone(&journal)));
        Self {
            inspector,
            journal,
            turns,
            window,
            windows,
            proxy,
            ignored: Arc::default(),
            known: Mutex::default(),
            processing: Mutex::default(),
            has_ended: AtomicBool::default(),
            refused: std::sync::Mutex::default(),
        }
    }

    /// Returns the pages of another test, in a window that shares nothing with earlier ones and uses this proxy, and its
    /// user context.
    pub(crate) async fn anew(
        &self,
        proxy: SocketAddr,
        journal: Arc<Journal>,
        turns: Turns,
    ) -> Result<(Self, String), Fault> {
        if self.proxy.is_none() {
            // The session's own: no test uses it. Those of tests have been closed.
            self.windows.leave(&self.window);
        }
        let Window { user, handle } = self.windows.take(&self.inspector, proxy).await?;
        let (inspector, windows) = (Arc::clone(&self.inspector), Arc::clone(&self.windows));
        Ok((Self::over(inspector, (handle, Some(proxy)), windows, journal, turns), user))
    }

    /// Brings the first window to the front.
    pub(crate) async fn activate(&self) -> Result<(), Fault> {
        self.inspector.activate(&self.window).await
    }

    /// Empties the clipboard. The first window must be in front.
    pub(crate) async fn empty_clipboard(&self) -> Result<(), Fault> {
        self.inspector.empty_clipboard(&self.window).await
    }

    /// Closes the windows of a test and deletes what they have stored.
    pub(crate) async fn forget(&self, user: &str) -> Result<(), Fault> {
        self.has_ended.store(true, Ordering::Relaxed);
        self.inspector.forget(user).await
    }

    /// Returns the window that the session or the test began with.
    pub(crate) fn window(&self) -> &str {
        &self.window
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Returns the URL of the connection on which the browser is queried.
    pub(crate) fn inspector_url(&self) -> &str {
        self.inspector.url()
    }

    /// Leaves matching requests out of every later wait.
    pub(crate) fn ignore(&self, filter: Filter) {
        self.ignored.lock().unwrap_or_else(PoisonError::into_inner).push(filter);
    }

    pub(crate) fn ignored(&self) -> Vec<Filter> {
        self.ignored.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether the first window shows no page of any site: the user has gone back beyond the first.
    pub(crate) async fn has_left(&self) -> bool {
        self.inspector.url_of(&self.window).await.is_ok_and(|url| url.starts_with("about:"))
    }

    /// Journals the URL and the title of the first window, and no message from then on: what the tear-down causes is not
    /// the test's.
    pub(crate) async fn note_location(&self) {
        // Its reply comes after the events before it.
        let url = tokio::time::timeout(ANSWER, self.inspector.url_of(&self.window)).await.ok().and_then(Result::ok);
        let has_dialog = self.inspector.under_way().borrow().dialogs.contains(&self.window);
        let title = async { self.inspector.title_of(&self.window).await.ok() };
        let title = match url {
            Some(_) if !has_dialog => {
                tokio::time::timeout(ANSWER, title).await.ok().flatten().filter(|it| !it.is_empty())
            }
            _ => None,
        };
        self.inspector.report_to(None);
        let url = url.map(|url| url.chars().take(LONGEST_URL).collect());
        self.journal.write(Event::Page { url, title, has_dialog });
    }

    /// Returns what the pages have logged. Includes what was logged before the last reply of the driver.
    pub(crate) async fn console(&self) -> Vec<ConsoleMessage> {
        self.receive_events().await;
        self.journal.console()
    }

    /// Receives the events that precede the last reply of the driver, which has its own connection.
    async fn receive_events(&self) {
        drop(tokio::time::timeout(ANSWER, self.inspector.url_of(&self.window)).await);
    }

    /// Resolves once nothing is open but what is held. Returns what the pages wait for.
    pub(crate) async fn quiet(
        &self,
        ignored: &[Filter],
        patience: Duration,
        place: Place,
    ) -> Result<Vec<Pending>, Failure> {
        let mut filters = self.ignored();
        filters.extend_from_slice(ignored);
        let ignored = Ignored { filters, frames: false, timers: false };
        let settling = self.settle(&self.known, Asking::Quiet, |documents, live| {
            !open::open(documents, &self.beside(documents), live, &ignored).is_empty()
        });
        let is_wanted = |url: &str| !ignored.url(url);
        self.within(&self.known, (patience, place), "the page did not settle", &ignored, is_wanted, settling).await?;
        // Not before the first page exists, which would be delayed.
        if let Some(proxy) = self.proxy.filter(|_| self.turns.are_conducted()) {
            self.windows.prepare(&self.inspector, proxy);
        }
        let mut known = self.known.lock().await;
        let Known { documents, others, .. } = &mut *known;
        let is_alone = documents.keys().all(|frame| *frame == self.window);
        // Which document sends a request matters only if there are several.
        let windows = match is_alone || self.has_dialog() {
            true => vec![],
            // A window whose next document is held does not reply.
            false => {
                let asking = tokio::time::timeout(ANSWER, self.inspector.windows_beside(&self.window));
                asking.await.unwrap_or(Ok(vec![])).unwrap_or_default()
            }
        };
        Ok(pending::asked(documents, &windows, &self.window, others))
    }

    /// Returns the browser's connection.
    pub(crate) fn inspector(&self) -> &Arc<Inspector> {
        &self.inspector
    }

    /// Opens a URL in the given window (to which the test has switched), or else in the first.
    pub(crate) async fn navigate(&self, window: Option<String>, url: &str, until: Until) -> Result<(), Fault> {
        let window = window.as_ref().unwrap_or(&self.window);
        let mut under_way = self.inspector.under_way();
        if self.sees_dialog().await && under_way.borrow_and_update().dialogs.contains(window) {
            return Err(Fault::Refused(ASKS.to_owned()));
        }
        tokio::select! {
            done = self.inspector.navigate(window, url, until) => done,
            // Loading may continue when the dialog is answered.
            Ok(_) = under_way.wait_for(|told| told.dialogs.contains(window)) => Ok(()),
        }
    }

    /// Returns whether a window of the test has an open dialog; until that is answered, it does nothing else.
    pub(crate) fn has_dialog(&self) -> bool {
        let idle = self.windows.without_test();
        self.inspector.under_way().borrow().dialogs.iter().any(|window| !idle.contains(window))
    }

    /// Like `has_dialog`, but first receives the end of dialogs that the driver has just answered on its own
    /// connection.
    pub(crate) async fn sees_dialog(&self) -> bool {
        if self.has_dialog() {
            self.receive_events().await;
        }
        self.has_dialog()
    }

    /// Like `has_dialog`, but first receives the beginning of dialogs that the driver has just reported, and the end of
    /// those that it has just answered.
    pub(crate) async fn has_dialog_by_now(&self) -> bool {
        self.receive_events().await;
        self.has_dialog()
    }

    /// Returns what the browser reports besides these documents.
    fn beside(&self, documents: &Documents) -> Beside {
        let navigating =
            self.inspector.under_way().borrow().navigating.values().map(|url| as_on_the_wire(url)).collect();
        let asked = self.inspector.calls().map_or_else(Vec::new, |calls| {
            let calls = calls.borrow();
            documents.keys().flat_map(|frame| calls.of(frame)).map(str::to_owned).collect()
        });
        Beside { navigating, asked }
    }

    /// Returns the inner frames whose document is held: Chromium does not reply for them.
    fn leaving(&self, live: &Live) -> BTreeSet<String> {
        let held: BTreeSet<_> =
            live.parked().filter(|flow| flow.destination().ends_with("frame")).map(|flow| &flow.asked).collect();
        let navigating = self.inspector.under_way().borrow().navigating.clone();
        navigating.into_iter().filter(|(_, url)| held.contains(&as_on_the_wire(url))).map(|(frame, _)| frame).collect()
    }

    /// Resolves once the pages have processed the response of a delivered flow.
    pub(crate) async fn processed(&self, flow: FlowId, patience: Duration, place: Place) -> Result<(), Failure> {
        let Some(exchange) = self.journal.exchange(flow) else { return Ok(()) };
        let url = exchange.request.url();
        let settling = self.settle(&self.processing, Asking::Still, |documents, live| {
            open::undealt(documents, live, live.asked(flow, &url))
                || open::unheard(documents, live, &Ignored::default()).any(|unheard| unheard == url)
        });
        let what = format!("the page had not processed {flow}");
        let is_wanted = |asked: &str| asked == url;
        self.within(&self.processing, (patience, place), &what, &Ignored::default(), is_wanted, settling).await
    }
}
