//! What a test leaves for its evidence: gathered from its executions, and written when it has failed.

use super::settings::{self, Keep, Log};
use crate::evidence::{self, Evidence, Ordered, RaceFound, Run};
use crate::explore::ExecutionRecord;
use crate::fixture::TestSpec;
use crate::mitm::Mitm;
use crate::page::Look;
use crate::report::Failure;
use crate::sanitize::{is_unambiguous, placeholder};
use crate::schedule::Event;
use once_cell::sync::Lazy;
use regex::Regex;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use time::OffsetDateTime;

/// How many lines of the test are shown before and after the one that a failure names.
const AROUND: usize = 3;

/// Records a test as `HOLDUP_RECORD` asks for: into a HAR and a flow file in this folder, named after the test.
pub(super) fn record(spec: &TestSpec, mitm: &Mitm) -> Result<(), Failure> {
    let Some(folder) = env::var_os("HOLDUP_RECORD").filter(|folder| !folder.is_empty()) else { return Ok(()) };
    let name = spec.name.replace("::", ".");
    ["har", "mitm"].into_iter().try_for_each(|kind| mitm.save(Path::new(&folder).join(format!("{name}.{kind}"))))
}

/// Returns what `HOLDUP_LOG` asks for: the flows of an execution, or its whole journal.
pub(super) fn log(mitm: &Mitm) -> String {
    let lines: Vec<_> = match settings::log() {
        Log::Flows => mitm.exchanges().iter().map(ToString::to_string).collect(),
        Log::All => mitm.journal().iter().map(ToString::to_string).collect(),
        Log::Nothing => return String::new(),
    };
    lines.join("\n")
}

