//! The two commands of the README: `cargo xtask demo` and `cargo xtask test`.
#![allow(clippy::print_stderr, reason = "a command line tool speaks on stderr")]

#[allow(dead_code, reason = "shared with the crate, which uses all of it")]
#[path = "../../src/driver/find.rs"]
mod find;
mod install;
mod soak;
mod zoo;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask demo    shows a race, lost on purpose in a real browser
       cargo xtask test    checks everything: format, lints, tests, documentation
       cargo xtask soak N  everything at once for N minutes (30), and what is left behind
       cargo xtask zoo     only fetches the libraries of tests/zoo; `test` does that too";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["demo"] => install::browser().and_then(|()| demo()),
        ["test"] => install::everything().and_then(|()| zoo::fetch(&root())).and_then(|()| test()),
        ["soak"] => soak::soak(&root(), 30),
        ["soak", minutes] => match minutes.parse() {
            Ok(minutes) => soak::soak(&root(), minutes),
            Err(_) => Err(USAGE.to_owned()),
        },
        ["zoo"] => install::node().and_then(|()| zoo::fetch(&root())),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<(), String> {
    cargo(&["run", "--quiet", "--example", "ajax_race"], &[])
}

fn test() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    cargo(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    // Tests, examples and documentation examples.
    cargo(&["test", "--workspace"], &[])?;
    for browser in ["chromium", "firefox"] {
        cargo(&["test", "--test", "browser"], &[("HOLDUP_BROWSER", browser)])?;
    }
    dependent("renamed", "target")?;
    // With other features, all of it is built anew.
    dependent("aws-lc-rs", "target/crates")?;
    if install::clients(&root()) {
        cargo(&["test", "--test", "it", "--", "--ignored", "clients::"], &[])?;
    } else {
        eprintln!("skipped: the clients of tests/it/clients.rs could not be fetched");
    }
    if install::grid(&root()) {
        cargo(&["test", "--test", "browser", "--", "--ignored", "remote::"], &[])?;
    }
    Ok(())
}

/// Tests a crate that depends on holdup as users do, with the versions that are tested here.
fn dependent(name: &str, built_in: &str) -> Result<(), String> {
    let folder = root().join("tests/crates").join(name);
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).map_err(|error| error.to_string())?;
    let manifest = folder.join("Cargo.toml").display().to_string();
    cargo(&["test", "--manifest-path", &manifest, "--target-dir", built_in], &[])
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Runs cargo in the repository, wherever xtask was called.
fn cargo(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), String> {
    let shown = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {shown}");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).envs(variables.iter().copied()).current_dir(root());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed ({status})")),
        Err(error) => Err(format!("`{shown}` could not be started: {error}")),
    }
}
