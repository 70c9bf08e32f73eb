//! Changes made by code.

use crate::flow::{Message, Request, Response, ServerEvent, Stage};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// A change that may take time.
pub(crate) type Change<H> = Arc<dyn Fn(H) -> Pin<Box<dyn Future<Output = H> + Send>> + Send + Sync>;

/// A change at one stage.
#[derive(Clone)]
pub(crate) enum Edit {
    Request(Change<Request>),
    Response(Change<Response>),
    Message(Change<Message>),
    Event(Change<ServerEvent>),
}

/// A stage whose flows can be changed.
pub trait Editable: Stage + Sized + Send + 'static {
    #[doc(hidden)]
    fn edit(change: impl Fn(Self) -> Pin<Box<dyn Future<Output = Self> + Send>> + Send + Sync + 'static) -> AnyEdit;
}

/// The edit that [`Editable`] creates; keeps `Edit` out of the public API.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct AnyEdit(pub(crate) Edit);

macro_rules! editable {
    ($what:ty, $name:ident) => {
        impl Editable for $what {
            fn edit(
                change: impl Fn(Self) -> Pin<Box<dyn Future<Output = Self> + Send>> + Send + Sync + 'static,
            ) -> AnyEdit {
                AnyEdit(Edit::$name(Arc::new(change)))
            }
        }
    };
}
editable!(Request, Request);
editable!(Response, Response);
editable!(Message, Message);
editable!(ServerEvent, Event);

/// Closures have no text form.
impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request(_) => "Edit::Request(..)",
            Self::Response(_) => "Edit::Response(..)",
            Self::Message(_) => "Edit::Message(..)",
            Self::Event(_) => "Edit::Event(..)",
        })
    }
}
