//! The capabilities that a browser is started with.

mod chromium;
mod firefox;

pub(crate) use chromium::{PROXY_BYPASS, chromium_args, proxy_rules};

use super::BrowserKind;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// The parameters of a browser's start.
#[derive(Clone, Debug)]
pub(crate) struct Launch<'a> {
    /// `None` lets the driver choose: it may run on another machine.
    pub(crate) binary: Option<&'a Path>,
    pub(crate) proxy: SocketAddr,
    /// SHA-256 of the public key (SPKI) of the CA to trust.
    pub(crate) spki: String,
    pub(crate) is_root: bool,
    pub(crate) headed: bool,
    /// The script that also opens a DevTools port; without it, the driver must support BiDi.
    pub(crate) through: Option<&'a Path>,
}

/// Returns whether the effective user is root: that user owns `/proc/self`.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Returns the W3C capabilities of a session.
pub(crate) fn of(kind: BrowserKind, launch: &Launch<'_>) -> Map<String, Value> {
    let mut capabilities = match kind {
        BrowserKind::HeadlessShell | BrowserKind::Chromium => chromium::capabilities(launch),
        BrowserKind::Firefox => firefox::capabilities(launch),
    };
    // Dialogs stay open for the test to answer.
    capabilities["unhandledPromptBehavior"] = json!({ "default": "ignore", "beforeUnload": "accept" });
    if launch.through.is_none() {
        capabilities["webSocketUrl"] = json!(true);
    }
    capabilities.as_object().cloned().unwrap_or_default()
}
