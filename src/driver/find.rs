//! Locates drivers and browsers. Does not depend on the crate: xtask, which installs them, includes this file.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Install hint for error messages. In this repository, `cargo xtask demo` installs what is missing.
pub(crate) const INSTALL: &str = "Debian: `apt-get install chromium chromium-driver chromium-headless-shell`; \
                       macOS: `brew install --cask chromium chromedriver`";
const INSTALL_FIREFOX: &str = "Debian: `apt-get install firefox-esr`; macOS: `brew install --cask firefox`; \
                       the driver, everywhere: `cargo install geckodriver --locked`";
const HEADLESS_SHELL: &str = "/usr/lib/chromium/chromium-headless-shell";

/// Finds chromedriver: `HOLDUP_CHROMEDRIVER`, then the `PATH`, then the usual locations.
pub(crate) fn chromedriver() -> Result<PathBuf, String> {
    const USUAL: [&str; 4] = [
        "/usr/bin/chromedriver",
        "/usr/lib/chromium/chromedriver",
        "/usr/lib/chromium-browser/chromedriver",
        "/opt/homebrew/bin/chromedriver",
    ];
    find("HOLDUP_CHROMEDRIVER", &["chromedriver"], &USUAL, "chromedriver", INSTALL)
}

/// Finds geckodriver: `HOLDUP_GECKODRIVER`, then the `PATH`, then the folders of cargo and Homebrew.
pub(crate) fn geckodriver() -> Result<PathBuf, String> {
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cargo/bin/geckodriver"));
    let home = home.map(|path| path.display().to_string()).unwrap_or_default();
    find(
        "HOLDUP_GECKODRIVER",
        &["geckodriver"],
        &[&home, "/opt/homebrew/bin/geckodriver"],
        "geckodriver",
        INSTALL_FIREFOX,
    )
}

/// Returns whether a headless shell is available.
pub(crate) fn has_headless_shell() -> bool {
    match said("HOLDUP_CHROMIUM") {
        Some(said) => is_headless_shell(Path::new(&said)),
        None => is_file(Path::new(HEADLESS_SHELL)),
    }
}

/// Returns whether a Chromium binary is a headless shell, judged by its file name.
pub(crate) fn is_headless_shell(binary: &Path) -> bool {
    binary.file_name().is_some_and(|name| name.to_string_lossy().replace('_', "-").contains("headless-shell"))
}

/// Finds the headless shell: `HOLDUP_CHROMIUM`, then its usual location, then the `PATH`. The `PATH` comes last because
/// Debian's wrapper script there adds its own arguments.
pub(crate) fn headless_shell() -> Result<PathBuf, String> {
    if said("HOLDUP_CHROMIUM").is_none() && is_file(Path::new(HEADLESS_SHELL)) {
        return Ok(PathBuf::from(HEADLESS_SHELL));
    }
    find(
        "HOLDUP_CHROMIUM",
        &["chromium-headless-shell", "chrome-headless-shell"],
        &[HEADLESS_SHELL],
        "headless shell",
        INSTALL,
    )
}

/// Finds Chromium: `HOLDUP_CHROMIUM`, then the usual locations, then the `PATH`. The `PATH` comes last because Debian's
/// wrapper script there adds its own arguments.
pub(crate) fn chromium() -> Result<PathBuf, String> {
    const USUAL: [&str; 5] = [
        "/usr/lib/chromium/chromium",
        "/usr/lib/chromium-browser/chromium-browser",
        "/opt/google/chrome/chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];
    let usual = USUAL.iter().map(PathBuf::from).find(|path| is_file(path));
    match (said("HOLDUP_CHROMIUM"), usual) {
        (None, Some(usual)) => Ok(usual),
        _ => find("HOLDUP_CHROMIUM", &["chromium", "google-chrome", "chrome"], &[], "Chromium", INSTALL),
    }
}

/// Finds Firefox: `HOLDUP_FIREFOX`, then the `PATH`, then the usual locations.
pub(crate) fn firefox() -> Result<PathBuf, String> {
    const USUAL: [&str; 2] = ["/usr/bin/firefox-esr", "/Applications/Firefox.app/Contents/MacOS/firefox"];
    find("HOLDUP_FIREFOX", &["firefox-esr", "firefox"], &USUAL, "Firefox", INSTALL_FIREFOX)
}

/// Returns a variable that is set, and not to nothing.
fn said(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|said| !said.is_empty())
}

fn find(variable: &str, names: &[&str], usual: &[&str], what: &str, install: &str) -> Result<PathBuf, String> {
    if let Some(said) = said(variable) {
        let path = PathBuf::from(said);
        let what = if path.exists() { "is not a file" } else { "does not exist" };
        let missing = || format!("{variable} is {}, which {what}", path.display());
        return if path.is_file() { Ok(path) } else { Err(missing()) };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    let all = on_path.chain(usual.iter().map(PathBuf::from));
    all.into_iter().find(|path| is_file(path)).ok_or_else(|| {
        format!("there is no {what} on this machine\n  help: {install}\n  help: or say where it is with {variable}")
    })
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
