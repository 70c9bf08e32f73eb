//! The programs that drive browsers, and the one that the user runs elsewhere.

use super::find;
use std::net::IpAddr;
use std::path::PathBuf;

/// A WebDriver server for one make of browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DriverKind {
    Chromedriver,
    Geckodriver,
}

impl DriverKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chromedriver => "chromedriver",
            Self::Geckodriver => "geckodriver",
        }
    }

    pub(super) fn program(self) -> Result<PathBuf, String> {
        match self {
            Self::Chromedriver => find::chromedriver(),
            Self::Geckodriver => find::geckodriver(),
        }
    }

    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Chromedriver => &["--port=0"],
            // The default WebSocket port is fixed.
            Self::Geckodriver => &["--port=0", "--websocket-port=0"],
        }
    }

    pub(super) fn environment(self, proxy: IpAddr) -> &'static [(&'static str, &'static str)] {
        match self {
            // Firefox then sends no requests of its own, and exits if it would connect to anything but loopback. This
            // works only as an environment variable, not in the capabilities.
            Self::Geckodriver if proxy.is_loopback() => &[("MOZ_DISABLE_NONLOCAL_CONNECTIONS", "1")],
            Self::Geckodriver => &[("MOZ_REMOTE_SETTINGS_DEVTOOLS", "1")],
            Self::Chromedriver => &[],
        }
    }

    /// Returns the port if this line reports a successful start.
    pub(super) fn started_on(self, line: &str) -> Option<u16> {
        let port = match self {
            // The first line is `Starting ChromeDriver .. on port 0`; only this one has the actual port.
            Self::Chromedriver => line.strip_prefix("ChromeDriver was started successfully on port ")?,
            Self::Geckodriver => line.split_once("Listening on 127.0.0.1:")?.1,
        };
        port.trim_end_matches('.').parse().ok()
    }
}

/// Returns the URL of a driver that the user runs, here or on another machine (`HOLDUP_WEBDRIVER`).
pub(crate) fn remote() -> Option<String> {
    let url = std::env::var("HOLDUP_WEBDRIVER").ok()?;
    Some(url.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty())
}
