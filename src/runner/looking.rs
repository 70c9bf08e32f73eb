//! Looks at the pages of a test when its body has ended, before anything is released.

use super::settings::{self, Keep};
use crate::fixture::TestSpec;
use crate::mitm::Mitm;
use crate::page::{Look, Moment};
use crate::pause;

/// Which pictures of its pages an execution takes. Each costs a few commands to the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    None,
    /// At the end, if it fails, or if evidence is always kept.
    OfFailure,
    /// After a step of the order, and at the end.
    After(usize),
}

impl Pictures {
    /// Whether pictures are taken at the end.
    pub(super) fn at_end(self, failed: bool) -> bool {
        match self {
            Self::None => false,
            Self::OfFailure => (failed && settings::keep() != Keep::Nothing) || settings::keep() == Keep::All,
            Self::After(_) => settings::keep() != Keep::Nothing,
        }
    }

    pub(super) fn after(self) -> Option<usize> {
        match self {
            Self::After(step) => Some(step),
            Self::None | Self::OfFailure => None,
        }
    }
}

/// Journals where the pages are, once.
pub(super) async fn note_locations(mitm: &Mitm) {
    if !mitm.log().has_location() {
        mitm.pages().note_locations().await;
    }
}

/// Returns what the pages look like, and pauses a test that has failed, if that is wanted.
pub(super) async fn look(mitm: &Mitm, spec: &TestSpec, failed: bool, pictures: Pictures) -> Vec<Look> {
    let takes_pictures = pictures.at_end(failed) && !spec.should_panic;
    if failed || takes_pictures {
        note_locations(mitm).await;
    }
    let looks = if takes_pictures { mitm.pages().looks(Moment::End).await } else { Vec::new() };
    if failed && pictures != Pictures::None && settings::pauses_on_failure() && !spec.should_panic {
        let why = "holdup: the test has failed, and nothing was released yet: its browser stays open";
        // In a CI job nobody looks.
        let _ = pause::pause(mitm.log(), spec.place, why).await;
    }
    looks
}
