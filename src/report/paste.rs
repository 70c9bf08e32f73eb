//! A schedule as code that a test can do with: `hold!` for what is late, and the moments to let it go. Pure.

use crate::schedule::{Constraint, Event, Plan};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The lines, with comments that say where they go.
pub(super) fn as_code(plan: &Plan) -> String {
    if plan.constraints.is_empty() {
        return "// hold every answer, act, and then let them go in their order\n\
                let all = hold!(response: resource == \"xhr\");\n\
                // .. what the user does ..\n\
                all.release_all();\n\
                browser.settled().await?;"
            .to_owned();
    }
    let order = in_order(&plan.constraints);
    let (mut before, mut after) = (String::new(), String::new());
    let flows = order.iter().filter(|event| !event.is_action()).count();
    let mut names = NAMES.into_iter().map(str::to_owned).chain((7..).map(|n| format!("nth_{n}")));
    for event in &order {
        let line = match (hold_of(event, &order), event) {
            (Some(hold), _) => {
                let name = names.next().filter(|_| flows > 1).unwrap_or_else(|| "held".to_owned());
                let _ = writeln!(before, "let {name} = {hold};");
                format!("{name}.next().await?.release().processed().await?;")
            }
            (None, Event::Act(n)) => format!("// .. up to the user's action {n} .."),
            (None, _) => continue,
        };
        let _ = writeln!(after, "{line}");
    }
    let acts = if order.iter().any(Event::is_action) { "" } else { "// .. what the user does ..\n" };
    format!("// before the first request\n{before}{acts}{after}browser.settled().await?;")
}

const NAMES: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];

/// Which document has asked.
const REFERRER: &str = "request.header(\"referer\") contains ";

/// The events of constraints, each early one before its late one. A circle is cut where it is met.
fn in_order(constraints: &[Constraint]) -> Vec<Event> {
    let mut left: Vec<&Event> = constraints.iter().flat_map(|one| [&one.early, &one.late]).collect();
    left.dedup();
    let mut order: Vec<Event> = Vec::new();
    while !left.is_empty() {
        let waits = |event: &Event| constraints.iter().any(|one| one.late == *event && !order.contains(&one.early));
        let at = left.iter().position(|event| !waits(event)).unwrap_or(0);
        let event = left.remove(at);
        if !order.contains(event) {
            order.push(event.clone());
        }
    }
    order
}

/// The rule for an event. Of several that are asked for alike, each says which.
fn hold_of(event: &Event, among: &[Event]) -> Option<String> {
    let label = event.label()?;
    let (filter, nth) = filter_of(label);
    let others =
        || among.iter().filter_map(Event::label).filter(|other| *other != label).map(|other| filter_of(other).0);
    let alike = others().filter(|other| *other == filter).count();
    // What another document asks for is let go by its own rule, and must not be kept by this one.
    let document = format!("{filter} && {REFERRER}");
    let documents: BTreeSet<_> =
        others().filter_map(|other| Some(format!(" && !({REFERRER}{})", other.strip_prefix(&document)?))).collect();
    let filter = filter + &documents.into_iter().collect::<String>();
    let nth = if nth == "1" && alike == 0 { String::new() } else { format!(" && occurrence == {nth}") };
    Some(match event {
        Event::Send(_) => format!("hold!({filter}{nth})"),
        _ if label.starts_with("MESSAGE ") => format!("hold!(message: {filter}{nth})"),
        _ if label.starts_with("EVENT ") => format!("hold!(event: {filter}{nth})"),
        _ => format!("hold!(response: {filter}{nth})"),
    })
}

/// The filter for `POST //host/path?a=1 Operation @/frame.html#2`, and the number.
fn filter_of(label: &str) -> (String, &str) {
    let (rest, nth) = label.rsplit_once('#').unwrap_or((label, "1"));
    let mut parts = rest.split(' ');
    let (method, place) = (parts.next().unwrap_or("GET"), parts.next().unwrap_or("/"));
    // A body's own mark tells nothing to a filter.
    let operation = parts.clone().next().filter(|part| !part.starts_with(['~', '@']));
    let by = parts.find_map(|part| part.strip_prefix('@'));
    let mut filter = match (method, operation) {
        ("MESSAGE", _) => "direction == \"to_client\"".to_owned(),
        ("EVENT", Some(kind)) => format!("event == {kind:?}"),
        (method, _) => format!("method == {method}"),
    };
    let operation = operation.filter(|_| method != "EVENT");
    let mut path = place;
    if let Some((host, rest)) = place.strip_prefix("//").map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())))
    {
        let _ = write!(filter, " && host == {host:?}");
        path = rest;
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let _ = write!(filter, " && path == {path:?}");
    for (key, value) in form_urlencoded::parse(query.as_bytes()).filter(|_| operation.is_none()) {
        let _ = write!(filter, " && query({key:?}) == {value:?}");
    }
    if let Some(operation) = operation {
        let _ = write!(filter, " && operation == {operation:?}");
    }
    // Of a document's name, its path is what it says as its referrer.
    if let Some(at) = by.and_then(|by| by.find('/').map(|slash| &by[slash..])) {
        let _ = write!(filter, " && {REFERRER}{at:?}");
    }
    (filter, nth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_stands_behind_what_it_waits_for() {
        let plan: Plan =
            "h1;ff;r:GET /b#1 > r:GET /d#1, r:GET /a#1 > r:GET /c#1, r:GET /c#1 > a2".parse().expect("a schedule");
        let code = as_code(&plan);
        let holds: Vec<_> = code.lines().filter(|line| line.starts_with("let")).collect();
        assert_eq!(holds.len(), 4, "{code}");
        let goes = |path: &str| {
            let hold = holds.iter().find(|line| line.contains(path)).expect(path);
            let name = hold.split(' ').nth(1).expect("a name");
            code.lines().position(|line| line.starts_with(&format!("{name}.next()"))).expect(name)
        };
        let acts = code.lines().position(|line| line.contains("action 2")).expect("the action");
        assert!(goes("/d") < goes("/b") && goes("/c") < goes("/a") && acts < goes("/c"), "{code}");
    }

    #[test]
    fn a_label_becomes_a_filter() {
        for (label, filter) in [
            (
                "GET /~ada/a!b?q=a+b#1",
                r#"hold!(response: method == GET && path == "/~ada/a!b" && query("q") == "a b")"#,
            ),
            (
                "POST //api.test/save ~12ab#2",
                r#"hold!(response: method == POST && host == "api.test" && path == "/save" && occurrence == 2)"#,
            ),
            (
                "MESSAGE /socket#2",
                r#"hold!(message: direction == "to_client" && path == "/socket" && occurrence == 2)"#,
            ),
            ("EVENT /stream tick#1", r#"hold!(event: event == "tick" && path == "/stream")"#),
            (
                "GET /say?text=1 @w2/popup.html#1",
                r#"hold!(response: method == GET && path == "/say" && query("text") == "1" && request.header("referer") contains "/popup.html")"#,
            ),
            ("POST /graphql Cart#1", r#"hold!(response: method == POST && path == "/graphql" && operation == "Cart")"#),
        ] {
            let event = Event::Deliver(label.to_owned());
            assert_eq!(hold_of(&event, std::slice::from_ref(&event)).as_deref(), Some(filter));
        }
        let twice = ["POST /count#1", "POST /count#2"].map(|label| Event::Deliver(label.to_owned()));
        let first = hold_of(&twice[0], &twice).expect("a rule");
        assert!(first.contains("occurrence == 1"), "{first}");
    }
}
