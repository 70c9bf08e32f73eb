//! Capabilities for Chromium. Pure (no I/O). The reasons for the flags are facts observed with Chromium 156.

use super::Launch;
use crate::ca::CertificateAuthority;
use crate::driver::find::is_headless_shell;
use crate::driver::listening;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// Returns the W3C capabilities of a session.
pub(super) fn capabilities(launch: &Launch<'_>) -> Value {
    let shell = launch.binary.is_some_and(is_headless_shell);
    let mut arguments = network_arguments(launch.proxy, &launch.spki, shell);
    if !launch.headed {
        arguments.push(if shell { "--headless" } else { "--headless=new" }.to_owned());
    }
    // The browser exits with the driver, because the pipe closes.
    arguments.push("--remote-debugging-pipe".to_owned());
    arguments.extend(sandbox_argument(launch.is_root));
    let mut binary = launch.binary;
    if let (Some(browser), Some(through)) = (launch.binary, launch.through) {
        arguments.push(listening::switch(browser));
        binary = Some(through);
    }
    let mut options = json!({ "args": arguments });
    if let Some(binary) = binary {
        options["binary"] = json!(binary);
    }
    json!({ "browserName": "chrome", "goog:chromeOptions": options })
}

/// Returns the arguments that route any Chromium through the proxy, let it run as this user, and silence it.
pub(crate) fn chromium_args(proxy: SocketAddr, ca: &CertificateAuthority) -> Vec<String> {
    let mut arguments = network_arguments(proxy, &ca.spki_sha256(), false);
    arguments.extend(sandbox_argument(super::is_root()));
    arguments
}

/// Chromium's sandbox refuses to run as root, so nothing is lost.
fn sandbox_argument(is_root: bool) -> Option<String> {
    is_root.then(|| "--no-sandbox".to_owned())
}

/// What bypasses the proxy: nothing. By default, loopback addresses would.
pub(crate) const PROXY_BYPASS: &str = "<-loopback>";

/// Returns which proxy Chromium uses for what. Plain HTTP uses TLS and HTTP/2 to the proxy; otherwise at most six flows
/// per host could be held.
pub(crate) fn proxy_rules(proxy: SocketAddr) -> String {
    format!("http=https://{proxy};https=http://{proxy}")
}

fn network_arguments(proxy: SocketAddr, spki: &str, shell: bool) -> Vec<String> {
    // No flag turns off the full browser's own services, so they are moved to unresolvable names that bypass the proxy.
    let bypass = if shell { PROXY_BYPASS.to_owned() } else { format!("{PROXY_BYPASS};*.invalid") };
    let mut arguments = vec![
        format!("--proxy-server={}", proxy_rules(proxy)),
        format!("--proxy-bypass-list={bypass}"),
        format!("--ignore-certificate-errors-spki-list={spki}"),
        // Only the proxy resolves names: a request that would bypass it fails.
        format!("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE {}", proxy.ip()),
    ];
    if Path::new("/proc/self").exists() {
        // An existing folder that is not writable: without a disk cache, two equal GETs do not wait for each other.
        arguments.push("--disk-cache-dir=/proc".to_owned());
    }
    if !shell {
        arguments.extend(
            [
                "--component-updater=url-source=http://cu.invalid/",
                "--gaia-url=http://gaia.invalid",
                // `BackForwardCache`: a page that is left is destroyed with its requests, as in the other browsers.
                "--disable-features=NetworkTimeServiceQuerying,OptimizationHints,OptimizationGuideModelDownloading,\
                 OptimizationTargetPrediction,OptimizationGuideModelExecution,AutofillServerCommunication,BackForwardCache",
            ]
            .map(str::to_owned),
        );
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(binary: &str, is_root: bool) -> String {
        let proxy = "127.0.0.1:1234".parse().expect("an address");
        let binary = Some(Path::new(binary));
        capabilities(&Launch { binary, proxy, spki: "x=".to_owned(), is_root, headed: false, through: None })
            .to_string()
    }

    #[test]
    fn the_sandbox_is_given_up_only_where_it_cannot_run() {
        assert!(arguments("/a/chromium", true).contains("--no-sandbox"));
        assert!(!arguments("/a/chromium", false).contains("--no-sandbox"));
    }

    #[test]
    fn the_shell_needs_no_silencing() {
        assert!(arguments("/a/chromium", false).contains("*.invalid"));
        assert!(!arguments("/a/chromium-headless-shell", false).contains("invalid"));
    }
}
