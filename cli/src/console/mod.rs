//! The console: what a person sees of one proxy, and the keys.

mod actions;
mod attach;
mod draw;
mod editor;
pub(crate) mod keys;
mod link;
pub(crate) mod model;
mod row;
mod run;
#[cfg(test)]
mod screens;

pub(crate) use attach::attach;
pub(crate) use link::Link;
pub(crate) use run::run;
