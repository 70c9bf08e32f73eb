//! One execution of a test's body: set-up, body, tear-down.

use super::gather;
use super::looking::{Pictures, attach, look, note_locations};
use super::settings::{self, Keep};
use super::{TestOutcome, panic_capture};
use crate::evidence::{RaceFound, Run};
use crate::explore::{Conductor, ExecutionRecord, Scope, SettledLooks};
use crate::filter::Filter;
use crate::fixture::Kept;
use crate::fixture::{Setup, TestSpec};
use crate::journal::Journal;
use crate::mitm::{Config, Mitm, runtime};
use crate::page::Look;
use crate::report::{Failure, TestResult};
use crate::schedule::Plan;
use futures_util::FutureExt;
use std::any::Any;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::time::error::Elapsed;

/// A test body with its arguments, as `#[mitm_test]` generates it.
pub(super) type Body<R> = for<'a> fn(&'a mut Setup) -> Pin<Box<dyn Future<Output = TestResult<R>> + 'a>>;

/// How often a test that is paused just before its timeout is looked at.
const BEAT: Duration = Duration::from_millis(200);

/// The timeout of each tear-down.
pub(super) const GRACE: Duration = Duration::from_secs(10);

pub(super) type Panic = Box<dyn Any + Send>;

/// How a body ended.
pub(super) enum Ending {
    Passed,
    Failed(String),
    Panicked(Panic),
}

/// The result of a whole test.
pub(super) struct Verdict {
    pub(super) ending: Ending,
    /// Findings, and failures of the tear-down.
    pub(super) left: Vec<String>,
    pub(super) footer: String,
    /// What to print if the test passes.
    pub(super) summary: String,
    /// What `HOLDUP_LOG` asks for.
    pub(super) log: String,
    /// The text of the panic, if the body has panicked.
    pub(super) panic: Option<String>,
    /// The executions that the evidence is about.
    pub(super) runs: Vec<Run>,
    pub(super) race: Option<RaceFound>,
}

impl Verdict {
    pub(super) fn failed(text: String, footer: String) -> Self {
        Self { footer, ..Self::of(Ending::Failed(text)) }
    }

    pub(super) fn passed(summary: String) -> Self {
        Self { summary, ..Self::of(Ending::Passed) }
    }

    pub(super) fn of(ending: Ending) -> Self {
        let (footer, summary, log) = (String::new(), String::new(), String::new());
        Self { ending, left: Vec::new(), footer, summary, log, panic: None, runs: Vec::new(), race: None }
    }

    /// Adds the executions that the evidence is about.
    pub(super) fn with(self, runs: Vec<Run>) -> Self {
        Self { runs, ..self }
    }
}

/// What the executions of one exploration share.
pub(super) struct Conditions {
    pub(super) listener: Arc<TcpListener>,
    pub(super) kept: Kept,
    pub(super) scope: Scope,
    /// Receives the proxy of each execution, for the loop that enforces the timeout.
    pub(super) mitms: mpsc::Sender<Mitm>,
}

/// How one of several executions ended.
pub(super) enum Ended {
    Passed,
    Failed(String),
}

/// One of several executions.
pub(super) struct Execution {
    pub(super) ended: Ended,
    pub(super) record: ExecutionRecord,
    pub(super) footer: String,
    pub(super) log: String,
    /// For how long a person has paused it.
    pub(super) paused: Duration,
    /// For the evidence: of an execution that has failed, or that took pictures.
    pub(super) run: Option<Run>,
}

impl Execution {
    pub(super) fn failed(&self) -> bool {
        matches!(self.ended, Ended::Failed(_))
    }

    /// Returns whether it failed in a way that counts. A user who goes back before the first page leaves the site, and
    /// no page can prevent that.
    pub(super) fn broke(&self) -> bool {
        self.failed() && !self.record.left
    }

