//! The macros, documented here because the crate of a procedural macro cannot link to what it expands to.

#[allow(unused_imports, reason = "names for the links in the documentation")]
use crate::*;

/// Turns an `async fn` into a test whose arguments are [`Fixture`]s.
///
/// Arguments are set up in their order and torn down in reverse. The test owns a proxy, whether or not it takes
/// [`Mitm`] as an argument, and the verbs in its body use that proxy. The function returns `()` or any `Result<(), E>`;
/// with [`TestResult`], a failure names the line of the `?`. Other attributes (`#[ignore]`, `#[should_panic]`,
/// `#[cfg(..)]`) are kept. Options, separated by commas:
///
/// * `timeout = "30s"`: the timeout of the body, set-up included; 60 seconds by default.
/// * `browser = firefox` (or `headless_shell`, `chromium`): which [`Browser`] the test gets. Without it,
///   `HOLDUP_BROWSER` names the browser, or else it is the fastest that is installed.
/// * `browsers = all`: one test for each of them, called `name_in_firefox` and so on.
/// * `page_errors = fail`: an error that nothing in a page catches, or a promise that is rejected without a handler, fails
///   the test. Without it, a failure shows such errors, and [`Browser::console`] returns them.
/// * `explore`: see below.
/// * `schedule = "h1;.."`: runs in the order that an exploration has printed, as a regression test.
///
/// # Other test macros
///
/// `#[serial]` of `serial_test` stands below `#[mitm_test]`. `#[rstest]` runs it for each case with
/// `#[test_attr(mitm_test)]`, and then provides all arguments. Otherwise write an `async fn` that takes the case and the
/// fixtures, and a test for each case that calls it.
///
/// # Exploring orders
///
/// `#[mitm_test(explore)]` runs the body repeatedly, each time in another order of responses and user actions, until
/// one fails or the budget ends (64 executions or 20 seconds). Every response to a call is held until the page is
/// quiet; then either it is delivered, or the user's next action happens. Requests with unsafe methods are held the
/// same way before they reach the server. What the test reads (texts, attributes, scripts, [`Browser::settled`]) is
/// read when everything has been delivered. An order that fails is tried three times, shortened as far as possible, and
/// printed: as a sentence, as a schedule for `HOLDUP_SCHEDULE` and for `schedule = ".."`, and as code with [`hold!`].
///
/// Fixtures are set up for each execution; that is where to reset a server's state. The executions share the browser's
/// session, each in a window without cookies, storage and caches. A request of another document than the page itself is
/// named with that document (`GET /x @/frame.html#1`, `@w2/popup.html` for a second window). WebSocket messages and
/// server-sent events to a page are ordered like responses; messages of one socket may then overtake each other, which
/// no network does, but a server can. Pages, styles, images, and the scripts that come with a page are not ordered. A
/// request that recurs each time it is released, without a user action, is held from the fourth time on, and named. Two
/// equal runs that differ are reported as such, never as a race.
///
/// `explore(..)` takes these options:
///
/// * `max = 64`: the maximum number of executions.
/// * `time = "20s"`: the time budget.
/// * `depth = 2`: no more than two flows late (1: one).
/// * `full`: every order with one delay, then with two, and so on.
/// * `ignore(F)`: flows that are not ordered, such as polls.
/// * `effects(F)`: flows that change the server, whatever their method.
/// * `serial(F)`: flows that their server responds to one after another.
///
/// `HOLDUP_EXPLORE=off`, `quick` or `full` sets the mode of a whole run. `HOLDUP_REPEAT=100` runs each test 100 times,
/// in its schedule's order if it has one, and counts failures; explored tests are not repeated.
///
/// A schedule looks like this: `h1;ff;r:GET /search?q=a#1 > r:GET /search?q=ab#1`. Its parts:
///
/// | part | meaning |
/// |---|---|
/// | `h1` | the version of the notation |
/// | `ff` | base order: responses first, each before the next action of the user |
/// | `af` | base order: actions first, each before any response |
/// | `lf` | base order: like `ff`, the response that came last first |
/// | `la` | base order: like `af`, the response that came last first |
/// | `X > Y` | a constraint: `X` not before `Y`; several are separated by `, ` |
/// | `r:GET /path?query#2` | the response to the second request of that name reaches the page |
/// | `q:POST /path ~12ab#1` | the request reaches its server; `~12ab` is a digest of its body |
/// | `a2` | the user's second action |
///
/// When the body ends, for whatever reason, its rules are removed, parked flows are released, fixtures are torn down,
/// and the proxy is drained. A hold that never caught anything fails the test, and so does a parked flow that was never
/// taken; a [`Held`] that the test took and dropped is released.
///
/// On a function that is called `main`, the attribute makes a program instead of a test.
///
/// ```
/// use holdup::prelude::*;
///
/// #[mitm_test(timeout = "10s")]
/// async fn an_answer_is_made_up(client: Client) -> TestResult {
///     respond!(host == "shop.test", (200, "hello"));
///     assert_eq!(client.get("https://shop.test/").send().await?.text().await?, "hello");
///     Ok(())
/// }
/// # fn main() {}
/// ```
pub use holdup_macros::mitm_test;

