//! The macros, with their documentation: a procedural macro's own crate cannot link to what it expands to.

#[allow(unused_imports, reason = "names for the links in the documentation")]
use crate::*;

/// Turns an `async fn` into a test whose arguments are [`Fixture`]s, set up in their order and torn down in reverse.
///
/// The test owns a proxy, whether or not it takes [`Mitm`] as an argument; the verbs in its body mean that one. It may
/// return `()` or any `Result<(), E>`; with [`TestResult`] a failure names the line of the `?`. Other attributes
/// (`#[ignore]`, `#[should_panic]`, `#[cfg(..)]`) stay. Options, separated by commas:
///
/// * `timeout = "30s"`: how long the body may take, set-up included; 60 seconds unless said.
/// * `browser = firefox` (or `headless_shell`, `chromium`): which [`Browser`] it gets. Without it, `HOLDUP_BROWSER` says so,
///   or it is the fastest that is there.
/// * `browsers = all`: a test for each of them, called `name_in_firefox` and so on.
/// * `explore`: see below. `schedule = "h1;.."`: runs in the order that an exploration has printed, as a regression test.
///
/// # Exploring orders
///
/// `#[mitm_test(explore)]` runs the body again and again, each time under another order of answers and user actions, until one
/// fails or the budget ends (64 executions or 20 seconds). Every answer to a call is held until the page is quiet, and then
/// either it is delivered or the user's next action happens; requests of unsafe methods wait the same way before they reach the
/// server. What the test looks at (texts, attributes, scripts, [`Browser::settled`]) it sees when all has been delivered. An
/// order that fails is tried three times, made as short as it goes, and printed: as a sentence, as a schedule for
/// `HOLDUP_SCHEDULE` and for `schedule = ".."`, and as code with [`hold!`].
///
/// Fixtures are set up anew for each execution: that is where a server's state is reset. The browser's session is shared, in a
/// window without cookies, storage and caches. What another document asks for than the page itself is named with it (`GET /x
/// @/frame.html#1`, `@w2/popup.html` for a second window). WebSocket messages and server-sent events that a page gets are ordered
/// like answers; messages of one socket may then overtake each other, which no network does, but a server can. Pages,
/// styles, images, and the scripts that come with a page are left alone. What comes back by itself each time it is let go,
/// without the user having acted, is held from the fourth time on, and named. Two equal runs that differ are reported as that, never as a race.
///
/// `explore(..)` takes `max = 64`, `time = "20s"`, `depth = 2` (no more than two flows late; 1: one), `full` (every order with one
/// delay, then with two, and so on), `ignore(F)` (left alone: polls), `effects(F)` (these change the server, whatever their
/// method), `serial(F)` (answered one after another by their server). `HOLDUP_EXPLORE=off`, `quick` or `full` says so for a whole
/// run. `HOLDUP_REPEAT=100` runs each test so often that is not explored, as it is or in its schedule's order, and counts failures.
///
/// A schedule reads like this: `h1;ff;r:GET /search?q=a#1 > r:GET /search?q=ab#1`. Its parts:
///
/// | part | meaning |
/// |---|---|
/// | `h1` | the version of the notation |
/// | `ff` | base order: answers first, each before the next action of the user |
/// | `af` | base order: actions first, each before any answer |
/// | `lf` | base order: as `ff`, the answer that came last first |
/// | `la` | base order: as `af`, the answer that came last first |
/// | `X > Y` | a constraint: `X` not before `Y`; several are separated by `, ` |
/// | `r:GET /path?query#2` | the answer to the second request of that name reaches the page |
/// | `q:POST /path ~12ab#1` | the request reaches its server; `~12ab` is a digest of its body |
/// | `a2` | the user's second action |
///
/// When the body has ended, on whatever way, its rules are taken back, what is parked is released, fixtures are torn down,
/// and the proxy is drained. A hold that never caught anything fails the test, and so does a flow that is parked and was never
/// taken; a [`Held`] that the test took and dropped is released.
///
/// On a function that is called `main` it makes a program instead of a test.
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

