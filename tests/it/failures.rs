//! The failure texts that a test author reads. Each test here fails on purpose, and its text is checked.

use crate::support::failure_of;
use crate::support::origin::Origin;
use holdup::prelude::*;
use std::time::Duration;

/// Asserts that `text` contains `parts` in this order.
#[track_caller]
fn assert_reads(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => panic!("no {part:?} (in this order) in:\n{text}"),
        }
    }
}

#[test]
fn a_wait_that_expires_tells_what_was_nearest() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        client.get("https://origin.test/ajax?q=early").send().await?;
        let parks = hold!(path == "/parked");
        let request = client.get("https://origin.test/parked");
        tokio::spawn(request.send());
        let parked = parks.next().await?;
        let hold = hold!(path == "/ajax" && query("q") ~ "^(ab|early)$").within(Duration::from_millis(100));
        client.get("https://origin.test/other").send().await?;
        client.get("https://origin.test/ajax?q=a").send().await?;
        hold.next().await?.release();
        drop(parked);
        Ok(())
    }
    let text = failure_of(body);
    assert_reads(
        &text,
        &[
            r#"hold!(path == "/ajax" && query("q") ~ "^(ab|early)$") caught nothing within 100ms"#,
            "at tests/it/failures.rs:",
            "declared at tests/it/failures.rs:",
            "2 other flows passed since then; the nearest miss:",
            "GET https://origin.test/ajax?q=a -> 200",
            r#"path ok, query("q") was "a", wanted ~ "^(ab|early)$""#,
            "these came too early:",
            "GET https://origin.test/ajax?q=early -> 200, ",
            "ms before the rule was declared",
            "parked now:",
            "GET https://origin.test/parked (under way), at its request, by hold!(path == \"/parked\") of tests/it/failures.rs:",
            "help: declare the rule before the action",
            "help: ",
            "last events:",
        ],
    );
}

#[test]
fn a_hold_that_never_catches_anything_fails_the_test() {
    #[mitm_test]
    async fn body() {
        let _unused = hold!(url ~ "/ajax");
    }
    assert_reads(
        &failure_of(body),
        &["hold!(url ~ \"/ajax\") caught nothing", "at tests/it/failures.rs:", "say `.optional()`"],
    );
}

#[test]
fn an_optional_hold_need_not_catch_anything() {
    #[mitm_test]
    async fn body() {
        let _unused = hold!(url ~ "/ajax").optional();
    }
    body();
}

#[test]
fn a_flow_that_is_still_parked_is_named_and_released() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        let _hold = hold!(path == "/forgotten");
        let seen = watch!(path == "/forgotten");
        let request = client.get("https://origin.test/forgotten");
        let asking = tokio::spawn(request.send());
        while _hold.hits() == 0 {
            tokio::task::yield_now().await;
        }
        drop((seen, asking));
        Ok(())
    }
    assert_reads(
        &failure_of(body),
        &[
            "a flow was still parked when the test ended: #1 GET https://origin.test/forgotten (under way)",
            "at tests/it/failures.rs:",
            "take it with `.next().await?`",
            "#1 released, since the test has ended",
        ],
    );
}

#[test]
fn a_panic_in_the_body_stays_the_first_failure() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        let hold = hold!(path == "/x");
        tokio::spawn(client.get("https://origin.test/x").send());
        let _held = hold.next().await?;
        panic!("the body's own words");
    }
    assert_eq!(failure_of(body), "the body's own words");
}

#[test]
fn tear_downs_run_in_reverse_after_a_panic_too() {
    static ORDER: std::sync::Mutex<Vec<&str>> = std::sync::Mutex::new(Vec::new());
    macro_rules! fixture {
        ($name:ident) => {
            struct $name;
            impl Fixture for $name {
                async fn set_up(cx: &mut Setup) -> TestResult<Self> {
                    cx.defer(async { ORDER.lock().unwrap().push(stringify!($name)) });
                    Ok(Self)
                }
            }
        };
    }
    fixture!(First);
    fixture!(Second);
    #[mitm_test]
    async fn body(_first: First, _second: Second) {
        panic!("in between");
    }
    failure_of(body);
    assert_eq!(*ORDER.lock().unwrap(), ["Second", "First"]);
}

#[test]
fn a_fixture_that_fails_is_named() {
    #[derive(Debug)]
    struct Broken;
    impl Fixture for Broken {
        async fn set_up(_: &mut Setup) -> TestResult<Self> {
            std::fs::read("/no/such/file")?;
            Ok(Self)
        }
    }
    #[mitm_test]
    async fn body(_broken: Broken) {}
    assert_reads(
        &failure_of(body),
        &[
            "setting up `Broken` failed: No such file",
            "at tests/it/failures.rs:",
            "for the test",
            "nothing passed the proxy",
        ],
    );
}

#[test]
fn an_error_names_the_line_of_its_question_mark() {
    #[mitm_test]
    async fn body() -> TestResult {
        "x".parse::<u32>()?;
        Ok(())
    }
    let line = line!() - 3;
    assert_reads(&failure_of(body), &["invalid digit", &format!("at tests/it/failures.rs:{line}")]);
}

