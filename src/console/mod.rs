//! The console of one proxy, for a person at a terminal: what is told and asked over one connection.
//!
//! Lines of JSON in both directions. The program `holdup` (`cli/`) is the other end: over a pipe in its own process for
//! `holdup proxy`, over a socket for a test. Told, in this order: `hello`, then `rows`, `lines` and `state` whenever
//! something has changed. Asked: `{"n": 1, "do": "release", ..}`; each gets one `{"n": 1, "ok": ..}` or `{"n": 1,
//! "error": ".."}`.
//!
//! * `hello`: `{"proxy": "127.0.0.1:4000", "test": null}`
//! * `rows`: flows that are new or have changed (`rows.rs` has the fields)
//! * `lines`: lines of the journal
//! * `state`: `{"intercept": "~u x", "on": true, "edited": [3], "parts": [], "view": null}`, and `paused` of a test
//! * `release`, `abort`: `flows`; with `"wait": true` one after another, each until the page has processed it
//! * `intercept`: `filter` (mitmproxy's language), or `on`
//! * `view`: `filter` of the flows that the list shows; each flow says whether it is `shown`
//! * `show`: `flows` (one), answered with its text, and with `"read": true` with the body of a held message
//! * `edit`: `flows` (one), answered with the text for an editor, and taken back as `text`
//! * `parts`: `flows` (one), whose messages and events are held one by one, or no longer
//! * `filter`: `flows` (one), answered with the shortest filter that matches it
//! * `settled`: answered when the pages have settled, or with what they wait for
//! * `state`: answered when all that happened before is told
//! * `go_on`: ends the pause of the test
//! * `resend`: `flows`; `save`: `path`; `test`: answered with the session as a test

mod act;
mod attach;
mod change;
mod edit;
mod hold;
mod look;
mod message;
mod rows;
mod schedule;
mod serve;
mod session;
mod show;
mod view;

pub(crate) use attach::Attach;
pub use serve::{Console, serve};
