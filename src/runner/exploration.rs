//! Runs the body of a test in many orders, until one fails or the budget ends.

use super::TestOutcome;
use super::execution::{Body, Conditions, Ended, Ending, Execution, Verdict, execute};
use super::found::Found;
use super::history::History;
use super::looking::Pictures;
use super::progress::Progress;
use crate::explore::Scope;
use crate::fixture::Exploring;
use crate::fixture::Kept;
use crate::fixture::TestSpec;
use crate::mitm::{Config, Mitm, runtime};
use crate::report::{Failure, Race, nondeterminism};
use crate::schedule::{Base, Constraint, Mode, Plan, Portfolio, Shrink};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// The defaults of `max` and `time`.
const MOST: usize = 64;
const TIME: Duration = Duration::from_secs(20);
/// How often an order must fail, and the natural one must pass.
const SURE: usize = 3;
/// The limits for making a schedule short: executions, and time as a multiple of the time to find one.
const PROBES: usize = 40;
const SHRINK: u32 = 3;

/// All executions of one test.
pub(super) struct Exploration<R: TestOutcome + 'static> {
    spec: TestSpec,
    body: Body<R>,
    conditions: Conditions,
    began: Instant,
    executions: usize,
    history: History,
    /// Constraints that hold in every order.
    fixed: Vec<Constraint>,
    /// The time budget for finding an order that fails.
    time: Duration,
}

