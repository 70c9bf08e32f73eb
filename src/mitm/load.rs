//! Flows of the past.

use super::Mitm;
use crate::flow::{Exchange, Place};
use crate::record::{load, loaded};
use crate::report::Failure;
use std::collections::BTreeSet;
use std::path::Path;

impl Mitm {
    /// Puts the flows of a recording into the journal, as flows of the past, and returns them: a HAR, or a flow file of
    /// mitmproxy (18 to 21). To answer requests from a recording, see [`replay!`](crate::replay).
    ///
    /// They can be looked at, and [sent again](Self::resend), as mitmproxy's client replay does. They have new numbers, and
    /// the distances of the recording in time; the clock of the journal goes on by the time that they took. What is no
    /// request, and what has no absolute URL, is left out.
    ///
    /// ```no_run
    /// # use holdup::prelude::*;
    /// # async fn example(mitm: Mitm) -> TestResult {
    /// let recorded = mitm.load("tests/checkout.har")?;
    /// for response in mitm.resend_all(recorded.iter().map(|flow| mitm.resend(flow))).await? {
    ///     assert!(!response.status().is_server_error());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the file cannot be read, is no recording, or has more flows than the journal keeps.
    #[track_caller]
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Vec<Exchange>, Failure> {
        let (path, place) = (path.as_ref(), Place::here());
        let flows = load(path).map_err(|why| Failure::bare(why).at(place))?;
        let (mut ids, journal) = (BTreeSet::new(), self.log());
        let next = || {
            let id = journal.next_flow();
            ids.insert(id);
            id
        };
        journal.write_past(loaded(&flows, next));
        let mut exchanges = journal.exchanges();
        exchanges.retain(|exchange| ids.contains(&exchange.id));
        if exchanges.len() < ids.len() {
            let (kept, all) = (exchanges.len(), ids.len());
            let why = format!("{} has {all} flows, of which the journal keeps {kept}", path.display());
            let help = "`mitm.limit_journal(bytes)` keeps more, up to 100,000 entries: about 20,000 flows. Split the recording";
            return Err(Failure::bare(why).at(place).help(help));
        }
        Ok(exchanges)
    }
}
