//! A recording as a test: its flows answer, and what was parked is held.

use super::load::load;
use super::played::{Parked, Played};
use super::shortest::filter;
use crate::flow::{Place, StageName};
use crate::report::Failure;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Returns a recording as the text of a Rust test: a HAR, or a flow file of mitmproxy.
///
/// The recorded answers are replayed, in the recorded order. If rules had parked flows, the test has a hold for each of
/// them instead, with the shortest filter that matches it alone, and releases them in the order in which they came to the
/// page. What the user did is not in a recording: a comment says where it goes.
///
/// ```no_run
/// println!("{}", holdup::record::to_rust("tests/checkout.har").expect("a recording"));
/// ```
///
/// # Errors
/// When the file cannot be read, or is no recording.
#[track_caller]
pub fn to_rust(path: impl AsRef<Path>) -> Result<String, Failure> {
    let (path, place) = (path.as_ref(), Place::here());
    let flows = load(path).map_err(|why| Failure::bare(why).at(place))?;
    Ok(text(path, &flows))
}

/// A flow that was parked.
struct Held<'a> {
    name: String,
    filter: String,
    parked: &'a Parked,
    ended: f64,
}

pub(super) fn text(path: &Path, flows: &[Played]) -> String {
    let name = identifier(&path.file_stem().unwrap_or_default().to_string_lossy());
    let page = flows.iter().find(|flow| is_page(flow));
    let (argument, open) = match (page, flows.first()) {
        (Some(page), _) => ("browser: Browser", format!("    browser.goto({:?}).await?;\n", page.url)),
        (None, Some(first)) => ("client: Client", format!("    client.get({:?}).send().await?;\n", first.url)),
        (None, None) => ("client: Client", String::new()),
    };
    let mut held = held(flows);
    let order = if held.is_empty() { ".in_recorded_order()" } else { "" };
    let mut text = format!(
        "use holdup::prelude::*;\n\n#[mitm_test]\nasync fn {name}({argument}) -> TestResult {{\n    replay!({:?})?{order};\n",
        path.display().to_string()
    );
    for Held { name, filter, parked, .. } in &held {
        let stage = if parked.stage == "request" { String::new() } else { format!("{}: ", parked.stage) };
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "    // Parked by {} at {}.", one_line(&parked.rule), one_line(&parked.line));
        let _ = writeln!(text, "    let {name} = hold!({stage}{filter});");
    }
    text += &open;
    text += "    // .. what the user does ..\n";
    held.sort_by(|one, other| one.ended.total_cmp(&other.ended));
    let processed = if page.is_some() { ".processed()" } else { "" };
    for Held { name, .. } in &held {
        let _ = writeln!(text, "    {name}.next().await?.release(){processed}.await?;");
    }
    if page.is_some() {
        text += "    browser.settled().await?;\n";
    }
    text += "    // .. what the page shows then ..\n    Ok(())\n}\n";
    text
}

/// Returns the flows that a rule had parked as a whole, in the order of their requests.
fn held(flows: &[Played]) -> Vec<Held<'_>> {
    let mut names = BTreeSet::new();
    let parked = flows.iter().enumerate().filter_map(|(at, flow)| Some((at, flow, flow.parked.first()?)));
    let whole = parked.filter(|(_, _, parked)| {
        [StageName::Request, StageName::Response].iter().any(|stage| stage.to_string() == parked.stage)
    });
    whole
        .map(|(at, flow, parked)| {
            let last = flow.url.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
            let base = identifier(if last.is_empty() { "page" } else { last });
            let numbered = (2..).map(|n| format!("{base}_{n}"));
            let name = std::iter::once(base.clone()).chain(numbered).find(|name| !names.contains(name));
            let name = name.unwrap_or(base);
            names.insert(name.clone());
            Held { name, filter: filter(flows, at), parked, ended: flow.ended.unwrap_or(f64::MAX) }
        })
        .collect()
}

fn is_page(flow: &Played) -> bool {
    let header = |name: &str| flow.request_headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_document = header("sec-fetch-dest") == "document";
    is_document || (header("sec-fetch-dest").is_empty() && header("accept").starts_with("text/html"))
}

/// Returns a name of Rust. The names of the test's own values are not taken.
fn identifier(text: &str) -> String {
    let mut name: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || TAKEN.contains(&&*name) {
        name.insert_str(0, "the_");
    }
    name
}

/// Keywords that are likely as a part of a path, and the arguments.
const TAKEN: [&str; 24] = [
    "as", "async", "await", "box", "break", "const", "do", "else", "enum", "fn", "for", "if", "in", "let", "loop",
    "match", "mod", "move", "self", "type", "use", "where", "browser", "client",
];

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::played::PlayedAnswer;

    fn flow(url: &str, parked: &[&str], ended: f64) -> Played {
        let parked = parked.iter().map(|stage| Parked {
            stage: (*stage).to_owned(),
            rule: "hold!(url ~ \"x\")".to_owned(),
            line: "tests/a.rs:1".to_owned(),
        });
        Played {
            method: "GET".to_owned(),
            url: url.to_owned(),
            answer: Some(PlayedAnswer::default()),
            ended: Some(ended),
            parked: parked.collect(),
            ..Played::default()
        }
    }

    #[test]
    fn what_was_parked_is_held_and_released_in_its_order() {
        let flows = [flow("https://a/say?q=1", &["response"], 9.0), flow("https://a/say?q=2", &["request"], 5.0)];
        let text = text(Path::new("2 of.har"), &flows);
        assert!(
            text.contains("async fn the_2_of(client: Client)") && text.contains("replay!(\"2 of.har\")?;"),
            "{text}"
        );
        assert!(text.contains("let say = hold!(response: path == \"/say\" && query(\"q\") == \"1\");"), "{text}");
        assert!(text.contains("let say_2 = hold!(path == \"/say\" && query(\"q\") == \"2\");"), "{text}");
        let at = |what: &str| text.find(what).expect(what);
        assert!(at("say_2.next()") < at("say.next()"), "{text}");
    }

    #[test]
    fn a_part_of_a_path_becomes_a_name() {
        for (text, name) in
            [("save", "save"), ("7.json", "the_7_json"), ("type", "the_type"), ("Zürich", "z_rich"), ("", "the_")]
        {
            assert_eq!(identifier(text), name);
        }
    }
}
