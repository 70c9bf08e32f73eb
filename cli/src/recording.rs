//! What is done with recordings and evidence.

use crate::artifacts;
use crate::commands::{Fault, Replay, print as to_stdout, say};
use crate::launch;
use holdup::{Strangers, record};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use tokio::signal::unix::{SignalKind, signal};

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
    // From here on, ctrl-c is not lost.
    let mut ctrl_c = signal(SignalKind::interrupt())?;
    say(&format!("use it as a proxy: curl -k -x http://{} URL   (ctrl-c ends it)", mitm.address()));
    ctrl_c.recv().await;
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
    let written = |page: &PathBuf| page.metadata().and_then(|metadata| metadata.modified()).ok();
    let Some(newest) = artifacts::named("timeline.html").into_iter().max_by_key(written) else {
        let folder = artifacts::folder();
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
