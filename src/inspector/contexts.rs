//! User contexts and their windows: each test has its own, in a browser that serves many.

use super::{Fault, Frame, Inspector, Speaks};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use url::Url;

/// A window and its user context.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) user: String,
    pub(crate) handle: String,
}

/// Copies, as a user's key would, something that no page pastes. (An empty text is not copied.)
const COPY_NOTHING: &str = "{
    const copied = event => { event.clipboardData.setData('application/x-nothing', '-'); event.preventDefault(); };
    document.addEventListener('copy', copied, { once: true });
    document.execCommand('copy');
}";

/// A WebDriver command about cookies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CookieCommand<'a> {
    /// All that the document sees.
    Get,
    Set(&'a Value),
    /// All that it sees, or those of a name.
    Delete(Option<&'a str>),
}

impl Inspector {
    /// Returns whether a window can have a proxy of its own: some browsers ignore it.
    pub(crate) async fn has_own_proxies(&self) -> bool {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.has_own_proxies().await,
            Speaks::DevTools(_) => true,
        }
    }

    /// Opens a window that shares neither cookies nor caches with any other, and uses this proxy.
    pub(crate) async fn open(&self, proxy: SocketAddr) -> Result<Window, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.open(proxy).await,
            Speaks::DevTools(devtools) => devtools.open(proxy).await,
        }
    }

    /// Opens another window (or a `tab`) of a user context.
    pub(crate) async fn open_in(&self, user: &str, kind: &str) -> Result<String, Fault> {
        match &self.0 {
            // The page stays in front until the test switches. The headless shell shows all windows.
            Speaks::Bidi(bidi) => bidi.open_in(user, kind, true).await,
            Speaks::DevTools(devtools) => devtools.open_in(user, kind, false).await,
        }
    }

    /// Returns the windows of all other user contexts.
    pub(crate) async fn windows_of_others(&self, user: &str) -> Result<BTreeSet<String>, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.windows_of_others(user).await,
            Speaks::DevTools(devtools) => Ok(devtools.windows_of_others(user)),
        }
    }

    /// Sets a permission of a user context for the site of a document, as WebDriver's command describes it.
    pub(crate) async fn set_permission(&self, user: &str, document: &Url, said: &Value) -> Result<(), Fault> {
        let site = document.origin().ascii_serialization();
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.set_permission(user, &site, said).await,
            Speaks::DevTools(devtools) => devtools.set_permission(user, &site, said).await,
        }
    }

    /// Carries out a WebDriver command about cookies in a user context, by BiDi: returns its value.
    pub(crate) async fn cookies(&self, user: &str, document: &Url, asked: CookieCommand<'_>) -> Result<Value, Fault> {
        let Speaks::Bidi(bidi) = &self.0 else { return Err(Fault::Refused("chromedriver has the cookies".to_owned())) };
        match asked {
            CookieCommand::Get => bidi.cookies(user, document).await.map(Value::Array),
            CookieCommand::Set(cookie) => bidi.set_cookie(user, document, cookie).await.map(|()| Value::Null),
            CookieCommand::Delete(name) => bidi.delete_cookies(user, document, name).await.map(|()| Value::Null),
        }
    }

    /// Empties the clipboard, which user contexts share. The window must be in front.
    pub(crate) async fn empty_clipboard(&self, window: &str) -> Result<(), Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.act_in(window, COPY_NOTHING).await,
            Speaks::DevTools(devtools) => devtools.act_in(window, COPY_NOTHING).await,
        }
    }

    /// Closes the windows of a user context and deletes what they have stored.
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

    /// Returns a window and the others of its user context, with the frames in them.
    pub(crate) async fn windows_beside(&self, window: &str) -> Result<Vec<Frame>, Fault> {
        match &self.0 {
            Speaks::Bidi(bidi) => bidi.windows_beside(window).await,
            Speaks::DevTools(devtools) => devtools.windows_beside(window).await,
        }
    }
}
