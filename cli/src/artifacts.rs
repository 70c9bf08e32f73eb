//! What tests leave.

use std::env;
use std::path::{Path, PathBuf};

/// How far below the folder the files are: a folder for each test, and one for each of its executions.
const DEPTH: usize = 3;

/// Returns the files with this name that tests have left.
pub(crate) fn named(name: &str) -> Vec<PathBuf> {
    below(&folder(), name, DEPTH)
}

fn below(folder: &Path, name: &str, depth: usize) -> Vec<PathBuf> {
    let Some(depth) = depth.checked_sub(1) else { return vec![] };
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let found = |path: PathBuf| match path.is_dir() {
        true => below(&path, name, depth),
        false if path.ends_with(name) => vec![path],
        false => vec![],
    };
    entries.flat_map(found).collect()
}

/// Returns where tests leave what they leave: `HOLDUP_ARTIFACTS`, or `holdup` in cargo's target folder.
pub(crate) fn folder() -> PathBuf {
    if let Some(said) = env::var_os("HOLDUP_ARTIFACTS").filter(|said| !said.is_empty()) {
        return PathBuf::from(said);
    }
    let target = env::var_os("CARGO_TARGET_DIR").filter(|said| !said.is_empty()).map(PathBuf::from);
    target.unwrap_or_else(|| package().join("target")).join("holdup")
}

/// The nearest folder above with a `target`, or this one.
fn package() -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    here.ancestors().find(|folder| folder.join("target").is_dir()).unwrap_or(&here).to_owned()
}
