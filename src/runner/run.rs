//! Runs one test: set-up, body, tear-down, verdict. Only this file prints and panics.

use super::TestOutcome;
use super::execution::{Body, Ending, GRACE, Verdict, on_own_runtime, text_of};
use super::exploration::Exploration;
use super::gather;
use super::run_mode::RunMode;
use super::settings::{self, Keep};
use crate::explore::ExecutionRecord;
use crate::fixture::TestSpec;
use crate::mitm::Mitm;
use crate::report::Failure;
use crate::sanitize::sanitize;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How soon after its timeout a body that does not block its thread is ended.
const BEAT: Duration = Duration::from_secs(1);

/// Runs a test to its verdict.
///
/// The body runs in its own thread, so that the timeout also ends a body that blocks.
#[doc(hidden)]
pub fn run<R: TestOutcome + 'static>(spec: TestSpec, body: Body<R>) {
    let run_mode = match settings::check().and_then(|()| RunMode::of(&spec)) {
        Ok(run_mode) => run_mode,
        Err(why) => return fail(format!("{why}\n  at {}", spec.place)),
    };
    let runs_often = matches!(run_mode, RunMode::Explore(..) | RunMode::Repeat(..));
    let (sender, verdicts) = mpsc::channel();
    let (mitm_sender, mitms) = mpsc::channel();
    let thread = std::thread::Builder::new().name(spec.name.to_owned()).spawn(move || {
        let verdict = ordered(spec, body, run_mode, &mitm_sender);
        // Without a receiver, the loop below has given up and reported that.
        let _ = sender.send(verdict);
    });
    if let Err(error) = thread {
        return fail(format!("no thread for the test: {error}"));
    }
    let verdict = await_verdict(&spec, &verdicts, &mitms, runs_often);
    match verdict {
        Ok(verdict) => finish(&spec, verdict),
        Err(Stuck::Ended) => fail(format!("the test's thread ended without a verdict\n  at {}", spec.place)),
        Err(Stuck::Blocked(running)) => {
            let text = format!(
                "the test did not end within {:?}, and its body blocks its thread\n  at {}\n  help: await instead of blocking, \
                 or move blocking calls into `tokio::task::spawn_blocking`",
                spec.timeout(),
                spec.place
            );
            let footer = running.as_ref().map(Mitm::footer).unwrap_or_default();
            let runs = running.iter().map(|mitm| gather::run(mitm, &ExecutionRecord::default(), vec![], true));
            finish(&spec, Verdict::failed(text, footer).with(runs.collect()));
        }
    }
}

/// Waits for the verdict. Ends a body that blocks its thread beyond its timeout, by releasing what it may wait for.
fn await_verdict(
    spec: &TestSpec,
    verdicts: &mpsc::Receiver<Verdict>,
    mitms: &mpsc::Receiver<Mitm>,
    runs_often: bool,
) -> Result<Verdict, Stuck> {
    let mut running: Option<Mitm> = None;
    let mut wait = spec.timeout() + BEAT;
    loop {
        match verdicts.recv_timeout(wait) {
            Ok(verdict) => return Ok(verdict),
            Err(RecvTimeoutError::Disconnected) => return Err(Stuck::Ended),
            Err(RecvTimeoutError::Timeout) => {}
        }
        wait = spec.timeout() + BEAT;
        // The timeout applies to each execution.
        let begun = mitms.try_iter().last();
        let another_began = begun.is_some() && runs_often;
        running = begun.or(running);
        if another_began {
            continue;
        }
        if let Some(mitm) = &running {
            // While a person looks at a paused test, its time stands still.
            let paused = mitm.log().paused();
            let left = (spec.timeout() + BEAT + paused).saturating_sub(mitm.log().now());
            if !paused.is_zero() && !left.is_zero() {
                wait = left.max(BEAT);
                continue;
            }
            // A body that blocks its thread until a parked flow ends continues once that is released.
            if !mitm.log().is_over() {
                Mitm::release_all(mitm);
            }
        }
        match await_late_verdict(verdicts, mitms, running.as_ref(), runs_often) {
            ControlFlow::Break(Ok(verdict)) => return Ok(verdict),
            ControlFlow::Break(Err(RecvTimeoutError::Disconnected)) => return Err(Stuck::Ended),
            ControlFlow::Break(Err(RecvTimeoutError::Timeout)) => return Err(Stuck::Blocked(running)),
            ControlFlow::Continue(mitm) => running = Some(mitm),
        }
    }
}

