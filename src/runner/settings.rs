//! What a test leaves and prints, as set by the environment.

use std::env;

/// Which tests leave evidence (`HOLDUP_KEEP`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Failures,
    All,
    Nothing,
}

/// What a test prints when it ends (`HOLDUP_LOG`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    Nothing,
    Flows,
    All,
}

/// When a test is paused for a person (`HOLDUP_PAUSE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    Never,
    OnFailure,
    /// Before its body, so that a console is there from the first request on.
    AtStart,
}

/// Checks all of them, before a test begins.
///
/// # Errors
/// When a value is not one that the variable takes.
pub(super) fn check() -> Result<(), String> {
    read_keep()?;
    read_log()?;
    read_corpus()?;
    read_pause().map(drop)
}

// The values have been checked when the test began.

pub(super) fn keep() -> Keep {
    read_keep().unwrap_or(Keep::Failures)
}

pub(super) fn log() -> Log {
    read_log().unwrap_or(Log::Nothing)
}

pub(super) fn pause() -> Pause {
    read_pause().unwrap_or(Pause::Never)
}

/// Whether failing orders are kept, and executed first (`HOLDUP_CORPUS`).
pub(super) fn remembers() -> bool {
    read_corpus().unwrap_or(true)
}

/// Whether this is a job of a CI server.
pub(super) fn is_ci() -> bool {
    !matches!(&*said("CI"), "" | "0" | "false")
}

fn said(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn read_keep() -> Result<Keep, String> {
    match &*said("HOLDUP_KEEP") {
        "" => Ok(Keep::Failures),
        "1" => Ok(Keep::All),
        "0" | "off" => Ok(Keep::Nothing),
        other => Err(format!("HOLDUP_KEEP is {other:?}; it takes 1 (every test leaves evidence) or off (none does)")),
    }
}

fn read_log() -> Result<Log, String> {
    match &*said("HOLDUP_LOG") {
        "" | "off" => Ok(Log::Nothing),
        "flows" => Ok(Log::Flows),
        "all" => Ok(Log::All),
        other => Err(format!("HOLDUP_LOG is {other:?}; it takes flows or all")),
    }
}

fn read_pause() -> Result<Pause, String> {
    match &*said("HOLDUP_PAUSE") {
        "" | "off" => Ok(Pause::Never),
        "on-failure" => Ok(Pause::OnFailure),
        "1" => Ok(Pause::AtStart),
        other => Err(format!("HOLDUP_PAUSE is {other:?}; it takes on-failure, or 1 (every test waits for a console)")),
    }
}

fn read_corpus() -> Result<bool, String> {
    match &*said("HOLDUP_CORPUS") {
        "" | "1" => Ok(true),
        "0" | "off" => Ok(false),
        other => {
            Err(format!("HOLDUP_CORPUS is {other:?}; it takes 0 (failing orders are neither kept nor executed first)"))
        }
    }
}
