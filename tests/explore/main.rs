//! The explorer finds the order that breaks a page, and no other.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]
#![allow(unnameable_test_items, reason = "some bodies are called by tests, not collected")]

#[path = "../support/mod.rs"]
mod support;

mod again;
mod exact;
mod orders;
mod pages;
mod races;
mod replayed;
#[path = "../zoo/mod.rs"]
mod zoo;