/// Builds a filter: `filter!(url ~ "/ajax" && method == POST)`.
///
/// ```text
/// FILTER := OR      OR := AND ("||" AND)*      AND := UNARY ("&&" UNARY)*
/// UNARY  := "!" UNARY | "(" FILTER ")" | FIELD OP VALUE | FLAG | "mitmproxy's spelling"
/// OP     := ~ !~ == != contains < <= > >= in
/// FIELD  := url scheme host port path query("k") method header("k") headers cookie("k") body json("/pointer") form("k")
///           operation content_type size status elapsed resource client server occurrence
///           message direction opcode   event data id   chunk offset
/// FLAG   := asset websocket navigation answered unanswered
/// ```
///
/// `~` searches for a regex, unanchored and case-sensitive (`(?i)` otherwise). `!=` and `!~` match if no value of the
/// field is equal or matches. `<`, `<=`, `>`, `>=` and `in 200..300` are for `port`, `size`, `status`, `occurrence`,
/// and for `elapsed`, which is a time: `elapsed > 300ms` is what the upstream took to respond. `occurrence == 2` is the
/// second flow that matches the rest of the filter. `request.` or `response.` before `header`, `headers`, `body`,
/// `json`, `size` and `content_type` selects a side; without it, either side that has been seen counts. `operation` is
/// the GraphQL operation, `resource` is what the browser requests it for (`"document"`, `"script"`, `"xhr"`, ..). A
/// body is compared with its content-encoding undone, and read only if the filter depends on it.
///
/// Parts of streams have their own fields, besides all fields of their flow. At `message:`, `message` is the content of
/// the WebSocket message, `direction` is `"to_server"` or `"to_client"`, and `opcode` is `"text"` or `"binary"`. At
/// `event:`, `event` is the type, and `data` and `id` are those of the event. At `chunk:`, `chunk` is the content, and
/// `offset` is how many bytes of the body come before it. `body`, `json` and `size` without a side mean the part there.
///
/// A value is a literal, a path (`host == HOST`), or any expression in braces (`url ~ {pattern}`). A method needs no
/// quotes. Mistakes are compile errors.
///
/// A string is a filter in mitmproxy's syntax: `hold!("~u /ajax & ~m POST")`. It is parsed at run time; see
/// [`Filter::from_str`](Filter#impl-FromStr-for-Filter) for the differences.
///
/// ```
/// use holdup::prelude::*;
///
/// let query = "ab";
/// let filter = filter!(path == "/search" && query("q") == {query} && !(method != GET));
/// assert_eq!(filter.to_string(), r#"path == "/search" && query("q") == "ab" && !(method != "GET")"#);
/// ```
///
/// ```compile_fail
/// holdup::filter!(ulr ~ "/ajax"); // unknown field `ulr`; did you mean `url`?
/// ```
pub use holdup_macros::filter;

