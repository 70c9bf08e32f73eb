//! What is done with recordings and evidence.

use crate::commands::{Fault, Replay, print as to_stdout, say};
use crate::launch;
use holdup::{Strangers, record};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

/// Serves recordings until ctrl-c.
pub(crate) async fn replay(said: Replay) -> Result<ExitCode, Fault> {
    let mitm = launch::start(&said.listen).await?;
    let (first, others) = said.files.split_first().ok_or("which file?")?;
    let mut replay = mitm.replay(first)?.strangers(if said.pass { Strangers::Pass } else { Strangers::Status(404) });
    for file in others {
        replay = replay.and(file)?;
    }
    if said.in_recorded_order {
        replay = replay.in_recorded_order();
    }
    say(&format!("use it as a proxy: curl -k -x http://{} URL   (ctrl-c ends it)", mitm.address()));
    tokio::signal::ctrl_c().await?;
    let unused = replay.unused();
    if !unused.is_empty() {
        say(&format!("{} recorded requests were never made:", unused.len()));
        unused.iter().for_each(|one| say(&format!("  {one}")));
    }
    drop(mitm.stop().await);
    Ok(ExitCode::SUCCESS)
}

/// Prints a recording as a test.
pub(crate) fn print(file: &Path) -> Result<ExitCode, Fault> {
    to_stdout(&record::to_rust(file)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the newest page of a failed test.
pub(crate) fn open() -> Result<ExitCode, Fault> {
    let folder = artifacts();
    let mut pages = Vec::new();
    find(&folder, 3, &mut pages);
    let Some((_, newest)) = pages.into_iter().max() else {
        return Err(format!("no test has left a page below {}: it does when it fails", folder.display()).into());
    };
    say(&newest.display().to_string());
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = Command::new(program).arg(&newest).status();
    match opened {
        Ok(status) if status.success() => Ok(ExitCode::SUCCESS),
        Ok(status) => Err(format!("{program} failed ({status}): open the file yourself").into()),
        Err(error) => Err(format!("{program} cannot be started ({error}): open the file yourself").into()),
    }
}

fn find(folder: &Path, depth: usize, pages: &mut Vec<(SystemTime, PathBuf)>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            find(&path, depth, pages);
        } else if path.file_name().is_some_and(|name| name == "timeline.html")
            && let Ok(at) = entry.metadata().and_then(|metadata| metadata.modified())
        {
            pages.push((at, path));
        }
    }
}

/// Returns where tests leave what they leave: `HOLDUP_ARTIFACTS`, or `holdup` in cargo's target folder.
pub(crate) fn artifacts() -> PathBuf {
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
