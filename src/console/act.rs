//! Does what a person asks for.

use super::schedule::schedule;
use super::session::{Answer, Session, flows};
use crate::flow::{FlowId, Place};
use crate::journal::Event;
use crate::proxy::Verdict;
use crate::record::{self, ABORTED, RELEASED};
use crate::rules::AbortKind;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// How long a page may take to process what was released, before the next is.
const PROCESSED: Duration = Duration::from_secs(5);

impl Session {
    pub(super) async fn act(&self, asked: &Value) -> Answer {
        match asked["do"].as_str().unwrap_or_default() {
            "release" => self.release(asked).await,
            "abort" => self.abort(asked),
            "intercept" => self.intercept(asked),
            "parts" => self.hold_parts(asked),
            "view" => self.set_view(asked),
            "show" => self.show(asked).await,
            "filter" => self.filter_of(asked),
            "settled" => self.settled().await,
            "edit" => self.edit(asked).await,
            "resend" => self.resend(asked),
            "save" => self.save(asked),
            "go_on" => {
                self.mitm.log().go_on();
                Ok(json!(true))
            }
            "state" => Ok(self.told()),
            "test" => Ok(json!(self.test())),
            other => Err(format!("{other:?} is nothing that can be asked")),
        }
    }

    async fn release(&self, asked: &Value) -> Answer {
        let (flows, mut released) = (flows(asked)?, 0);
        for id in &flows {
            // Its client may have left.
            if self.parked_stage(*id).is_none() {
                continue;
            }
            released += 1;
            let from = self.mitm.log().since(u64::MAX).1;
            {
                // Under one lock: an edit comes before, or is told that it is too late.
                let mut state = self.state();
                let heads = state.edits.remove(id).unwrap_or_default();
                self.mitm.context().decide(*id, RELEASED, None, Verdict::Release(heads));
            }
            if asked["wait"] == true {
                self.ended(*id, from).await;
            }
        }
        said(released, &flows)
    }

    /// Waits until a flow has ended and the pages have processed it, or until it is held again.
    async fn ended(&self, id: FlowId, from: u64) {
        let waiting = self.mitm.log().until(from, |event| match event {
            Event::Parked { flow, .. } if *flow == id => Some(false),
            Event::Ended { flow, outcome } if *flow == id => Some(outcome.is_delivered()),
            _ => None,
        });
        let has_come = tokio::time::timeout(PROCESSED, waiting).await.unwrap_or(false);
        let pages = &self.mitm.context().pages;
        if has_come && !pages.sessions().is_empty() {
            drop(pages.processed(id, PROCESSED, Place::here()).await);
        }
    }

    fn abort(&self, asked: &Value) -> Answer {
        let (flows, mut aborted, mut cut) = (flows(asked)?, 0, BTreeSet::new());
        for id in &flows {
            // Other parts of a stream go with the first.
            aborted += usize::from(cut.contains(&id.whole()));
            let Some(stage) = self.parked_stage(*id).filter(|_| !cut.contains(&id.whole())) else { continue };
            aborted += 1;
            cut.insert(id.whole());
            let kind = if stage.is_part() { AbortKind::Close } else { AbortKind::Reset };
            self.mitm.context().decide(*id, ABORTED, None, Verdict::Abort(kind));
        }
        said(aborted, &flows)
    }

    fn resend(&self, asked: &Value) -> Answer {
        let mut sent = 0;
        for id in flows(asked)? {
            let exchange =
                self.mitm.log().exchange(id.whole()).ok_or_else(|| format!("the journal no longer has {id}"))?;
            let resend = self.mitm.resend(&exchange);
            // Its answer comes as a flow; it may be held, so nobody waits for it here.
            tokio::spawn(async move { drop(resend.await) });
            sent += 1;
        }
        Ok(json!(sent))
    }

    fn save(&self, asked: &Value) -> Answer {
        let path = asked["path"].as_str().filter(|path| !path.is_empty()).ok_or("into which file?")?;
        if Path::new(path).exists() {
            return Err(format!("{path} is there already: name another file"));
        }
        self.mitm.save(path).map_err(|failure| failure.to_string().lines().next().unwrap_or_default().to_owned())?;
        Ok(json!(path))
    }

    /// Returns the session as the text of a test.
    fn test(&self) -> String {
        let entries = self.mitm.log().tail(usize::MAX);
        let state = self.state();
        record::Session { entries: &entries, edits: &state.code, schedule: schedule(&entries) }.test()
    }
}

/// Tells how many of the flows a verdict has reached.
fn said(reached: usize, flows: &[FlowId]) -> Answer {
    match flows.len() - reached {
        0 => Ok(json!(reached)),
        left => Err(format!("{left} of {} are not held any more; the others have their verdict", flows.len())),
    }
}
