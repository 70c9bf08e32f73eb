//! Holdup

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod browser;
mod ca;
mod desk;
mod filter;
mod fixture;
mod flow;
mod journal;
mod proxy;
mod report;
mod verbs;

pub use browser::{Browser, BrowserError};
pub use desk::AbortKind;
pub use filter::Filter;
pub use fixture::{Client, Config, Fixture, Mitm, Setup};
pub use flow::{Exchange, Fault, FaultStage, FlowId, Outcome, Place, Request, Response, Stage, Target};
pub use proxy::Upstream;
pub use report::{Failure, TestError, TestResult};
pub use verbs::{Delivery, Ends, Held, Hold, IntoAnswer, Rule, Verbs, Watch};

pub use holdup_macros::{abort, delay, filter, hold, mitm_test, replace, respond, rewrite, watch};

/// What a test needs: `use holdup::prelude::*;`
pub mod prelude {
    pub use crate::{
        AbortKind, Browser, Client, Delivery, Exchange, Failure, Fixture, Held, Hold, Mitm, Outcome, Request, Response,
        Rule, Setup, TestResult, Upstream, Watch,
    };
    pub use crate::{abort, delay, filter, hold, mitm_test, replace, respond, rewrite, watch};
}
