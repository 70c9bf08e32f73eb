//! Development tasks: `cargo xtask demo` and `cargo xtask test` of the README, and `soak` and `zoo`.
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
use std::time::Instant;

const USAGE: &str = "usage: cargo xtask demo    shows a race, lost on purpose in a real browser
       cargo xtask test    checks everything: format, lints, tests, documentation; or one part of it:
                           lint, rust, browsers, dependents, clients
       cargo xtask soak N  everything at once for N minutes (30), and what is left behind
       cargo xtask zoo     only fetches the libraries of tests/zoo; `test` does that too";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["demo"] => install::browser().and_then(|()| demo()),
        ["test"] => prepared().and_then(|()| test(None)),
        ["test", "lint"] => test(Some("lint")),
        ["test", part] => prepared().and_then(|()| test(Some(part))),
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

/// Installs and fetches everything that the tests need.
fn prepared() -> Result<(), String> {
    install::everything().and_then(|()| zoo::fetch(&root()))
}

fn demo() -> Result<(), String> {
    cargo(&["run", "--quiet", "--example", "ajax_race"], &[])?;
    eprintln!(
        "by hand, with a page of yours: cargo run -p holdup-cli --bin holdup -- proxy --intercept '~u /ajax' https://.."
    );
    Ok(())
}

/// The name of a part, and its function.
type Part = (&'static str, fn() -> Result<(), String>);

/// The parts of `cargo xtask test`, in order.
const PARTS: [Part; 5] =
    [("lint", lint), ("rust", rust), ("browsers", browsers), ("dependents", dependents), ("clients", clients)];

/// Runs all parts, or only `wanted`, and prints the time of each.
fn test(wanted: Option<&str>) -> Result<(), String> {
    let parts = PARTS.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
    let mut times = Vec::new();
    for (name, part) in parts {
        let began = Instant::now();
        let done = part();
        times.push(format!("{name} {:.0} s", began.elapsed().as_secs_f64()));
        eprintln!("times so far: {}", times.join(", "));
        done?;
    }
    if times.is_empty() { Err(USAGE.to_owned()) } else { Ok(()) }
}

fn lint() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    // Without browsers and the client, which are the features of a proxy alone.
    cargo(&["clippy", "--lib", "--no-default-features", "--features", "ring", "--", "-D", "warnings"], &[])?;
    cargo(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Runs tests, examples and documentation examples.
fn rust() -> Result<(), String> {
    cargo(&["test", "--workspace"], &[])
}

/// Runs the browser tests in the browsers that `rust` has not used.
fn browsers() -> Result<(), String> {
    for browser in ["chromium", "firefox"] {
        cargo(&["test", "--test", "browser"], &[("HOLDUP_BROWSER", browser)])?;
    }
    Ok(())
}

fn dependents() -> Result<(), String> {
    dependent("renamed", "target")?;
    // Its features differ: everything is built anew, in a separate target directory.
    dependent("aws-lc-rs", "target/crates")
}

/// Runs the tests of clients in other languages, and of browsers behind a Selenium Grid.
fn clients() -> Result<(), String> {
    if install::clients(&root()) {
        cargo(
            &["test", "--test", "it", "--", "--ignored", "clients::", "exchanged::", "recordings::", "replaying::"],
            &[],
        )?;
    } else {
        eprintln!("skipped: the clients of tests/it/clients.rs could not be fetched");
    }
    if install::grid(&root()) {
        cargo(&["test", "--test", "browser", "--", "--ignored", "remote::"], &[])?;
    }
    Ok(())
}

/// Tests a crate that depends on holdup as users' crates do, with the locked versions of this repository.
fn dependent(name: &str, built_in: &str) -> Result<(), String> {
    let folder = root().join("tests/crates").join(name);
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).map_err(|error| error.to_string())?;
    let manifest = folder.join("Cargo.toml").display().to_string();
    cargo(&["test", "--manifest-path", &manifest, "--target-dir", built_in], &[])
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Runs cargo in the repository, whatever the current directory is.
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