    pub(super) fn text(&self) -> String {
        match &self.ended {
            Ended::Passed => String::new(),
            Ended::Failed(text) => text.clone(),
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let verdict = match &self.ended {
            Ended::Passed => Verdict::passed(String::new()),
            Ended::Failed(text) => Verdict::failed(text.clone(), self.footer.clone()),
        };
        Verdict { log: self.log.clone(), ..verdict.with(self.run.clone().into_iter().collect()) }
    }
}

/// Runs a body on its own runtime, without an order.
pub(super) fn on_own_runtime<R: TestOutcome>(spec: TestSpec, body: Body<R>, mitms: &mpsc::Sender<Mitm>) -> Verdict {
    let verdict = on_runtime(plainly(spec, body, mitms));
    verdict.unwrap_or_else(|failure| Verdict::failed(failure.to_string(), String::new()))
}

/// Runs a body once, in the order of `plan` if there is one.
pub(super) fn execute<R: TestOutcome>(
    spec: TestSpec,
    body: Body<R>,
    conditions: &Conditions,
    plan: Option<Plan>,
    pictures: Pictures,
) -> Result<Execution, Failure> {
    on_runtime(in_order(spec, body, conditions, plan, pictures))
}

fn on_runtime<T>(doing: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::bare(format!("no runtime for the test: {error}")))?;
    let done = runtime.block_on(doing);
    // A blocking task of a fixture may never end, and the verdict must not wait for it.
    runtime.shutdown_background();
    done
}

async fn plainly<R: TestOutcome>(
    spec: TestSpec,
    body: Body<R>,
    mitms: &mpsc::Sender<Mitm>,
) -> Result<Verdict, Failure> {
    let mitm = Mitm::start().await?;
    let _ = mitms.send(mitm.clone());
    gather::record(&spec, &mitm)?;
    let mut cx = Setup::new(mitm.clone(), spec, None);
    let ignored = spec.explore.map_or_else(Vec::new, |exploring| (exploring.ignore)());
    let _looks = settled_looks(&mitm, spec, ignored)?;
    let _attach = attach(&mitm, &spec).await?;
    let panicked = panic_capture::start(true);
    let ending = mitm.scope(end_of(spec, mitm.log(), body(&mut cx))).await;
    mitm.log().end_body();
    let panic = panicked.message();
    let passed = matches!(ending, Ending::Passed);
    let (left, looks) = tear_down(&mitm, spec, &mut cx, passed, Pictures::OfFailure).await;
    let has_evidence = !passed || !left.is_empty() || (settings::keep() == Keep::All);
    let record = ExecutionRecord::default();
    let runs = has_evidence.then(|| gather::run(&mitm, &record, looks, !passed || !left.is_empty()));
    let runs = runs.into_iter().collect();
    Ok(Verdict { left, footer: mitm.footer(), log: gather::log(&mitm), panic, runs, ..Verdict::of(ending) })
}

async fn in_order<R: TestOutcome>(
    spec: TestSpec,
    body: Body<R>,
    conditions: &Conditions,
    plan: Option<Plan>,
    pictures: Pictures,
) -> Result<Execution, Failure> {
    let mitm = Mitm::start_with(Config::bound(&conditions.listener)).await?;
    let _ = conditions.mitms.send(mitm.clone());
    if pictures == Pictures::OfFailure {
        gather::record(&spec, &mitm)?;
    }
    let runtime = runtime::handle().map_err(|error| Failure::bare(format!("no runtime for the proxy: {error}")))?;
    let settled = if plan.is_none() { settled_looks(&mitm, spec, conditions.scope.ignored.clone())? } else { None };
    let conductor = plan.map(|plan| {
        Conductor::start(mitm.context(), plan, pictures.after(), conditions.scope.clone(), spec.place, &runtime)
    });
    let mut cx = Setup::new(mitm.clone(), spec, Some(conditions.kept.clone()));
    let panicked = panic_capture::start(false);
    let ending = mitm.scope(end_of(spec, mitm.log(), body(&mut cx))).await;
    mitm.log().end_body();
    let panicked = panicked.message();
    let passed = matches!(ending, Ending::Passed);
    // Before the conductor releases what it holds. Whether a body that has passed leaves findings is known afterwards.
    let is_pictured = !passed || pictures.after().is_some();
    let mut looks = if is_pictured { look(&mitm, &spec, !passed, pictures).await } else { Vec::new() };
    let record = match conductor {
        Some(conductor) => conductor.finish().await,
        None => ExecutionRecord::default(),
    };
    drop(settled);
    let pictures_left = if is_pictured { Pictures::None } else { pictures };
    let (left, others) = tear_down(&mitm, spec, &mut cx, passed, pictures_left).await;
    looks.extend(others);
    let failed = !passed || !left.is_empty();
    let has_evidence = failed || pictures != Pictures::None;
    let run = has_evidence.then(|| gather::run(&mitm, &record, looks, failed));
    let also = || left.iter().map(|left| format!("\n\nalso: {left}")).collect::<String>();
    let ended = match ending {
        Ending::Passed if left.is_empty() => Ended::Passed,
        Ending::Passed => Ended::Failed(left.join("\n\nalso: ")),
        Ending::Failed(text) => Ended::Failed(text + &also()),
        Ending::Panicked(panic) => Ended::Failed(panicked.unwrap_or_else(|| text_of(&panic).to_owned()) + &also()),
    };
    Ok(Execution { ended, record, footer: mitm.footer(), log: gather::log(&mitm), paused: mitm.log().paused(), run })
}

