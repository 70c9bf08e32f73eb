//! What a user of mitmproxy types out of habit. Pure.

mod arguments;
mod instead;
mod pattern;

pub(crate) use arguments::adapted;
