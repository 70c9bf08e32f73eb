//! Installs the browser and its driver where that can be done without asking.

use crate::find;
use std::process::{Command, Stdio};

/// Makes sure that Chromium and chromedriver are there.
pub(crate) fn browser() -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    for (manager, install) in [("apt-get", apt as fn() -> bool), ("brew", brew)] {
        if runs(manager, &["--version"]) {
            eprintln!("installing Chromium and chromedriver with {manager}");
            if install() && is_there() {
                return Ok(());
            }
        }
    }
    Err(format!("Chromium and chromedriver are needed and could not be installed; by hand: {}", find::INSTALL))
}

/// Makes sure that there is curl, which tests send through the proxy.
pub(crate) fn curl() -> Result<(), String> {
    if runs("curl", &["--version"]) || (runs("apt-get", &["--version"]) && apt_get(&["install", "-yq", "curl"])) {
        return Ok(());
    }
    Err("the tests need curl, and it could not be installed".to_owned())
}

fn is_there() -> bool {
    find::chromedriver().is_ok() && find::chromium().is_ok()
}

fn apt() -> bool {
    apt_get(&["update", "-q"]);
    let installed = apt_get(&["install", "-yq", "chromium", "chromium-driver"]);
    // Faster, and not everywhere.
    apt_get(&["install", "-yq", "chromium-headless-shell"]);
    installed
}

/// As root, or with a sudo that asks nothing.
fn apt_get(arguments: &[&str]) -> bool {
    let root = output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    let mut words = if root { vec![] } else { vec!["sudo", "--non-interactive"] };
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    words.extend(arguments);
    runs(words[0], &words[1..])
}

fn brew() -> bool {
    runs("brew", &["install", "--cask", "chromium"]) && runs("brew", &["install", "--cask", "chromedriver"])
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}