/// A filter as a value: `filter!(url ~ "/ajax" && method == POST)`.
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
/// `~` searches a regex, unanchored and case-sensitive (`(?i)` otherwise). `!=` and `!~` deny every value that a field has.
/// `<` and its kin, and `in 200..300`, are for `port`, `size`, `status`, `occurrence`, and for `elapsed`, which is a time:
/// `elapsed > 300ms` is what the upstream took to answer. `occurrence == 2` is the second flow that meets the rest of the
/// filter. `request.` or `response.` before `header`, `headers`, `body`, `json`, `size` and `content_type` picks a side; without
/// it, either side that has been seen counts. `operation` is that of GraphQL, `resource` what the browser wants it for
/// (`"document"`, `"script"`, `"xhr"`, ..). A body is compared with its content-encoding undone, and read only if the filter
/// hangs on it.
///
/// Parts of streams have fields of their own, besides all that their flow has: at `message:` the WebSocket message's content
/// is `message`, its way is `direction` (`"to_server"` or `"to_client"`), and `opcode` is `"text"` or `"binary"`; at `event:`
/// there are `event` (its type), `data` and `id`; at `chunk:` there are `chunk` (its content) and `offset` (how many bytes of
/// the body come before it). `body`, `json` and `size` without a side mean the part there.
///
/// A value is a literal, a path (`host == HOST`), or any expression in braces (`url ~ {pattern}`). A method may be written
/// bare. Mistakes are told when the test is compiled.
///
/// A string is a filter as mitmproxy spells it: `hold!("~u /ajax & ~m POST")`. It is read when the test runs; see
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

/// Parks each matching flow until the test decides: `hold!(F)` before the upstream hears of it, `hold!(response: F)` when
/// the upstream has answered. Gives a [`Hold`].
///
/// It is in force when the macro returns. Flows that arrived before are not caught, but named if a wait fails.
/// Parts of streams are parked alike: `hold!(message: F)` a WebSocket message, `hold!(event: F)` a server-sent event,
/// `hold!(chunk: F)` a piece of an answer's body. What comes behind a parked part waits, so that the order is kept, unless the
/// test says otherwise: a message or an event that is released goes at once, past those that are still parked. Pings and
/// pongs pass. `hold!(message: F)` and `hold!(event: F)` catch what comes next on streams that are open already; `chunk:` looks at
/// answers whose head comes after it was declared. A body is cut where an `offset` is compared: `offset == 0` parks all of it
/// and lets the head pass, `offset == 1024` parks what comes after the first 1024 bytes (as they are sent); JSON lines
/// (`application/x-ndjson`) are cut by line.
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

/// Sees matching flows pass and parks none: `watch!(F)`. Gives a [`Watch`], whose `next().await?` is the [`Exchange`], or at
/// `message:` and its kin the part. `watch!(websocket)` gives a WebSocket's exchange as soon as it is open.
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

/// Lets matching flows go on no earlier than a time after they arrived: `delay!(F, 300ms)`, `delay!(response: F, duration)`.
/// Gives a [`Rule`]. A delay is no order: to make a race happen, hold.
///
/// `delay!(F, 200ms..400ms)` draws each flow's delay from a range, by `HOLDUP_SEED`; a failure prints the seed that was used.
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

/// Lets matching answers pass slowly: `throttle!(F, 50_000)` bytes a second, or `throttle!(F, Profile::SLOW_3G)`, which also
/// holds each back by the latency of such a line. Gives a [`Rule`].
///
/// Each flow has the whole rate for itself. `throttle!(request: F, ..)` slows down what the browser sends.
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

