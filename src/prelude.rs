//! The names that a test needs: `use holdup::prelude::*;`

pub use crate::{
    AbortKind, Browser, BrowserKind, Client, Delivery, Exchange, Failure, Fixture, Held, Hold, Mitm, Outcome, Profile,
    Request, Response, Rule, Setup, TestResult, Upstream, Watch, abort, delay, dir, edit, file, filter, hold, json,
    mitm_test, redirect, replace, replay, respond, rewrite, throttle, watch,
};
