//! Which document asks for what, by a name of the document that is the same in every execution. Pure.

use super::page::Documents;
use crate::browser::bidi::as_on_the_wire;
use serde_json::Value;
use std::collections::BTreeMap;

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

/// What all documents ask for. `windows` is the answer to `browsingContext.getTree`, `first` the window of the test, and `others`
/// those that it was seen to have beside that.
pub(super) fn asked(documents: &Documents, windows: &Value, first: &str, others: &mut Vec<String>) -> Vec<Asked> {
    let names = names(windows, first, others);
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
    all.sort_by(|one, other| (&one.by, one.place, &one.document).cmp(&(&other.by, other.place, &other.document)));
    all
}

fn names(windows: &Value, first: &str, others: &mut Vec<String>) -> Names {
    let mut names = Names::new();
    let windows = windows["contexts"].as_array().map_or(&[][..], Vec::as_slice);
    let user = windows.iter().find(|window| window["context"] == first).map(|window| &window["userContext"]);
    // One of another user is for the next test.
    for window in windows.iter().filter(|window| Some(&window["userContext"]) == user) {
        let id = window["context"].as_str().unwrap_or_default();
        if id == first {
            name(window, "", true, &mut names);
            continue;
        }
        // A window keeps its number when one before it is closed.
        if !others.iter().any(|other| other == id) {
            others.push(id.to_owned());
        }
        let at = others.iter().position(|other| other == id).unwrap_or_default();
        name(window, &format!("w{}", at + 2), true, &mut names);
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
        names.insert(id.to_owned(), (name, as_on_the_wire(url)));
    }
    document["children"].as_array().into_iter().flatten().for_each(|child| self::name(child, window, false, names));
}

/// The path of a page's URL; of another's what it is (`about:srcdoc`, `blob:`), for the rest may differ each time.
fn path(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(page) if page.has_host() => page.path().to_owned(),
        Ok(about) if about.scheme() == "about" => format!("about:{}", about.path()),
        Ok(other) => format!("{}:", other.scheme()),
        Err(_) => String::new(),
    }
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
            { "context": "idle", "userContext": "2", "url": "about:blank", "children": [] },
            { "context": "a", "userContext": "1", "url": "https://a/", "children": [frame] },
            { "context": "d", "userContext": "1", "url": "https://a/popup#x", "children": null }] });
        let mut others = vec!["closed".to_owned()];
        let asked = asked(&documents, &windows, "a", &mut others);
        let said: Vec<_> = asked.iter().map(|asked| (asked.by.as_str(), asked.url.as_str(), asked.place)).collect();
        assert_eq!(
            said,
            [
                ("", "https://a/x", 1),
                ("@/in.html", "https://a/x", 0),
                ("@about:srcdoc", "https://a/y", 0),
                ("@w3/popup", "https://a/z", 0)
            ]
        );
        assert_eq!(asked[3].document, "https://a/popup");
    }

    #[test]
    fn a_name_is_the_same_each_time_and_has_no_spaces() {
        for (url, name) in [
            ("https://a/x y?z#1", "/x%20y"),
            ("about:srcdoc", "about:srcdoc"),
            ("blob:https://a/3f0e", "blob:"),
            ("data:text/html,<p>Hi, a > b", "data:"),
            ("", ""),
        ] {
            assert_eq!(path(url), name);
        }
    }
}