/// Makes an explored test look only at settled pages when it runs without an order.
fn settled_looks(mitm: &Mitm, spec: TestSpec, ignored: Vec<Filter>) -> Result<Option<SettledLooks>, Failure> {
    if spec.explore.is_none() {
        return Ok(None);
    }
    let runtime = runtime::handle().map_err(|error| Failure::bare(format!("no runtime for the proxy: {error}")))?;
    Ok(Some(SettledLooks::start(mitm.context(), ignored, spec.place, &runtime)))
}

async fn end_of<R: TestOutcome>(
    spec: TestSpec,
    log: &Journal,
    mut body: Pin<Box<dyn Future<Output = TestResult<R>> + '_>>,
) -> Ending {
    let ended = within_deadline(spec.timeout(), log, AssertUnwindSafe(body.as_mut()).catch_unwind()).await;
    // The drop of what the body owns may panic, and so may formatting what it returned.
    let dropped = catch_unwind(AssertUnwindSafe(move || drop(body)));
    let shown = catch_unwind(AssertUnwindSafe(move || ending(spec, ended)));
    match (shown, dropped) {
        (Ok(Ending::Passed), Err(panic)) | (Err(panic), _) => Ending::Panicked(panic),
        (Ok(ending), _) => ending,
    }
}

/// Waits until a timeout that stands still while the test is paused.
async fn within_deadline<T>(timeout: Duration, log: &Journal, doing: impl Future<Output = T>) -> Result<T, Elapsed> {
    // It may have been paused before.
    let (mut doing, began, before) = (pin!(doing), log.now(), log.paused());
    let mut left = timeout;
    loop {
        match tokio::time::timeout(left, doing.as_mut()).await {
            Err(elapsed) => {
                left = (timeout + log.paused().saturating_sub(before)).saturating_sub(log.now().saturating_sub(began));
                if left.is_zero() {
                    return Err(elapsed);
                }
                // While it is paused, what is left stays the same.
                left = left.max(BEAT);
            }
            done => return done,
        }
    }
}

fn ending<R: TestOutcome>(spec: TestSpec, ended: Result<Result<TestResult<R>, Panic>, Elapsed>) -> Ending {
    match ended {
        Ok(Ok(Ok(outcome))) => outcome.failure().map_or(Ending::Passed, Ending::Failed),
        Ok(Ok(Err(error))) => Ending::Failed(error.to_string()),
        Ok(Err(payload)) => Ending::Panicked(payload),
        Err(_) => Ending::Failed(format!(
            "the test did not end within {:?}\n  at {}\n  help: the journal below shows what it waited for; \
             `#[mitm_test(timeout = \"120s\")]` gives it longer",
            spec.timeout(),
            spec.place
        )),
    }
}

/// Tears down after success, failure and panic alike: stops matching, releases flows, undoes fixtures, drains the
/// proxy.
///
/// Returns what is left, and what the pages looked like.
async fn tear_down(
    mitm: &Mitm,
    spec: TestSpec,
    cx: &mut Setup,
    passed: bool,
    pictures: Pictures,
) -> (Vec<String>, Vec<Look>) {
    // Collected before anything is released. A failed body may not have reached its holds, so those are not reported.
    let mut findings = if passed { mitm.findings() } else { mitm.still_parked() };
    if spec.page_errors_fail {
        note_locations(mitm).await;
        findings.extend(mitm.page_errors(spec.place));
    }
    let looks = look(mitm, &spec, !passed || !findings.is_empty(), pictures).await;
    let mut left: Vec<_> = findings.iter().map(ToString::to_string).collect();
    Mitm::release_all(mitm);
    while let Some(tear_down) = cx.next_tear_down() {
        let tear_down = AssertUnwindSafe(tear_down).catch_unwind();
        match tokio::time::timeout(GRACE, tear_down).await {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => left.push(format!("a tear-down panicked: {}", text_of(&panic))),
            Err(_) => left.push(format!("a tear-down did not end within {GRACE:?}")),
        }
    }
    left.extend(mitm.shut_down().await.iter().map(ToString::to_string));
    (left, looks)
}

pub(super) fn text_of(panic: &Panic) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}
