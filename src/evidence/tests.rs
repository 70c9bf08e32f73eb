//! Properties of the files, on journals that are made here.

use super::files::files;
use super::record::{Evidence, Ordered, PairCount, RaceFound, Reproduce, Run, TriedOrder};
use crate::flow::{FlowId, Message, Outcome, Part, Place, Request, Response, StageName};
use crate::journal::{ConsoleLevel, ConsoleMessage, Entry, Event};
use crate::page::{Look, Moment, Picture};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

fn entry(at: u64, event: Event) -> Entry {
    Entry { at: Duration::from_millis(at), event }
}

/// What a flow with a held response writes.
fn flow(n: u64, url: &str, body: &str) -> Vec<Entry> {
    let (flow, rule, at) = (FlowId::new(n), Arc::from("hold!(response: url ~ \"x\")"), n * 10);
    let mut request = Request::get("https://shop.test/").expect("a URL");
    // A client may send anything.
    request.set_path_and_query(url);
    let request = request.with_header("accept", "*/*").expect("a header");
    let request = request.with_header("user-agent", &"Mozilla/5.0 ".repeat(9)).expect("a header");
    let response = Response::new(200).expect("a status").with_header("content-type", "application/json");
    let response = response.expect("a header").with_header("date", "Sat, 28 Nov 2026 08:00:00 GMT").expect("a header");
    let start = Bytes::copy_from_slice(body.as_bytes());
    vec![
        entry(at, Event::Began { flow, request: Arc::new(request) }),
        entry(at + 1, Event::Sent { flow }),
        entry(at + 2, Event::Answered { flow, response: Arc::new(response) }),
        entry(at + 3, Event::Parked { flow, stage: StageName::Response, rule, place: Place::here() }),
        entry(at + 4, Event::Decided { flow, verdict: "released", place: Some(Place::here()) }),
        entry(at + 5, Event::Body { flow, stage: StageName::Response, size: start.len() as u64, start }),
        entry(at + 6, Event::Ended { flow, outcome: Outcome::Delivered }),
    ]
}

fn look(moment: Moment, says: &str, bytes: usize) -> Look {
    let picture = Ok(Picture { bytes: [b"RIFF", &vec![7; bytes][..]].concat(), kind: "webp" });
    let (url, text, agent) = ("https://shop.test/".to_owned(), says.to_owned(), "Browser/1".to_owned());
    Look { moment, url, picture, html: Ok(format!("<p>{says}</p>")), text, agent }
}

fn run(failed: bool, entries: Vec<Entry>, order: &[&str], says: &str, bytes: usize) -> Run {
    let ordered = |(at, event): (usize, &&str)| Ordered {
        event: (*event).to_owned(),
        says: format!("the response to {event}"),
        action: String::new(),
        flow: Some(FlowId::new(at as u64 + 1)),
    };
    let looks = vec![look(Moment::Parting, says, bytes), look(Moment::End, says, bytes)];
    let order = order.iter().enumerate().map(ordered).collect();
    Run { failed, started: SystemTime::UNIX_EPOCH, entries, order, looks }
}

/// A race in which everything that somebody else controls contains `said`.
fn race(said: &str, flows: u64, bytes: usize) -> Evidence {
    let url = |n: u64| format!("/{n}?q={said}");
    let mut entries = vec![entry(0, Event::Command { id: 1, says: format!("goto {said}") })];
    (1..=flows).for_each(|n| entries.extend(flow(n, &url(n), &format!("{{\"said\": {said:?}, \"n\": {n}}}"))));
    let message = ConsoleMessage::new(ConsoleLevel::Uncaught, said, Some(said));
    entries.push(entry(flows * 10 + 20, Event::Console { message }));
    let title = Some(said.to_owned());
    entries.push(entry(flows * 10 + 21, Event::Page { url: Some(said.to_owned()), title, has_dialog: true }));
    let said = said.to_owned();
    let ways = Reproduce { schedule: said.clone(), command: said.clone(), attribute: said.clone(), code: said.clone() };
    Evidence {
        test: format!("shop::{said}"),
        failure: Some(said.clone()),
        source: Some(said.clone()),
        race: Some(RaceFound {
            sentence: said.clone(),
            ways: Some(ways),
            racing: vec!["r:GET /1#1".to_owned(), "r:GET /2#1".to_owned()],
            failure: said.clone(),
            tried: said.clone(),
            orders: vec![TriedOrder { says: said.clone(), failed: 1, executions: 2 }],
            pairs: vec![PairCount { first: said.clone(), second: said.clone(), failed: 1, executions: 2 }],
        }),
        runs: vec![
            run(false, entries.clone(), &["r:GET /1#1", "r:GET /2#1"], &said, bytes),
            run(true, entries, &["r:GET /2#1", "r:GET /1#1"], &said, bytes),
        ],
        environment: vec![(said.clone(), said)],
    }
}

fn file(evidence: &Evidence, name: &str) -> String {
    let (_, content) = files(evidence).into_iter().find(|(known, _)| known == name).expect(name);
    String::from_utf8(content).expect("UTF-8")
}