#[test]
fn other_error_types_are_shown_too() {
    #[mitm_test]
    async fn body() -> Result<(), Box<dyn std::error::Error>> {
        let hold = hold!(path == "/x").within(Duration::from_millis(10));
        hold.next().await?.release();
        Ok(())
    }
    assert_reads(&failure_of(body), &["hold!(path == \"/x\") caught nothing within 10ms", "no other flow passed"]);
}

#[test]
fn a_test_that_does_not_end_is_ended() {
    #[mitm_test(timeout = "200ms")]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        client.get("https://origin.test/never").send().await?;
        Ok(())
    }
    assert_reads(&failure_of(body), &["did not end within 200ms", "GET https://origin.test/never"]);
}

#[test]
fn a_rule_that_was_never_applied_says_why() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        let rule = respond!(path == "/old" && method == POST, 204);
        client.get("https://origin.test/old").send().await?;
        rule.assert_applied()?;
        Ok(())
    }
    assert_reads(
        &failure_of(body),
        &["respond!(path == \"/old\" && method == \"POST\", 204) was never applied", "path ok, method was \"GET\""],
    );
}

#[test]
fn a_rule_that_cannot_do_its_work_fails_the_test() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        rewrite!(path == "/bytes", "a" => "b");
        let response = client.get(format!("https://origin.test/bytes?{}", 20 << 20)).send().await?;
        assert_eq!(response.status(), 502);
        Ok(())
    }
    assert_reads(&failure_of(body), &["a rule could not be applied", "/bytes", "more than 16777216 bytes"]);
}

#[test]
fn an_edit_that_contradicts_itself_is_told() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        let hold = hold!(response: path == "/x");
        let asking = tokio::spawn(client.get("https://origin.test/x").send());
        let mut held = hold.next().await?;
        held.edit(|response| {
            response.set_body("nine char");
            response.set_header(http::header::CONTENT_LENGTH, 5.into());
        });
        // The edited body determines the length, whatever the header is.
        held.release().await?;
        assert_eq!(asking.await??.text().await?, "nine char");
        let asking = tokio::spawn(client.get("https://origin.test/x").send());
        let mut held = hold.next().await?;
        held.edit(|response| response.set_header(http::header::CONTENT_LENGTH, 5.into()));
        held.release().await?;
        assert_eq!(asking.await??.status(), 502);
        Ok(())
    }
    assert_reads(
        &failure_of(body),
        &["a rule could not be applied", "content-length was set to \"5\", and the body has 10 bytes"],
    );
}

#[test]
fn a_body_rule_on_an_endless_stream_is_told_at_once() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        rewrite!(host == "origin.test", "a" => "b");
        assert_eq!(client.get("https://origin.test/events").send().await?.status(), 502);
        Ok(())
    }
    assert_reads(&failure_of(body), &["a rule could not be applied", "a stream that has no end"]);
}

#[test]
fn a_panic_while_a_body_is_dropped_is_the_failure() {
    struct Strict;
    impl Drop for Strict {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "its expectations were not met");
        }
    }
    #[mitm_test(timeout = "50ms")]
    async fn body() {
        let _strict = Strict;
        std::future::pending::<()>().await;
    }
    assert_reads(&failure_of(body), &["did not end within 50ms"]);
}

#[test]
fn a_blocking_task_that_never_ends_does_not_keep_the_verdict() {
    #[mitm_test]
    async fn body() {
        let (_sender, receiver) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || {
            let _ = receiver.recv();
        });
        std::mem::forget(_sender);
    }
    body();
}

#[test]
fn a_body_that_blocks_its_thread_is_ended() {
    #[mitm_test(timeout = "100ms")]
    async fn body(mitm: Mitm) -> TestResult {
        let _hold = hold!(path == "/held");
        let mut stream = std::net::TcpStream::connect(mitm.address())?;
        std::io::Write::write_all(&mut stream, b"GET http://gone.invalid/held HTTP/1.1\r\nhost: x\r\n\r\n")?;
        // Blocks until the flow is released.
        std::io::Read::read_exact(&mut stream, &mut [0; 12])?;
        std::future::pending().await
    }
    assert_reads(&failure_of(body), &["did not end within 100ms"]);
}

#[test]
fn a_bad_regex_of_run_time_is_told_at_its_line() {
    #[mitm_test]
    async fn body() {
        let pattern = "(";
        let _hold = hold!(url ~ {pattern});
    }
    assert_reads(&failure_of(body), &["bad regex", "unclosed group"]);
}

#[test]
fn a_missing_local_file_is_told_at_once() {
    #[mitm_test]
    async fn body() {
        replace!(url ~ "x", "no/such/file.js");
    }
    assert_reads(&failure_of(body), &["replace! cannot read \"no/such/file.js\" (from ", "No such file"]);
}

#[test]
#[should_panic(expected = "the body's own words")]
fn should_panic_sees_the_panic_of_the_body() {
    #[mitm_test]
    async fn body() {
        panic!("the body's own words");
    }
    body();
}

#[mitm_test]
#[should_panic(expected = "caught nothing before")]
async fn other_attributes_stay() {
    let _unused = hold!(path == "/never");
}
