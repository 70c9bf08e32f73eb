//! Looks at the pages of a test when its body has ended, before anything is released.

use super::settings::{self, Keep, Pause};
use crate::console::Attach;
use crate::evidence::console_note;
use crate::fixture::TestSpec;
use crate::mitm::Mitm;
use crate::page::{Look, Moment};
use crate::pause;
use crate::report::Failure;

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

/// Lets a console attach while the test is paused, and pauses it now if that is wanted.
pub(super) async fn attach(mitm: &Mitm, spec: &TestSpec) -> Result<Attach, Failure> {
    let attach = Attach::on_pause(mitm, spec.name, &console_note(spec.name));
    let attach = attach.map_err(|error| Failure::bare(format!("no thread for consoles: {error}")))?;
    if settings::pause() == Pause::AtStart {
        let why = "holdup: the test has not begun";
        // In a CI job nobody looks.
        let _ = pause::pause(mitm.log(), spec.place, why).await;
    }
    Ok(attach)
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
    if failed && pictures != Pictures::None && settings::pause() == Pause::OnFailure && !spec.should_panic {
        let why = "holdup: the test has failed, and nothing was released yet: its browser stays open";
        // In a CI job nobody looks.
        let _ = pause::pause(mitm.log(), spec.place, why).await;
    }
    looks
}
