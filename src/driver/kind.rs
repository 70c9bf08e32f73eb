//! The browsers that tests run in.

use super::find;
use super::program::{DriverKind, remote};
use std::env;
use std::fmt;
use std::path::PathBuf;

/// A browser that tests can run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BrowserKind {
    /// Chromium without a window and background services; starts three times faster than the full browser.
    HeadlessShell,
    /// The full Chromium (or Chrome), which can show a window (`HOLDUP_HEADED=1`).
    ///
    /// The proxy answers favicon requests, which are not flows. The back/forward cache is off.
    Chromium,
    /// Firefox.
    Firefox,
}

impl BrowserKind {
    /// All kinds, as selected by `browsers = all`.
    pub const ALL: [Self; 3] = [Self::HeadlessShell, Self::Chromium, Self::Firefox];

    /// Returns the kind that `HOLDUP_BROWSER` names. Without it: the headless shell; or the full Chromium where there
    /// is no shell, a window is wanted, or the driver runs elsewhere.
    pub(crate) fn by_default() -> Result<Self, String> {
        let Some(said) = env::var("HOLDUP_BROWSER").ok().filter(|said| !said.is_empty()) else {
            let elsewhere = remote().is_some();
            return Ok(if elsewhere || headed() || !find::has_headless_shell() {
                Self::Chromium
            } else {
                Self::HeadlessShell
            });
        };
        Self::ALL.into_iter().find(|kind| kind.to_string() == said).ok_or_else(|| {
            let all = Self::ALL.map(|kind| kind.to_string()).join(", ");
            format!("HOLDUP_BROWSER is {said:?}; it takes {all}")
        })
    }

    pub(crate) fn binary(self) -> Result<PathBuf, String> {
        match self {
            Self::HeadlessShell => find::headless_shell(),
            Self::Chromium => find::chromium(),
            Self::Firefox => find::firefox(),
        }
    }

    pub(crate) fn driver(self) -> DriverKind {
        match self {
            Self::HeadlessShell | Self::Chromium => DriverKind::Chromedriver,
            Self::Firefox => DriverKind::Geckodriver,
        }
    }
}

/// Returns whether the user wants a visible window (`HOLDUP_HEADED`).
pub(crate) fn headed() -> bool {
    env::var("HOLDUP_HEADED").is_ok_and(|said| !matches!(&*said, "" | "0"))
}

/// Returns whether the user wants a browser of its own for each test (`HOLDUP_NEW_BROWSER`).
pub(crate) fn is_new_for_each_test() -> bool {
    env::var("HOLDUP_NEW_BROWSER").is_ok_and(|said| !matches!(&*said, "" | "0"))
}

/// Formats the kind as spelled in `HOLDUP_BROWSER` and `#[mitm_test(browser = ..)]`.
impl fmt::Display for BrowserKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadlessShell => "headless_shell",
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        })
    }
}
