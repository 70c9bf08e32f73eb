//! What a test leaves for its evidence: gathered from its executions, and written when it has failed.

use super::settings::{self, Keep, Log};
use crate::evidence::{self, Evidence, Ordered, RaceFound, Run};
use crate::explore::ExecutionRecord;
use crate::fixture::TestSpec;
use crate::mitm::Mitm;
use crate::page::Look;
use crate::schedule::Event;
use once_cell::sync::Lazy;
use regex::Regex;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;
use time::OffsetDateTime;

/// How many lines of the test are shown before and after the one that a failure names.
const AROUND: usize = 3;

/// Which pictures of its pages an execution takes. Each costs a few commands to the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    None,
    /// At the end, if it fails, or if evidence is always kept.
    OfFailure,
    /// After a step of the order, and at the end.
    After(usize),
}

impl Pictures {
    /// Whether pictures are taken at the end.
    pub(super) fn at_end(self, failed: bool) -> bool {
        match self {
            Self::None => false,
            Self::OfFailure => (failed && settings::keep() != Keep::Nothing) || settings::keep() == Keep::All,
            Self::After(_) => settings::keep() != Keep::Nothing,
        }
    }

    pub(super) fn after(self) -> Option<usize> {
        match self {
            Self::After(step) => Some(step),
            Self::None | Self::OfFailure => None,
        }
    }
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
    let ordered = |event: &Event| Ordered {
        event: event.to_string(),
        says: match event {
            Event::Act(n) => format!("action {n}: {}", record.actions.get(n - 1).map_or("", String::as_str)),
            other => other.in_words(),
        },
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
    if settings::keep() == Keep::Nothing {
        return String::new();
    }
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
    let mut said: Vec<_> = env::vars().filter(|(name, _)| name.starts_with("HOLDUP_")).collect();
    said.sort();
    all.extend(said);
    all
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
        let git = here.ancestors().map(|folder| folder.join(".git")).find(|git| git.is_dir())?;
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
