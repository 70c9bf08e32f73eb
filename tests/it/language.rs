//! What a filter says and what a verb takes, on the wire: the pure tests hand over bodies that were read already.

use crate::support::origin::Origin;
use crate::support::{failure_of, raw};
use holdup::prelude::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A POST that says something, and its answer's text.
async fn post(client: &Client, path: &str, body: &str) -> TestResult<String> {
    let request = client.post(format!("https://origin.test{path}")).body(body.to_owned());
    Ok(request.send().await?.text().await?)
}

#[mitm_test]
async fn a_term_that_the_stage_settles_is_settled_from_the_start(client: Client, _origin: Origin) -> TestResult {
    let unanswered = watch!(response: "!~q & ~bq foo");
    let spelled = watch!(response: !unanswered && request.body contains "foo");
    let answered = watch!(response: "~s & ~bq foo");
    let never = watch!(response: unanswered);
    rewrite!("~u /text & !~q", "cat" => "bird");
    post(&client, "/echo", "foo").await?;
    for watch in [&unanswered, &spelled, &answered] {
        watch.next().await?;
        assert_eq!(watch.hits(), 1);
    }
    assert_eq!(never.hits(), 0);
    assert_eq!(client.get("https://origin.test/text").send().await?.text().await?, "the bird and the dog");
    Ok(())
}

#[mitm_test]
async fn a_body_without_a_side_is_either_side(client: Client, _origin: Origin) -> TestResult {
    let asked = watch!(response: path == "/text" && body contains "secret");
    let clean = watch!(response: path == "/text" && !(body contains "secret"));
    let pasted = watch!(response: "~u /text & !~b secret");
    post(&client, "/text", "a secret").await?;
    asked.next().await?;
    assert_eq!((asked.hits(), clean.hits(), pasted.hits()), (1, 0, 0));
    post(&client, "/text", "nothing").await?;
    clean.next().await?;
    pasted.next().await?;
    assert_eq!((asked.hits(), clean.hits(), pasted.hits()), (1, 1, 1));
    Ok(())
}

#[mitm_test]
async fn what_is_no_text_is_not_rewritten(client: Client, mitm: Mitm) -> TestResult {
    rewrite!(host == "up.test", "the" => "teh");
    for (kind, changes) in [
        ("image/png", false),
        ("font/woff2", false),
        ("application/wasm", false),
        ("application/octet-stream", false),
        ("video/mp4", false),
        ("text/html", true),
        ("application/json", true),
        ("image/svg+xml", true),
    ] {
        mitm.host("up.test", raw::answers(&format!("content-type: {kind}\r\n"), b"\xff the \x00\xe9").await);
        let got = client.get("https://up.test/").send().await?.bytes().await?;
        assert_eq!(got[..] == b"\xff teh \x00\xe9"[..], changes, "{kind}: {got:?}");
    }
    Ok(())
}

#[mitm_test]
async fn filters_read_bodies_in_their_charset(client: Client, mitm: Mitm) -> TestResult {
    let utf16: Vec<u8> = "käse".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [(&str, &[u8]); 4] = [
        ("text/plain; charset=iso-8859-1", b"k\xe4se"),
        ("text/plain; charset=utf-16le", &utf16),
        ("text/html", b"<meta charset=windows-1252>k\xe4se"),
        ("text/plain", "käse".as_bytes()),
    ];
    let watch = watch!(response: body contains "käse");
    for (n, (kind, body)) in bodies.into_iter().enumerate() {
        mitm.host("up.test", raw::answers(&format!("content-type: {kind}\r\n"), body).await);
        assert_eq!(client.get("https://up.test/").send().await?.bytes().await?, body);
        watch.next().await?;
        assert_eq!(watch.hits(), n as u64 + 1, "{kind}");
    }
    Ok(())
}

