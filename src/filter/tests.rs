use super::*;
use crate::flow::Target;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use proptest::prelude::*;

fn request(url: &str) -> Request {
    let uri: http::Uri = url.parse().expect("a url");
    Request {
        method: Method::POST,
        target: Target::of(&uri).expect("absolute"),
        path_and_query: uri.path_and_query().expect("a path").to_string(),
        version: Version::HTTP_11,
        headers: HeaderMap::from_iter([(http::header::COOKIE, HeaderValue::from_static("a=1; b=2"))]),
        content: Default::default(),
        client: None,
    }
}

fn response(status: u16) -> Response {
    Response {
        elapsed: None,
        status: StatusCode::from_u16(status).expect("a status"),
        version: Version::HTTP_11,
        headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("text/html"))]),
        content: Default::default(),
    }
}

fn term(field: Field, op: Op, wanted: &str) -> Filter {
    Filter::Term(Term::new(field, op, wanted).expect("a term"))
}

fn at_request(request: &Request) -> View<'_> {
    View::of(request, None, StageName::Request)
}

#[test]
fn fields_read_what_the_browser_meant() {
    let request = request("https://Shop.test/ajax/save?q=a%20b&q=c");
    let view = at_request(&request);
    for (field, op, wanted) in [
        (Field::Url, Op::Matches, "^https://shop.test/ajax"),
        (Field::Host, Op::Equals, "SHOP.test"),
        (Field::Port, Op::Equals, "443"),
        (Field::Port, Op::Less, "1000"),
        (Field::Path, Op::Equals, "/ajax/save"),
        (Field::Query("q".into()), Op::Equals, "a b"),
        (Field::Query("q".into()), Op::Equals, "c"),
        (Field::Query("none".into()), Op::Differs, "c"),
        (Field::Cookie("b".into()), Op::Equals, "2"),
        (Field::Method, Op::MatchesNot, "GET"),
        (Field::Header(Side::Either, "Cookie".into()), Op::Contains, "a=1"),
    ] {
        let filter = term(field, op, wanted);
        assert_eq!(filter.evaluate(&view), Truth::Yes, "{filter}");
    }
    assert_eq!(term(Field::Query("q".into()), Op::Differs, "c").evaluate(&view), Truth::No);
}

#[test]
fn what_is_not_there_yet_is_unknown_and_what_cannot_come_is_absent() {
    let request = request("https://shop.test/");
    let later = View { horizon: StageName::Response, ..at_request(&request) };
    let html = term(Field::ContentType(Side::Either), Op::Matches, "html");
    assert_eq!(html.evaluate(&at_request(&request)), Truth::No);
    assert!(matches!(html.evaluate(&later), Truth::Unknown(Need { response: true, .. })));
    let answer = response(200);
    assert_eq!(html.evaluate(&View { response: Some(&answer), ..later }), Truth::Yes);
}

#[test]
fn a_body_is_needed_only_where_the_rest_matches() {
    let request = request("https://shop.test/save");
    let body = || term(Field::Body(Side::Request), Op::Contains, "x");
    let elsewhere = Filter::All(vec![body(), term(Field::Path, Op::Equals, "/other")]);
    assert_eq!(elsewhere.evaluate(&at_request(&request)), Truth::No);
    let here = Filter::All(vec![body(), term(Field::Path, Op::Equals, "/save")]);
    assert!(matches!(here.evaluate(&at_request(&request)), Truth::Unknown(Need { request_body: true, .. })));
}

