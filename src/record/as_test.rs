//! A recording as a test, and the text of tests.

use super::load::load;
use super::played::Played;
use super::shortest::filter;
use crate::flow::{Place, StageName};
use crate::report::Failure;
use crate::sanitize::sanitize_line;
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

/// What a test does with a held flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    #[default]
    Release,
    Abort,
}

/// A flow that was parked.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Its position among the flows.
    pub(super) at: usize,
    pub(super) stage: String,
    pub(super) note: Option<String>,
    pub(super) verdict: Verdict,
    /// The order of the verdicts.
    pub(super) rank: f64,
    /// How it is changed before: lines of a closure with the argument `it`.
    pub(super) edit: Vec<String>,
    /// The line of a test that holds it already.
    pub(super) by: Option<String>,
}

pub(super) struct Test<'a> {
    pub(super) name: &'a str,
    /// Comments above the test.
    pub(super) above: &'a str,
    /// Lines before the holds.
    pub(super) lead: &'a str,
    /// Whether the page settles after each verdict.
    pub(super) settles: bool,
    pub(super) end: &'a str,
}

pub(super) fn text(path: &Path, flows: &[Played]) -> String {
    let name = identifier(&path.file_stem().unwrap_or_default().to_string_lossy());
    let held = held(flows);
    let order = if held.is_empty() { ".in_recorded_order()" } else { "" };
    let lead = format!("    replay!({:?})?{order};\n", path.display().to_string());
    let end = "    // .. what the page shows then ..\n    Ok(())\n}\n";
    Test { name: &name, above: "", lead: &lead, settles: false, end }.text(flows, held, &[])
}

/// A held flow with the name of its hold.
type Named = (String, Held);

const SETTLED: &str = "    browser.settled().await?;\n";

impl Test<'_> {
    /// `actions` are lines that the user or the client does, each with its rank among the verdicts.
    pub(super) fn text(&self, flows: &[Played], held: Vec<Held>, actions: &[(f64, String)]) -> String {
        let Self { name, above, lead, end, .. } = self;
        let page = flows.iter().find(|flow| is_page(flow));
        let is_held_while_loading = held.iter().any(|held| !is_call(&flows[held.at]));
        let (argument, open, settled) = match (page, flows.first()) {
            (Some(page), _) => {
                let open = if is_held_while_loading {
                    format!("    browser.start({:?}); // does not wait for the page, which is held\n", page.url)
                } else {
                    format!("    browser.goto({:?}).await?;\n", page.url)
                };
                ("browser: Browser", open, SETTLED)
            }
            // It may be held, so it is not awaited here.
            (None, Some(first)) if actions.is_empty() => {
                let open = format!("    let asking = tokio::spawn(client.get({:?}).send());\n", first.url);
                ("client: Client", open, "    asking.await??;\n")
            }
            (None, _) => ("client: Client", String::new(), ""),
        };
        let (holds, steps) = self.steps(flows, held, page.is_some(), actions);
        let user = if actions.is_empty() { "    // .. what the user does ..\n" } else { "" };
        format!(
            "{above}use holdup::prelude::*;\n\n#[mitm_test]\nasync fn {name}({argument}) -> TestResult {{\n\
             {lead}{holds}{open}{user}{steps}{settled}{end}"
        )
    }

    /// Returns only the lines of the holds and the verdicts.
    pub(super) fn part(&self, flows: &[Played], held: Vec<Held>) -> String {
        let has_page = flows.iter().any(is_page);
        let (holds, steps) = self.steps(flows, held, has_page, &[]);
        format!("{holds}{steps}{}", if has_page { SETTLED } else { "" })
    }

    /// Returns the holds, and what is done then.
    fn steps(&self, flows: &[Played], held: Vec<Held>, has_page: bool, actions: &[(f64, String)]) -> (String, String) {
        let mut names = BTreeSet::new();
        let named: Vec<_> = held.into_iter().map(|held| (name_of(&flows[held.at], &mut names), held)).collect();
        let between = if self.settles && has_page { SETTLED } else { "" };
        let mut steps: Vec<_> = actions.iter().map(|(rank, line)| (*rank, true, format!("    {line}"))).collect();
        steps.extend(named.iter().map(|step| (step.1.rank, false, verdict(step, &named, has_page))));
        steps.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
        let mut text = String::new();
        for (nth, (.., line)) in steps.iter().enumerate() {
            // What the user does is not waited for: it may make the call that is held next.
            if nth > 0 && !steps[nth - 1].1 {
                text.push_str(between);
            }
            text.push_str(line);
        }
        (holds(flows, &named), text)
    }
}

/// Writes the holds. A flow that is held twice has one, of its request.
fn holds(flows: &[Played], named: &[Named]) -> String {
    let is_of_request = |held: &Held| held.stage == "request";
    let is_second = |held: &Held| named.iter().any(|(_, first)| first.at == held.at && is_of_request(first));
    let mut text = String::new();
    let is_own = |held: &Held| held.by.is_none() && (is_of_request(held) || !is_second(held));
    for (name, held) in named.iter().filter(|(_, held)| is_own(held)) {
        let stage = if is_of_request(held) { String::new() } else { format!("{}: ", held.stage) };
        // Writing to a `String` cannot fail.
        let _ = held.note.as_ref().map(|note| writeln!(text, "    // {note}"));
        let _ = writeln!(text, "    let {name} = hold!({stage}{});", filter(flows, held.at));
    }
    text
}

