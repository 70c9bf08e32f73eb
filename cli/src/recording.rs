//! What is done with recordings and evidence.

use crate::artifacts;
use crate::commands::{Fault, Replay, Resend, print as to_stdout, say};
use crate::launch;
use crate::listen;
use crate::mode;
use holdup::__private::sanitize_line;
use holdup::{Exchange, Failure, Filter, Outcome, Response, Strangers, record};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// Serves recordings until ctrl-c.
pub(crate) async fn replay(said: Replay) -> Result<ExitCode, Fault> {
    let mitm = listen::start(&said.listen).await?;
    let (first, others) = said.files.split_first().ok_or("which file?")?;
    let strangers = said.extra.unwrap_or(if said.pass { Strangers::Pass } else { Strangers::Status(404) });
    let mut replay = mitm.replay(first)?.strangers(strangers);
    for file in others {
        replay = replay.and(file)?;
    }
    if said.in_recorded_order {
        replay = replay.in_recorded_order();
    }
    let mut end = launch::End::new()?;
    match mode::reverse(&said.listen.modes) {
        Some(_) => say(&format!("use it as the server: curl -k http://{}/   (ctrl-c ends it)", mitm.address())),
        None => say(&format!("use it as a proxy: curl -k -x http://{} URL   (ctrl-c ends it)", mitm.address())),
    }
    end.comes().await;
    let unused = replay.unused();
    if !unused.is_empty() {
        say(&format!("{} recorded requests were never made:", unused.len()));
        unused.iter().for_each(|one| say(&format!("  {one}")));
    }
    listen::end(&mitm).await?;
    Ok(ExitCode::SUCCESS)
}

/// Sends recorded requests again, one after another, and prints what comes.
pub(crate) async fn resend(said: Resend) -> Result<ExitCode, Fault> {
    if mode::reverse(&said.listen.modes).is_some() {
        return Err("requests are sent to their own servers: `--host NAME=ADDRESS` names another".into());
    }
    let mitm = listen::start(&said.listen).await?;
    listen::declare(&mitm, &said.rules)?;
    let only = said.only.as_deref().map(str::parse::<Filter>).transpose().map_err(|why| format!("--only: {why}"))?;
    let mut recorded = Vec::new();
    for file in &said.files {
        recorded.extend(mitm.load(file)?);
    }
    recorded.retain(|flow| only.as_ref().is_none_or(|only| only.matches(&flow.request, flow.response.as_deref())));
    if recorded.is_empty() {
        return Err("no recorded request was chosen".into());
    }
    if let Some(file) = &said.write {
        mitm.save(file)?;
    }
    let mut failed = 0;
    for flow in &recorded {
        let limit = Duration::from_secs(said.timeout);
        let answered = tokio::time::timeout(limit, mitm.resend(flow)).await;
        let answered = answered.unwrap_or_else(|_| Err(Failure::new(format!("no answer within {limit:?}"))));
        let what = match answered {
            // The proxy answers so for a server that it cannot reach.
            Ok(response) if response.status() == 502 => match mitm.exchanges().pop().and_then(|sent| sent.outcome) {
                Some(outcome @ Outcome::Failed(_)) => Err(outcome.to_string()),
                _ => Ok(compared(flow, &response)),
            },
            Ok(response) => Ok(compared(flow, &response)),
            Err(failure) => Err(failure.to_string()),
        };
        failed += usize::from(what.is_err());
        let what = what.unwrap_or_else(|why| format!("-- {}", why.lines().next().unwrap_or_default()));
        to_stdout(&format!("{} {}  {what}\n", flow.request.method(), sanitize_line(&flow.request.url())))?;
    }
    listen::end(&mitm).await?;
    say(&format!("{} of {} requests were sent and answered", recorded.len() - failed, recorded.len()));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compared(flow: &Exchange, response: &Response) -> String {
    let (before, now) = (flow.response.as_ref().map(|it| it.status().as_u16()), response.status().as_u16());
    match before {
        Some(before) if before != now => format!("{now} (recorded: {before})"),
        _ => now.to_string(),
    }
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
