//! How often a test runs, and in which orders, as set by its attribute and the environment.

use crate::fixture::Exploring;
use crate::fixture::TestSpec;
use crate::schedule::{Mode, Plan};

/// How a test runs.
#[derive(Clone, Debug)]
pub(super) enum RunMode {
    /// Once, without an order.
    Plain,
    /// Once, in this order.
    Replay(Plan),
    /// Repeatedly, in this order or without one.
    Repeat(Option<Plan>, usize),
    /// In as many orders as the budget allows.
    Explore(Exploring, Mode),
}

impl RunMode {
    /// Reads the mode from the test's attribute and the environment.
    ///
    /// # Errors
    /// When a value cannot be parsed.
    pub(super) fn of(spec: &TestSpec) -> Result<Self, String> {
        let number = |text: String| text.parse().ok().filter(|times| *times > 0);
        let wrong = "HOLDUP_REPEAT takes the number of runs of each test, at least 1, such as 100";
        let times = said("HOLDUP_REPEAT").map(|text| number(text).ok_or(wrong)).transpose()?;
        Ok(match (Self::once(spec)?, times) {
            (Self::Plain, Some(times)) => Self::Repeat(None, times),
            (Self::Replay(plan), Some(times)) => Self::Repeat(Some(plan), times),
            // An explored test runs often enough.
            (run_mode, _) => run_mode,
        })
    }

    fn once(spec: &TestSpec) -> Result<Self, String> {
        let (schedule, explore) = (said("HOLDUP_SCHEDULE"), said("HOLDUP_EXPLORE"));
        let ordered = spec.explore.is_some() || spec.schedule.is_some();
        if let Some(text) = schedule.filter(|_| ordered).or_else(|| spec.schedule.map(str::to_owned)) {
            return text.parse().map(Self::Replay).map_err(|why| format!("bad schedule: {why}"));
        }
        let Some(exploring) = spec.explore else { return Ok(Self::Plain) };
        match explore.as_deref() {
            Some("off") => Ok(Self::Plain),
            Some("quick") => Ok(Self::Explore(exploring, Mode::Quick)),
            Some("full") => Ok(Self::Explore(exploring, Mode::Full)),
            None if exploring.full => Ok(Self::Explore(exploring, Mode::Full)),
            None => Ok(Self::Explore(
                exploring,
                match exploring.depth {
                    Some(1) => Mode::Quick,
                    Some(2) => Mode::Pairs,
                    _ => Mode::Usual,
                },
            )),
            Some(other) => Err(format!("HOLDUP_EXPLORE is {other:?}; it takes off, quick or full")),
        }
    }
}

/// Returns the value of an environment variable, unless it is unset or empty.
fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|said| !said.is_empty())
}