/// Writes a verdict. The hold of a request hands the flow over with its answer, if that is held, too.
fn verdict((name, held): &Named, named: &[Named], has_page: bool) -> String {
    let other = |stage: &str| named.iter().find(|(_, other)| other.at == held.at && other.stage == stage);
    let is_handed_over = held.stage == "request" && held.verdict == Verdict::Release && other("response").is_some();
    if let Some(by) = &held.by {
        let done = if held.verdict == Verdict::Release { "released" } else { "aborted" };
        return format!("    // the flow that {by} holds is {done} here\n");
    }
    let first = other("request").filter(|_| held.stage == "response");
    let mut taken = first.map_or_else(|| format!("{name}.next().await?"), |(first, _)| first.clone());
    let mut lines = String::new();
    if !held.edit.is_empty() {
        let target = first.map_or(name, |(first, _)| first);
        lines = format!("    let mut {target} = {taken};\n    {target}.edit(|it| {{\n");
        held.edit.iter().for_each(|line| lines.push_str(&format!("        {line}\n")));
        lines.push_str("    });\n");
        taken.clone_from(target);
    }
    if is_handed_over {
        return format!("{lines}    let {name} = {taken}.advance().await?;\n");
    }
    let verdict = match held.verdict {
        Verdict::Release if has_page => "release().processed()",
        Verdict::Release => "release()",
        Verdict::Abort => "abort(AbortKind::Reset)",
    };
    format!("{lines}    {taken}.{verdict}.await?;\n")
}

/// Returns the flows that a rule had parked as a whole, in the order of their requests.
fn held(flows: &[Played]) -> Vec<Held> {
    let parked = flows.iter().enumerate().filter_map(|(at, flow)| Some((at, flow, flow.parked.first()?)));
    let whole = parked.filter(|(_, _, parked)| {
        [StageName::Request, StageName::Response].iter().any(|stage| stage.to_string() == parked.stage)
    });
    let held = whole.map(|(at, flow, parked)| {
        let note = format!("Parked by {} at {}.", one_line(&parked.rule), one_line(&parked.line));
        let rank = flow.ended.unwrap_or(f64::MAX);
        Held { at, stage: parked.stage.clone(), note: Some(note), rank, ..Held::default() }
    });
    held.collect()
}

/// Returns a name for the hold of a flow that no other has.
fn name_of(flow: &Played, names: &mut BTreeSet<String>) -> String {
    let last = flow.url.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let base = identifier(if last.is_empty() { "page" } else { last });
    let numbered = (2..).map(|n| format!("{base}_{n}"));
    let name = std::iter::once(base.clone()).chain(numbered).find(|name| !names.contains(name)).unwrap_or(base);
    names.insert(name.clone());
    name
}

/// Whether a script asked for it, and not the page as it loads.
fn is_call(flow: &Played) -> bool {
    let kind = flow.request_headers.get("sec-fetch-dest").and_then(|kind| kind.to_str().ok());
    kind.is_none_or(|kind| kind == "empty")
}

pub(super) fn is_page(flow: &Played) -> bool {
    let header = |name: &str| flow.request_headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_document = header("sec-fetch-dest") == "document";
    is_document || (header("sec-fetch-dest").is_empty() && header("accept").starts_with("text/html"))
}

/// Returns a name of Rust. The names of the test's own values are not taken.
fn identifier(text: &str) -> String {
    let mut name: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let is_taken = TAKEN.contains(&&*name) || name.starts_with("asking");
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || is_taken {
        name.insert_str(0, "the_");
    }
    name
}

/// The keywords of Rust, and the arguments.
const TAKEN: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "browser", "client",
    "mitm",
];

fn one_line(text: &str) -> String {
    sanitize_line(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::played::{Parked, PlayedAnswer};

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

    /// As a filter without a stage does it: the request, and then the answer.
    #[test]
    fn a_flow_that_is_held_twice_has_one_hold() {
        let held = |stage: &str, rank: f64| Held { stage: stage.to_owned(), rank, ..Held::default() };
        let flows = [flow("https://a/save", &[], 1.0)];
        let test = Test { name: "session", above: "", lead: "", settles: true, end: "}\n" };
        let text = test.text(&flows, vec![held("request", 0.0), held("response", 1.0)], &[]);
        let lines: Vec<_> =
            text.lines().map(str::trim).filter(|line| line.contains("save") && !line.contains("get(")).collect();
        assert_eq!(
            lines,
            [
                "let save = hold!(path == \"/save\");",
                "let save = save.next().await?.advance().await?;",
                "save.release().await?;"
            ]
        );
    }

    #[test]
    fn a_part_of_a_path_becomes_a_name() {
        for (text, name) in [
            ("save", "save"),
            ("7.json", "the_7_json"),
            ("type", "the_type"),
            ("Zürich", "z_rich"),
            ("", "the_"),
            ("asking-2", "the_asking_2"),
        ] {
            assert_eq!(identifier(text), name);
        }
    }
}