/// Returns an execution for the evidence.
pub(super) fn run(mitm: &Mitm, record: &ExecutionRecord, mut looks: Vec<Look>, failed: bool) -> Run {
    let action = |event: &Event| match event {
        Event::Act(n) => record.actions.get(n - 1).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let ordered = |event: &Event| Ordered {
        event: event.to_string(),
        says: match event {
            Event::Act(n) => format!("action {n}: {}", action(event)),
            other => other.in_words(),
        },
        action: action(event),
        flow: event.label().and_then(|label| record.flows.get(label)).copied(),
    };
    let mut all = record.looks.clone();
    all.append(&mut looks);
    Run {
        failed,
        started: mitm.log().started(),
        entries: mitm.log().tail(usize::MAX),
        order: record.trace.fired().map(ordered).collect(),
        looks: all,
    }
}

/// Writes the evidence of a test. Returns the lines to print: where it is, or why it could not be written.
pub(super) fn write(spec: &TestSpec, failure: Option<String>, runs: Vec<Run>, race: Option<RaceFound>) -> String {
    let has_nothing_to_show = failure.is_none() && runs.is_empty();
    if settings::keep() == Keep::Nothing || spec.should_panic || has_nothing_to_show {
        return String::new();
    }
    // Whatever is wrong here must not hide why the test has failed.
    let written = catch_unwind(AssertUnwindSafe(|| written(spec, failure, runs, race)));
    written.unwrap_or_else(|_| "warning: the evidence could not be made; this is a bug of Holdup".to_owned())
}

fn written(spec: &TestSpec, failure: Option<String>, runs: Vec<Run>, race: Option<RaceFound>) -> String {
    let environment = environment(spec, &runs);
    let source = failure.as_deref().and_then(source);
    let evidence = Evidence { test: spec.name.to_owned(), failure, source, race, runs, environment };
    match evidence::write(&evidence) {
        Ok(bundle) => {
            // nextest puts the output of a test into its JUnit report, and CI servers read such lines there.
            let is_nextest = env::var_os("NEXTEST").is_some();
            let attachment =
                if is_nextest { format!("\n[[ATTACHMENT|{}]]", bundle.page.display()) } else { String::new() };
            format!("picture: {}{attachment}", bundle.shown)
        }
        Err(warning) => format!("warning: {warning}"),
    }
}

fn environment(spec: &TestSpec, runs: &[Run]) -> Vec<(String, String)> {
    let mut all = vec![("test".to_owned(), format!("{} at {}", spec.name, spec.place))];
    let agents = runs.iter().flat_map(|run| &run.looks).map(|look| &look.agent).find(|agent| !agent.is_empty());
    let started = runs.last().map_or_else(SystemTime::now, |run| run.started);
    all.extend(agents.map(|agent| ("browser".to_owned(), agent.clone())));
    all.push(("holdup".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    all.push(("system".to_owned(), format!("{} {}", env::consts::OS, env::consts::ARCH)));
    all.push(("started".to_owned(), date(started)));
    all.extend(commit().map(|commit| ("commit".to_owned(), commit)));
    let text = |it: OsString| it.to_string_lossy().into_owned();
    let said = env::vars_os().map(|(name, value)| (text(name), text(value)));
    let mut said: Vec<_> = said.filter(|(name, _)| name.starts_with("HOLDUP_")).map(masked).collect();
    said.sort();
    all.extend(said);
    all
}

/// A variable whose name says that it is a secret is shown without its value.
fn masked((name, value): (String, String)) -> (String, String) {
    let value = if is_unambiguous(&name) { placeholder(&value) } else { value };
    (name, value)
}

/// `2026-11-28`
pub(super) fn today() -> String {
    date(SystemTime::now()).chars().take(10).collect()
}

/// `2026-11-28 07:34:57 UTC`
fn date(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let (date, time) = (at.date(), at.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", time.hour(), time.minute(), time.second())
}

/// Returns the commit that is tested: as a CI server tells it, or as the repository of this folder does.
fn commit() -> Option<String> {
    let told = ["GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT"].into_iter().find_map(|name| env::var(name).ok());
    told.filter(|commit| !commit.is_empty()).or_else(|| {
        let here = env::current_dir().ok()?;
        let git = here.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
        // In a worktree it is a file that names the folder.
        let linked =
            fs::read_to_string(&git).ok().and_then(|text| text.trim().strip_prefix("gitdir: ").map(PathBuf::from));
        let git = linked.map_or(git, |folder| here.join(folder));
        let head = fs::read_to_string(git.join("HEAD")).ok()?;
        match head.trim().strip_prefix("ref: ") {
            None => Some(head.trim().to_owned()),
            Some(branch) => Some(fs::read_to_string(git.join(branch)).ok()?.trim().to_owned()),
        }
    })
}

/// Returns the line of the test at which a failure is, or else the first that it names, with the lines around it.
fn source(failure: &str) -> Option<String> {
    static PLACES: Lazy<[Option<Regex>; 2]> = Lazy::new(|| {
        let of_its_own = r"(?m)^\s*(?:panicked )?at ([\w./-]+\.rs):(\d+)";
        [of_its_own, r"([\w./-]+\.rs):(\d+)"].map(|pattern| Regex::new(pattern).ok())
    });
    let found = PLACES.iter().flatten().find_map(|place| place.captures(failure))?;
    let (file, line) = (PathBuf::from(&found[1]), found[2].parse::<usize>().ok()?);
    // The names of files begin at the workspace, and tests run in their package.
    let here = env::current_dir().ok()?;
    let text = here.ancestors().find_map(|folder| fs::read_to_string(folder.join(&file)).ok())?;
    let shown = text.lines().enumerate().skip(line.saturating_sub(AROUND + 1)).take(2 * AROUND + 1);
    let marked = shown.map(|(at, text)| {
        let mark = if at + 1 == line { '>' } else { ' ' };
        format!("{mark} {:>4}  {text}", at + 1)
    });
    Some(format!("{}:{line}\n{}", &found[1], marked.collect::<Vec<_>>().join("\n")))
}