/// Cuts matching flows off: `abort!(F, reset)`; at `response:` the server has done its work already. The ways are `reset`,
/// `close`, `stall`, `truncate(1024)`, `malformed` and `goaway`; see [`AbortKind`] for what each is on HTTP/1 and HTTP/2. Gives a
/// [`Rule`].
///
/// `abort!(message: F, reset)` cuts the whole WebSocket off, and `event:` and `chunk:` their streams; `discard` lets one message or
/// event go missing.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// abort!(host == "shop.test", reset);
/// assert!(client.get("https://shop.test/").send().await.is_err());
/// # Ok(()) }
/// ```
pub use holdup_macros::abort;

/// Answers in the upstream's place: `respond!(F, 503)`, `respond!(F, (200, "body"))`, `respond!(F, json!({"a": 1}))`,
/// `respond!(F, file("page.html"))`, or any [`http::Response`]. Gives a [`Rule`].
///
/// The answer passes the rules of the response like any other, so it can be held.
///
/// ```
/// # use holdup::prelude::*;
/// # #[mitm_test] async fn main(client: Client) -> TestResult {
/// respond!(path == "/down", 503).once();
/// assert_eq!(client.get("https://shop.test/down").send().await?.status(), 503);
/// # Ok(()) }
/// ```
pub use holdup_macros::respond;

/// Serves a local file in the place of what the upstream sends: `replace!(url ~ "/static/app.*\\.js$", "fixtures/app.js")`.
/// Gives a [`Rule`].
///
/// Status and headers of the real answer stay, but for those that speak of its bytes. Whatever the browser has cached, it
/// gets the file: validators are dropped both ways, and the answer goes out as `no-cache`. A relative path is seen from the
/// folder of the test's crate. The file is read anew for each flow.
///
/// `replace!(path ~ "^/static/(.*)$", dir("dist"))` maps a [folder](dir()). [`assert_applied`](Rule::assert_applied) gives what was
/// replaced, what by, and a diff; [`upstream_sha256`](Rule::upstream_sha256) notices that production has changed since.
///
/// While such a rule is open, what would keep the file from a page is taken away: `integrity` of the replaced part (in the
/// page, in import maps, in `link` headers, and the `integrity-policy`), hashes of a content security policy that forbid it,
/// and service workers, which are not found (unless
/// [`let_service_workers`](Mitm::let_service_workers) says otherwise).
pub use holdup_macros::replace;

/// Rewrites the text of what matching flows bring: `rewrite!(content_type ~ "html", "the" => "teh")`. Gives a [`Rule`].
///
/// The left side is a regex, the right side may say `$1`. The content-encoding (gzip, deflate, br, zstd) is undone and not
/// done again; the charset is kept. A body that is no text in its charset stays as it is. `rewrite!(request: ..)` rewrites
/// what the browser sends, `rewrite!(message: ..)` WebSocket messages, and `rewrite!(event: ..)` the data of server-sent events.
/// Bodies of more than 16 MiB ([`limit_bodies`](Mitm::limit_bodies)) fail the
/// flow, and the test.
///
/// `rewrite!(F, header("x") => "value")` sets a header of the answer (of the request with `request:`), `=> none` removes it.
/// `rewrite!(F, url("^/v1/") => "/v2/")` rewrites path and query before the upstream is asked.
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

/// Sends matching requests elsewhere: `redirect!(F, "https://staging.test")`. Gives a [`Rule`].
///
/// Path and query are kept, unless the URL has a path of its own; one that ends in `/` is put before the old path. The `host`
/// header names the new host, unless `, keep_host` is added. The browser never hears of it: what it sees keeps its URL.
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

/// Changes matching flows by code: `edit!(F, |request| ..)`, `edit!(response: F, |response| ..)`, or with an async closure.
/// Gives a [`Rule`].
///
/// The body is read first (up to 16 MiB), with its content-encoding undone. Code that panics fails the flow, and the test.
/// `edit!(message: F, |message| ..)` changes a [`Message`], `edit!(event: F, |event| ..)` a [`ServerEvent`].
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
