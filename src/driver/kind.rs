//! Which browser a test runs in.

use super::find;
use super::process::{self, DriverKind};
use std::env;
use std::fmt;
use std::path::PathBuf;

/// A browser that tests can run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BrowserKind {
    /// Chromium without a window and without services of its own: it starts three times faster than the full one.
    HeadlessShell,
    /// The full Chromium (or Chrome), which can show itself (`HOLDUP_HEADED=1`). Its favicon requests are answered by the proxy
    /// and are no flows, and it keeps no page alive that was left.
    Chromium,
    /// Firefox.
    Firefox,
}

impl BrowserKind {
    /// Every kind, as `browsers = all` means it.
    pub const ALL: [Self; 3] = [Self::HeadlessShell, Self::Chromium, Self::Firefox];

    /// The one that `HOLDUP_BROWSER` names; without it the headless shell, or the full Chromium where that is not there or
    /// a window is wanted, or where the driver is elsewhere.
    pub(crate) fn by_default() -> Result<Self, String> {
        let Some(said) = env::var("HOLDUP_BROWSER").ok().filter(|said| !said.is_empty()) else {
            let elsewhere = process::remote().is_some();
            return Ok(if elsewhere || headed() || !find::has_headless_shell() {
                Self::Chromium
            } else {
                Self::HeadlessShell
            });
        };
        Self::ALL.into_iter().find(|kind| kind.to_string() == said).ok_or_else(|| {
            let all = Self::ALL.map(|kind| kind.to_string()).join(", ");
            format!("HOLDUP_BROWSER says {said:?}; there are {all}")
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

/// Whether the user wants to look on.
pub(crate) fn headed() -> bool {
    env::var("HOLDUP_HEADED").is_ok_and(|said| !matches!(&*said, "" | "0"))
}

/// As `HOLDUP_BROWSER` and `#[mitm_test(browser = ..)]` spell it.
impl fmt::Display for BrowserKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadlessShell => "headless_shell",
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        })
    }
}
