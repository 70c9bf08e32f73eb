//! The documents that one frame has had. Pure (no I/O).

/// Documents are identified by their loader ids.
#[derive(Debug, Default)]
pub(super) struct Loading {
    /// The session that last reported on the frame.
    pub(super) session: String,
    /// The document that is being loaded.
    pub(super) next: Option<String>,
    /// The committed documents, in order.
    come: Vec<String>,
    /// Whether the last document has loaded as far as it will.
    is_loaded: bool,
}

impl Loading {
    /// Commits a document; returns false if it is the current one already.
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

    /// Marks a document as loaded; returns false if it is not the current one.
    pub(super) fn loads(&mut self, loader: &str) -> bool {
        let is_last = self.is_last(loader);
        self.is_loaded |= is_last;
        is_last
    }

    /// Marks the end of loading: all has loaded or was stopped, or the navigation shows nothing. Returns false if the
    /// document was marked already.
    pub(super) fn stops(&mut self) -> bool {
        self.next = None;
        !std::mem::replace(&mut self.is_loaded, true)
    }

    /// Returns whether a document has been committed and it, or the one that replaced it, has loaded.
    pub(super) fn has_loaded(&self, loader: &str) -> bool {
        self.is_loaded && self.come.iter().any(|come| come == loader)
    }

    fn is_last(&self, loader: &str) -> bool {
        self.come.last().is_some_and(|last| last == loader)
    }
}
