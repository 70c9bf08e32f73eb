//! A second connection to the browser, on which questions and navigations go beside the commands of the test.

mod bidi;
mod calls;
mod devtools;
mod loading;
mod socket;
mod targets;

pub(crate) use bidi::Login;
pub(crate) use calls::Calls;

use bidi::Bidi;
use devtools::DevTools;
use futures_util::future::join;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use tokio::sync::watch;

/// The connection. Dropping it closes it; the session lives on.
#[derive(Debug)]
pub(crate) struct Inspector(Speaks);

#[derive(Debug)]
enum Speaks {
    Bidi(Bidi),
    DevTools(DevTools),
}

/// How a session can be asked, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Its `webSocketUrl`.
    Bidi(String),
    /// The profile of its browser.
    DevTools(PathBuf),
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection is closed: the session has ended, or the driver has.
    Closed,
    /// The browser refused.
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

/// What is under way in the browser, as far as it has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnderWay {
    /// The frames that are on their way to another document, and its URL.
    pub(crate) navigating: BTreeMap<String, String>,
    /// The windows that ask their user something (`alert`, `confirm`, `prompt`), and do nothing else meanwhile.
    pub(crate) dialogs: BTreeSet<String>,
}

/// How far a navigation is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Begun,
    Loaded,
}

/// A window, and the user context that it lives in.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) user: String,
    pub(crate) handle: String,
}

/// Where the scripts of one document run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) frame: String,
    pub(crate) id: String,
}

/// A window or a frame, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) children: Vec<Self>,
}

impl Inspector {
    /// A login is given to the proxy when it asks for one. None if the browser cannot be reached in this way.
    pub(crate) async fn connect(protocol: &Protocol, login: Option<Login>) -> Result<Option<Self>, String> {
        match protocol {
            Protocol::Bidi(url) => Bidi::connect(url, login).await.map(|bidi| Some(Self(Speaks::Bidi(bidi)))),
            Protocol::DevTools(profile) => {
                Ok(DevTools::connect(profile).await.map(|tools| Self(Speaks::DevTools(tools))))
            }
        }
    }

    /// Where the browser, or its driver, listens for this.
    pub(crate) fn url(&self) -> &str {
        match &self.0 {
            Speaks::Bidi(bidi) => &bidi.url,
            Speaks::DevTools(devtools) => &devtools.url,
        }
    }

    /// Has a function run in each document that is made from now on, before any script of it, and tells of what is under
    /// way from now on. Gives the first window.
    pub(crate) async fn install(&self, script: &str) -> Result<String, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.install(script).await,
            Speaks::DevTools(devtools) => devtools.install(script).await,
        }
    }

    /// What is under way. It is told anew also when a document or a window has come or gone.
    pub(crate) fn under_way(&self) -> watch::Receiver<UnderWay> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.under_way(),
            Speaks::DevTools(devtools) => devtools.under_way(),
        }
    }

    /// What documents have asked for of themselves. By BiDi that is not told.
    pub(crate) fn calls(&self) -> Option<watch::Receiver<Calls>> {
        match &self.0 {
            Speaks::Bidi(_) => None,
            Speaks::DevTools(devtools) => Some(devtools.calls()),
        }
    }

    /// Opens a window that shares neither cookies nor caches with any other.
    pub(crate) async fn open(&self) -> Result<Window, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.open().await,
            Speaks::DevTools(devtools) => devtools.open().await,
        }
    }

    /// Closes the windows of a user context, with all that they have stored.
    pub(crate) async fn forget(&self, user: &str) -> Result<(), Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.forget(user).await,
            Speaks::DevTools(devtools) => devtools.forget(user).await,
        }
    }

    /// Brings a window to the front.
    pub(crate) async fn activate(&self, window: &str) -> Result<(), Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.activate(window).await,
            Speaks::DevTools(devtools) => devtools.activate(window).await,
        }
    }

    pub(crate) async fn navigate(&self, window: &str, url: &str, until: Until) -> Result<(), Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.navigate(window, url, until).await,
            Speaks::DevTools(devtools) => devtools.navigate(window, url, until).await,
        }
    }

    /// What a window shows.
    pub(crate) async fn url_of(&self, window: &str) -> Result<String, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.url_of(window).await,
            Speaks::DevTools(devtools) => devtools.url_of(window).await,
        }
    }

    /// A window and the others of its user context, with the frames in them.
    pub(crate) async fn windows_beside(&self, window: &str) -> Result<Vec<Frame>, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.windows_beside(window).await,
            Speaks::DevTools(devtools) => devtools.windows_beside(window).await,
        }
    }

    /// Where scripts of documents run, once something else has been asked: beside, where it takes a way of its own.
    pub(crate) async fn realms<T>(&self, asked: impl Future<Output = T>) -> (Result<Vec<Realm>, Fault>, T) {
        match &self.0 {
            Speaks::Bidi(bidi) => join(bidi.realms(), asked).await,
            Speaks::DevTools(devtools) => {
                let answer = asked.await;
                (Ok(devtools.realms()), answer)
            }
        }
    }

    /// Where scripts of workers run, of which documents have started so many. A browser that shows none cannot be asked about
    /// them.
    pub(crate) async fn workers(&self, started: u64) -> Result<Vec<String>, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.workers().await,
            Speaks::DevTools(devtools) => devtools.workers(started).await,
        }
    }

    /// What an expression is, or comes to: a text, or nothing (`undefined`). Anything else is a fault.
    pub(crate) async fn evaluate(&self, realm: &str, script: &str) -> Result<Option<String>, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.evaluate(realm, script).await,
            Speaks::DevTools(devtools) => devtools.evaluate(realm, script).await,
        }
    }
}

/// A URL as the proxy sees it: no fragment, and sockets are asked for by HTTP.
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
