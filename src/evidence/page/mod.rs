//! `timeline.html`: one file without requests. It is a document first, drawn when it is written and readable without style
//! and script; styles refine it; the script adds keys, a filter and buttons to copy. Pure.

mod events;
mod flow_details;
mod looks;
mod orders;
mod verdict;

use super::lanes::{Drawn, lanes};
use super::markup::{line, section};
use super::record::Evidence;
use super::told::Both;
use crate::crypto::sha256;
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
    /// Only bars of flows that do not race, and of the order that passes only those that race.
    Brief,
    /// And no pictures, which are beside the page.
    NoPictures,
}

/// More flows than this never have their heads in a page below the limit.
const MANY: usize = 150;

/// Returns the page. `pictures` are the names of the files beside it, in the order of the looks.
pub(super) fn page(evidence: &Evidence, both: &Both<'_>, pictures: &[Vec<Option<String>>]) -> String {
    let flows: usize = both.all().map(|told| told.flows.len()).sum();
    let first = if flows > MANY { Detail::NoBodies } else { Detail::All };
    let details = [Detail::All, Detail::Ruled, Detail::NoBodies, Detail::Brief, Detail::NoPictures];
    let mut page = String::new();
    for detail in details.into_iter().filter(|detail| *detail >= first) {
        page = drawn(evidence, both, pictures, detail);
        if page.len() <= LIMIT {
            break;
        }
    }
    page
}

fn drawn(evidence: &Evidence, both: &Both<'_>, pictures: &[Vec<Option<String>>], detail: Detail) -> String {
    let mut body = verdict::header(evidence, both);
    body += &section("reproduce", "Reproduce it", &verdict::reproduce(evidence));
    body += &section("assertion", "What failed", &(verdict::assertion(evidence) + &looks::text(evidence)));
    if let (Some(main), Some(other)) = (&both.main, &both.other) {
        body += &section("orders", "The two orders", &orders::side_by_side(other, main));
    }
    if let Some(main) = &both.main {
        body += &section("lanes", "Timeline", &timeline(both, detail >= Detail::Brief));
        body += &section("looks", "What the page looked like", &looks::looks(evidence, pictures, detail));
        body += &section("flows", "Flows", &flow_details::all(main, both.other.as_ref(), evidence, detail));
        body += &section("console", "Console, errors and dialogs", &events::console(main));
    }
    if let Some(race) = &evidence.race {
        body += &section("tried", "Orders tried", &orders::tried(race));
    }
    body += &section("environment", "Environment", &verdict::environment(evidence));
    body += &left_out(detail);
    whole(evidence, &body)
}

/// Says what is missing to keep the page small.
fn left_out(detail: Detail) -> String {
    let what = match detail {
        Detail::All => return String::new(),
        Detail::Ruled => "heads and bodies of flows that no rule has touched are left out",
        Detail::NoBodies => "heads and bodies are left out",
        Detail::Brief => "heads, bodies and most of the order that passes are left out",
        Detail::NoPictures => "heads and bodies are left out, and pictures are only linked",
    };
    format!("<p class=note>To keep this page below {} kB, {what}.</p>\n", LIMIT / 1000)
}

fn timeline(both: &Both<'_>, is_brief: bool) -> String {
    let mut text = legend().to_owned();
    for told in both.all() {
        if both.is_pair() {
            text += &format!("<h3>{}{}</h3>\n", told.title[..1].to_uppercase(), &told.title[1..]);
        }
        let title = format!("Lanes of {}, in the order of events", told.title);
        text += &lanes(&Drawn { told, marks: &both.marks(told), is_brief, title: &title });
    }
    for told in both.all().filter(|told| !is_brief || told.prefix == 'e') {
        text += &events::table(told, &both.marks(told), is_brief);
    }
    text
}

fn legend() -> &'static str {
    "<p class=legend>Each column is an event. \
     <svg width=24 height=10 role=img aria-label=\"blue bar\"><rect width=24 height=9 fill=\"#4c8dd6\" fill-opacity=.55 /></svg> a flow, from its request to its end; \
     <svg width=24 height=10 role=img aria-label=\"green bar\"><rect width=24 height=9 fill=\"#2f9e44\" fill-opacity=.7 /></svg> the server has it; \
     <svg width=24 height=10 role=img aria-label=\"hatched bar\"><rect width=23 height=9 fill=none stroke=\"#d9480f\"/>\
     <path d=\"M3 9l6 -9M10 9l6 -9M17 9l6 -9\" stroke=\"#d9480f\" stroke-width=2 /></svg> a rule (or the explorer) has parked it. \
     <svg width=10 height=10 role=img aria-label=\"blue triangle\"><path d=\"M0 1l8 4l-8 4z\" fill=\"#1971c2\"/></svg> action of the test, \
     <svg width=8 height=10 role=img aria-label=\"gray dot\"><circle cx=4 cy=5 r=3 fill=\"#868e96\"/></svg> other command or message, \
     <svg width=8 height=10 role=img aria-label=\"orange dot\"><circle cx=4 cy=5 r=3 fill=\"#c2570c\"/></svg> parked, \
     <svg width=9 height=10 role=img aria-label=\"green square\"><rect y=1 width=7 height=7 fill=\"#2b8a3e\"/></svg> verdict: released or decided, \
     <svg width=9 height=10 role=img aria-label=\"red cross\"><path d=\"M1 1l7 7m0 -7l-7 7\" stroke=\"#d6336c\" stroke-width=2.5 /></svg> error; \
     | message or event of a stream.</p>\n"
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
