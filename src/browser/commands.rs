//! What tests do with a page most, and look at in it.

use super::{Browser, By};
use crate::driver::BrowserError;
use crate::journal::ConsoleMessage;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The timeout for elements and for what a test waits to see.
const APPEAR: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Every method takes a CSS selector, or another locator: see [`By`].
impl Browser {
    /// Clicks an element, once it appears.
    ///
    /// # Errors
    /// Fails if no element appears within 5 seconds, or if it cannot be clicked.
    pub async fn click(&self, at: impl Into<By>) -> Result<(), BrowserError> {
        let at = at.into();
        self.element(&at).await?.click().await.map_err(BrowserError::command(format!("click {at}")))
    }

    /// Types into an element, once it appears.
    ///
    /// # Errors
    /// Fails if no element appears within 5 seconds, or if it takes no keys.
    pub async fn type_into(&self, at: impl Into<By>, text: &str) -> Result<(), BrowserError> {
        let at = at.into();
        self.element(&at).await?.send_keys(text).await.map_err(BrowserError::command(format!("type into {at}")))
    }

    /// Returns the visible text of an element, once it appears.
    ///
    /// # Errors
    /// Fails if no element appears within 5 seconds.
    pub async fn text(&self, at: impl Into<By>) -> Result<String, BrowserError> {
        self.text_at(&at.into()).await
    }

    /// Waits until an element is in the page.
    ///
    /// # Errors
    /// Fails if no element appears within 5 seconds.
    pub async fn wait(&self, at: impl Into<By>) -> Result<(), BrowserError> {
        self.element(&at.into()).await.map(drop)
    }

