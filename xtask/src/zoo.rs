//! Fetches the packages of the zoo from the npm registry into `target/zoo`, and bundles those with imports. They are
//! never committed.

#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use all of it")]
#[path = "../../tests/zoo/cases.rs"]
mod cases;

use cases::{ALL, Case};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What tests use besides: a bundler, a checker of accessibility, and libraries with progress bars.
const TOOLS: [&str; 4] = ["esbuild@0.28.2", "axe-core@4.14.1", "nprogress@0.2.0", "unpoly@3.14.3"];

/// Fetches the libraries of all pages of the zoo, unless they are up to date.
pub(crate) fn fetch(root: &Path) -> Result<(), String> {
    let zoo = root.join("target/zoo");
    let done = zoo.join("done");
    // A changed table may need other packages.
    let table = fs::read_to_string(root.join("tests/zoo/cases.rs")).map_err(|error| error.to_string())?;
    let table = format!("{table}{TOOLS:?}");
    if fs::read_to_string(&done).is_ok_and(|before| before == table) {
        return Ok(());
    }
    eprintln!("fetching the packages of the zoo with npm");
    let packages = zoo.join("packages");
    make(&packages)?;
    for spec in ALL.iter().flat_map(|case| (0..2).flat_map(|side| case.packages(side))).collect::<BTreeSet<_>>() {
        unpack(&packages, spec)?;
    }
    npm(&zoo, &[&["install", "--no-audit", "--no-fund", "--prefix", "."][..], &TOOLS].concat())?;
    for case in ALL {
        for side in 0..2 {
            assemble(&zoo, case, side)?;
        }
    }
    fs::write(&done, table).map_err(|error| format!("{}: {error}", done.display()))
}

fn place(packages: &Path, (name, version): (&str, &str)) -> PathBuf {
    packages.join(format!("{}@{version}", name.replace('/', "+")))
}

/// Fetches one package as published, without its dependencies, and runs none of its scripts.
fn unpack(packages: &Path, spec: (&str, &str)) -> Result<(), String> {
    let to = place(packages, spec);
    if to.exists() {
        return Ok(());
    }
    let spec = format!("{}@{}", spec.0, spec.1);
    let packed = npm(packages, &["pack", &spec, "--silent", "--ignore-scripts"])?;
    let archive = packages.join(packed.trim().lines().last().unwrap_or_default());
    let half = to.with_extension("half");
    make(&half)?;
    run(Command::new("tar")
        .arg("xzf")
        .arg(&archive)
        .arg("-C")
        .arg(&half)
        .args(["--strip-components=1", "--no-same-owner"]))?;
    fs::remove_file(&archive).and_then(|()| fs::rename(&half, &to)).map_err(|error| format!("{spec}: {error}"))
}

/// Creates a folder with links to exactly the packages of one side, and with its bundle.
fn assemble(zoo: &Path, case: &Case, side: usize) -> Result<(), String> {
    let folder = zoo.join(case.folder(side));
    let modules = folder.join("node_modules");
    if modules.exists() {
        fs::remove_dir_all(&modules).map_err(|error| error.to_string())?;
    }
    for spec in case.packages(side) {
        let link = modules.join(spec.0);
        make(link.parent().unwrap_or(&modules))?;
        symlink(place(&zoo.join("packages"), spec), &link).map_err(|error| format!("{}: {error}", link.display()))?;
    }
    let Some(module) = case.module else { return Ok(()) };
    fs::write(folder.join("module.js"), module).map_err(|error| error.to_string())?;
    let options = [
        "module.js",
        "--bundle",
        "--outfile=bundle.js",
        "--format=iife",
        "--preserve-symlinks",
        "--target=es2020",
        "--log-level=error",
        "--define:process.env.NODE_ENV=\"production\"",
        "--define:globalThis.__DEV__=false",
        "--define:global=window",
    ];
    run(Command::new(zoo.join("node_modules/.bin/esbuild")).args(options).current_dir(&folder)).map(drop)
}

fn make(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn npm(at: &Path, arguments: &[&str]) -> Result<String, String> {
    run(Command::new("npm").args(arguments).current_dir(at))
}

/// Runs a program and returns its output.
///
/// # Errors
///
/// Fails if the program cannot be started, or exits with an error.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?} failed ({})\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
