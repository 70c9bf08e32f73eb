//! Programs of npm and PyPI that `cargo xtask test` fetches into `target/clients`.

use holdup::TestResult;
use std::path::{Path, PathBuf};
use tokio::process::{Child, Command};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn fetched(file: &str) -> PathBuf {
    let file = root().join("target/clients").join(file);
    assert!(file.exists(), "{} is missing: `cargo xtask test` fetches it", file.display());
    file
}

/// A script of `tests/clients`, copied beside the packages that it imports.
pub fn node(script: &str) -> Command {
    let to = fetched("node_modules").with_file_name(script);
    std::fs::copy(root().join("tests/clients").join(script), &to).unwrap();
    let mut command = Command::new("node");
    command.arg(to);
    command
}

/// Returns what a program has printed, once it has ended well.
pub async fn said(child: Child) -> TestResult<String> {
    let output = child.wait_with_output().await?;
    assert!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}
