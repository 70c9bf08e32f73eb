//! Labels of flows that are the same in every execution: `GET /search?q=a`, `POST /graphql Cart`, `POST /save ~12ab` (a
//! digest of the body). A flow requested by a document other than the page itself has a suffix: `@/frame.html`,
//! `@w2/popup.html`. Pure.

use crate::filter::operation_of;
use crate::flow::Request;
use crate::sanitize::{is_secret, is_unambiguous};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Parameters that differ each time and have no meaning.
const VOLATILE: [&str; 9] = ["_", "t", "ts", "nonce", "rand", "rnd", "timestamp", "cb", "callback"];

/// Returns the label of a request without its occurrence number. `app` is the host of the page that the test opened
/// first.
pub(crate) fn label(request: &Request, app: Option<&str>) -> String {
    let mut label = format!("{} {}", request.method(), place(request, app));
    match (operation_of(request), request.body().filter(|body| !body.is_empty())) {
        (Some(operation), _) => label += &format!(" {operation}"),
        (None, Some(body)) => {
            label += &format!(" ~{}", digest(body));
        }
        (None, None) => {}
    }
    label
}

/// Returns a short digest, which distinguishes values without revealing them: `12ab`.
fn digest(what: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    format!("{:04x}", hasher.finish() & 0xffff)
}

/// Returns the label of a part of a stream: `MESSAGE /socket joined`, `EVENT /stream tick` (with its name or type). The
/// query of a socket has tokens and states of the page, and no meaning.
pub(super) fn label_of_part(what: &str, request: &Request, app: Option<&str>, kind: Option<String>) -> String {
    // The type is a single word.
    let kind = kind.map(|kind| format!(" {}", kind.replace(char::is_whitespace, "_"))).unwrap_or_default();
    let host =
        if app == Some(request.target.host.as_str()) { String::new() } else { format!("//{}", request.target.host) };
    format!("{what} {host}{}{kind}", request.path())
}

/// Returns the name that a WebSocket message has in its JSON: that of an event (`type`, `event`, ..), or the first word of
/// an array (Phoenix: `["1", "2", "room:1", "presence_state", {}]`; socket.io: `42["joined", {}]`).
pub(super) fn name_of_message(text: &str) -> Option<String> {
    const KEYS: [&str; 6] = ["type", "event", "op", "action", "kind", "method"];
    let json = text.trim_start_matches(|char: char| char.is_ascii_digit());
    let name = match serde_json::from_str(json).ok()? {
        serde_json::Value::Object(fields) => KEYS.iter().find_map(|key| fields.get(*key)?.as_str().map(str::to_owned)),
        serde_json::Value::Array(items) => {
            items.iter().filter_map(serde_json::Value::as_str).find(|it| is_word(it)).map(str::to_owned)
        }
        _ => None,
    };
    name.filter(|name| is_word(name))
}

/// Whether a text can be the name of an event: `presence_state`, `cart.changed`, not `room:1`, `17` or a secret.
fn is_word(text: &str) -> bool {
    let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.' | '/');
    (2..=40).contains(&text.len())
        && text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text.chars().all(is_part)
        && !text.chars().any(|char| char.is_ascii_digit())
}

/// Returns host, path and the parameters that have a meaning.
fn place(request: &Request, app: Option<&str>) -> String {
    let mut label = String::new();
    if app != Some(request.target.host.as_str()) {
        label += &format!("//{}", request.target.host);
    }
    label += request.path();
    let query = request.path_and_query.split_once('?').map_or("", |(_, query)| query);
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| !VOLATILE.contains(&&**key) && !is_unambiguous(key))
        .map(|(key, value)| if is_secret(&key) { (key, format!("*{}", digest(&*value)).into()) } else { (key, value) })
        .map(|(key, value)| form_urlencoded::Serializer::new(String::new()).append_pair(&key, &value).finish())
        .collect();
    pairs.sort();
    if !pairs.is_empty() {
        label += &format!("?{}", pairs.join("&"));
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(url: &str) -> String {
        label(&Request::get(url).expect("a URL"), Some("app.test"))
    }

    #[test]
    fn messages_have_the_names_that_are_in_them() {
        for (text, name) in [
            (r#"["1", "2", "room:1", "presence_state", {}]"#, Some("presence_state")),
            (r#"42["joined", {"user": 1}]"#, Some("joined")),
            (r#"{"id": 1, "type": "cart.changed"}"#, Some("cart.changed")),
            (r#"{"method": "ping"}"#, Some("ping")),
            (r#"{"value": "x"}"#, None),
            (r#"["a1b2c3d4"]"#, None),
            ("hello", None),
            ("17", None),
        ] {
            assert_eq!(name_of_message(text).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn what_means_nothing_is_left_out() {
        assert_eq!(named("https://app.test/s?q=b%20c&_=17&a=1"), "GET /s?a=1&q=b+c");
        assert_eq!(named("https://cdn.test/s?t=1"), "GET //cdn.test/s");
        assert_eq!(named("https://app.test/socket?_csrf_token=S3cret&vsn=2"), "GET /socket?vsn=2");
        let login = named("https://app.test/login?code=S3cret");
        assert!(login.starts_with("GET /login?code=") && !login.contains("S3cret"), "{login}");
        assert_ne!(login, named("https://app.test/login?code=another"));
        assert_eq!(
            named("https://app.test/graphql?query=query%20Cart%20%7B%7D"),
            "GET /graphql?query=query+Cart+%7B%7D Cart"
        );
        let mut post = Request::get("https://app.test/save").expect("a URL");
        post.method = http::Method::POST;
        post.content = crate::flow::Content::Read("a=1".into());
        let stream = Request::get("https://app.test/events?t=1").expect("a URL");
        assert_eq!(label_of_part("EVENT", &stream, Some("app.test"), Some("tick".to_owned())), "EVENT /events tick");
        let one = label(&post, Some("app.test"));
        assert!(one.starts_with("POST /save ~") && !one.contains(char::is_control), "{one}");
        post.content = crate::flow::Content::Read("a=2".into());
        assert_ne!(one, label(&post, Some("app.test")));
    }
}
