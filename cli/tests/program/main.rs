//! The program `holdup`, as a person starts it.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, clippy::todo)]
#![allow(unnameable_test_items, reason = "what the program has written is compiled, not run")]

mod app;
mod console;
mod plain;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/it/recorded/golden.har");