/// Parks each matching flow until the test decides. Returns a [`Hold`].
///
/// `hold!(F)` parks a flow before the upstream receives the request, `hold!(response: F)` when the upstream has
/// responded. The rule is active when the macro returns. Flows that arrived before are not caught, but a failed wait
/// lists them.
///
/// Parts of streams are parked alike: `hold!(message: F)` parks a WebSocket message, `hold!(event: F)` a server-sent
/// event, `hold!(chunk: F)` a piece of a response's body. What follows a parked part waits, so that the order is kept,
/// unless the test decides otherwise: a message or an event that is released is sent at once, before those that are
/// still parked. Pings and pongs pass. `hold!(message: F)` and `hold!(event: F)` also catch what comes next on streams
/// that are already open; `chunk:` applies to responses whose head comes after the declaration.
///
/// A body is split where an `offset` is compared: `offset == 0` parks all of it and lets the head pass,
/// `offset == 1024` parks what follows the first 1024 bytes (as they are sent). JSON lines (`application/x-ndjson`) are
/// split by line.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// # respond!(host == "shop.test", 204);
/// let hold = hold!(response: path == "/save" && status == 204);
/// let asking = tokio::spawn(client.post("https://shop.test/save").send());
/// let held = hold.next().await?;
/// assert!(!asking.is_finished());
/// assert!(held.release().await?.is_delivered());
/// # Ok(()) }
/// ```
pub use holdup_macros::hold;

/// Records matching flows without parking them: `watch!(F)`. Returns a [`Watch`].
///
/// Its `next().await?` returns the [`Exchange`], or the part at `message:`, `event:` and `chunk:`. `watch!(websocket)`
/// returns a WebSocket's exchange as soon as the socket is open.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// # respond!(host == "shop.test", 204);
/// let saves = watch!(path == "/save");
/// client.post("https://shop.test/save").send().await?;
/// assert_eq!(saves.next().await?.request.method(), "POST");
/// # Ok(()) }
/// ```
pub use holdup_macros::watch;

/// Delays matching flows: `delay!(F, 300ms)`, `delay!(response: F, duration)`. Returns a [`Rule`].
///
/// A flow continues no earlier than this time after its arrival. A delay guarantees no order: to make a race happen,
/// use [`hold!`].
///
/// `delay!(F, 200ms..400ms)` draws each flow's delay from a range, seeded by `HOLDUP_SEED`. A failure prints the seed
/// that was used.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// # respond!(response: host == "shop.test", 204);
/// let slow = delay!(host == "shop.test", 5ms);
/// # slow.remove();
/// # Ok(()) }
/// ```
pub use holdup_macros::delay;

/// Slows down matching responses: `throttle!(F, 50_000)`. Returns a [`Rule`].
///
/// The rate is in bytes per second. `throttle!(F, Profile::SLOW_3G)` also delays each response by the latency of such a
/// line.
///
/// Each flow has the whole rate. `throttle!(request: F, ..)` slows down what the browser sends.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// # respond!(host == "shop.test", (200, "slow"));
/// throttle!(host == "shop.test", 50_000);
/// assert_eq!(client.get("https://shop.test/").send().await?.text().await?, "slow");
/// # Ok(()) }
/// ```
pub use holdup_macros::throttle;

/// Aborts matching flows: `abort!(F, reset)`. Returns a [`Rule`].
///
/// At `response:`, the server has already handled the request. The kinds are `reset`, `close`, `stall`,
/// `truncate(1024)`, `malformed` and `goaway`; see [`AbortKind`] for what each does on HTTP/1 and HTTP/2.
///
/// `abort!(message: F, reset)` aborts the whole WebSocket, and `event:` and `chunk:` abort their streams. `discard`
/// drops one message or event.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// abort!(host == "shop.test", reset);
/// assert!(client.get("https://shop.test/").send().await.is_err());
/// # Ok(()) }
/// ```
pub use holdup_macros::abort;

/// Responds in the upstream's place: `respond!(F, 503)`. Returns a [`Rule`].
///
/// Other forms are `respond!(F, (200, "body"))`, `respond!(F, json!({"a": 1}))`, `respond!(F, file("page.html"))`, and
/// any [`http::Response`]. The response passes the rules of its stage like any other, so it can be held.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// respond!(path == "/down", 503).once();
/// assert_eq!(client.get("https://shop.test/down").send().await?.status(), 503);
/// # Ok(()) }
/// ```
pub use holdup_macros::respond;

