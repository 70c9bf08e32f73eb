//! The session of a person, as a test. Pure.

use super::as_test::{Held, Test, Verdict, is_page};
use super::played::Played;
use super::recorded::{Recorded, masked, recorded};
use super::requests::requests;
use super::shortest::filter;
use crate::flow::{FlowId, Place, StageName};
use crate::journal::{ActionKind, Entry, Event, PageAction};
use crate::sanitize::sanitize_line;
use std::collections::BTreeMap;

/// What the journal says of a verdict that a person gave.
pub(crate) const RELEASED: &str = "released in the console";
pub(crate) const ABORTED: &str = "aborted in the console";

/// What a person has changed in held messages: lines of code, for a closure with the argument `it`.
pub(crate) type Edits = BTreeMap<(FlowId, StageName), Vec<String>>;

/// A session, for [`Session::test`].
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) entries: &'a [Entry],
    pub(crate) edits: &'a Edits,
    /// The order of the releases, as a schedule.
    pub(crate) schedule: Option<String>,
}

/// A verdict of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) flow: FlowId,
    pub(crate) stage: StageName,
    pub(crate) verdict: Verdict,
    /// The line that parked the flow.
    place: Place,
    /// When, among all entries.
    rank: usize,
}

/// Returns the verdicts that a person gave, in their order.
pub(crate) fn given(entries: &[Entry]) -> Vec<Given> {
    let (mut parked, mut given) = (BTreeMap::new(), Vec::new());
    for (rank, entry) in entries.iter().enumerate() {
        match &entry.event {
            Event::Parked { flow, stage, place, .. } => drop(parked.insert(*flow, (*stage, *place))),
            Event::Decided { flow, verdict, .. } => {
                let verdict = match *verdict {
                    RELEASED => Verdict::Release,
                    ABORTED => Verdict::Abort,
                    _ => continue,
                };
                if let Some((stage, place)) = parked.get(flow) {
                    given.push(Given { flow: *flow, stage: *stage, verdict, place: *place, rank });
                }
            }
            _ => {}
        }
    }
    given
}

impl Session<'_> {
    /// Returns a test that does the same: what the person did in the page and with the held flows, in this order.
    ///
    /// Of a test that was paused it is the part that the person has added.
    pub(crate) fn test(&self) -> String {
        let mut recorded = recorded(self.entries);
        // Those of a recording have no client, and the test does not see them.
        recorded.retain(|flow| flow.request.client.is_some());
        let (flows, given): (Vec<_>, _) = (recorded.iter().map(played).collect(), given(self.entries));
        let mut held: Vec<_> = given.iter().filter_map(|it| self.held(&recorded, it)).collect();
        held.sort_by_key(|held| held.at);
        let paused = self.entries.iter().find_map(|entry| match entry.event {
            Event::Paused { place } => Some(place),
            _ => None,
        });
        let schedule =
            self.schedule.as_ref().map(|it| format!("// As a schedule: {}\n", sanitize_line(it))).unwrap_or_default();
        let test = Test {
            name: "session",
            above: &schedule,
            lead: "",
            settles: true,
            end: "    todo!(\"what must hold now\")\n}\n",
        };
        match paused {
            Some(place) => {
                format!("// Insert where the test was paused: {place}\n{schedule}{}", test.part(&flows, held))
            }
            None if flows.iter().any(is_page) => test.text(&flows, held, &actions(self.entries)),
            None => {
                let verdicts: Vec<_> = given.iter().map(|given| given.rank).collect();
                test.text(&flows, held, &requests(self.entries, &recorded, &verdicts))
            }
        }
    }

    fn held(&self, recorded: &[Recorded], given: &Given) -> Option<Held> {
        if given.stage.is_part() {
            return None;
        }
        let at = recorded.iter().position(|flow| flow.id == given.flow)?;
        let edit = self.edits.get(&(given.flow, given.stage)).cloned().unwrap_or_default();
        let (stage, rank) = (given.stage.to_string(), given.rank as f64);
        let by = given.place.is_line().then(|| given.place.to_string());
        Some(Held { at, stage, note: None, verdict: given.verdict, rank, edit, by })
    }
}

