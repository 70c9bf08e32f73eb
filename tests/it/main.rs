//! Real clients through the proxy to real servers, without a browser.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod basics;
