use super::*;
use crate::filter::{Marks, Truth, View};
use crate::flow::{Request, Response, StageName};
use http::{HeaderMap, HeaderValue, StatusCode};

/// The expressions that mitmproxy's own filters were evaluated with, and their results; see `tests/data`.
#[derive(Debug)]
struct Case {
    id: String,
    request: Request,
    response: Option<Response>,
    marks: [String; 4],
}

fn headers(said: &serde_json::Value) -> HeaderMap {
    let pairs = said.as_array().into_iter().flatten().map(|pair| {
        let name = http::HeaderName::from_bytes(pair[0].as_str().expect("a name").as_bytes()).expect("a name");
        (name, HeaderValue::from_bytes(pair[1].as_str().expect("a value").as_bytes()).expect("a value"))
    });
    let mut all = HeaderMap::new();
    pairs.for_each(|(name, value)| {
        all.append(name, value);
    });
    all
}

fn case(said: &serde_json::Value) -> Case {
    let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    let body = |key: &str| crate::flow::Content::Read(text(key).into());
    let mut request = Request::get(&text("url").replace(' ', "%20")).expect("a URL");
    request.method = text("method").parse().expect("a method");
    request.headers = headers(&said["req_headers"]);
    request.content = body("req_body");
    request.client = Some(([127, 0, 0, 1], 22).into());
    let response = said["status"].as_u64().map(|status| {
        let mut response = Response::made(StatusCode::OK, "");
        response.status =
            u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok()).expect("a status");
        response.headers = headers(&said["res_headers"]);
        response.content = body("res_body");
        response
    });
    Case { id: text("id"), request, response, marks: ["error", "replay", "marked", "comment"].map(text) }
}

impl Case {
    fn view(&self) -> View<'_> {
        let [error, replay, marker, comment] = &self.marks;
        let marks = Marks {
            failed: !error.is_empty(),
            replayed_request: replay == "request",
            replayed_response: replay == "response",
            marker,
            comment,
        };
        let horizon = if self.response.is_some() { StageName::Response } else { StageName::Request };
        View { marks, ..View::of(&self.request, self.response.as_ref(), horizon) }
    }
}

/// The differences from mitmproxy, with their reasons. Every other expression means the same.
const DIFFERENCES: [(&str, &str); 14] = [
    ("~c 2..", "means status 2 and a URL of two characters: refused"),
    ("~u a(b)", "means ~u a & ~u b: refused"),
    ("~u ajax and ~m GET", "searches the URL for `and`: refused"),
    ("&", "searches the URL for `&`: refused"),
    ("!", "searches the URL for `!`: refused"),
    ("a & & b", "searches the URL for `&`: refused"),
    ("a | | b", "searches the URL for `|`: refused"),
    ("(~q)", "refused without need"),
    ("~q&~s", "refused without need"),
    ("~q| ~s", "refused without need"),
    ("(~q | ~e)", "refused without need"),
    ("!~a", "an asset's content-type knows no case"),
    ("~dst address", "a flow goes to the host and port of its URL, not to what the table calls `address:22`"),
    ("~dst :22", "the same"),
];

#[test]
fn mitmproxy_answers_the_same() {
    let table: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/data/mitmproxy-filters.json")).expect("JSON");
    let flows: Vec<_> = table["flows"].as_array().expect("flows").iter().map(case).collect();
    let mut wrong = Vec::new();
    for said in table["cases"].as_array().expect("cases") {
        let expression = said["expr"].as_str().expect("an expression");
        let theirs = said["matches"]
            .as_array()
            .map(|ids| ids.iter().map(|id| id.as_str().expect("an id").to_owned()).collect::<Vec<_>>());
        let ours = expression.parse::<Filter>().ok().map(|filter| {
            let hits = flows.iter().filter(|flow| filter.evaluate(&flow.view()) == Truth::Yes);
            hits.map(|flow| flow.id.clone()).collect::<Vec<_>>()
        });
        let differs = DIFFERENCES.iter().any(|(different, _)| *different == expression);
        if (ours != theirs) != differs {
            wrong.push(format!("{expression}\n  theirs {theirs:?}\n  ours   {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_bad_filter_is_told_with_its_column() {
    for (expression, column, what) in [
        ("~c 2..", 4, "`~c` takes one status"),
        ("~u a(b)", 5, "must be in quotes: `~u \"a(b)\"`"),
        (r"~u \.(js|css)$", 6, r#"must be in quotes: `~u "\\.(js|css)$"`"#),
        ("~m P(O)ST & ~q", 5, "must be in quotes: `~m \"P(O)ST\"`"),
        ("~u ajax and ~m GET", 9, "write `&`, `|` or `!`"),
        ("a & & b", 5, "this operator needs an expression before it"),
        ("~U ajax", 1, "there is no operator `~U`; there are ~a ~all"),
        ("~u", 3, "`~u` needs a regex"),
        ("~u (a|b)", 4, "put one with parentheses in quotes"),
        ("~u [", 4, "unclosed character class"),
        ("(~q", 4, "a parenthesis is not closed"),
        ("~q )", 4, "this parenthesis has no opening parenthesis"),
        ("~u 'x", 4, "this quote is not closed"),
        ("", 1, "expected an expression"),
        ("é & ~x", 5, "there is no operator `~x`"),
    ] {
        let error = expression.parse::<Filter>().expect_err(expression);
        assert_eq!(error.column(), column, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

/// What a hint says to write means what was meant.
#[test]
fn a_hint_is_a_filter_that_means_what_was_written() {
    for expression in [r"~u \.(js|css)$", "~m P(O)ST", r"a\d(b|c)+"] {
        let Err(error) = expression.parse::<Filter>() else { continue };
        let said = error.to_string();
        let hint = said.split('`').nth(1).expect("a hint");
        let (operator, regex) = expression.split_once(' ').unwrap_or(("", expression));
        let meant = Filter::Term(match operator {
            "~m" => Term::new(Field::Method, Op::Matches, format!("(?i){regex}")).expect("a term"),
            _ => Term::new(Field::Url, Op::Matches, format!("(?i){regex}")).expect("a term"),
        });
        assert_eq!(hint.parse::<Filter>().as_ref(), Ok(&meant), "{hint}");
    }
}

#[test]
fn what_is_nested_too_deep_is_an_error() {
    for text in ["(".repeat(10_000), "!".repeat(50_000) + "~q", "!(".repeat(300) + "a"] {
        let error = text.parse::<Filter>().expect_err("too deep").to_string();
        assert!(error.contains("more than 200 nested parentheses and `!`"), "{}", &error[..100]);
    }
    let deep = "(".repeat(100) + &"!".repeat(99) + "~q" + &")".repeat(100);
    deep.parse::<Filter>().expect("as deep as may be");
}
