//! What a browser is started with.

mod chromium;
mod firefox;

pub(crate) use chromium::chromium_args;

use super::BrowserKind;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// How a browser is started.
#[derive(Clone, Debug)]
pub(crate) struct Launch<'a> {
    /// None lets the driver choose: it may be on another machine.
    pub(crate) binary: Option<&'a Path>,
    pub(crate) proxy: SocketAddr,
    /// Of the CA that is to be trusted.
    pub(crate) spki: String,
    pub(crate) is_root: bool,
    pub(crate) headed: bool,
    /// The script through which it also listens for DevTools; without one, the driver has to speak BiDi.
    pub(crate) through: Option<&'a Path>,
}

/// The owner of one's own entry in /proc is the effective user.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// The W3C capabilities of a session.
pub(crate) fn of(kind: BrowserKind, launch: &Launch<'_>) -> Map<String, Value> {
    let mut capabilities = match kind {
        BrowserKind::HeadlessShell | BrowserKind::Chromium => chromium::capabilities(launch),
        BrowserKind::Firefox => firefox::capabilities(launch),
    };
    // What a page asks its user is for the test to answer.
    capabilities["unhandledPromptBehavior"] = json!({ "default": "ignore", "beforeUnload": "accept" });
    if launch.through.is_none() {
        capabilities["webSocketUrl"] = json!(true);
    }
    capabilities.as_object().cloned().unwrap_or_default()
}