/// Returns the shortest filter that matches a flow and no other.
pub(crate) fn filter_of(entries: &[Entry], id: FlowId) -> Option<String> {
    let recorded = recorded(entries);
    let flows: Vec<_> = recorded.iter().map(played).collect();
    Some(filter(&flows, recorded.iter().position(|flow| flow.id == id)?))
}

fn played(flow: &Recorded) -> Played {
    Played {
        method: flow.request.method().to_string(),
        url: masked(&flow.request.url()),
        request_headers: flow.request.headers().clone(),
        ..Played::default()
    }
}

/// Returns what the person did in pages, as lines of code, each with its place among all entries.
fn actions(entries: &[Entry]) -> Vec<(f64, String)> {
    let mut actions: Vec<(f64, PageAction)> = Vec::new();
    let mut is_new = true;
    for (rank, entry) in entries.iter().enumerate() {
        match &entry.event {
            // What is typed letter by letter is one text, unless something was decided meanwhile.
            Event::Acted { action } => {
                let joined = actions.last_mut().filter(|_| !is_new).is_some_and(|(_, last)| last.join(action));
                if !joined {
                    actions.push((rank as f64, action.clone()));
                }
                is_new = false;
            }
            Event::Decided { .. } => is_new = true,
            _ => {}
        }
    }
    actions.into_iter().map(|(rank, action)| (rank, code(&action))).collect()
}

impl PageAction {
    /// Adds what follows, if it is more of the same text.
    fn join(&mut self, next: &Self) -> bool {
        if (self.at.as_str(), self.is_inner) != (next.at.as_str(), next.is_inner) {
            return false;
        }
        match (&mut self.kind, &next.kind) {
            (ActionKind::Type(text) | ActionKind::Fill(text), ActionKind::Type(more)) => text.push_str(more),
            (ActionKind::Fill(_), ActionKind::Fill(_)) | (ActionKind::Secret, ActionKind::Secret) => {
                self.kind = next.kind.clone();
            }
            _ => return false,
        }
        true
    }
}

