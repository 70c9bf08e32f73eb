//! `index.html`: the tests of a run that have failed, with links to their pages. Pure.

use super::markup::line;
use serde_json::{Value, json};

/// What the index has of one test. It is read from the file beside the test's page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    /// Seconds since 1970: when the test ended.
    pub(super) at: u64,
    /// Which run of the tests it was part of.
    pub(super) run: String,
    pub(super) test: String,
    pub(super) verdict: String,
    pub(super) failed: bool,
    /// The test's folder, below that of the index.
    pub(super) folder: String,
}

impl Listed {
    pub(super) fn to_json(&self) -> String {
        json!({ "at": self.at, "run": self.run, "test": self.test, "verdict": self.verdict, "failed": self.failed })
            .to_string()
    }

    /// Reads the file of a test in `folder`.
    pub(super) fn from_json(text: &str, folder: String) -> Option<Self> {
        let json: Value = serde_json::from_str(text).ok()?;
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        let (run, test, verdict) = (text("run")?, text("test")?, text("verdict")?);
        Some(Self { at: json["at"].as_u64()?, run, test, verdict, failed: json["failed"].as_bool()?, folder })
    }
}

/// Returns the page: the tests of the last run, then those of earlier ones.
pub(super) fn index(listed: &[Listed]) -> String {
    let mut listed: Vec<_> = listed.iter().collect();
    listed.sort_by(|one, other| (other.at, &one.test).cmp(&(one.at, &other.test)));
    let last = listed.first().map(|first| first.run.clone()).unwrap_or_default();
    let (of_last, earlier): (Vec<_>, Vec<_>) = listed.into_iter().partition(|one| one.run == last);
    let mut body = table(&of_last);
    if !earlier.is_empty() {
        body += &format!(
            "<details><summary>{} from earlier runs</summary>\n{}</details>\n",
            earlier.len(),
            table(&earlier)
        );
    }
    format!(
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width\">\n\
         <meta name=color-scheme content=\"light dark\">\n<title>Holdup: {count} tests</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>Tests of the last run: {count}</h1>\n{body}</main>\n</body>\n</html>\n",
        count = of_last.len()
    )
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:16px}td,th{padding:4px 10px;text-align:left;vertical-align:top;\
    border-bottom:1px solid #8884;overflow-wrap:anywhere}table{border-collapse:collapse}";

fn table(listed: &[&Listed]) -> String {
    let mut html = "<table>\n<thead><tr><th scope=col align=left>test</th><th scope=col align=left>what happened</th></tr></thead>\n<tbody>\n".to_owned();
    for one in listed {
        let sign = if one.failed { "✗" } else { "✓" };
        html += &format!(
            "<tr><td>{sign} <a href=\"{}/timeline.html\">{}</a><td>{}\n",
            line(&one.folder),
            line(&one.test),
            line(&one.verdict)
        );
    }
    html + "</tbody></table>\n"
}
