//! What a verdict has to do with: the gate that carries it out, and the pages that feel it.

use crate::page::Pages;
use crate::proxy::Gate;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The gate of one proxy, and the browsers that use it.
#[derive(Clone)]
pub(crate) struct RuleContext {
    pub(crate) gate: Arc<Gate>,
    pub(crate) pages: Arc<Pages>,
}

/// What is in a test's hands is about one flow, not about all that has happened.
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
