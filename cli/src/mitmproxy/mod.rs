//! What a user of mitmproxy types out of habit.

mod arguments;
mod instead;
mod pattern;

pub(crate) use arguments::adapted;
