//! What a verdict has to do with: the gate that carries it out, and the pages that feel it.

use crate::browser::Audience;
use crate::proxy::Gate;
use std::ops::Deref;
use std::sync::Arc;

/// The gate of one proxy, and the browsers that use it.
#[derive(Clone, Debug)]
pub(crate) struct Court {
    pub(crate) gate: Arc<Gate>,
    pub(crate) audience: Arc<Audience>,
}

impl Deref for Court {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}
