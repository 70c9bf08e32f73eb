//! The documents that one frame has had. Pure.

/// Documents go by the id of their loader.
#[derive(Debug, Default)]
pub(super) struct Loading {
    /// That told of it last.
    pub(super) session: String,
    /// On its way.
    pub(super) next: Option<String>,
    /// In their order.
    come: Vec<String>,
    /// Of the last: as far as it will be.
    is_loaded: bool,
}

impl Loading {
    /// A document takes the place of another; false if it is there.
    pub(super) fn comes(&mut self, loader: &str) -> bool {
        if self.is_last(loader) {
            return false;
        }
        if self.next.as_deref() == Some(loader) {
            self.next = None;
        }
        self.come.push(loader.to_owned());
        self.is_loaded = false;
        true
    }

    /// A document has loaded; false if it is not there any more.
    pub(super) fn loads(&mut self, loader: &str) -> bool {
        let is_last = self.is_last(loader);
        self.is_loaded |= is_last;
        is_last
    }

    /// Nothing more comes: all is loaded, or was stopped, or what the frame was on its way to shows nothing. False if that
    /// was known.
    pub(super) fn stops(&mut self) -> bool {
        self.next = None;
        !std::mem::replace(&mut self.is_loaded, true)
    }

    /// Whether a document has come and loaded, or the one that has taken its place.
    pub(super) fn has_loaded(&self, loader: &str) -> bool {
        self.is_loaded && self.come.iter().any(|come| come == loader)
    }

    fn is_last(&self, loader: &str) -> bool {
        self.come.last().is_some_and(|last| last == loader)
    }
}
