//! Where the driver and the browser are. Knows nothing of the crate: xtask, which installs them, includes this file.

use std::env;
use std::path::{Path, PathBuf};

/// What to say when something is missing. `cargo xtask demo` of this repository does it by itself.
pub(crate) const INSTALL: &str = "Debian: `apt-get install chromium chromium-driver chromium-headless-shell`; \
                       macOS: `brew install --cask chromium chromedriver`";

/// Chromedriver: by `HOLDUP_CHROMEDRIVER`, on the `PATH`, in the usual places.
pub(crate) fn chromedriver() -> Result<PathBuf, String> {
    const USUAL: [&str; 4] = [
        "/usr/bin/chromedriver",
        "/usr/lib/chromium/chromedriver",
        "/usr/lib/chromium-browser/chromedriver",
        "/opt/homebrew/bin/chromedriver",
    ];
    find("HOLDUP_CHROMEDRIVER", &["chromedriver"], &USUAL, "chromedriver")
}

/// Chromium: by `HOLDUP_CHROMIUM`, the headless shell first (it starts three times faster, and is silent), then the
/// full one. Debian's wrapper script is passed over, since it adds arguments of its own.
pub(crate) fn chromium() -> Result<PathBuf, String> {
    const USUAL: [&str; 6] = [
        "/usr/lib/chromium/chromium-headless-shell",
        "/usr/lib/chromium/chromium",
        "/usr/lib/chromium-browser/chromium-browser",
        "/opt/google/chrome/chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];
    let usual = USUAL.iter().map(PathBuf::from).find(|path| path.exists());
    match (env::var_os("HOLDUP_CHROMIUM"), usual) {
        (None, Some(usual)) => Ok(usual),
        _ => find("HOLDUP_CHROMIUM", &["chromium", "google-chrome", "chrome"], &[], "Chromium"),
    }
}

fn find(variable: &str, names: &[&str], usual: &[&str], what: &str) -> Result<PathBuf, String> {
    if let Some(said) = env::var_os(variable) {
        let path = PathBuf::from(said);
        let missing = || format!("{variable} says {}, and there is nothing", path.display());
        return if path.exists() { Ok(path) } else { Err(missing()) };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    let all = on_path.chain(usual.iter().map(PathBuf::from));
    all.into_iter().find(|path| is_file(path)).ok_or_else(|| {
        format!("there is no {what} on this machine\n  help: {INSTALL}\n  help: or say where it is with {variable}")
    })
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