#[mitm_test]
async fn reading_a_body_keeps_its_trailers(mitm: Mitm) -> TestResult {
    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n3\r\nthe\r\n0\r\nx-sum: 7\r\n\r\n";
    mitm.host("up.test", raw::says(ANSWER).await);
    watch!(response: path == "/watched" && body contains "nothing");
    rewrite!(path == "/rewritten", "the" => "teh");
    for (path, body) in [("/plain", "the"), ("/watched", "the"), ("/rewritten", "teh")] {
        let mut stream = raw::connect(&mitm).await;
        let ask =
            format!("GET http://up.test{path} HTTP/1.1\r\nhost: up.test\r\nte: trailers\r\nconnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        assert!(answer.contains(body) && answer.contains("\r\nx-sum: 7\r\n"), "{path}: {answer}");
    }
    Ok(())
}

#[mitm_test]
async fn a_made_up_answer_does_not_wait_for_the_upload(mitm: Mitm) -> TestResult {
    respond!(path == "/d", (413, "too large"));
    for expect in ["", "expect: 100-continue\r\n"] {
        let mut stream = raw::connect(&mitm).await;
        let head = format!("POST http://up.test/d HTTP/1.1\r\nhost: up.test\r\ncontent-length: 500000\r\n{expect}\r\n");
        stream.write_all(head.as_bytes()).await?;
        if expect.is_empty() {
            stream.write_all(b"abc").await?;
        }
        let answer = raw::read_until(&mut stream, "too large").await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{expect}{answer}");
    }
    // A client that sends all of it reads the answer, and can go on.
    let mut stream = raw::connect(&mitm).await;
    stream.write_all(b"POST http://up.test/d HTTP/1.1\r\nhost: up.test\r\ncontent-length: 500000\r\n\r\n").await?;
    stream.write_all(&vec![b'x'; 500_000]).await?;
    assert!(raw::read_until(&mut stream, "too large").await.starts_with("HTTP/1.1 413"));
    stream.write_all(b"GET http://up.test/d HTTP/1.1\r\nhost: up.test\r\n\r\n").await?;
    assert!(raw::read_until(&mut stream, "too large").await.starts_with("HTTP/1.1 413"));
    Ok(())
}

#[mitm_test]
async fn every_value_that_is_an_answer(client: Client) -> TestResult {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a.css"), "a {}")?;
    let css = folder.path().join("a.css");
    let text = String::from("words");
    respond!(path == "/string", text);
    respond!(path == "/html", "<!doctype html><p>x");
    respond!(path == "/typed", (http::StatusCode::CONFLICT, "taken"));
    respond!(path == "/file", (201, file(&css)));
    respond!(path == "/headers", (202, [("x-a", "1"), ("content-type", "text/csv")], "a;b"));
    respond!(path == "/json", (422, json!({"a": 1})));
    respond!(path == "/bytes", (200, vec![0u8, 1]));
    for (path, status, kind, body) in [
        ("/string", 200, "text/plain; charset=utf-8", "words"),
        ("/html", 200, "text/html; charset=utf-8", "<!doctype html><p>x"),
        ("/typed", 409, "text/plain; charset=utf-8", "taken"),
        ("/file", 201, "text/css; charset=utf-8", "a {}"),
        ("/headers", 202, "text/csv", "a;b"),
        ("/json", 422, "application/json", "{\"a\":1}"),
        ("/bytes", 200, "", "\0\u{1}"),
    ] {
        let answer = client.get(format!("https://shop.test{path}")).send().await?;
        let said = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        assert_eq!((answer.status().as_u16(), said.unwrap_or_default().as_str()), (status, kind), "{path}");
        assert_eq!(answer.headers().contains_key("x-a"), path == "/headers");
        assert_eq!(answer.text().await?, body);
    }
    Ok(())
}

/// What a rule that was written by mistake says, at its line.
#[test]
fn mistakes_that_are_known_when_the_rule_is_declared() {
    fn said(declare: impl FnOnce() + std::panic::UnwindSafe) -> String {
        failure_of(declare)
    }
    macro_rules! mistake {
        ($rule:expr) => {
            said(|| {
                #[mitm_test]
                async fn body() {
                    let _ = $rule;
                }
                body();
            })
        };
    }
    assert!(
        mistake!(hold!(path == { "/a?q=1" })).contains("a path has no query: write `path == \"/a\" && query(\"q\")")
    );
    assert!(mistake!(hold!(method == { "get" })).contains("write `method == GET`"));
    assert!(mistake!(hold!("~marked")).contains("`marked` is known of recorded flows only"));
    assert!(mistake!(hold!(response: "~e")).contains("`failed` is known of recorded flows only"));
    assert!(mistake!(respond!(path == "/", 100 + 3)).contains("103 is not the status of a response"));
    assert!(mistake!(rewrite!(path == "/", "EUR 5" => "$5.00")).contains("write `$$5` for a dollar sign"));
    assert!(
        mistake!(delay!(path == "/", { Duration::from_secs(2)..Duration::from_secs(1) }))
            .contains("delay! 2s..1s is an empty range")
    );
    assert!(mistake!(throttle!(path == "/", u64::MIN)).contains("at this rate nothing passes"));
}

#[mitm_test]
async fn names_are_compared_as_names(client: Client, _origin: Origin, mitm: Mitm) -> TestResult {
    mitm.host("bücher.test", raw::answers("", b"books").await);
    let watch = watch!(host == "bücher.test");
    let upper = watch!(host == "BÜCHER.test");
    edit!(path == "/text", |request| request.set_path_and_query("noslash"));
    client.get("http://xn--bcher-kva.test/").send().await?;
    watch.next().await?;
    upper.next().await?;
    assert_eq!(client.get("https://origin.test/text").send().await?.text().await?, "this is /noslash");
    Ok(())
}

#[mitm_test]
async fn the_left_side_of_a_rewrite_takes_any_text(client: Client, _origin: Origin) -> TestResult {
    let (word, owned) = ("cat", String::from("dog"));
    let pattern = || String::from("and");
    rewrite!(path == "/text", {word} => "bird");
    rewrite!(path == "/text", owned.as_str() => "fish");
    rewrite!(path == "/text", &owned => "never");
    rewrite!(path == "/text", format!("{}he", "t") => "teh");
    rewrite!(path == "/text", pattern() => "$$5");
    assert_eq!(client.get("https://origin.test/text").send().await?.text().await?, "teh bird $5 teh fish");
    Ok(())
}

#[mitm_test]
async fn what_has_no_body_is_not_changed(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    mitm.host("empty.test", raw::says("HTTP/1.1 204 No Content\r\n\r\n").await);
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a"), "x")?;
    let fix = replace!(host == "empty.test" || path == "/text", folder.path().join("a"));
    assert_eq!(client.get("https://empty.test/").send().await?.status(), 204);
    client.head("https://origin.test/text").send().await?;
    assert!(fix.assert_applied().is_err());
    client.get("https://origin.test/text").send().await?;
    fix.assert_applied()?;
    Ok(())
}

#[test]
fn any_error_fails_a_test_with_its_chain() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no port")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    #[mitm_test]
    async fn text() -> TestResult {
        Err(String::from("just words"))?
    }
    #[mitm_test]
    async fn boxed() -> TestResult {
        let error: Box<dyn std::error::Error + Send + Sync> = Box::new(Outer("x".parse::<u16>().unwrap_err()));
        Err(error)?
    }
    for (body, says) in
        [(text as fn(), "just words\n  at tests/it/language.rs:"), (boxed, "no port: invalid digit found")]
    {
        let said = failure_of(body);
        assert!(said.contains(says), "{said}");
    }
}

