//! Tests with real clients through the proxy to real servers, without a browser.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, clippy::too_many_lines)]
#![allow(unnameable_test_items, reason = "some bodies are called by tests, not collected")]

#[path = "../support/mod.rs"]
mod support;

mod basics;
mod changes;
mod clients;
mod clients_apart;
mod conformance;
mod connections;
mod console;
mod cuts;
mod drops;
mod exchanged;
mod failures;
mod forgiving;
mod giving_up;
mod heads;
mod holding;
mod http2;
mod language;
mod leaks;
mod loading;
mod looking;
mod many;
mod mitmproxy;
mod names;
mod order;
mod pace;
mod private;
mod programs;
mod recordings;
mod replaced;
mod replayed_streams;
mod replaying;
mod resending;
mod reverse;
mod smuggling;
mod soak;
mod sockets;
mod streams;
mod trouble;
mod trust;
mod upstream_proxy;
mod verbs;
