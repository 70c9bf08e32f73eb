//! Runs the body of a test in many orders, until one fails or the budget ends.

use super::TestOutcome;
use super::corpus::Corpus;
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
use crate::report::{Failure, nondeterminism};
use crate::schedule::{Base, Constraint, Mode, Plan, Portfolio, Trace};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// The defaults of `max` and `time`.
const MOST: usize = 64;
const TIME: Duration = Duration::from_secs(20);
/// All executions of one test.
pub(super) struct Exploration<R: TestOutcome + 'static> {
    pub(super) spec: TestSpec,
    body: Body<R>,
    pub(super) conditions: Conditions,
    pub(super) began: Instant,
    pub(super) executions: usize,
    pub(super) history: History,
    /// Constraints that hold in every order.
    fixed: Vec<Constraint>,
    pub(super) corpus: Option<Corpus>,
    /// The time budget for finding an order that fails.
    pub(super) time: Duration,
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
            corpus: Corpus::of(&spec),
            time,
        })
    }

    pub(super) fn once(&mut self, plan: &Plan, pictures: Pictures) -> Result<Execution, Failure> {
        self.executions += 1;
        let execution =
            execute(self.spec, self.body, &self.conditions, Some(plan.clone().under(&self.fixed)), pictures)?;
        self.history.add(&execution);
        // A pause is none of the time that the search takes.
        self.began += execution.paused;
        Ok(execution)
    }

    /// Executes a plan for its pictures: it counts neither as a search nor as a confirmation.
    pub(super) fn pictured(&self, plan: &Plan, step: usize) -> Result<Execution, Failure> {
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
        let missing = missing(plan, &execution.record.trace);
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
        let mut stale = String::new();
        for order in self.corpus.as_ref().map_or(Ok(vec![]), Corpus::orders)? {
            let execution = self.once(&order.plan, Pictures::None)?;
            if execution.broke() {
                return self.failed_again(&order, execution);
            }
            stale += &self.stale(&order, &execution);
        }
        let (natural, again) = match self.natural()? {
            Ok(both) => both,
            Err(verdict) => return Ok(verdict),
        };
        let mut portfolio = Portfolio::new(mode, 1, self.fixed.clone());
        portfolio.learn(&natural.record.trace);
        let mut found = Found::new(&natural, &again);
        let mut progress = Progress::new(self.spec.name);
        let ended = loop {
            if let Some(why) = self.used_up(exploring) {
                break why;
            }
            progress.show(self.executions, found.outcomes(), self.began.elapsed());
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
        let (executions, covered, outcomes) = (self.executions, portfolio.covered(), found.outcomes());
        let notes = found.notes() + &stale;
        Ok(Verdict::passed(format!(
            "{name}: {covered}, {executions} executions, {took:.1} s, {}{ended}{notes}",
            counted(outcomes, "distinct outcome")
        )))
    }

    /// Runs the natural order twice. Returns a verdict if it fails, or if the two runs differ.
    fn natural(&mut self) -> Result<Result<(Execution, Execution), Verdict>, Failure> {
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
            None => Ok((first, second)),
        })
    }

    /// Returns why no other order is tried, if the budget is used up.
    fn used_up(&self, exploring: &Exploring) -> Option<&'static str> {
        if self.executions >= exploring.max.unwrap_or(MOST) {
            return Some("; the executions are used up (`max`)");
        }
        (self.began.elapsed() >= self.time).then_some("; the time is up (`time`)")
    }

    pub(super) fn name(&self) -> &'static str {
        self.spec.name.rsplit("::").next().unwrap_or(self.spec.name)
    }
}

impl<R: TestOutcome + 'static> Drop for Exploration<R> {
    fn drop(&mut self) {
        let Ok(runtime) = runtime::handle() else { return };
        runtime.block_on(self.conditions.kept.leave());
    }
}

impl Execution {
    /// The verdict on a test that fails, or cannot be ordered, before any other order is tried.
    pub(super) fn unexplored(self) -> Verdict {
        let doubts = self.record.doubts.join("\n\n");
        let text = match &self.ended {
            Ended::Passed => format!("it cannot be explored: {doubts}"),
            Ended::Failed(text) => format!(
                "{text}\n\nnothing was explored, since it fails in its natural order\n  help: if the test looks too early (at what a \
                 timer, a socket or another window brings), wait for it: `browser.wait_text(..)`, `browser.wait_until(..)`"
            ),
        };
        Verdict::failed(text, self.footer).with(self.run.into_iter().collect())
    }
}

/// Returns the events of a schedule that did not happen.
pub(super) fn missing(plan: &Plan, trace: &Trace) -> Vec<String> {
    let events = plan.constraints.iter().flat_map(|constraint| [&constraint.late, &constraint.early]);
    events.filter(|event| trace.position(event).is_none()).map(ToString::to_string).collect()
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