fn code(action: &PageAction) -> String {
    let at = &action.at;
    if action.is_inner {
        return format!("// in a frame or a shadow tree: {}\n", sanitize_line(&action.to_string()));
    }
    let found = format!("browser.find(holdup::fantoccini::Locator::Css({at:?})).await?");
    match &action.kind {
        ActionKind::Click => format!("browser.click({at:?}).await?;\n"),
        ActionKind::Type(text) => format!("browser.type_into({at:?}, {:?}).await?;\n", masked(text)),
        ActionKind::Fill(text) => {
            format!("{found}.clear().await?;\n    browser.type_into({at:?}, {:?}).await?;\n", masked(text))
        }
        ActionKind::Secret => format!("browser.type_into({at:?}, &std::env::var(\"SECRET\")?).await?;\n"),
        ActionKind::Press(key) => {
            format!("browser.type_into({at:?}, \"{}\").await?; // {}\n", key.code.escape_unicode(), key.name)
        }
        ActionKind::Choose(value) => format!("{found}.select_by_label({value:?}).await?;\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Outcome, Request};
    use crate::journal::Key;
    use std::sync::Arc;
    use std::time::Duration;

    fn acted(kind: ActionKind) -> Event {
        Event::Acted { action: PageAction { kind, at: "#q".to_owned(), is_inner: false } }
    }

    fn said(events: Vec<Event>) -> String {
        let entries: Vec<_> = events.into_iter().map(|event| Entry { at: Duration::ZERO, event }).collect();
        Session { entries: &entries, edits: &Edits::new(), schedule: Some("h1;ff".to_owned()) }.test()
    }

    fn began(flow: FlowId, mut request: Request) -> Event {
        request.client = Some(([127, 0, 0, 1], 5000).into());
        Event::Began { flow, request: Arc::new(request) }
    }

    fn held(flow: FlowId, url: &str, place: Place) -> [Event; 2] {
        let rule = Arc::from("console");
        let parked = Event::Parked { flow, stage: StageName::Response, rule, place };
        [began(flow, Request::get(url).expect("a URL")), parked]
    }

    fn ended(flow: FlowId) -> Event {
        Event::Ended { flow, outcome: Outcome::Delivered }
    }

    /// Returns the lines of a test from its first statement on.
    fn lines(text: &str, first: &str) -> Vec<String> {
        text.lines().map(|line| line.trim().to_owned()).skip_while(|line| !line.starts_with(first)).collect()
    }

    #[test]
    fn a_client_that_is_no_browser_asks_in_the_same_order() {
        let [past, one, two, three] = [1, 2, 3, 4].map(FlowId::new);
        let page = Request::get("https://a.test/").expect("a URL").with_header("accept", "text/html");
        let mut events = vec![Event::Began { flow: past, request: Arc::new(page.expect("a header")) }];
        events.extend([began(one, Request::get("https://a.test/login").expect("a URL")), ended(one)]);
        events.extend(held(two, "https://a.test/cart", Place::TERMINAL));
        events.extend([began(three, Request::get("https://a.test/rates").expect("a URL")), ended(three)]);
        events.extend([Event::Decided { flow: two, verdict: RELEASED, place: None }, ended(two)]);
        let text = said(events);
        assert_eq!(
            lines(&text, "async fn"),
            [
                "async fn session(client: Client) -> TestResult {",
                "let cart = hold!(response: path == \"/cart\");",
                "client.get(\"https://a.test/login\").send().await?;",
                "let asking = tokio::spawn(client.get(\"https://a.test/cart\").send());",
                "client.get(\"https://a.test/rates\").send().await?;",
                "cart.next().await?.release().await?;",
                "asking.await??;",
                "todo!(\"what must hold now\")",
                "}"
            ],
            "{text}"
        );
    }

    #[test]
    fn what_a_person_does_is_in_the_order_in_which_it_was_done() {
        let (page, call) = (FlowId::new(1), FlowId::new(2));
        let html =
            Request::get("https://a.test/").expect("a URL").with_header("accept", "text/html").expect("a header");
        let mut events = vec![began(page, html)];
        events.push(acted(ActionKind::Type("a".to_owned())));
        events.push(acted(ActionKind::Type("b".to_owned())));
        events.extend(held(call, "https://a.test/search", Place::TERMINAL));
        events.push(Event::Decided { flow: call, verdict: RELEASED, place: None });
        events.push(acted(ActionKind::Type("c".to_owned())));
        events.push(acted(ActionKind::Press(Key::named("Enter").expect("a key"))));
        let text = said(events);
        assert_eq!(
            lines(&text, "let"),
            [
                "let search = hold!(response: path == \"/search\");",
                "browser.goto(\"https://a.test/\").await?;",
                "browser.type_into(\"#q\", \"ab\").await?;",
                "search.next().await?.release().processed().await?;",
                "browser.settled().await?;",
                "browser.type_into(\"#q\", \"c\").await?;",
                "browser.type_into(\"#q\", \"\\u{e007}\").await?; // Enter",
                "browser.settled().await?;",
                "todo!(\"what must hold now\")",
                "}"
            ],
            "{text}"
        );
        assert!(text.starts_with("// As a schedule: h1;ff\n"), "{text}");
    }

    #[test]
    fn of_a_paused_test_only_what_was_added_is_written() {
        let (own, of_test) = (FlowId::new(1), FlowId::new(2));
        let mut events = vec![Event::Paused { place: Place::here() }];
        events.extend(held(own, "https://a.test/a", Place::TERMINAL));
        events.extend(held(of_test, "https://a.test/b", Place::here()));
        events.push(Event::Decided { flow: of_test, verdict: RELEASED, place: None });
        events.push(Event::Decided { flow: own, verdict: ABORTED, place: None });
        let text = said(events);
        assert!(text.starts_with("// Insert where the test was paused: src/record/session.rs:"), "{text}");
        assert!(text.contains("let a = hold!(response: path == \"/a\");") && !text.contains("let b ="), "{text}");
        let release = "// the flow that src/record/session.rs:";
        assert!(text.contains(release) && text.contains("a.next().await?.abort(AbortKind::Reset).await?;"), "{text}");
        assert!(!text.contains("async fn") && text.find(release) < text.find("a.next()"), "{text}");
    }
}
