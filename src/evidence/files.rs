//! The files of one test. Pure.

use super::page::page;
use super::record::{Evidence, Run};
use super::told::Both;
use super::{text, trace_events};
use crate::page::{Look, Moment};
use crate::record::{har, item, recorded};
use crate::sanitize::sanitize_cut;

/// A file beside the others: its name and its content.
pub(super) type File = (String, Vec<u8>);

/// Returns all files. What the browser did not tell has no file; the page says why.
pub(super) fn files(evidence: &Evidence) -> Vec<File> {
    let names: Vec<Vec<_>> = evidence.runs.iter().map(|run| picture_names(evidence, run)).collect();
    let both = Both::of(evidence);
    let mut files = vec![
        ("timeline.html".to_owned(), page(evidence, &both, &names).into_bytes()),
        ("timeline.txt".to_owned(), text::timeline(evidence, &both).into_bytes()),
        ("summary.md".to_owned(), text::summary(evidence).into_bytes()),
        ("trace.json".to_owned(), trace_events::trace_events(&both).into_bytes()),
    ];
    files.extend(text::schedule(evidence).map(|schedule| ("schedule.txt".to_owned(), schedule.into_bytes())));
    for (run, names) in evidence.runs.iter().zip(names) {
        for (look, name) in run.looks.iter().zip(names) {
            if let (Some(name), Ok(picture)) = (name, &look.picture) {
                files.push((name, picture.bytes.clone()));
            }
        }
    }
    if let Some(run) = evidence.main() {
        let flows = recorded(&run.entries);
        files.push(("flows.har".to_owned(), har(&flows, run.started).into_bytes()));
        files.push(("flows.mitm".to_owned(), flows.iter().flat_map(|flow| item(flow, run.started)).collect()));
        files.push(("console.txt".to_owned(), text::console(run).into_bytes()));
        let documents =
            run.looks.iter().filter(|look| look.moment == Moment::End).filter_map(|look| look.html.as_ref().ok());
        for (at, html) in documents.enumerate() {
            let name = if at == 0 { "page.html".to_owned() } else { format!("page-{}.html", at + 1) };
            files.push((name, inert(html).into_bytes()));
        }
    }
    files
}

/// Returns the names of an execution's pictures: `screenshot-failing-end.webp`.
fn picture_names(evidence: &Evidence, run: &Run) -> Vec<Option<String>> {
    let which = match (evidence.runs.len() > 1, run.failed) {
        (false, _) => "",
        (true, true) => "failing-",
        (true, false) => "passing-",
    };
    let name = |(at, look): (usize, &Look)| {
        let picture = look.picture.as_ref().ok()?;
        let moment = match look.moment {
            Moment::Parting => "parting",
            Moment::End => "end",
        };
        let nth = run.looks[..at].iter().filter(|earlier| earlier.moment == look.moment).count();
        let nth = if nth == 0 { String::new() } else { format!("-{}", nth + 1) };
        Some(format!("screenshot-{which}{moment}{nth}.{}", picture.kind))
    };
    run.looks.iter().enumerate().map(name).collect()
}

/// Returns a document that runs nothing and loads nothing when somebody opens it, with its secrets masked.
fn inert(html: &str) -> String {
    const POLICY: &str = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; \
        img-src data:\">";
    // As text, a placeholder is no element.
    let html = sanitize_cut(html).replace("<masked ", "&lt;masked ");
    let head = html.find("<head").and_then(|at| html[at..].find('>').map(|end| at + end + 1));
    let (before, after) = html.split_at(head.unwrap_or(0));
    format!("{before}{POLICY}{after}")
}
