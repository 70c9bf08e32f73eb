//! The gate that carries out verdicts, and the pages that they affect.

use crate::page::Pages;
use crate::proxy::Gate;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The gate of one proxy, and the pages of the browsers that use it.
#[derive(Clone)]
pub(crate) struct RuleContext {
    pub(crate) gate: Arc<Gate>,
    pub(crate) pages: Arc<Pages>,
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
