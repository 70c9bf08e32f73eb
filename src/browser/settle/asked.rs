//! Which document asks for what, by a name of the document that is the same in every execution. Pure.

use super::page::Documents;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Something that a document waits for, or a stream that it listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) url: String,
    /// In the order in which its document asked.
    pub(crate) place: usize,
    /// The document: empty for the page that the test began with, `@/frame.html` for one in it, `@w2/popup.html` for what stands
    /// in the next window.
    pub(crate) by: String,
    /// Where that was loaded from; empty where only one document can have asked.
    pub(crate) document: String,
}

/// A document's name and its URL.
type Names = BTreeMap<String, (String, String)>;

/// What all documents ask for. `windows` is the answer to `browsingContext.getTree`, `first` the window of the test, and `but`
/// those that are of no test.
pub(super) fn asked(documents: &Documents, windows: &Value, first: &str, but: &BTreeSet<String>) -> Vec<Asked> {
    let names = names(windows, first, but);
    let mut all = Vec::new();
    for (frame, document) in documents {
        let (by, url) = names.get(frame).cloned().unwrap_or_default();
        let asked = |(place, asked): (usize, &String)| Asked {
            url: asked.clone(),
            place,
            by: by.clone(),
            document: url.clone(),
        };
        let waits = document.waits.iter().map(|wait| &wait.url).enumerate().filter(|(_, url)| !url.is_empty());
        all.extend(waits.map(asked));
        all.extend(document.streams.iter().map(|stream| (usize::MAX, &stream.url)).map(asked));
    }
    // What stands in the page itself comes first.
    all.sort_by(|one, other| (&one.by, one.place).cmp(&(&other.by, other.place)));
    all
}

fn names(windows: &Value, first: &str, but: &BTreeSet<String>) -> Names {
    let mut names = Names::new();
    let is_of_test = |window: &&Value| window["context"].as_str().is_some_and(|id| !but.contains(id));
    let mut others = 2..;
    for window in windows["contexts"].as_array().into_iter().flatten().filter(is_of_test) {
        let which = match window["context"] == first {
            true => String::new(),
            false => format!("w{}", others.next().unwrap_or_default()),
        };
        name(window, &which, true, &mut names);
    }
    names
}

/// Names a document, and those in it.
fn name(document: &Value, window: &str, is_top: bool, names: &mut Names) {
    let url = document["url"].as_str().unwrap_or_default();
    let name = match is_top && window.is_empty() {
        true => String::new(),
        false => format!("@{window}{}", path(url)),
    };
    if let Some(id) = document["context"].as_str() {
        names.insert(id.to_owned(), (name, url.to_owned()));
    }
    document["children"].as_array().into_iter().flatten().for_each(|child| self::name(child, window, false, names));
}

/// The path of a page's URL; all of another's (`about:srcdoc`).
fn path(url: &str) -> String {
    let parsed = url::Url::parse(url).ok().filter(url::Url::has_host);
    parsed.map_or_else(|| url.to_owned(), |url| url.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::settle::page::{Document, Wait};
    use serde_json::json;

    fn document(urls: &[&str]) -> Document {
        let wait = |url: &&str| Wait { kind: "fetch".to_owned(), url: (*url).to_owned(), place: None };
        Document {
            realm: String::new(),
            has_workers: false,
            turn: 0,
            ready: "complete".to_owned(),
            waits: urls.iter().map(wait).collect(),
            streams: vec![],
        }
    }

    #[test]
    fn windows_and_frames_have_names() {
        let documents = [
            ("c", document(&["https://a/x"])),
            ("a", document(&["", "https://a/x"])),
            ("b", document(&["https://a/y"])),
            ("d", document(&["https://a/z"])),
        ];
        let documents = documents.into_iter().map(|(frame, document)| (frame.to_owned(), document)).collect();
        let frame = json!({ "context": "c", "url": "https://a/in.html?1", "children": [
            { "context": "b", "url": "about:srcdoc", "children": [] }] });
        let windows = json!({ "contexts": [
            { "context": "idle", "url": "about:blank", "children": [] },
            { "context": "a", "url": "https://a/", "children": [frame] },
            { "context": "d", "url": "https://a/popup", "children": null }] });
        let asked = asked(&documents, &windows, "a", &BTreeSet::from(["idle".to_owned()]));
        let said: Vec<_> = asked.iter().map(|asked| (asked.by.as_str(), asked.url.as_str(), asked.place)).collect();
        assert_eq!(
            said,
            [
                ("", "https://a/x", 1),
                ("@/in.html", "https://a/x", 0),
                ("@about:srcdoc", "https://a/y", 0),
                ("@w2/popup", "https://a/z", 0)
            ]
        );
    }
}
