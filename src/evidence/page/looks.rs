//! Pictures of the page: at the event in which the orders part, and at the end; of both orders, as pairs. Pure.

use super::Detail;
use crate::evidence::diff::diff_of;
use crate::evidence::markup::line;
use crate::evidence::record::{Evidence, Run};
use crate::page::{Look, Moment};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fmt::Write;

/// Returns the pictures, and how the visible text differs. `files` are their names beside the page.
pub(super) fn looks(evidence: &Evidence, files: &[Vec<Option<String>>], detail: Detail) -> String {
    let mut html = String::new();
    for (moment, title) in
        [(Moment::Parting, "After the event in which the orders part"), (Moment::End, "When the test ended")]
    {
        let figures: String = evidence
            .runs
            .iter()
            .zip(files)
            .flat_map(|(run, files)| run.looks.iter().zip(files).map(move |(look, file)| (run, look, file)))
            .filter(|(_, look, _)| look.moment == moment)
            .map(|(run, look, file)| figure(run, look, file.as_deref(), evidence.runs.len() > 1, detail))
            .collect();
        if !figures.is_empty() {
            let _ = write!(html, "<h3>{title}</h3>\n<div class=pair>\n{figures}</div>\n");
        }
    }
    html
}

/// Returns how the visible text differs at the end, where there are two orders.
pub(super) fn text(evidence: &Evidence) -> String {
    let (Some(passing), Some(failing)) = (evidence.other().and_then(end), evidence.main().and_then(end)) else {
        return String::new();
    };
    let changes = diff_of(failing, passing);
    if changes.is_empty() {
        return changes;
    }
    format!(
        "<h3>What the page shows</h3>\n<p><del>- where the test fails</del><br><ins>+ where it passes</ins></p>\n{changes}"
    )
}

/// The visible text at the end.
fn end(run: &Run) -> Option<&str> {
    run.looks.iter().find(|look| look.moment == Moment::End).map(|look| &*look.text)
}

fn figure(run: &Run, look: &Look, file: Option<&str>, has_two: bool, detail: Detail) -> String {
    let which = match (has_two, run.failed) {
        (false, _) => "",
        (true, true) => "the order that fails: ",
        (true, false) => "the order that passes: ",
    };
    let document = look.html.as_ref().err().map(|why| format!(" (no document: {why})")).unwrap_or_default();
    let caption = format!("{which}{}{document}", look.url);
    let link = file.map_or_else(String::new, |file| format!(" <a href=\"{0}\">{0}</a>", line(file)));
    match &look.picture {
        Err(why) => {
            format!("<figure><figcaption>{} (no picture: {})</figcaption></figure>\n", line(&caption), line(why))
        }
        Ok(_) if detail == Detail::NoPictures => {
            format!("<figure><figcaption>{}{link}</figcaption></figure>\n", line(&caption))
        }
        Ok(picture) => format!(
            "<figure><img alt=\"{alt}\" src=\"data:image/{};base64,{}\"><figcaption>{alt}{link}</figcaption></figure>\n",
            picture.kind,
            BASE64_STANDARD.encode(&picture.bytes),
            alt = line(&caption),
        ),
    }
}
