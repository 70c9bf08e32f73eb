//! The browser's side of settling: what each document waits for, as counted by its `settle.js`.

use crate::inspector::{Fault, Inspector, as_on_the_wire};
use crate::journal::Tally;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Runs in each document before any other script, and counts what it waits for.
pub(super) const SETTLE: &str = include_str!("settle.js");
/// Lets the pending tasks of a worker run.
const WORKER: &str = "(async () => { for (let i = 0; i < 4; i++) await new Promise(next => setTimeout(next)) })()";

/// What one document waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// Changes with each navigation.
    pub(super) realm: String,
    /// Whether it has started workers, and how many dedicated ones.
    pub(super) has_workers: bool,
    pub(super) workers: u64,
    /// A counter of everything that has happened in it.
    pub(super) turn: u64,
    /// `loading`, `interactive` or `complete`.
    pub(super) ready: String,
    pub(super) waits: Vec<Wait>,
    /// WebSockets and event streams.
    pub(super) streams: Vec<Stream>,
    /// How many timers of more than a second are pending.
    pub(super) slow: u64,
    /// Timers that the same place sets again and again: they are not waited for.
    pub(super) folded: Vec<String>,
    /// URLs that elements with `integrity` have refused.
    pub(super) refused: Vec<String>,
}

/// A stream that a document listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// As the proxy sees it.
    pub(super) url: String,
    /// Number of received events by type, for the types that can be counted.
    pub(super) heard: Tally,
}

/// Something that a document waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// `fetch`, `setTimeout`, `img`..
    pub(super) kind: String,
    /// Of the request; empty for timers and frames.
    pub(super) url: String,
    /// The script line of the request, if a script made it.
    pub(super) place: Option<String>,
}

/// When a document replies to a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// Once no timer or animation frame is pending and nothing moves.
    Quiet,
    /// Like `Quiet`, but regardless of animation frames.
    Undrawn,
    /// Once nothing moves.
    Still,
    /// Immediately.
    Now,
}

/// The documents of a session, by the id of their frame.
pub(super) type Documents = BTreeMap<String, Document>;

/// What a reader sees of a page: places in its documents, with their texts and values.
pub(crate) type Appearance = Vec<(String, String)>;

/// Returns what a reader sees of all documents: visible texts and values of fields, without clocks and random ids.
pub(super) async fn appearance(inspector: &Inspector, but: &BTreeSet<String>) -> Result<Appearance, Fault> {
    const SEEN: &str = include_str!("seen.js");
    let realms = inspector.realms(std::future::ready(())).await.0?;
    let realms = realms.iter().filter(|realm| !but.contains(&realm.frame));
    let asked = realms.map(|realm| inspector.evaluate(&realm.id, SEEN));
    let mut all = Vec::new();
    for seen in join_all(asked).await {
        let seen: Appearance = serde_json::from_str(&seen?.unwrap_or_default()).unwrap_or_default();
        all.extend(seen);
    }
    Ok(all)
}

/// Queries every document except those of some frames. Returns `None` if one has gone meanwhile; the next query reaches
/// its successor.
pub(super) async fn documents(
    inspector: &Inspector,
    but: &BTreeSet<String>,
    known: &Documents,
    scripts: &[String],
    asking: Asking,
) -> Result<Option<Documents>, Fault> {
    let ask = |frame: String, realm: String| async move {
        let asked = document(inspector, &realm, None, scripts, asking).await;
        (realm, asked.map(|document| document.map(|document| (frame, document))))
    };
    // Known documents are queried at once, which saves a round trip if they still exist.
    let likely = known.iter().filter(|(frame, _)| !but.contains(*frame));
    let likely = join_all(likely.map(|(frame, document)| ask(frame.clone(), document.realm.clone())));
    let (realms, likely) = match inspector.realms(likely).await {
        (Ok(realms), likely) => (realms, likely),
        // Firefox fails on a frame that is just being removed.
        (Err(Fault::Refused(_)), _) => return Ok(None),
        (Err(closed @ Fault::Closed), _) => return Err(closed),
    };
    let mut answers: BTreeMap<_, _> = likely.into_iter().collect();
    let realms: Vec<_> = realms.into_iter().filter(|realm| !but.contains(&realm.frame)).collect();
    let new = realms.iter().filter(|realm| !answers.contains_key(&realm.id));
    let new = join_all(new.map(|realm| ask(realm.frame.clone(), realm.id.clone()))).await;
    answers.extend(new);
    let mut documents = Documents::new();
    for realm in &realms {
        match answers.remove(&realm.id) {
            Some(Ok(document)) => documents.extend(document),
            Some(Err(Fault::Refused(_))) | None => return Ok(None),
            Some(Err(closed @ Fault::Closed)) => return Err(closed),
        }
    }
    Ok(Some(documents))
}

