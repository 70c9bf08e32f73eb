//! A second connection to the browser, for queries and navigations beside the test's commands.

mod bidi;
mod calls;
mod console;
mod contexts;
mod cookies;
mod devtools;
mod initiator;
mod loading;
mod socket;
mod targets;

pub(crate) use bidi::Login;
pub(crate) use calls::Calls;
pub(crate) use contexts::{CookieCommand, Window};

use crate::journal::Journal;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bidi::Bidi;
use devtools::DevTools;
use futures_util::future::join;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// The connection. Dropping it closes the connection but not the session.
#[derive(Debug)]
pub(crate) struct Inspector(Speaks);

#[derive(Debug)]
enum Speaks {
    Bidi(Bidi),
    DevTools(DevTools),
}

/// How a session can be queried, according to its capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Its `webSocketUrl`.
    Bidi(String),
    /// The profile folder of its browser.
    DevTools(PathBuf),
}

/// Why a command has no result.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection is closed: the session or the driver has ended.
    Closed,
    /// The browser refused the command.
    Refused(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the browser's session has ended"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

/// Navigations and dialogs in progress, as far as the browser has reported them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnderWay {
    /// Frames that are navigating to another document, with its URL.
    pub(crate) navigating: BTreeMap<String, String>,
    /// Windows with an open dialog (`alert`, `confirm`, `prompt`), which do nothing else meanwhile.
    pub(crate) dialogs: BTreeSet<String>,
}

/// A picture of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    /// `webp`, `jpeg`, `png`.
    pub(crate) kind: &'static str,
}

impl Picture {
    /// Reads a picture in base64. Browsers send PNG where they do not know the requested kind.
    fn decode(data: &Value) -> Result<Self, Fault> {
        let bytes = data.as_str().and_then(|data| BASE64_STANDARD.decode(data).ok()).unwrap_or_default();
        let kind = match &bytes[..] {
            [b'R', b'I', b'F', b'F', ..] => "webp",
            [0xff, 0xd8, ..] => "jpeg",
            [0x89, b'P', b'N', b'G', ..] => "png",
            _ => return Err(Fault::Refused("the browser sent no picture".to_owned())),
        };
        Ok(Self { bytes, kind })
    }
}

/// How far to wait for a navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Begun,
    Loaded,
}

/// The environment in which the scripts of one document run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) frame: String,
    pub(crate) id: String,
}

/// The current state of a window or frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) children: Vec<Self>,
}

impl Inspector {
    /// Connects. `login` is used for the proxy's challenges. Returns `None` if the browser cannot be reached this way.
    pub(crate) async fn connect(protocol: &Protocol, login: Option<Login>) -> Result<Option<Self>, String> {
        match protocol {
            Protocol::Bidi(url) => Bidi::connect(url, login).await.map(|bidi| Some(Self(Speaks::Bidi(bidi)))),
            Protocol::DevTools(profile) => {
                Ok(DevTools::connect(profile).await.map(|tools| Self(Speaks::DevTools(tools))))
            }
        }
    }

    /// Returns the URL at which the browser, or its driver, listens for this connection.
    pub(crate) fn url(&self) -> &str {
        match &self.0 {
            Speaks::Bidi(bidi) => &bidi.url,
            Speaks::DevTools(devtools) => &devtools.url,
        }
    }

