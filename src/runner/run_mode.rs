//! How often a test runs, and under which orders: what its attribute and the environment say.

use crate::fixture::Exploring;
use crate::fixture::TestSpec;
use crate::schedule::{Mode, Plan};

/// What a test wants of its orders.
#[derive(Clone, Debug)]
pub(super) enum RunMode {
    /// None of it: the test runs as it is.
    Plain,
    /// This one.
    Replay(Plan),
    /// This one, or the test as it is, so many times.
    Repeat(Option<Plan>, usize),
    /// As many as there is time for.
    Explore(Exploring, Mode),
}

impl RunMode {
    /// What the test and the environment say.
    ///
    /// # Errors
    /// When they say what cannot be read.
    pub(super) fn of(spec: &TestSpec) -> Result<Self, String> {
        let number = |text: String| text.parse().ok().filter(|times| *times > 0);
        let wrong = "HOLDUP_REPEAT is how often each test is to run: a number from 1 on, such as 100";
        let times = said("HOLDUP_REPEAT").map(|text| number(text).ok_or(wrong)).transpose()?;
        Ok(match (Self::once(spec)?, times) {
            (Self::Plain, Some(times)) => Self::Repeat(None, times),
            (Self::Replay(plan), Some(times)) => Self::Repeat(Some(plan), times),
            // What is explored runs often enough.
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
            Some(other) => Err(format!("HOLDUP_EXPLORE says {other:?}; there are off, quick and full")),
        }
    }
}

/// What an environment variable says, if anything.
fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|said| !said.is_empty())
}
