//! A schedule as test code: `hold!` for what is late, and the points at which to release it. Pure.

use crate::sanitize::is_secret;
use crate::schedule::{Constraint, Event, Plan, Trace};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Returns the lines, with comments that say where they go. `trace` has the other requests of the page.
pub(super) fn as_code(plan: &Plan, trace: &Trace) -> String {
    if plan.constraints.is_empty() {
        return "// hold every response, act, and then release them in their order\n\
                let all = hold!(response: resource == \"xhr\");\n\
                // .. what the user does ..\n\
                all.release_all();\n\
                browser.settled().await?;"
            .to_owned();
    }
    let order = in_order(&plan.constraints);
    let labels = labels(trace, &order);
    let (mut before, mut after) = (String::new(), String::new());
    let flows = order.iter().filter(|event| !event.is_action()).count();
    let mut names = NAMES.into_iter().map(str::to_owned).chain((7..).map(|n| format!("nth_{n}")));
    for event in &order {
        let line = match (hold_of(event, &labels), event) {
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

/// The start of a filter term for the document that made a request.
const REFERRER: &str = "request.header(\"referer\") ~ ";

/// Returns the events of the constraints, each early one before its late one. Cycles are broken.
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

/// Returns the labels of all flows, in the order in which they came.
fn labels<'a>(trace: &'a Trace, more: &'a [Event]) -> Vec<&'a str> {
    let mut labels = Vec::new();
    let events = trace.steps.iter().flat_map(|step| &step.enabled).chain(more);
    for label in events.filter_map(Event::label) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

/// Returns the rule for an event. If a filter cannot tell several flows apart, the rule has the occurrence.
fn hold_of(event: &Event, labels: &[&str]) -> Option<String> {
    let label = event.label()?;
    let filter = filter_of(label);
    let alike: Vec<_> = labels.iter().filter(|other| filter_of(other) == filter).collect();
    let nth = alike.iter().position(|other| **other == label).map_or(1, |before| before + 1);
    let nth = if alike.len() < 2 { String::new() } else { format!(" && occurrence == {nth}") };
    // Requests of other documents must not match this rule.
    let document = format!("{filter} && {REFERRER}");
    let documents: BTreeSet<_> = labels
        .iter()
        .filter_map(|other| Some(format!(" && !({REFERRER}{})", filter_of(other).strip_prefix(&document)?)))
        .collect();
    let filter = filter + &documents.into_iter().collect::<String>();
    Some(match event {
        Event::Send(_) => format!("hold!({filter}{nth})"),
        _ if label.starts_with("MESSAGE ") => format!("hold!(message: {filter}{nth})"),
        _ if label.starts_with("EVENT ") => format!("hold!(event: {filter}{nth})"),
        _ => format!("hold!(response: {filter}{nth})"),
    })
}

/// Returns the filter for `POST //host/path?a=1 Operation @/frame.html#2`, without the number.
fn filter_of(label: &str) -> String {
    let rest = label.rsplit_once('#').map_or(label, |(rest, _)| rest);
    let mut parts = rest.split(' ');
    let (method, place) = (parts.next().unwrap_or("GET"), parts.next().unwrap_or("/"));
    // A filter cannot express the digest of a body.
    let operation = parts.clone().next().filter(|part| !part.starts_with(['~', '@']));
    let by = parts.find_map(|part| part.strip_prefix('@'));
    let mut filter = match (method, operation) {
        ("MESSAGE", _) => "direction == \"to_client\"".to_owned(),
        ("EVENT", Some(kind)) => format!("event == {kind:?}"),
        (method, _) => format!("method == {method}"),
    };
    let operation = operation.filter(|_| method != "EVENT");
    let says_referrer = method != "MESSAGE" && !place.starts_with("//");
    let mut path = place;
    if let Some((host, rest)) = place.strip_prefix("//").map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())))
    {
        let _ = write!(filter, " && host == {host:?}");
        path = rest;
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let _ = write!(filter, " && path == {path:?}");
    // The label has only a digest of a secret.
    let said =
        form_urlencoded::parse(query.as_bytes()).filter(|(key, value)| !(is_secret(key) && value.starts_with('*')));
    for (key, value) in said.filter(|_| operation.is_none()) {
        let _ = write!(filter, " && query({key:?}) == {value:?}");
    }
    if let Some(operation) = operation {
        let _ = write!(filter, " && operation == {operation:?}");
    }
    // A document sends its path as the referrer only to its own host, and not for sockets.
    if let Some(at) = by.and_then(|by| by.find('/').map(|slash| &by[slash..])).filter(|_| says_referrer) {
        let _ = write!(filter, " && {REFERRER}{:?}", format!("^https?://[^/]+{}([?]|$)", regex::escape(at)));
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_stands_behind_what_it_waits_for() {
        let plan: Plan =
            "h1;ff;r:GET /b#1 > r:GET /d#1, r:GET /a#1 > r:GET /c#1, r:GET /c#1 > a2".parse().expect("a schedule");
        let code = as_code(&plan, &Trace::default());
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
                r#"hold!(response: method == POST && host == "api.test" && path == "/save")"#,
            ),
            ("MESSAGE /socket#2", r#"hold!(message: direction == "to_client" && path == "/socket")"#),
            ("EVENT /stream tick#1", r#"hold!(event: event == "tick" && path == "/stream")"#),
            (
                "GET /say?text=1 @w2/popup.html#1",
                r#"hold!(response: method == GET && path == "/say" && query("text") == "1" && request.header("referer") ~ "^https?://[^/]+/popup\\.html([?]|$)")"#,
            ),
            ("POST /graphql Cart#1", r#"hold!(response: method == POST && path == "/graphql" && operation == "Cart")"#),
        ] {
            let event = Event::Deliver(label.to_owned());
            assert_eq!(hold_of(&event, &[label]).as_deref(), Some(filter));
        }
    }

    /// Such requests differ only in their number, or in what a filter cannot see: a body, or a parameter that is left
    /// out of names.
    #[test]
    fn what_is_asked_for_alike_is_counted() {
        let labels = ["POST /save ~12ab#1", "GET /x#1", "POST /save ~34cd#1", "POST /save ~12ab#2", "GET /x @/in#1"];
        let rule = |label: &str| hold_of(&Event::Send(label.to_owned()), &labels).expect("a rule");
        assert!(rule(labels[0]).contains("occurrence == 1"));
        assert!(rule(labels[2]).contains("occurrence == 2"));
        assert!(rule(labels[3]).contains("occurrence == 3"));
        assert_eq!(
            rule(labels[1]),
            r#"hold!(method == GET && path == "/x" && !(request.header("referer") ~ "^https?://[^/]+/in([?]|$)"))"#
        );
    }
}
