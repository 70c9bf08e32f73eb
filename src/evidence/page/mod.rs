//! `timeline.html`: one file without requests. It is a document first, drawn when it is written and readable without style
//! and script; styles refine it; the script adds keys, a filter and buttons to copy. Pure.

mod events;
mod flow_details;
mod looks;
mod orders;
mod verdict;

use super::aligned::{aligned, parting, rows_of};
use super::flows::{FlowStory, flows};
use super::lanes::{Drawn, lanes};
use super::markup::{line, section};
use super::record::{Evidence, Run};
use super::story::Story;
use crate::crypto::sha256;
use crate::flow::FlowId;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Bytes beyond which first bodies, then heads, then pictures are left out.
const LIMIT: usize = 500_000;

/// How much of the details the page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    All,
    /// No bodies and heads of flows that no rule has touched.
    Ruled,
    /// No bodies and heads at all.
    NoBodies,
    /// And no pictures, which are beside the page.
    NoPictures,
}

/// One execution, ready to be drawn.
struct Told<'a> {
    run: &'a Run,
    story: Story,
    flows: Vec<FlowStory>,
    /// The rows of the ordered events.
    ordered: Vec<Option<usize>>,
    prefix: char,
    title: &'static str,
    /// The flows that race.
    racing: Vec<FlowId>,
}

impl<'a> Told<'a> {
    fn of(run: &'a Run, prefix: char, title: &'static str, racing: &[String]) -> Self {
        let story = Story::of(run);
        let flows = flows(run, &story);
        let ordered = rows_of(run, &story);
        let races = run.order.iter().filter(|one| racing.contains(&one.event));
        let racing = races.filter_map(|one| one.flow.map(FlowId::whole)).collect();
        Self { run, story, flows, ordered, prefix, title, racing }
    }

    /// Returns the row of the first event in which this order differs from another.
    fn parting(&self, other: Option<&Self>) -> Option<usize> {
        let other = other?;
        let rows = aligned(&self.run.order, &other.run.order);
        let first = rows[parting(&rows)?..].iter().find_map(|row| row.left)?;
        *self.ordered.get(first)?
    }
}

/// Returns the page. `pictures` are the names of the files beside it, in the order of the looks.
pub(super) fn page(evidence: &Evidence, pictures: &[Vec<Option<String>>]) -> String {
    let details = [Detail::All, Detail::Ruled, Detail::NoBodies, Detail::NoPictures];
    let mut page = String::new();
    for detail in details {
        page = drawn(evidence, pictures, detail);
        if page.len() <= LIMIT {
            break;
        }
    }
    page
}

fn drawn(evidence: &Evidence, pictures: &[Vec<Option<String>>], detail: Detail) -> String {
    let racing = evidence.race.as_ref().map_or(&[][..], |race| &race.racing);
    let main = evidence.main().map(|run| {
        let title = if evidence.other().is_some() { "the order that fails" } else { "the test" };
        Told::of(run, 'e', title, racing)
    });
    let other = evidence.other().map(|run| Told::of(run, 'p', "the order that passes", racing));
    let mut body = verdict::header(evidence, main.as_ref(), other.as_ref());
    body += &section("assertion", "What failed", &verdict::assertion(evidence));
    if let (Some(main), Some(other)) = (&main, &other) {
        body += &section("orders", "The two orders", &orders::side_by_side(other, main));
    }
    if let Some(main) = &main {
        body += &section("lanes", "Timeline", &timeline(main, other.as_ref()));
        body += &section("looks", "What the page looked like", &looks::looks(evidence, pictures, detail));
        body += &section("flows", "Flows", &flow_details::all(main, other.as_ref(), evidence, detail));
        body += &section("console", "Console, errors and dialogs", &events::console(main));
    }
    if let Some(race) = &evidence.race {
        body += &section("tried", "Orders tried", &orders::tried(race));
    }
    body += &section("environment", "Environment", &verdict::environment(evidence));
    if detail > Detail::All {
        let what = match detail {
            Detail::NoPictures => "heads and bodies are left out, and pictures are only linked",
            Detail::NoBodies => "heads and bodies are left out",
            _ => "heads and bodies of flows that no rule has touched are left out",
        };
        body += &format!("<p class=note>To keep this page below {} kB, {what}.</p>\n", LIMIT / 1000);
    }
    whole(evidence, &body)
}

fn timeline(main: &Told<'_>, other: Option<&Told<'_>>) -> String {
    let mut text = legend().to_owned();
    for told in [Some(main), other].into_iter().flatten() {
        let against = if told.prefix == 'e' { other } else { Some(main) };
        let parting = told.parting(against);
        let title = format!("Lanes of {}, in the order of events", told.title);
        let (story, flows, racing) = (&told.story, &told.flows, &told.racing);
        let drawn = Drawn { story, flows, prefix: told.prefix, parting, racing, title: &title };
        if other.is_some() {
            text += &format!("<h3>{}{}</h3>\n", told.title[..1].to_uppercase(), &told.title[1..]);
        }
        text += &lanes(&drawn);
        text += &events::table(told, parting);
    }
    text
}

fn legend() -> &'static str {
    "<p class=legend>Each column is an event. \
     <svg width=24 height=10 role=img aria-label=\"blue bar\"><rect width=24 height=9 fill=\"#4c8dd6\" fill-opacity=.55 /></svg> a flow, from its request to its end; \
     <svg width=24 height=10 role=img aria-label=\"green bar\"><rect width=24 height=9 fill=\"#2f9e44\" fill-opacity=.7 /></svg> the server has it; \
     <svg width=24 height=10 role=img aria-label=\"hatched bar\"><rect width=24 height=9 fill=\"#f59f00\" fill-opacity=.25 stroke=\"#c2570c\"/>\
     <path d=\"M3 9l6 -9M10 9l6 -9M17 9l6 -9\" stroke=\"#c2570c\" stroke-width=2 /></svg> a rule has parked it. \
     ▶ action, ‖ parked, ✓ verdict, ✗ error.</p>\n"
}

fn hash(text: &str) -> String {
    BASE64_STANDARD.encode(sha256(text.as_bytes()))
}

fn whole(evidence: &Evidence, body: &str) -> String {
    let title = if evidence.failure.is_some() { "failed" } else { "passed" };
    format!(
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; \
         script-src 'sha256-{script_hash}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\n<meta name=color-scheme content=\"light dark\">\n\
         <title>{test}: {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        style_hash = hash(STYLE),
        script_hash = hash(SCRIPT),
        test = line(&evidence.test),
    )
}
