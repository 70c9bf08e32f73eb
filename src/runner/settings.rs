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

/// Whether tests that fail are paused (`HOLDUP_PAUSE=on-failure`).
pub(super) fn pauses_on_failure() -> bool {
    read_pause().unwrap_or(false)
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

fn read_pause() -> Result<bool, String> {
    match &*said("HOLDUP_PAUSE") {
        "" | "off" => Ok(false),
        "on-failure" => Ok(true),
        other => Err(format!("HOLDUP_PAUSE is {other:?}; it takes on-failure")),
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
