//! Starts a Chromium with a DevTools port although chromedriver connects to it by a pipe.
//!
//! The pipe ends the browser when its driver exits, but chromedriver does not use the pipe if it sees the switch for
//! the port. A script that chromedriver takes for the browser therefore adds the switch.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Passes the browser's path to the script; the browser ignores the switch.
const BROWSER: &str = "--holdup-browser=";

const SCRIPT: &str = r#"#!/bin/sh
for switch do
  case $switch in
    --holdup-browser=*) browser=${switch#*=} ;;
  esac
done
exec "$browser" "$@" --remote-debugging-port=0
"#;

/// Written by a separate process: a concurrent fork in another thread of this one could inherit the open descriptor,
/// and a file that is open for writing cannot be executed.
const WRITE: &str = r#"printf %s "$2" >"$1" && chmod 700 "$1""#;

/// Writes the script into a folder and returns its path.
pub(super) fn script(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("listening-chromium");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", WRITE, "holdup"]).arg(&path).arg(SCRIPT);
    let status = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(path) } else { Err(io::Error::other("the script could not be written")) }
}

/// Returns the switch that names the browser for the script.
pub(super) fn switch(browser: &Path) -> String {
    format!("{BROWSER}{}", browser.display())
}