/// Serves a local file in place of the upstream's body. Returns a [`Rule`].
///
/// `replace!(url ~ "/static/app.*\\.js$", "fixtures/app.js")` keeps the status and headers of the real response, except
/// those that describe its bytes. The browser gets the file whatever it has cached: validators are removed in both
/// directions, and the response is sent as `no-cache`. A relative path starts at the folder of the test's crate. The
/// file is read again for each flow.
///
/// `replace!(path ~ "^/static/(.*)$", dir("dist"))` maps a [folder](dir()). [`assert_applied`](Rule::assert_applied)
/// returns what was replaced, what replaced it, and a diff; [`upstream_sha256`](Rule::upstream_sha256) shows whether
/// production has changed since.
///
/// While such a rule is active, Holdup removes what would keep the file from a page: `integrity` of the replaced part
/// (in the page, in import maps, in `link` headers, and the `integrity-policy`), hashes of a content security policy
/// that forbid it, and service workers, which are not found (unless [`let_service_workers`](Mitm::let_service_workers)
/// allows them).
pub use holdup_macros::replace;

/// Rewrites the text of matching bodies: `rewrite!(content_type ~ "html", "the" => "teh")`. Returns a [`Rule`].
///
/// The left side is a regex, and the right side may use `$1`. The content-encoding (gzip, deflate, br, zstd) is undone
/// and not applied again; the charset is kept. A body that is not text in its charset stays as it is.
/// `rewrite!(request: ..)` rewrites what the browser sends, `rewrite!(message: ..)` WebSocket messages, and
/// `rewrite!(event: ..)` the data of server-sent events. A body of more than 16 MiB
/// ([`limit_bodies`](Mitm::limit_bodies)) fails the flow, and the test.
///
/// `rewrite!(F, header("x") => "value")` sets a header of the response (of the request with `request:`), and `=> none`
/// removes it. `rewrite!(F, url("^/v1/") => "/v2/")` rewrites path and query before the request is sent to the
/// upstream.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// # respond!(host == "shop.test", (200, "the cat"));
/// rewrite!(content_type ~ "text", "the (\\w+)" => "teh $1");
/// assert_eq!(client.get("https://shop.test/").send().await?.text().await?, "teh cat");
/// # Ok(()) }
/// ```
pub use holdup_macros::rewrite;

/// Redirects matching requests: `redirect!(F, "https://staging.test")`. Returns a [`Rule`].
///
/// Path and query are kept, unless the URL has a path; a path that ends in `/` is put before the original one. The
/// `host` header names the new host, unless `, keep_host` is added. The browser does not notice: what it sees keeps its
/// URL.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// redirect!(host == "shop.test", "https://staging.test/v2/");
/// respond!(host == "staging.test" && path == "/v2/cart", (200, "staging"));
/// assert_eq!(client.get("https://shop.test/cart").send().await?.text().await?, "staging");
/// # Ok(()) }
/// ```
pub use holdup_macros::redirect;

/// Changes matching flows with a closure. Returns a [`Rule`].
///
/// `edit!(F, |request| ..)` changes requests, `edit!(response: F, |response| ..)` responses,
/// `edit!(message: F, |message| ..)` a [`Message`], `edit!(event: F, |event| ..)` a [`ServerEvent`]. The closure may be
/// async.
///
/// The body is read first (up to 16 MiB), with its content-encoding undone. If the closure panics, the flow and the
/// test fail; a message or an event is then sent unchanged, and the journal records the panic.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// respond!(host == "shop.test", (200, "the cat"));
/// edit!(response: host == "shop.test", |response| {
///     let louder = response.body().map(|body| body.to_ascii_uppercase());
///     response.set_body(louder.unwrap_or_default());
/// });
/// edit!(path == "/old", async |request| request.set_path_and_query("/new"));
/// assert_eq!(client.get("https://shop.test/").send().await?.text().await?, "THE CAT");
/// # Ok(()) }
/// ```
pub use holdup_macros::edit;

/// Answers requests from a recording, without their servers: `replay!("tests/checkout.har")?`.
///
/// The same as [`Verbs::replay`], on the test's own proxy; it returns a [`Replay`] with the options.
///
/// ```no_run
/// # use holdup::prelude::*;
/// # async fn example(browser: Browser) -> TestResult {
/// replay!("tests/checkout.har")?.ignore_query("ts").in_recorded_order();
/// browser.goto("https://shop.test/").await?;
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! replay {
    ($path:expr $(,)?) => {
        $crate::Verbs::ambient("replay!").replay($path)
    };
}
