//! The gate that carries out verdicts, the pages that they affect, and the recordings that answer.

use super::Replays;
use crate::page::Pages;
use crate::proxy::Gate;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The gate of one proxy, the pages of the browsers that use it, and its replays.
#[derive(Clone)]
pub(crate) struct RuleContext {
    pub(crate) gate: Arc<Gate>,
    pub(crate) pages: Arc<Pages>,
    pub(crate) replays: Arc<Replays>,
}

/// Prints no fields, since a handle is about one flow and the fields are about the whole test.
impl fmt::Debug for RuleContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuleContext")
    }
}

impl Deref for RuleContext {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}