/// Texts that end a string, an attribute, an element, a comment or a script, or that address something.
const HOSTILE: [&str; 30] = [
    "<script>pwned()</script>",
    "</script><script>pwned()</script>",
    "<img src=x onerror=pwned()>",
    "\"><img src=x onerror=pwned()>",
    "'><svg onload=pwned()>",
    "\" onmouseover=\"pwned()\" x=\"",
    "' onfocus='pwned()' autofocus='",
    "</title><script>pwned()</script>",
    "</style><script>pwned()</script>",
    "</pre></details><iframe src=javascript:pwned()>",
    "</svg><script>pwned()</script>",
    "<svg><script>pwned()</script></svg>",
    "<!--<script>pwned()//-->",
    "--><script>pwned()</script>",
    "]]><script>pwned()</script>",
    "javascript:pwned()",
    "data:text/html,<script>pwned()</script>",
    "<a href=javascript:pwned()>x</a>",
    "<meta http-equiv=refresh content=0;url=https://evil.test>",
    "<base href=https://evil.test/>",
    "<link rel=stylesheet href=https://evil.test/x.css>",
    "<form action=https://evil.test><button>",
    "&lt;script&gt;pwned()&lt;/script&gt;",
    "&#60;script&#62;pwned()",
    "\u{2028}<script>pwned()</script>",
    "\0<script>pwned()</script>",
    "<scr\0ipt>pwned()</scr\0ipt>",
    "${pwned()}`{{pwned()}}",
    "\u{202e}<script>pwned()",
    "</textarea><noscript><p title=\"</noscript><img src=x onerror=pwned()>\">",
];

#[test]
fn a_hostile_text_adds_no_markup() {
    let elements = |page: &str| page.matches('<').count();
    let harmless = elements(&file(&race("harmless", 2, 10), "timeline.html"));
    for hostile in HOSTILE {
        let page = file(&race(hostile, 2, 10), "timeline.html");
        let body = page.split_once("<body>").map_or("", |(_, body)| body);
        assert!(!body.contains("<img src=x") && !body.contains("<iframe"), "{hostile}");
        // A text with line breaks has more rows, and no text adds an element.
        assert_eq!(elements(&page), harmless, "{hostile}");
        assert!(!page.contains('\u{202e}') && !page.contains('\0'), "{hostile}");
    }
}

#[test]
fn the_same_journal_gives_the_same_files() {
    let evidence = race("a text", 20, 1000);
    assert_eq!(files(&evidence), files(&evidence));
}

#[test]
fn a_page_of_300_flows_and_four_pictures_is_small() {
    let (mut evidence, limit) = (race("a text", 300, 15_000), 500_000);
    let page = file(&evidence, "timeline.html");
    assert!(page.len() < limit, "{} bytes", page.len());
    assert!(page.contains("data:image/webp") && page.contains("bodies"), "bodies go before pictures");
    // Bodies of ten megabytes are cut, and pictures go last.
    let long = flow(301, "/long", &"x".repeat(10_000_000));
    evidence.runs[1].entries.extend(long);
    evidence
        .runs
        .iter_mut()
        .flat_map(|run| &mut run.looks)
        .for_each(|look| *look = self::look(look.moment, "", 150_000));
    let page = file(&evidence, "timeline.html");
    assert!(page.len() < limit && page.contains("pictures are only linked"), "{} bytes", page.len());
    assert!(page.contains("href=\"screenshot-failing-end.webp\""));
}

#[test]
fn a_page_of_50_000_messages_is_small() {
    let (mut evidence, flow) = (race("a text", 2, 10), FlowId::new(1));
    let message = |n: u64| Arc::new(Part::Message(Message::to_client(format!("message {n}"))));
    let parts = (1..=50_000).map(|n| entry(40 + n, Event::Part { flow: flow.part(n), part: message(n), size: 9 }));
    evidence.runs[1].entries.extend(parts);
    let page = file(&evidence, "timeline.html");
    assert!(page.len() < 500_000 && page.contains("more events are in timeline.txt"), "{} bytes", page.len());
}

#[test]
fn a_body_that_no_rule_has_changed_is_not_shown_as_changed() {
    let long = format!("{{\"käse\": [{}1]}}", "\"ä\", ".repeat(2000));
    for body in [long.as_str(), "{\"a\": 1}"] {
        let mut entries = flow(1, "/x", &body.chars().take(4096).collect::<String>());
        let (flow, stage) = (FlowId::new(1), StageName::Response);
        entries.insert(3, entry(13, Event::Read { flow, stage, body: Bytes::copy_from_slice(body.as_bytes()) }));
        let start = Bytes::copy_from_slice(&body.as_bytes()[..body.len().min(4096)]);
        entries[6] = entry(15, Event::Body { flow, stage, start, size: body.len() as u64 });
        let mut evidence = race("a text", 2, 10);
        (evidence.race, evidence.runs) = (None, vec![run(true, entries, &[], "", 0)]);
        let page = file(&evidence, "timeline.html");
        assert!(!page.contains("changed on its way") && !page.contains('Ã'), "{page}");
    }
}

#[test]
fn a_journal_without_browser_has_its_page() {
    let mut evidence = race("a text", 2, 10);
    (evidence.race, evidence.runs) = (None, vec![run(true, vec![], &[], "", 0)]);
    evidence.runs[0].looks.clear();
    let page = file(&evidence, "timeline.html");
    assert!(page.contains("The page has logged nothing") && !page.contains("What the page looked like"), "{page}");
    evidence.runs.clear();
    assert!(file(&evidence, "timeline.html").contains("What failed"));
}

#[test]
fn the_trace_has_a_slice_for_each_flow_and_what_parked_it() {
    let trace: serde_json::Value = serde_json::from_str(&file(&race("a text", 3, 10), "trace.json")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let named = |name: &str| events.iter().filter(|event| event["name"] == name && event["ph"] == "X").count();
    assert_eq!((named("parked at its response"), named("server")), (6, 6));
    let arrows = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
    assert_eq!((arrows("s"), arrows("f")), (6, 6));
    assert!(events.iter().all(|event| event["ph"] == "M" || event["ts"].is_u64()));
}

#[test]
fn secrets_are_in_no_file() {
    let evidence = race("https://u:S3cret@a/?token=S3cret {\"password\": \"S3cret\"}", 3, 10);
    for (name, content) in files(&evidence) {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("S3cret"), "{name}: {text}");
    }
}
