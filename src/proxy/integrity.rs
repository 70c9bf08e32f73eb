//! What pins a page to the exact bytes of its parts: subresource integrity, and the hashes of a content security
//! policy.
//!
//! Where a rule changes a part, its pin is removed; the rest stays pinned. Pure.

use crate::crypto;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use once_cell::sync::Lazy;
use regex::{Captures, Regex};
use serde_json::Value;
use url::Url;

const INTEGRITY_POLICY: HeaderName = HeaderName::from_static("integrity-policy");

static TAG: Lazy<Regex> =
    Lazy::new(|| Regex::new(r#"(?is)<(?:script|link)\b(?:[^>"']|"[^"]*"|'[^']*')*>"#).expect("a constant"));
static ADDRESS: Lazy<Regex> =
    Lazy::new(|| Regex::new(r#"(?is)\s(?:src|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"#).expect("a constant"));
static INTEGRITY: Lazy<Regex> =
    Lazy::new(|| Regex::new(r#"(?is)\sintegrity\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+)"#).expect("a constant"));
static BASE: Lazy<Regex> =
    Lazy::new(|| Regex::new(r#"(?is)<base\b[^>]*\shref\s*=\s*["']?([^"'\s>]+)"#).expect("a constant"));
static IMPORT_MAP: Lazy<Regex> = Lazy::new(|| {
    Regex::new(r#"(?is)(<script\b[^>]*\btype\s*=\s*["']?importmap\b[^>]*>)(.*?)(</script)"#).expect("a constant")
});
static INLINE: Lazy<Regex> =
    Lazy::new(|| Regex::new(r"(?is)<(?:script|style)\b([^>]*)>(.*?)</(?:script|style)").expect("a constant"));
static LINK: Lazy<Regex> = Lazy::new(|| Regex::new(r#"(?i)<([^>]*)>((?:[^,"]|"[^"]*")*)"#).expect("a constant"));
static LINK_INTEGRITY: Lazy<Regex> =
    Lazy::new(|| Regex::new(r#"(?i);\s*integrity\s*=\s*(?:"[^"]*"|[^\s;,]+)"#).expect("a constant"));

/// Removes the integrity attributes of the parts that `changes` selects.
///
/// Returns the changed page, or `None` if nothing changed.
pub(super) fn strip(page: &str, url: &str, changes: impl Fn(&str) -> bool) -> Option<String> {
    let base = base(page, url)?;
    let changes = |address: &str| base.join(address).is_ok_and(|url| changes(url.as_str()));
    let tags = TAG.replace_all(page, |tag: &Captures<'_>| {
        let address = ADDRESS.captures(&tag[0]).and_then(|found| (1..=3).find_map(|i| found.get(i)));
        match address {
            Some(address) if changes(address.as_str()) => INTEGRITY.replace_all(&tag[0], "").into_owned(),
            _ => tag[0].to_owned(),
        }
    });
    let maps = IMPORT_MAP.replace_all(&tags, |map: &Captures<'_>| match stripped_map(&map[2], &changes) {
        Some(stripped) => format!("{}{stripped}{}", &map[1], &map[3]),
        None => map[0].to_owned(),
    });
    (maps != page).then(|| maps.into_owned())
}

fn base(page: &str, url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let said = BASE.captures(page).and_then(|found| url.join(&found[1]).ok());
    Some(said.unwrap_or(url))
}

fn stripped_map(map: &str, changes: &impl Fn(&str) -> bool) -> Option<String> {
    let mut map: Value = serde_json::from_str(map).ok()?;
    let pinned = map.get_mut("integrity")?.as_object_mut()?;
    let before = pinned.len();
    pinned.retain(|address, _| !changes(address));
    (pinned.len() < before).then(|| map.to_string())
}

/// Like [`strip`], for the `link` headers of a page, which preload.
pub(super) fn strip_links(headers: &mut HeaderMap, url: &str, changes: impl Fn(&str) -> bool) {
    let Ok(base) = Url::parse(url) else { return };
    let changes = |address: &str| base.join(address).is_ok_and(|url| changes(url.as_str()));
    let links: Vec<_> = headers.get_all(header::LINK).into_iter().filter_map(|link| link.to_str().ok()).collect();
    if !links.iter().any(|link| LINK_INTEGRITY.is_match(link)) {
        return;
    }
    let stripped: Vec<_> = links
        .iter()
        .map(|link| {
            LINK.replace_all(link, |link: &Captures<'_>| match changes(&link[1]) {
                true => format!("<{}>{}", &link[1], LINK_INTEGRITY.replace_all(&link[2], "")),
                false => link[0].to_owned(),
            })
            .into_owned()
        })
        .collect();
    headers.remove(header::LINK);
    for link in stripped.iter().filter_map(|link| HeaderValue::try_from(link).ok()) {
        headers.append(header::LINK, link);
    }
}

/// Adapts the policies in a page's head to its changed text.
///
/// Hashes of its inline scripts and styles are added to directives that have hashes, and `integrity-policy`, which may
/// require the removed attributes, is deleted.
pub(super) fn allow(headers: &mut HeaderMap, page: &str) {
    headers.remove(INTEGRITY_POLICY);
    let scripts = INLINE.captures_iter(page).filter(|found| !ADDRESS.is_match(&found[1]));
    let hashes: String = scripts.map(|found| hash(&found[2])).collect();
    let policies: Vec<_> = headers.get_all(header::CONTENT_SECURITY_POLICY).into_iter().cloned().collect();
    headers.remove(header::CONTENT_SECURITY_POLICY);
    for policy in policies {
        let allowed = policy.to_str().ok().and_then(|policy| HeaderValue::try_from(allowing(policy, &hashes)).ok());
        headers.append(header::CONTENT_SECURITY_POLICY, allowed.unwrap_or(policy));
    }
}

fn allowing(policy: &str, hashes: &str) -> String {
    let directive = |directive: &str| match directive.contains("'sha") {
        true => format!("{}{hashes}", directive.trim_end()),
        false => directive.to_owned(),
    };
    policy.split(';').map(directive).collect::<Vec<_>>().join(";")
}

/// Returns a policy's hash of a text, after a space. Line ends are normalized as by the browser's parser.
fn hash(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    format!(" 'sha256-{}'", BASE64_STANDARD.encode(crypto::sha256(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://shop.test/dir/page";

    fn app(url: &str) -> bool {
        url == "https://shop.test/dir/app.js"
    }

    #[test]
    fn only_what_changes_is_unpinned() {
        for (page, stripped) in [
            (r#"<script src="app.js" integrity="sha384-x" defer></script>"#, r#"<script src="app.js" defer></script>"#),
            ("<SCRIPT integrity='a b' src=/dir/app.js>", "<SCRIPT src=/dir/app.js>"),
            ("<link rel=preload href='app.js?' integrity=x>", ""),
            ("<script integrity=x src=other.js>", ""),
            ("<base href=/dir/><script\n integrity=x\n src=app.js>", "<base href=/dir/><script\n\n src=app.js>"),
            (
                r#"<script type=importmap>{"integrity": {"./app.js": "x", "./b.js": "y"}}</script>"#,
                r#"<script type=importmap>{"integrity":{"./b.js":"y"}}</script>"#,
            ),
            ("<p>integrity=x src=app.js", ""),
        ] {
            let expected = (!stripped.is_empty()).then(|| stripped.to_owned());
            assert_eq!(strip(page, URL, app), expected, "{page}");
        }
    }

    #[test]
    fn preloads_are_unpinned() {
        let link = "<app.js>; rel=preload; as=script; integrity=\"sha384-x\", <b.js>; integrity=y";
        let mut headers = HeaderMap::from_iter([(header::LINK, HeaderValue::from_static(link))]);
        strip_links(&mut headers, URL, app);
        assert_eq!(headers[header::LINK], "<app.js>; rel=preload; as=script, <b.js>; integrity=y");
    }

    #[test]
    fn a_policy_of_hashes_allows_the_new_text() {
        let policy = "default-src 'self'; script-src 'sha256-old' 'strict-dynamic'";
        let mut headers = HeaderMap::from_iter([
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
            (INTEGRITY_POLICY, HeaderValue::from_static("blocked-destinations=(script)")),
        ]);
        allow(&mut headers, "<script>a()</script><script src=b.js></script>");
        let said = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
        assert_eq!(said, format!("{policy}{}", hash("a()")));
        assert!(!headers.contains_key(INTEGRITY_POLICY));
    }
}
