//! The text of failures. Reads the journal and the findings of the rule table, and changes nothing.

mod error;
mod failure;
mod findings;
mod footer;
mod misuse;
mod page;
mod paste;
mod race;
mod wait;

pub use error::{TestError, TestResult};
pub use failure::Failure;
pub(crate) use findings::{finding, page_errors, rule_faults};
pub(crate) use footer::footer;
pub(crate) use misuse::misuse;
pub(crate) use page::is_look;
pub(crate) use race::{Race, nondeterminism};
pub(crate) use wait::{
    ReportContext, caught_although_none_expected, expired, never_applied, still_waited_for, unfinished, was_refused,
};