impl<R: TestOutcome + 'static> Exploration<R> {
    pub(super) fn new(
        spec: TestSpec,
        body: Body<R>,
        exploring: Option<Exploring>,
        mitms: &mpsc::Sender<Mitm>,
    ) -> Result<Self, Failure> {
        let address = Config::default().address()?;
        if !address.ip().is_loopback() {
            let what = format!("repeated runs need loopback, and HOLDUP_LISTEN is {}", address.ip());
            let help = match spec.schedule {
                Some(_) => "a test with `schedule` runs without HOLDUP_LISTEN",
                None => "HOLDUP_EXPLORE=off without HOLDUP_REPEAT runs it as it is, once",
            };
            return Err(Failure::bare(what).at(spec.place).help(help));
        }
        let bound =
            TcpListener::bind(address).map_err(|error| Failure::bare(format!("no port for the proxy: {error}")))?;
        let scope = exploring.map_or_else(Scope::default, |exploring| Scope {
            ignored: (exploring.ignore)(),
            effects: (exploring.effects)(),
            serial: (exploring.serial)(),
            unordered: (exploring.unordered)(),
        });
        let never = exploring.map_or(&[][..], |exploring| exploring.never);
        let fixed = never.iter().map(|text| impossible(text)).collect::<Result<_, _>>();
        let fixed = fixed.map_err(|why| Failure::bare(format!("never(..): {why}")).at(spec.place))?;
        let mitms = mitms.clone();
        let conditions = Conditions { listener: Arc::new(bound), kept: Kept::default(), scope, mitms };
        let time = exploring.and_then(|exploring| exploring.time).map_or(TIME, Duration::from_millis);
        Ok(Self {
            spec,
            body,
            conditions,
            began: Instant::now(),
            executions: 0,
            history: History::default(),
            fixed,
            time,
        })
    }

    fn once(&mut self, plan: &Plan, pictures: Pictures) -> Result<Execution, Failure> {
        self.executions += 1;
        let execution =
            execute(self.spec, self.body, &self.conditions, Some(plan.clone().under(&self.fixed)), pictures)?;
        self.history.add(&execution);
        // A pause is none of the time that the search takes.
        self.began += execution.paused;
        Ok(execution)
    }

    /// Executes a plan for its pictures: it counts neither as a search nor as a confirmation.
    fn pictured(&self, plan: &Plan, step: usize) -> Result<Execution, Failure> {
        let plan = plan.clone().under(&self.fixed);
        execute(self.spec, self.body, &self.conditions, Some(plan), Pictures::After(step))
    }

    /// Runs repeatedly, under one schedule or without one, and counts the failures. Reports the first.
    pub(super) fn repeat(mut self, plan: Option<&Plan>, times: usize) -> Result<Verdict, Failure> {
        let (mut failed, mut first) = (0, None);
        for time in 0..times {
            // The first failure is reported, so the others need no pictures.
            let pictures = if failed == 0 { Pictures::OfFailure } else { Pictures::None };
            let verdict = match plan {
                Some(plan) => self.replayed(plan, pictures)?,
                None => execute(self.spec, self.body, &self.conditions, None, pictures)?.verdict(),
            };
            if let Ending::Failed(text) = verdict.ending {
                failed += 1;
                first.get_or_insert((time + 1, text, verdict.footer, verdict.runs));
            }
        }
        let (name, took) = (self.name(), self.began.elapsed().as_secs_f64());
        let count = format!("{name}: {failed} of {times} executions failed, in {took:.1} s");
        Ok(match first {
            Some((nth, text, footer, runs)) => {
                Verdict::failed(format!("{count}; execution {nth} failed:\n\n{text}"), footer).with(runs)
            }
            None => Verdict::passed(count),
        })
    }

    /// Runs once under a schedule.
    pub(super) fn replay(mut self, plan: &Plan) -> Result<Verdict, Failure> {
        self.replayed(plan, Pictures::OfFailure)
    }

    fn replayed(&mut self, plan: &Plan, pictures: Pictures) -> Result<Verdict, Failure> {
        let execution = self.once(plan, pictures)?;
        let missing: Vec<_> = plan
            .constraints
            .iter()
            .flat_map(|constraint| [&constraint.late, &constraint.early])
            .filter(|event| execution.record.trace.position(event).is_none())
            .map(ToString::to_string)
            .collect();
        let mut verdict = execution.verdict();
        if !missing.is_empty() && matches!(verdict.ending, Ending::Passed) {
            let happened: Vec<_> = execution.record.trace.fired().map(ToString::to_string).collect();
            verdict.ending = Ending::Failed(format!(
                "the schedule does not fit the test any more: {} did not happen\n  at {}\n  what happened: {}\n  help: \
                 explore the test again and use the schedule that is printed, or remove the old one",
                missing.join(", "),
                self.spec.place,
                happened.join(", ")
            ));
        }
        Ok(verdict)
    }

    /// Searches for an order that fails.
    pub(super) fn explore(mut self, exploring: &Exploring, mode: Mode) -> Result<Verdict, Failure> {
        let natural = match self.natural()? {
            Ok(execution) => execution,
            Err(verdict) => return Ok(verdict),
        };
        let mut portfolio = Portfolio::new(mode, 1, self.fixed.clone());
        portfolio.learn(&natural.record.trace);
        let mut found = Found::new(&natural);
        let mut progress = Progress::new(self.spec.name);
        let ended = loop {
            if let Some(why) = self.used_up(exploring) {
                break why;
            }
            progress.show(self.executions, found.looks.len(), self.began.elapsed());
            let Some(plan) = portfolio.next() else { break "" };
            let execution = self.once(&plan, Pictures::None)?;
            if execution.broke() {
                progress.clear();
                return self.confirm(&plan, execution, &found);
            }
            found.saw(&plan, &execution);
            portfolio.learn(&execution.record.trace);
        };
        progress.clear();
        let (name, took) = (self.name(), self.began.elapsed().as_secs_f64());
        let (executions, covered, outcomes) = (self.executions, portfolio.covered(), found.looks.len());
        let notes = found.notes();
        Ok(Verdict::passed(format!(
            "{name}: {covered}, {executions} executions, {took:.1} s, {}{ended}{notes}",
            counted(outcomes, "distinct outcome")
        )))
    }

    /// Runs the natural order twice. Returns a verdict if it fails, or if the two runs differ.
    fn natural(&mut self) -> Result<Result<Execution, Verdict>, Failure> {
        let plan = Plan::of(Base::FlowsFirst);
        let first = self.once(&plan, Pictures::OfFailure)?;
        if first.failed() || !first.record.doubts.is_empty() {
            return Ok(Err(first.unexplored()));
        }
        let second = self.once(&plan, Pictures::OfFailure)?;
        if second.failed() {
            return Ok(Err(second.unexplored()));
        }
        let parted = nondeterminism(self.spec.name, &first.record.trace, &second.record.trace);
        Ok(match parted {
            Some(text) => Err(Verdict::failed(text, second.footer)),
            None => Ok(first),
        })
    }

    /// Returns why no other order is tried, if the budget is used up.
    fn used_up(&self, exploring: &Exploring) -> Option<&'static str> {
        if self.executions >= exploring.max.unwrap_or(MOST) {
            return Some("; the executions are used up (`max`)");
        }
        (self.began.elapsed() >= self.time).then_some("; the time is up (`time`)")
    }

    fn name(&self) -> &'static str {
        self.spec.name.rsplit("::").next().unwrap_or(self.spec.name)
    }

    /// A failure counts if it recurs each time, and the natural order never fails.
    fn confirm(mut self, plan: &Plan, failing: Execution, found: &Found) -> Result<Verdict, Failure> {
        let tried = self.executions;
        let failed = self.times_failed(plan, 1)?;
        let natural = usize::from(self.once(&Plan::of(Base::FlowsFirst), Pictures::None)?.failed());
        if failed < SURE || natural > 0 {
            let name = self.name();
            let text = format!(
                "{name} is flaky under this order: {failed} of {SURE} executions failed, and {natural} of {SURE} in the natural \
                 order\n  It is not reported as a race, since the order alone does not decide.\n\n{}",
                failing.text()
            );
            return Ok(Verdict::failed(text, failing.footer).with(failing.run.into_iter().collect()));
        }
        let (plan, failing) = self.shrink(plan, failing, found)?;
        let (executions, took) = (self.executions, self.began.elapsed());
        // The two orders once more, with pictures.
        let step = found.passing[0].1.parting(&failing.record.trace);
        let (passing, again) = (self.pictured(&Plan::of(Base::FlowsFirst), step)?, self.pictured(&plan, step)?);
        let failing = if again.broke() { again } else { failing };
        let passing = if passing.failed() { None } else { passing.run };
        let race = Race {
            test: self.spec.name,
            plan: &plan,
            executions,
            passed: tried.saturating_sub(2),
            took,
            failure: &failing.text(),
            passing: &found.passing[0].1,
            failing: &failing.record.trace,
            actions: &failing.record.actions,
        };
        let mut verdict = Verdict::failed(race.text(), failing.footer.clone());
        verdict.race = Some(self.history.race(&race));
        Ok(verdict.with([passing, failing.run].into_iter().flatten().collect()))
    }

    /// Returns how many of [`SURE`] executions fail, `already` included.
    fn times_failed(&mut self, plan: &Plan, already: usize) -> Result<usize, Failure> {
        let mut failed = already;
        for _ in already..SURE {
            failed += usize::from(self.once(plan, Pictures::None)?.broke());
        }
        Ok(failed)
    }

    /// Returns the shortest schedule that fails each time, and an execution of it.
    fn shrink(&mut self, plan: &Plan, failing: Execution, found: &Found) -> Result<(Plan, Execution), Failure> {
        let mut shrink = Shrink::new(plan.clone(), &failing.record.trace, &found.passing, PROBES);
        let mut least = failing;
        while let Some(probe) = shrink.next() {
            if self.began.elapsed() > SHRINK * self.time {
                break;
            }
            let execution = self.once(&probe, Pictures::None)?;
            // A schedule that fails only by chance would mislead.
            let failed = execution.broke() && self.times_failed(&probe, 1)? == SURE;
            if failed {
                least = execution;
            }
            shrink.told(failed);
        }
        Ok((shrink.best().clone(), least))
    }
}

impl<R: TestOutcome + 'static> Drop for Exploration<R> {
    fn drop(&mut self) {
        let Ok(runtime) = runtime::handle() else { return };
        while let Some(session) = self.conditions.kept.take() {
            runtime.block_on(session.close());
        }
    }
}

impl Execution {
    /// The verdict on a test that fails, or cannot be ordered, before any other order is tried.
    fn unexplored(self) -> Verdict {
        let doubts = self.record.doubts.join("\n\n");
        let text = match &self.ended {
            Ended::Passed => format!("it cannot be explored: {doubts}"),
            Ended::Failed(text) => format!("{text}\n\nnothing was explored, since it fails in its natural order"),
        };
        Verdict::failed(text, self.footer).with(self.run.into_iter().collect())
    }
}

/// Turns `X > Y`, which never happens, into what always holds: `Y > X`.
fn impossible(text: &str) -> Result<Constraint, String> {
    let Constraint { late, early } = text.parse()?;
    Ok(Constraint { late: early, early: late })
}

/// `1 distinct outcome`, `2 distinct outcomes`
fn counted(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}
