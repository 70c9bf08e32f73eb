//! Tests of a real browser through the proxy.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]
#![allow(unnameable_test_items, reason = "some bodies are called by tests, not collected")]

#[path = "../support/mod.rs"]
mod support;

mod apart;
mod console;
mod cookies;
mod deadlocks;
mod dialogs;
mod evidence;
mod examples;
mod facts;
mod hotfix;
mod hygiene;
mod kinds;
mod limits;
mod others;
mod pages;
mod pause;
mod private;
mod recorded;
mod remote;
mod session;
mod settled;
mod shared;
mod trouble;