    /// Waits until no such element is in the page, or none of them is visible.
    ///
    /// # Errors
    /// Fails if one is still visible after 5 seconds.
    pub async fn wait_gone(&self, at: impl Into<By>) -> Result<(), BrowserError> {
        let at = at.into();
        let going = async {
            while self.is_visible(&at).await? {
                if !self.relay.is_anything_left().await {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match tokio::time::timeout(APPEAR, going).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Ok(Ok(false)) | Err(_) => Err(BrowserError::NotShown(format!("{at} was still there after {APPEAR:?}"))),
        }
    }

    /// Waits until an element has this visible text.
    ///
    /// # Errors
    /// Fails if the text is different after 5 seconds; the error contains the last text.
    pub async fn wait_text(&self, at: impl Into<By>, text: &str) -> Result<(), BrowserError> {
        let (at, mut last) = (at.into(), None);
        let reading = async {
            while last.as_deref() != Some(text) {
                match self.text_at(&at).await {
                    Ok(text) => last = Some(text),
                    // The page changed between finding and reading.
                    Err(BrowserError::Command { source, .. }) if source.is_stale_element_reference() => {}
                    Err(error) => return Err(error),
                }
                if last.as_deref() != Some(text) && !self.relay.is_anything_left().await {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match tokio::time::timeout(APPEAR, reading).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Ok(Ok(false)) | Err(_) => {
                let last = last.unwrap_or_default();
                Err(BrowserError::NotShown(format!("{at} did not show {text:?} within {APPEAR:?}, but {last:?}")))
            }
        }
    }

    /// Waits until a JavaScript expression is true in the page: `wait_until("window.cart.items.length == 2")`.
    ///
    /// A promise is awaited. For Firefox, see [`eval`](Self::eval).
    ///
    /// # Errors
    /// Fails if the expression throws, or if it is not true after 5 seconds; the error contains its last value.
    pub async fn wait_until(&self, expression: &str) -> Result<(), BrowserError> {
        let script = format!("const it = await ({expression}); return [!!it, it]");
        let script = format!("return (async () => {{ {script} }})()");
        let mut last = Value::Null;
        let looking = async {
            loop {
                let said: Value =
                    self.client.execute(&script, vec![]).await.map_err(BrowserError::command(expression))?;
                last = said[1].clone();
                if said[0] == true {
                    return Ok(true);
                }
                if !self.relay.is_anything_left().await {
                    return Ok(false);
                }
            }
        };
        match tokio::time::timeout(APPEAR, looking).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Ok(Ok(false)) | Err(_) => {
                Err(BrowserError::NotShown(format!("`{expression}` was not true within {APPEAR:?}, but {last}")))
            }
        }
    }

    /// Returns what the pages of the test have logged so far, and the errors that nothing in them has caught.
    ///
    /// What the page itself has logged before the last command has returned is included; messages of workers, and of
    /// frames of other sites, may come later. A promise whose handler is added after it was rejected counts as an
    /// uncaught error. At most 2,000 errors and 2,000 other messages are kept. A failure shows ten, errors first, and `#[mitm_test(page_errors = fail)]` makes an uncaught error a failure.
    ///
    /// ```no_run
    /// # use holdup::prelude::*;
    /// # async fn example(browser: Browser) -> TestResult {
    /// browser.goto("https://shop.test/").await?;
    /// let said = browser.console().await;
    /// assert!(said.iter().all(|message| message.level() < holdup::ConsoleLevel::Error), "{said:?}");
    /// # Ok(()) }
    /// ```
    pub async fn console(&self) -> Vec<ConsoleMessage> {
        self.pages.console().await
    }

    /// Runs JavaScript in the page and returns its result, as any type that serde can read.
    ///
    /// The script passes a value with `return`; a promise is awaited. Firefox runs the script in a sandbox: there the
    /// page's own variables are `window.x`, not `x`.
    ///
    /// ```no_run
    /// # use holdup::prelude::*;
    /// # async fn example(browser: Browser) -> TestResult {
    /// let items: Vec<String> = browser.eval("return [...document.querySelectorAll('li')].map(li => li.textContent)").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Fails if the script throws, or if its result is of another type.
    pub async fn eval<T: DeserializeOwned>(&self, script: &str) -> Result<T, BrowserError> {
        let said = self.client.execute(script, vec![]).await;
        let said = said.map_err(BrowserError::command(format!("eval {script:?}")))?;
        serde_json::from_value(said.clone()).map_err(|error| {
            let wanted = std::any::type_name::<T>();
            BrowserError::NotShown(format!("eval {script:?} returned {said}, which is not a {wanted}: {error}"))
        })
    }

    /// Runs JavaScript in the page, and ignores its result. See [`eval`](Self::eval).
    ///
    /// # Errors
    /// Fails if the script throws.
    pub async fn run(&self, script: &str) -> Result<(), BrowserError> {
        self.eval::<Value>(script).await.map(drop)
    }

    /// Returns a screenshot of the page, as PNG.
    ///
    /// # Errors
    /// Fails if the driver refuses.
    pub async fn screenshot(&self) -> Result<Vec<u8>, BrowserError> {
        self.client.screenshot().await.map_err(BrowserError::command("screenshot"))
    }

    async fn text_at(&self, at: &By) -> Result<String, BrowserError> {
        self.element(at).await?.text().await.map_err(BrowserError::command(format!("text of {at}")))
    }

    async fn is_visible(&self, at: &By) -> Result<bool, BrowserError> {
        let failed = |error: CmdError| BrowserError::command(format!("look for {at}"))(error);
        self.name(at);
        for element in self.client.find_all(at.locator()).await.map_err(failed)? {
            match element.is_displayed().await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                // It has gone meanwhile.
                Err(error) if error.is_stale_element_reference() => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(false)
    }

    fn name(&self, at: &By) {
        if let Some((xpath, words)) = at.xpath_in_words() {
            self.relay.name(xpath, words);
        }
    }

    /// Finds an element, once it appears. In an explored test, a wait ends when nothing can bring it any more.
    async fn element(&self, at: &By) -> Result<Element, BrowserError> {
        self.name(at);
        let failed = BrowserError::command(format!("find {at} within {APPEAR:?}"));
        let until = Instant::now() + APPEAR;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let found = self.client.find(at.locator()).await;
            let is_missing = matches!(&found, Err(error) if error.is_no_such_element());
            if !is_missing {
                return found.map_err(failed);
            }
            if Instant::now() >= until || !self.relay.is_anything_left().await {
                return Err(failed(CmdError::WaitTimeout));
            }
        }
    }
}
