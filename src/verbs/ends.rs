//! What has an end that another release can wait for.

use crate::proxy::End;

/// A flow whose end can be awaited: a [`Held`](crate::Held) flow, or a [`Delivery`](crate::Delivery).
pub trait Ends: sealed::Sealed {
    #[doc(hidden)]
    fn end(&self) -> End;
}

pub(super) mod sealed {
    pub trait Sealed {}
}