/// A report knows the bodies that were read, and where a flow is that did not get to the rule.
#[test]
fn a_miss_shows_the_body_that_was_read() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        let soon = Duration::from_millis(100);
        let by_json = hold!(path == "/echo" && json("/a") == 2).within(soon);
        let by_text = hold!(response: path == "/text" && response.body contains "bird").within(soon);
        post(&client, "/echo", "{\"a\": 1}").await?;
        client.get("https://origin.test/text").send().await?.bytes().await?;
        let said = by_json.next().await.expect_err("another value").to_string();
        assert!(said.contains("json(\"/a\") was \"1\", wanted == \"2\""), "{said}");
        let said = by_text.next().await.expect_err("another text").to_string();
        assert!(said.contains("response.body was \"the cat and the dog\""), "{said}");
        delay!(path == "/slow", 60s);
        let late = hold!(path == "/slow").within(soon);
        let asking = crate::support::get(&client, "https://origin.test/slow");
        let said = late.next().await.expect_err("it is delayed").to_string();
        assert!(said.contains("an earlier rule still has it"), "{said}");
        asking.abort();
        Err(Failure::new("all of it was seen"))?
    }
    assert!(failure_of(body).starts_with("all of it was seen"));
}

/// A filter can be tested without a proxy.
#[test]
fn filters_are_evaluated_in_public() -> Result<(), holdup::Fault> {
    use holdup::{Request, Response};
    let filter = filter!(path == "/search" && query("q") == "ab" && response.json("/total") == 3);
    let request = Request::new("GET", "https://shop.test/search?q=ab")?.with_header("accept", "application/json")?;
    let response = |total| Ok::<_, holdup::Fault>(Response::new(200)?.with_body(format!("{{\"total\": {total}}}")));
    assert!(filter.matches(&request, Some(&response(3)?)));
    assert!(!filter.matches(&request, Some(&response(4)?)) && !filter.matches(&request, None));
    let why = filter.explain(&request, Some(&response(4)?)).to_string();
    assert_eq!(why, "path ok, query(\"q\") ok, response.json(\"/total\") was \"4\", wanted == \"3\"");
    assert!(Request::new("GET", "/search").is_err() && Response::new(1000).is_err());
    let pasted: holdup::Filter = "~m GET & ~u search & !~s".parse().unwrap();
    assert!(pasted.matches(&request, None) && !pasted.matches(&request, Some(&response(3)?)));
    Ok(())
}