#[test]
fn a_miss_is_explained_term_by_term() {
    let request = request("https://shop.test/ajax?q=a");
    let filter = Filter::All(vec![
        term(Field::Path, Op::Equals, "/ajax"),
        term(Field::Query("q".into()), Op::Equals, "ab"),
        Filter::Not(Box::new(term(Field::Method, Op::Equals, "POST"))),
    ]);
    let said = filter.explain_view(&at_request(&request)).to_string();
    assert_eq!(said, r#"path ok, query("q") was "a", wanted == "ab", method was "POST", wanted not == "POST""#);
}

#[test]
fn a_text_that_is_no_regex_of_itself_is_noticed() {
    let request = request("https://shop.test/search?q=a");
    let said = term(Field::Url, Op::Matches, "/search?q=a").explain_view(&at_request(&request)).to_string();
    assert!(said.contains("use `contains`, or escape it"), "{said}");
}

#[test]
fn secrets_are_not_shown() {
    let request = request("https://shop.test/");
    for field in [Field::Cookie("a".into()), Field::Header(Side::Request, "Cookie".into())] {
        let said = term(field, Op::Equals, "x").explain_view(&at_request(&request)).to_string();
        assert!(said.contains("was <masked ") && !said.contains("a=1"), "{said}");
    }
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let field = prop_oneof![
        Just(Field::Path),
        Just(Field::Method),
        Just(Field::Url),
        Just(Field::Body(Side::Either)),
        Just(Field::ContentType(Side::Either)),
        "[a-c]".prop_map(Field::Query),
    ];
    let op = prop_oneof![Just(Op::Equals), Just(Op::Differs), Just(Op::Contains), Just(Op::Matches)];
    let leaf = (field, op, "[/a-c]{0,2}").prop_map(|(field, op, wanted)| term(field, op, &wanted));
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Filter::Any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

proptest! {
    /// De Morgan's laws, including [`Truth::Unknown`].
    #[test]
    fn denial_swaps_all_and_any(filters in prop::collection::vec(any_filter(), 1..4), response_seen: bool) {
        let (request, answer) = (request("https://shop.test/a?a=b"), response(200));
        let response = response_seen.then_some(&answer);
        let view = View::of(&request, response, StageName::Response);
        let denied = filters.iter().cloned().map(|f| Filter::Not(Box::new(f))).collect();
        let left = Filter::Not(Box::new(Filter::All(filters))).evaluate(&view);
        let right = Filter::Any(denied).evaluate(&view);
        prop_assert_eq!(matches!(left, Truth::Yes), matches!(right, Truth::Yes));
        prop_assert_eq!(matches!(left, Truth::No), matches!(right, Truth::No));
    }

    /// An early decision stays the same when the response and the bodies arrive.
    #[test]
    fn knowing_more_never_changes_a_decided_truth(filter in any_filter()) {
        let (request, answer) = (request("https://shop.test/a?a=b"), response(200));
        let early = filter.evaluate(&View::of(&request, None, StageName::Response));
        let late = filter.evaluate(&View::of(&request, Some(&answer), StageName::Response));
        if !matches!(early, Truth::Unknown(_)) {
            prop_assert_eq!(early, late);
        }
    }

    /// A flow that matches has no miss to explain, unless an alternative or a negation hides it.
    #[test]
    fn a_conjunction_that_matches_explains_no_miss(terms in prop::collection::vec(any_filter(), 1..4)) {
        let only_terms = terms.iter().all(|f| matches!(f, Filter::Term(_)));
        let request = request("https://shop.test/a?a=b");
        let filter = Filter::All(terms);
        let view = at_request(&request);
        if only_terms && filter.evaluate(&view) == Truth::Yes {
            prop_assert!(!filter.explain_view(&view).to_string().contains("wanted"));
        }
    }
}

#[test]
fn bodies_are_read_for_what_stands_in_them() {
    let with = |kind: &'static str, body: &'static str| {
        let mut request = request("https://shop.test/graphql");
        request.headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        request.content = crate::flow::Content::Read(body.into());
        request
    };
    let json = "application/json";
    let json_side = |pointer: &str| Field::Json(Side::Request, pointer.to_owned());
    for (request, field, wanted) in [
        (with(json, r#"{"a": {"b": [1, "two"]}}"#), json_side("/a/b/1"), "two"),
        (with(json, r#"{"a": {"b": [1, "two"]}}"#), json_side("/a/b/0"), "1"),
        (with(json, r#"{"a": null}"#), json_side("/a"), "null"),
        (with("application/x-www-form-urlencoded", "a=1&b=x+y%21"), Field::Form("b".into()), "x y!"),
        (with(json, r#"{"operationName": "Cart", "query": "query Other {a}"}"#), Field::Operation, "Cart"),
        (with(json, r#"{"query": "mutation Save($a: ID) { save }"}"#), Field::Operation, "Save"),
        (with(json, r#"[{"operationName": "A"}, {"operationName": "B"}]"#), Field::Operation, "B"),
        (request("https://shop.test/graphql?query=query%20Get%20%7Ba%7D"), Field::Operation, "Get"),
        (with("text/plain", "12345"), Field::Size(Side::Request), "5"),
    ] {
        let filter = term(field, Op::Equals, wanted);
        assert_eq!(filter.evaluate(&at_request(&request)), Truth::Yes, "{filter}");
    }
    let unnamed = with(json, r#"{"query": "{ cart { id } }"}"#);
    assert_eq!(term(Field::Operation, Op::Contains, "").evaluate(&at_request(&unnamed)), Truth::No);
    let unread = Request { content: Default::default(), ..with(json, "") };
    assert!(matches!(term(Field::Operation, Op::Equals, "A").evaluate(&at_request(&unread)), Truth::Unknown(_)));
}

#[test]
fn numbers_are_in_ranges() {
    let (request, answer) = (request("https://shop.test:8080/"), response(299));
    let view = View::of(&request, Some(&answer), StageName::Response);
    for (range, wanted) in [("200..300", Truth::Yes), ("200..=298", Truth::No), ("299..=299", Truth::Yes)] {
        let filter = term(Field::Status, Op::In, range);
        assert_eq!(filter.evaluate(&view), wanted, "{filter}");
        assert_eq!(filter.to_string(), format!("status in {range}"));
    }
}

#[test]
fn sizes_are_compared_at_their_edges() {
    let (request, response) = (request("https://shop.test/"), response(200));
    let view = View::of(&request, Some(&response), StageName::Response);
    for (op, wanted, truth) in [
        (Op::Less, "200", Truth::No),
        (Op::AtMost, "200", Truth::Yes),
        (Op::AtMost, "199", Truth::No),
        (Op::Greater, "200", Truth::No),
        (Op::Greater, "199", Truth::Yes),
        (Op::AtLeast, "200", Truth::Yes),
        (Op::AtLeast, "201", Truth::No),
        (Op::In, "100..200", Truth::No),
        (Op::In, "100..=200", Truth::Yes),
        (Op::In, "200..201", Truth::Yes),
    ] {
        assert_eq!(term(Field::Status, op, wanted).evaluate(&view), truth, "{} {wanted}", op.as_str());
    }
}

#[test]
fn resources_and_navigations_are_told_by_what_the_browser_says() {
    let mut request = request("https://shop.test/");
    let mut says = |name: &'static str, value: &'static str, filter: &Filter| {
        request.headers.insert(name, HeaderValue::from_static(value));
        filter.evaluate(&at_request(&request))
    };
    let resource = |name| term(Field::Resource, Op::Equals, name);
    assert_eq!(says("sec-fetch-dest", "empty", &resource("xhr")), Truth::Yes);
    assert_eq!(says("sec-fetch-dest", "script", &resource("script")), Truth::Yes);
    assert_eq!(says("sec-fetch-dest", "script", &resource("xhr")), Truth::No);
    let navigation = Filter::Flag(Flag::Navigation);
    assert_eq!(says("sec-fetch-mode", "cors", &navigation), Truth::No);
    assert_eq!(says("sec-fetch-mode", "navigate", &navigation), Truth::Yes);
}

#[test]
fn operations_are_read_from_queries_and_bodies() {
    let operation = |name| term(Field::Operation, Op::Equals, name);
    for (body, name) in [
        (r#"{"query": "query Cart { items }"}"#, "Cart"),
        (r#"{"query": "mutation Buy($id: ID) { buy }"}"#, "Buy"),
        (r#"{"query": "subscription Prices { price }"}"#, "Prices"),
        (r#"{"operationName": "Named", "query": "query Other { x }"}"#, "Named"),
        (r#"[{"query": "query A { x }"}, {"query": "query B { x }"}]"#, "B"),
    ] {
        let mut asked = request("https://shop.test/graphql");
        asked.headers.insert("content-type", HeaderValue::from_static("application/json"));
        asked.content = crate::flow::Content::Read(body.into());
        assert_eq!(operation(name).evaluate(&at_request(&asked)), Truth::Yes, "{body}");
        assert_eq!(operation("query").evaluate(&at_request(&asked)), Truth::No, "{body}");
    }
    let asked = request("https://shop.test/graphql?query=query%20Cart%20%7B%20x%20%7D");
    assert_eq!(operation("Cart").evaluate(&at_request(&asked)), Truth::Yes);
}

#[test]
fn a_looser_operator_stands_in_parentheses() {
    let (a, b, c) = (term(Field::Path, Op::Equals, "a"), term(Field::Path, Op::Equals, "b"), Filter::Flag(Flag::Asset));
    let any = Filter::Any(vec![a.clone(), b.clone()]);
    assert_eq!(Filter::All(vec![any.clone(), c.clone()]).to_string(), r#"(path == "a" || path == "b") && asset"#);
    assert_eq!(Filter::Any(vec![Filter::All(vec![a, b]), c]).to_string(), r#"(path == "a" && path == "b") || asset"#);
    assert_eq!(Filter::Not(Box::new(any)).to_string(), r#"!(path == "a" || path == "b")"#);
}

#[test]
fn all_that_is_missing_is_told_at_once() {
    let (request, response) = (request("https://shop.test/"), response(200));
    let both = Filter::All(vec![
        term(Field::Body(Side::Request), Op::Contains, "a"),
        term(Field::Body(Side::Response), Op::Contains, "b"),
    ]);
    for filter in [both.clone(), Filter::Not(Box::new(both))] {
        let truth = filter.evaluate(&View::of(&request, Some(&response), StageName::Response));
        assert!(matches!(truth, Truth::Unknown(need) if need.request_body && need.response_body), "{truth:?}");
    }
}

#[test]
fn only_a_form_has_fields() {
    let field = term(Field::Form("k".to_owned()), Op::Equals, "v");
    for (kind, truth) in [
        ("application/x-www-form-urlencoded; charset=utf-8", Truth::Yes),
        ("application/json", Truth::No),
        ("text/plain", Truth::No),
    ] {
        let mut asked = request("https://shop.test/");
        asked.headers.insert("content-type", HeaderValue::from_static(kind));
        asked.content = crate::flow::Content::Read("k=v".into());
        assert_eq!(field.evaluate(&at_request(&asked)), truth, "{kind}");
    }
}