/// Resolves when something has moved in one of these documents since they were queried.
pub(super) async fn moved(inspector: &Inspector, documents: &Documents) {
    let asked = documents
        .values()
        .map(|known| Box::pin(document(inspector, &known.realm, Some(known.turn), &[], Asking::Still)));
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return std::future::pending().await;
    }
    // Any reply means that something has moved.
    drop(futures_util::future::select_all(asked).await);
}

/// Lets the pending tasks of every worker of these documents run, and returns the workers.
pub(super) async fn pass_workers(inspector: &Inspector, documents: &Documents) -> Result<Vec<String>, Fault> {
    let workers = inspector.workers(documents.values().map(|document| document.workers).sum()).await?;
    // A worker that has ended has no pending tasks.
    drop(join_all(workers.iter().map(|worker| inspector.evaluate(worker, WORKER))).await);
    Ok(workers)
}

async fn document(
    inspector: &Inspector,
    realm: &str,
    seen: Option<u64>,
    scripts: &[String],
    asking: Asking,
) -> Result<Option<Document>, Fault> {
    let how = match asking {
        Asking::Quiet => "quiet",
        Asking::Undrawn => "undrawn",
        Asking::Still => "still",
        Asking::Now => "now",
    };
    let question = format!("window[Symbol.for('holdup')]?.({}, {}, '{how}')", json!(seen), json!(scripts));
    let broken = |why: &str| Fault::Refused(format!("a page breaks what counts its waits: {why}"));
    match inspector.evaluate(realm, &question).await {
        Ok(Some(said)) => read(realm, &said).map(Some).ok_or_else(|| broken(&said)),
        // A document without a counter (the browser's own error page) waits for nothing.
        Ok(None) => Ok(None),
        // A page that breaks its counter may wait for anything.
        Err(Fault::Refused(why)) => Err(broken(&why)),
        Err(closed @ Fault::Closed) => Err(closed),
    }
}

fn read(realm: &str, said: &str) -> Option<Document> {
    let said: Value = serde_json::from_str(said).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let waits = said["pending"].as_array()?.iter().map(|wait| Wait {
        kind: text(&wait[0]),
        url: as_on_the_wire(&text(&wait[1])),
        place: wait[2].as_str().map(str::to_owned),
    });
    Some(Document {
        realm: realm.to_owned(),
        has_workers: said["workers"].as_u64().is_some_and(|count| count > 0),
        workers: said["dedicated"].as_u64().unwrap_or_default(),
        turn: said["turn"].as_u64()?,
        ready: text(&said["ready"]),
        waits: waits.collect(),
        slow: said["slow"].as_u64().unwrap_or_default(),
        folded: said["folded"].as_array().into_iter().flatten().map(text).collect(),
        streams: said["streams"].as_array().into_iter().flatten().filter_map(stream).collect(),
        refused: said["refused"].as_array().into_iter().flatten().map(|url| as_on_the_wire(&text(url))).collect(),
    })
}

/// Parses a stream; returns `None` if it is not open.
fn stream(said: &Value) -> Option<Stream> {
    let url = as_on_the_wire(said[0].as_str()?);
    // `ws:` is `http:` on the wire.
    let url = url.strip_prefix("ws").map_or_else(|| url.clone(), |rest| format!("http{rest}"));
    let heard = said[2].as_object()?.iter().filter_map(|(kind, count)| Some((kind.clone(), count.as_u64()?)));
    (said[1].as_u64() == Some(1)).then(|| Stream { url, heard: heard.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let said =
            json!({"turn": 3, "ready": "complete", "pending": [["fetch", "https://a/#b", "https://a/x.js:1:2"]]});
        let document = read("r", &said.to_string()).expect("a document");
        assert_eq!(document.turn, 3);
        assert_eq!(document.waits[0].url, "https://a/");
        assert_eq!(read("r", "what the page says instead"), None);
    }
}