    /// Installs a function that runs in each new document before any of its scripts, and starts to report what is under
    /// way. Returns the first window.
    pub(crate) async fn install(&self, script: &str) -> Result<String, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.install(script).await,
            Speaks::DevTools(devtools) => devtools.install(script).await,
        }
    }

    /// Installs another function in each new document, which reports what a person does there.
    pub(crate) async fn add_reports(&self, script: &str) -> Result<(), Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => {
                bidi.console.read_actions();
                bidi.add(script).await
            }
            Speaks::DevTools(devtools) => {
                devtools.console.read_actions();
                devtools.add(script).await
            }
        }
    }

    /// Journals what pages log, and the errors that they do not catch, from now on there, or nowhere.
    pub(crate) fn report_to(&self, journal: Option<Arc<Journal>>) {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.console.report_to(journal),
            Speaks::DevTools(devtools) => devtools.console.report_to(journal),
        }
    }

    /// Watches what is under way. Also notifies when a document or a window has been created or removed.
    pub(crate) fn under_way(&self) -> watch::Receiver<UnderWay> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.under_way(),
            Speaks::DevTools(devtools) => devtools.under_way(),
        }
    }

    /// Watches the resources that documents have requested. BiDi does not report them.
    pub(crate) fn calls(&self) -> Option<watch::Receiver<Calls>> {
        match &self.0 {
            Speaks::Bidi(_) => None,
            Speaks::DevTools(devtools) => Some(devtools.calls()),
        }
    }

    pub(crate) async fn navigate(&self, window: &str, url: &str, until: Until) -> Result<(), Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.navigate(window, url, until).await,
            Speaks::DevTools(devtools) => devtools.navigate(window, url, until).await,
        }
    }

    /// Returns the URL that a window shows.
    pub(crate) async fn url_of(&self, window: &str) -> Result<String, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.url_of(window).await,
            Speaks::DevTools(devtools) => devtools.url_of(window).await,
        }
    }

    /// Returns the title of the document in a window.
    pub(crate) async fn title_of(&self, window: &str) -> Result<String, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.title_of(window).await,
            Speaks::DevTools(devtools) => devtools.title_of(window).await,
        }
    }

    /// Evaluates an expression in the document of a window: a string. A window with an open dialog does not reply.
    pub(crate) async fn evaluate_in(&self, window: &str, script: &str) -> Result<String, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.evaluate_in(window, script).await,
            Speaks::DevTools(devtools) => devtools.evaluate_in(window, script).await,
        }
    }

    /// Returns what a window shows, as WebP or what the browser has instead: at most `width` pixels wide where the
    /// protocol can scale, and with a quality of 0 to 100.
    pub(crate) async fn picture(&self, window: &str, width: u32, quality: u32) -> Result<Picture, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.picture(window, quality).await,
            Speaks::DevTools(devtools) => devtools.picture(window, width, quality).await,
        }
    }

    /// Returns the realms of documents as of when `asked` completes; runs both concurrently where this takes a command.
    pub(crate) async fn realms<T>(&self, asked: impl Future<Output = T>) -> (Result<Vec<Realm>, Fault>, T) {
        match &self.0 {
            Speaks::Bidi(bidi) => join(bidi.realms(), asked).await,
            Speaks::DevTools(devtools) => {
                let answer = asked.await;
                (Ok(devtools.realms()), answer)
            }
        }
    }

    /// Returns the realms of workers, given how many the documents have started. Workers that the browser does not
    /// report cannot be queried.
    pub(crate) async fn workers(&self, started: u64) -> Result<Vec<String>, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.workers().await,
            Speaks::DevTools(devtools) => devtools.workers(started).await,
        }
    }

    /// Evaluates an expression and awaits its promise: a string, or `None` for `undefined`. Fails with any other value.
    pub(crate) async fn evaluate(&self, realm: &str, script: &str) -> Result<Option<String>, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.evaluate(realm, script).await,
            Speaks::DevTools(devtools) => devtools.evaluate(realm, script).await,
        }
    }
}

/// Returns a URL as the proxy sees it: without fragment, and `http` for `ws`.
pub(crate) fn as_on_the_wire(url: &str) -> String {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    match url.strip_prefix("ws") {
        Some(rest) if rest.starts_with(':') || rest.starts_with("s:") => format!("http{rest}"),
        _ => url.to_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::as_on_the_wire;

    #[test]
    fn urls_are_compared_as_the_proxy_sees_them() {
        assert_eq!(as_on_the_wire("wss://a.test/s#x"), "https://a.test/s");
        assert_eq!(as_on_the_wire("ws://a.test/s"), "http://a.test/s");
        assert_eq!(as_on_the_wire("wsx://a.test/s"), "wsx://a.test/s");
        assert_eq!(as_on_the_wire("https://a.test/s?q#x"), "https://a.test/s?q");
    }
}
