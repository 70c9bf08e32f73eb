//! An empty crate; only its tests matter.
