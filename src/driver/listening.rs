//! Has a Chromium listen for DevTools although chromedriver talks to it by a pipe.
//!
//! The pipe is what ends the browser when its driver has gone; but chromedriver gives it up when it sees the switch for the
//! port. So the switch is added behind its back, by a script that it takes for the browser.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The switch by which the script knows the browser; to the browser itself it means nothing.
const BROWSER: &str = "--holdup-browser=";

const SCRIPT: &str = r#"#!/bin/sh
for switch do
  case $switch in
    --holdup-browser=*) browser=${switch#*=} ;;
  esac
done
exec "$browser" "$@" --remote-debugging-port=0
"#;

/// A process of its own writes it: a fork in another thread of this one could have it open a moment longer, and what somebody
/// has open for writing cannot be run.
const WRITE: &str = r#"printf %s "$2" >"$1" && chmod 700 "$1""#;

/// Writes the script into a folder.
pub(super) fn script(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("listening-chromium");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", WRITE, "holdup"]).arg(&path).arg(SCRIPT);
    let status = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(path) } else { Err(io::Error::other("the script could not be written")) }
}

/// The switch for a browser.
pub(super) fn switch(browser: &Path) -> String {
    format!("{BROWSER}{}", browser.display())
}