/// Why there is no verdict.
enum Stuck {
    /// The thread of the test has ended.
    Ended,
    /// Its body blocks the thread.
    Blocked(Option<Mitm>),
}

/// Waits for an execution that is beyond its timeout: for its verdict, or for the next execution if it ends after all.
fn await_late_verdict(
    verdicts: &mpsc::Receiver<Verdict>,
    mitms: &mpsc::Receiver<Mitm>,
    running: Option<&Mitm>,
    runs_often: bool,
) -> ControlFlow<Result<Verdict, RecvTimeoutError>, Mitm> {
    let mut end = Instant::now() + 3 * GRACE;
    loop {
        let verdict = verdicts.recv_timeout(BEAT);
        if running.is_some_and(|mitm| mitm.log().is_paused()) {
            end = Instant::now() + 3 * GRACE;
        }
        let is_over = !matches!(verdict, Err(RecvTimeoutError::Timeout)) || Instant::now() >= end;
        match mitms.try_iter().last().filter(|_| runs_often && !is_over) {
            Some(mitm) => return ControlFlow::Continue(mitm),
            None if is_over => return ControlFlow::Break(verdict),
            None => {}
        }
    }
}

/// Runs the body as often as its mode requires.
fn ordered<R: TestOutcome + 'static>(
    spec: TestSpec,
    body: Body<R>,
    run_mode: RunMode,
    mitms: &mpsc::Sender<Mitm>,
) -> Verdict {
    let explored = match run_mode {
        RunMode::Plain => return on_own_runtime(spec, body, mitms),
        RunMode::Replay(plan) => Exploration::new(spec, body, spec.explore, mitms).and_then(|all| all.replay(&plan)),
        RunMode::Repeat(plan, times) => {
            Exploration::new(spec, body, spec.explore, mitms).and_then(|all| all.repeat(plan.as_ref(), times))
        }
        RunMode::Explore(exploring, mode) => {
            Exploration::new(spec, body, Some(exploring), mitms).and_then(|all| all.explore(&exploring, mode))
        }
    };
    explored.unwrap_or_else(|failure: Failure| Verdict::failed(failure.to_string(), String::new()))
}

/// Reports a verdict. A test that has failed leaves its evidence.
fn finish(spec: &TestSpec, verdict: Verdict) {
    let Verdict { ending, left, footer, summary, log, panic, runs, race } = verdict;
    if !log.is_empty() {
        say(&log);
    }
    let also = left.iter().map(|left| format!("\n\nalso: {left}")).collect::<String>();
    let evidence = |failure: Option<String>| {
        let written = gather::write(spec, failure.map(|text| sanitize(&text)), runs, race);
        if written.is_empty() { written } else { format!("\n\n{written}") }
    };
    match ending {
        Ending::Passed if left.is_empty() => {
            let kept = if settings::keep() == Keep::All { evidence(None) } else { String::new() };
            if !summary.is_empty() || !kept.is_empty() {
                say(&format!("{summary}{kept}"));
            }
        }
        Ending::Passed => {
            let text = left.join("\n\nalso: ");
            let evidence = evidence(Some(text.clone()));
            fail(format!("{text}\n\n{footer}{evidence}"));
        }
        Ending::Failed(text) => {
            let text = text + &also;
            let evidence = evidence(Some(text.clone()));
            fail(format!("{text}\n\n{footer}{evidence}"));
        }
        Ending::Panicked(payload) => {
            // The hook has printed the panic; `#[should_panic]` needs the payload.
            let evidence = evidence(Some(panic.unwrap_or_else(|| text_of(&payload).to_owned()) + &also));
            say(&format!("{also}\n\n{footer}{evidence}"));
            resume_unwind(payload);
        }
    }
}

/// Fails the test. The hook of `panic!` would print a line of this file, and a backtrace that leads here.
fn fail(text: impl AsRef<str>) {
    let text = sanitize(text.as_ref());
    say(&text);
    resume_unwind(Box::new(text));
}

#[expect(clippy::print_stderr, reason = "this is where a test speaks; the harness shows it with the test's name")]
fn say(text: &str) {
    eprintln!("{}\n", sanitize(text.trim_start()));
}
