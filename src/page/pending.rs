//! Which document sends which request, by a document name that is the same in every execution. Pure (no I/O).

use super::document::Documents;
use crate::inspector::{Frame, as_on_the_wire};
use std::collections::BTreeMap;

/// Something that a document waits for, or a stream that it listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) url: String,
    /// Position in the order of its document's requests.
    pub(crate) place: usize,
    /// The document: empty for the page that the test began with, `@/frame.html` for one in it, `@w2/popup.html` for
    /// one in the next window.
    pub(crate) by: String,
    /// URL of that document; empty where only one document can have sent the request.
    pub(crate) document: String,
}

/// A document's name and URL, by the id of its frame.
type Names = BTreeMap<String, (String, String)>;

/// Returns what all documents request. `windows` are those of the test, `first` is the one that it began with, and
/// `others` are the ids of the rest that it has, or had.
pub(super) fn asked(documents: &Documents, windows: &[Frame], first: &str, others: &mut Vec<String>) -> Vec<Pending> {
    let names = names(windows, first, others);
    let mut all = Vec::new();
    for (frame, document) in documents {
        let (by, url) = names.get(frame).cloned().unwrap_or_default();
        let asked = |(place, asked): (usize, &String)| Pending {
            url: asked.clone(),
            place,
            by: by.clone(),
            document: url.clone(),
        };
        let waits = document.waits.iter().map(|wait| &wait.url).enumerate().filter(|(_, url)| !url.is_empty());
        all.extend(waits.map(asked));
        all.extend(document.streams.iter().map(|stream| (usize::MAX, &stream.url)).map(asked));
    }
    // The page itself comes first.
    all.sort_by(|one, other| (&one.by, one.place, &one.document).cmp(&(&other.by, other.place, &other.document)));
    all
}

fn names(windows: &[Frame], first: &str, others: &mut Vec<String>) -> Names {
    let mut names = Names::new();
    for window in windows {
        if window.id == first {
            name(window, "", true, &mut names);
            continue;
        }
        // A window keeps its number when an earlier one is closed.
        if !others.contains(&window.id) {
            others.push(window.id.clone());
        }
        let at = others.iter().position(|other| *other == window.id).unwrap_or_default();
        name(window, &format!("w{}", at + 2), true, &mut names);
    }
    names
}

/// Names a document and those in it.
fn name(document: &Frame, window: &str, is_top: bool, names: &mut Names) {
    let name = match is_top && window.is_empty() {
        true => String::new(),
        false => format!("@{window}{}", path(&document.url)),
    };
    names.insert(document.id.clone(), (name, as_on_the_wire(&document.url)));
    document.children.iter().for_each(|child| self::name(child, window, false, names));
}

/// Returns the path of a page's URL. Other URLs are cut to their kind (`about:srcdoc`, `blob:`): the rest may differ
/// each time.
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
    use crate::page::document::{Document, Wait};

    fn document(urls: &[&str]) -> Document {
        let wait = |url: &&str| Wait { kind: "fetch".to_owned(), url: (*url).to_owned(), place: None };
        Document {
            realm: String::new(),
            has_workers: false,
            workers: 0,
            turn: 0,
            ready: "complete".to_owned(),
            waits: urls.iter().map(wait).collect(),
            slow: 0,
            folded: vec![],
            streams: vec![],
            refused: vec![],
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
        let frame = |id: &str, url: &str, children| Frame { id: id.to_owned(), url: url.to_owned(), children };
        let inner = frame("c", "https://a/in.html?1", vec![frame("b", "about:srcdoc", vec![])]);
        let windows = [frame("a", "https://a/", vec![inner]), frame("d", "https://a/popup#x", vec![])];
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
