//! What a person looks at.

use super::session::{Answer, Session, flow};
use super::show;
use crate::filter::Filter;
use crate::flow::Place;
use crate::page::Settled;
use crate::record;
use crate::sanitize::sanitize;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a page may take to say that it has settled.
const SETTLED: Duration = Duration::from_millis(500);

impl Session {
    /// Sets which flows the list shows.
    pub(super) fn set_view(&self, asked: &Value) -> Answer {
        let text = asked["filter"].as_str().unwrap_or_default().trim();
        let filter = if text.is_empty() { None } else { Some(text.parse().map_err(|error| format!("{error}"))?) };
        let mut state = self.state();
        state.view = filter.map(|filter| (text.to_owned(), filter));
        state.views += 1;
        drop(state);
        self.viewing.notify_waiters();
        Ok(self.told())
    }

    /// Returns which flows the list shows, and how often that was said.
    pub(super) fn view(&self) -> (u64, Option<Filter>) {
        let state = self.state();
        (state.views, state.view.as_ref().map(|(_, filter)| filter.clone()))
    }

    /// Returns a flow as text. With `read`, the body of a held message is read first, which its client does not notice.
    pub(super) async fn show(&self, asked: &Value) -> Answer {
        let id = flow(asked)?;
        let is_held = self.parked_stage(id).is_some_and(|stage| !stage.is_part());
        let entries = self.mitm.log().entries_of(id.whole());
        let mut shown = show::show(&entries).ok_or_else(|| "the journal no longer has it".to_owned())?;
        if is_held && asked["read"] == true {
            let of = if shown["response"].is_null() { "request" } else { "response" };
            shown[of] = json!(sanitize(&self.edit_text(id).await?));
        }
        shown["unread"] = json!(is_held && asked["read"] != true);
        Ok(shown)
    }

    /// Returns the shortest filter that matches a flow and no other.
    pub(super) fn filter_of(&self, asked: &Value) -> Answer {
        let id = flow(asked)?.whole();
        let filter = record::filter_of(&self.mitm.log().tail(usize::MAX), id);
        filter.map(Value::from).ok_or_else(|| format!("the journal no longer has {id}"))
    }

    /// Tells whether the pages have settled, or what they wait for.
    pub(super) async fn settled(&self) -> Answer {
        let sessions = self.mitm.context().pages.sessions();
        if sessions.is_empty() {
            return Err("this proxy has no browser of its own that could be asked".to_owned());
        }
        for pages in sessions {
            let settled = Settled::new(pages, Place::here()).within(SETTLED).await;
            settled.map_err(|failure| {
                let text = failure.to_string();
                text.lines().map(str::trim).take(3).collect::<Vec<_>>().join("; ")
            })?;
        }
        Ok(json!(true))
    }
}
