//! From an order that has failed to the report: it must fail each time, is made short, and is executed for its pictures.

use super::TestOutcome;
use super::corpus::{Corpus, Remembered};
use super::execution::{Execution, Verdict};
use super::exploration::{Exploration, missing};
use super::found::Found;
use super::gather::today;
use super::looking::Pictures;
use crate::report::{Failure, Race};
use crate::schedule::{Base, Plan, Shrink, Trace};

/// How often an order must fail, and the natural one must pass.
const SURE: usize = 3;
/// How often each order of the racing pair is seen at least, for the table.
const CELL: usize = 5;
/// The limits for making a schedule short: executions, and time as a multiple of the time to find one.
const PROBES: usize = 40;
const SHRINK: u32 = 3;

/// What a report tells besides the two orders.
struct Telling {
    tried: usize,
    /// The line of the file that had the order.
    remembered: Option<String>,
    /// How many executions only filled the table of pairs.
    cells: usize,
}

impl<R: TestOutcome + 'static> Exploration<R> {
    /// A failure counts if it recurs each time, and the natural order never fails.
    pub(super) fn confirm(mut self, plan: &Plan, failing: Execution, found: &Found) -> Result<Verdict, Failure> {
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
        let cells = self.fill_pairs(&plan)?;
        let natural = &found.passing[0].1;
        self.report(&plan, failing, natural, Telling { tried: tried.saturating_sub(2), remembered: None, cells })
    }

    /// A kept order has failed again: that is the verdict, if the natural order passes.
    pub(super) fn failed_again(mut self, order: &Remembered, failing: Execution) -> Result<Verdict, Failure> {
        let natural = self.once(&Plan::of(Base::FlowsFirst), Pictures::OfFailure)?;
        if natural.failed() {
            return Ok(natural.unexplored());
        }
        let (natural, remembered) = (natural.record.trace, Some(order.place.clone()));
        self.report(&order.plan, failing, &natural, Telling { tried: 0, remembered, cells: 0 })
    }

    /// Says that a kept order does not fit the test any more.
    pub(super) fn stale(&self, order: &Remembered, execution: &Execution) -> String {
        let Some(missing) = missing(&order.plan, &execution.record.trace).into_iter().next() else {
            return String::new();
        };
        let happened = execution.record.trace.fired().map(ToString::to_string);
        let shared =
            |other: &String| other.chars().zip(missing.chars()).take_while(|(one, other)| one == other).count();
        let nearest = happened.max_by_key(shared).unwrap_or_default();
        format!(
            "\n  {} does not fit the test any more: {missing} did not happen; the nearest is {nearest}. Mend or remove the line",
            order.place
        )
    }

    /// Reports a race with pictures of both orders, and keeps it.
    fn report(self, plan: &Plan, failing: Execution, natural: &Trace, telling: Telling) -> Result<Verdict, Failure> {
        let (executions, took) = (self.executions - telling.cells, self.began.elapsed());
        // The two orders once more, with pictures.
        let step = natural.parting(&failing.record.trace);
        let (passing, again) = (self.pictured(&Plan::of(Base::FlowsFirst), step)?, self.pictured(plan, step)?);
        let failing = if again.broke() { again } else { failing };
        let passing = if passing.failed() { None } else { passing.run };
        let mut race = Race {
            test: self.spec.name,
            plan,
            executions,
            passed: telling.tried,
            took,
            remembered: telling.remembered,
            kept: None,
            failure: &failing.text(),
            passing: natural,
            failing: &failing.record.trace,
            actions: &failing.record.actions,
        };
        if race.remembered.is_none() && plan.can_be_told() {
            let keep = |corpus: &Corpus| corpus.remember(plan, &race.sentence(), &today());
            race.kept = self.corpus.as_ref().map(keep);
        }
        let mut verdict = Verdict::failed(race.text(), failing.footer.clone());
        verdict.race = Some(self.history.race(&race));
        Ok(verdict.with([passing, failing.run].into_iter().flatten().collect()))
    }

    /// Executes the minimal order and the natural one until both were seen often enough to count. Returns how many
    /// executions that took.
    fn fill_pairs(&mut self, plan: &Plan) -> Result<usize, Failure> {
        let before = self.executions;
        if let ([one], true) = (plan.constraints.as_slice(), plan.can_be_told()) {
            for (first, second, order) in
                [(&one.late, &one.early, Plan::of(Base::FlowsFirst)), (&one.early, &one.late, plan.clone())]
            {
                for _ in self.history.count_of(first, second)..CELL {
                    self.once(&order, Pictures::None)?;
                }
            }
        }
        Ok(self.executions - before)
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
