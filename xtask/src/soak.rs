//! Runs everything at once for minutes, and counts what is left behind.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs the proxy's soak test, and beside it the browser tests and the explorer repeatedly.
pub(crate) fn soak(root: &Path, minutes: u64) -> Result<(), String> {
    run(&["test", "--no-run", "--test", "it", "--test", "browser", "--test", "explore"], root)?;
    let temporary = root.join("target/soak");
    std::fs::create_dir_all(&temporary).map_err(|error| error.to_string())?;
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(root).env("TMPDIR", &temporary);
        command.env("HOLDUP_SOAK_MINUTES", minutes.to_string());
        command
    };
    let failed = |error: std::io::Error| error.to_string();
    let soaking = ["test", "--quiet", "--test", "it", "--", "--ignored", "--nocapture", "soak::"];
    let mut proxy = cargo(&soaking).spawn().map_err(failed)?;
    let (began, time) = (Instant::now(), Duration::from_secs(60 * minutes));
    let mut runs = 0;
    while began.elapsed() < time {
        for test in ["browser", "explore"] {
            let quiet =
                cargo(&["test", "--quiet", "--test", test]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            runs += 1;
            eprintln!("run {runs}: {test} {}", if quiet.map_err(failed)?.success() { "passed" } else { "FAILED" });
        }
    }
    let passed = proxy.wait().map_err(failed)?.success();
    eprintln!("after {:.0} minutes and {runs} runs beside it:", began.elapsed().as_secs_f64() / 60.0);
    for process in ["chromedriver", "geckodriver", "chromium", "chrome", "headless_shell", "firefox"] {
        eprintln!("  {:>3} processes {process}", count(process));
    }
    let files = std::fs::read_dir(&temporary).map_err(failed)?.count();
    eprintln!("  {files:>3} files and folders in {}", temporary.display());
    if passed { Ok(()) } else { Err("the proxy's soak failed".to_owned()) }
}

fn run(arguments: &[&str], root: &Path) -> Result<(), String> {
    let status =
        Command::new("cargo").args(arguments).current_dir(root).spawn().and_then(|mut child: Child| child.wait());
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("`cargo {}` failed", arguments.join(" "))),
    }
}

/// Number of processes whose name has this prefix.
fn count(name: &str) -> usize {
    let listed = Command::new("ps").args(["-e", "-o", "comm="]).output();
    let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    listed.lines().filter(|line| line.trim_start().starts_with(name)).count()
}
