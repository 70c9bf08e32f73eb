//! A real browser through the proxy.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod apart;
mod examples;
mod hygiene;
mod pages;
mod trouble;
