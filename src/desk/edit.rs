//! Changes by code.

use crate::flow::{Request, Response, Stage};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// A change that may take its time.
pub(crate) type Change<H> = Arc<dyn Fn(H) -> Pin<Box<dyn Future<Output = H> + Send>> + Send + Sync>;

/// A change of one side.
#[derive(Clone)]
pub(crate) enum Edit {
    Request(Change<Request>),
    Response(Change<Response>),
}

/// A stage whose flows can be changed.
pub trait Editable: Stage + Sized + Send + 'static {
    #[doc(hidden)]
    fn edit(change: impl Fn(Self) -> Pin<Box<dyn Future<Output = Self> + Send>> + Send + Sync + 'static) -> AnyEdit;
}

/// What [`Editable`] makes, without naming it in public.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct AnyEdit(pub(crate) Edit);

impl Editable for Request {
    fn edit(change: impl Fn(Self) -> Pin<Box<dyn Future<Output = Self> + Send>> + Send + Sync + 'static) -> AnyEdit {
        AnyEdit(Edit::Request(Arc::new(change)))
    }
}

impl Editable for Response {
    fn edit(change: impl Fn(Self) -> Pin<Box<dyn Future<Output = Self> + Send>> + Send + Sync + 'static) -> AnyEdit {
        AnyEdit(Edit::Response(Arc::new(change)))
    }
}

/// Code has no text.
impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request(_) => "Edit::Request(..)",
            Self::Response(_) => "Edit::Response(..)",
        })
    }
}
