//! What a page looks like at one moment: for the evidence of a failure.

pub(crate) use crate::inspector::Picture;

use super::SessionPages;
use std::fmt;
use std::time::{Duration, Instant};

/// The limits of a picture: pixels, and bytes that its quality is lowered for.
const WIDTH: u32 = 960;
const BYTES: usize = 60_000;
const QUALITIES: [u32; 4] = [80, 55, 30, 10];
/// Timeouts for the document and for each picture.
const DOCUMENT: Duration = Duration::from_secs(2);
const PICTURE: Duration = Duration::from_secs(5);
/// The timeout for a window that is on its way to another document.
const LEAVING: Duration = Duration::from_secs(1);
/// How many windows of a session are looked at.
const WINDOWS: usize = 3;
/// The document as HTML, its visible text, and the browser.
const CONTENT: &str = "JSON.stringify([(document.doctype ? '<!DOCTYPE html>\\n' : '') + \
    document.documentElement.outerHTML.slice(0, 4e6), (document.body ? document.body.innerText : '').slice(0, 1e5), navigator.userAgent].map(it => it.toWellFormed?.() ?? it))";

/// The moment of a [`Look`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After the first event in which two orders differ.
    Parting,
    /// When the body of the test has ended, before anything was released.
    End,
}

/// One window at one moment. What the browser did not tell is the reason why.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) moment: Moment,
    pub(crate) url: String,
    pub(crate) picture: Result<Picture, String>,
    pub(crate) html: Result<String, String>,
    /// The visible text.
    pub(crate) text: String,
    /// The browser's name and version, as it tells servers.
    pub(crate) agent: String,
}

impl SessionPages {
    /// Returns what the windows of the session look like. The browser is not told to wait: call this while nothing moves.
    pub(crate) async fn looks(&self, moment: Moment) -> Vec<Look> {
        // A window that is on its way to a held document does not answer for its frames.
        let leaves = self.inspector.under_way().borrow().navigating.contains_key(&self.window);
        let beside = async { if leaves { Ok(vec![]) } else { self.inspector.windows_beside(&self.window).await } };
        let beside = tokio::time::timeout(DOCUMENT, beside).await;
        let mut windows: Vec<_> = beside.ok().and_then(Result::ok).unwrap_or_default();
        windows.sort_by_key(|window| window.id != self.window);
        let mut known: Vec<_> = windows.into_iter().map(|window| (window.id, window.url)).take(WINDOWS).collect();
        if known.is_empty() {
            known.push((self.window.clone(), String::new()));
        }
        let mut looks = Vec::new();
        for (window, url) in known {
            looks.push(self.look_at(&window, url, moment).await);
        }
        looks
    }

    async fn look_at(&self, window: &str, url: String, moment: Moment) -> Look {
        if self.inspector.under_way().borrow().dialogs.contains(window) {
            let why = || "a dialog is open, and the window does nothing else meanwhile".to_owned();
            return Look {
                moment,
                url,
                picture: Err(why()),
                html: Err(why()),
                text: String::new(),
                agent: String::new(),
            };
        }
        let leaves = self.inspector.under_way().borrow().navigating.get(window).cloned();
        // Chromium says nothing of a page whose next document is held.
        let (document, patience) = if leaves.is_some() { (LEAVING, LEAVING) } else { (DOCUMENT, PICTURE) };
        let said = in_time(document, self.inspector.evaluate_in(window, CONTENT));
        let (content, picture) = tokio::join!(said, self.picture(window, patience));
        let why = |why: String| {
            leaves
                .as_ref()
                .map_or(why, |to| format!("the window is on its way to {to}, and the browser says nothing meanwhile"))
        };
        let (content, picture) = (content.map_err(why), picture.map_err(why));
        let content = content.and_then(|json| {
            serde_json::from_str::<(String, String, String)>(&json)
                .map_err(|error| format!("its content is no text: {error}"))
        });
        let (html, text, agent) = match content {
            Ok((html, text, agent)) => (Ok(html), text, agent),
            Err(why) => (Err(why), String::new(), String::new()),
        };
        Look { moment, url, picture, html, text, agent }
    }

    /// Takes pictures until one is small, or the time is up; returns the last.
    async fn picture(&self, window: &str, patience: Duration) -> Result<Picture, String> {
        let until = Instant::now() + patience;
        let mut last = None;
        for quality in QUALITIES {
            let left = until.saturating_duration_since(Instant::now());
            match (in_time(left, self.inspector.picture(window, WIDTH, quality)).await, &last) {
                (Ok(picture), _) if picture.bytes.len() <= BYTES => return Ok(picture),
                (Ok(picture), _) => last = Some(picture),
                (Err(_), Some(_)) => break,
                (Err(why), None) => return Err(why),
            }
        }
        last.ok_or_else(|| "the browser took no picture".to_owned())
    }
}

/// Returns what the browser says, or why it says nothing.
async fn in_time<T, E: fmt::Display>(limit: Duration, asking: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(limit, asking).await {
        Ok(said) => said.map_err(|error| error.to_string()),
        Err(_) => {
            Err(format!("the browser did not answer within {limit:?}: a script keeps running, or the tab has crashed"))
        }
    }
}
