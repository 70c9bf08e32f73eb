//! The browser's side of the question: what each document waits for, as its `settle.js` counts.

use super::windows::Window;
use crate::browser::bidi::{Bidi, BidiError, NAVIGATIONS, as_on_the_wire};
use crate::journal::Tally;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Counts in each document, before any other script of it.
const SETTLE: &str = include_str!("settle.js");
/// Lets the tasks pass that a worker has at hand.
const WORKER: &str = "(async () => { for (let i = 0; i < 4; i++) await new Promise(next => setTimeout(next)) })()";

/// What one document waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// Another one after each navigation.
    pub(super) realm: String,
    /// Whether it has started workers.
    pub(super) has_workers: bool,
    /// Counts everything that has happened in it.
    pub(super) turn: u64,
    /// `loading`, `interactive` or `complete`.
    pub(super) ready: String,
    pub(super) waits: Vec<Wait>,
    /// WebSockets and event streams.
    pub(super) streams: Vec<Stream>,
}

/// A stream that a document listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// As the proxy sees it.
    pub(super) url: String,
    /// How many events of each type it has heard; of those that it can count.
    pub(super) heard: Tally,
}

/// Something that a document waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// `fetch`, `setTimeout`, `img`..
    pub(super) kind: String,
    /// Of what is fetched; empty for clocks.
    pub(super) url: String,
    /// The line of the script that asked, if a script did.
    pub(super) place: Option<String>,
}

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// Once no clock runs and nothing moves.
    Quiet,
    /// The same, but for animation frames.
    Undrawn,
    /// Once nothing moves.
    Still,
    /// As it is.
    Now,
}

/// The documents of a session, by the id of their frame.
pub(super) type Documents = BTreeMap<String, Document>;

/// Has every document that is made from now on count. Gives the first window.
pub(super) async fn install(bidi: &Bidi) -> Result<String, BidiError> {
    // One by one: no browser has them all.
    let subscribed = NAVIGATIONS.map(|event| bidi.command("session.subscribe", &json!({ "events": [event] })));
    drop(join_all(subscribed).await);
    bidi.command("script.addPreloadScript", &json!({ "functionDeclaration": SETTLE })).await?;
    let tree = bidi.command("browsingContext.getTree", &json!({ "maxDepth": 0 })).await?;
    Ok(tree["contexts"][0]["context"].as_str().unwrap_or_default().to_owned())
}

/// Opens a window that shares neither cookies nor caches with any other.
pub(super) async fn new_user(bidi: &Bidi) -> Result<Window, BidiError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let user = text(&bidi.command("browser.createUserContext", &json!({})).await?["userContext"]);
    let window = json!({ "type": "tab", "userContext": user, "background": true });
    let handle = text(&bidi.command("browsingContext.create", &window).await?["context"]);
    Ok(Window { user, handle })
}

/// What all documents look like, as one number.
pub(super) async fn fingerprint(bidi: &Bidi, but: &BTreeSet<String>) -> Result<u64, BidiError> {
    const LOOKS: &str = "JSON.stringify([document.documentElement.outerHTML, location.href, \
        ...[...document.querySelectorAll('input, textarea, select')].map(field => [field.value, field.checked])])";
    let realms = bidi.command("script.getRealms", &json!({ "type": "window" })).await?;
    let realms = realms["realms"].as_array().cloned().unwrap_or_default();
    let realms = realms.iter().filter(|realm| realm["context"].as_str().is_none_or(|frame| !but.contains(frame)));
    let asked = realms.map(|realm| evaluate(bidi, &json!({ "realm": realm["realm"] }), LOOKS));
    let mut hasher = DefaultHasher::new();
    for looks in join_all(asked).await {
        looks?["result"]["value"].as_str().hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Asks every document, but for those of some frames. None if one has gone meanwhile; the next question has its successor.
pub(super) async fn documents(
    bidi: &Bidi,
    but: &BTreeSet<String>,
    known: &Documents,
    scripts: &[String],
    asking: Asking,
) -> Result<Option<Documents>, BidiError> {
    let ask = |frame: String, realm: String| {
        let asked = document(bidi, frame, realm.clone(), None, scripts, asking);
        async move { (realm, asked.await) }
    };
    // By their realms: Chromium never answers for the frame of a popup that knows its opener.
    let realms = bidi.command("script.getRealms", &json!({ "type": "window" }));
    // Those that were there are asked at once: a way there and back is saved if they still are.
    let likely = known.iter().filter(|(frame, _)| !but.contains(*frame));
    let likely = join_all(likely.map(|(frame, document)| ask(frame.clone(), document.realm.clone())));
    let (realms, likely) = match futures_util::future::join(realms, likely).await {
        (Ok(realms), likely) => (realms, likely),
        // Firefox stumbles over a frame that goes this very moment.
        (Err(BidiError::Refused(_)), _) => return Ok(None),
        (Err(closed @ BidiError::Closed), _) => return Err(closed),
    };
    let mut answers: BTreeMap<_, _> = likely.into_iter().collect();
    let realms = realms["realms"].as_array().cloned().unwrap_or_default();
    let realms: Vec<_> = realms
        .iter()
        .filter(|realm| realm["sandbox"].is_null())
        .filter_map(|realm| Some((realm["context"].as_str()?.to_owned(), realm["realm"].as_str()?.to_owned())))
        .filter(|(frame, _)| !but.contains(frame))
        .collect();
    let new = realms.iter().filter(|(_, realm)| !answers.contains_key(realm));
    let new = join_all(new.map(|(frame, realm)| ask(frame.clone(), realm.clone()))).await;
    answers.extend(new);
    let mut documents = Documents::new();
    for (_, realm) in &realms {
        match answers.remove(realm) {
            Some(Ok(document)) => documents.extend(document),
            Some(Err(BidiError::Refused(_))) | None => return Ok(None),
            Some(Err(closed @ BidiError::Closed)) => return Err(closed),
        }
    }
    Ok(Some(documents))
}

/// Resolves when something has moved in one of these documents since they were asked.
pub(super) async fn moved(bidi: &Bidi, documents: &Documents) {
    let asked = documents.iter().map(|(frame, known)| {
        Box::pin(document(bidi, frame.clone(), known.realm.clone(), Some(known.turn), &[], Asking::Still))
    });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return std::future::pending().await;
    }
    // Whatever it answers, it has answered.
    drop(futures_util::future::select_all(asked).await);
}

/// Lets every worker do what it has at hand. A browser that shows no workers cannot be asked about them.
pub(super) async fn pass_workers(bidi: &Bidi) -> Result<(), BidiError> {
    let realms = bidi.command("script.getRealms", &json!({})).await?;
    let realms = realms["realms"].as_array().cloned().unwrap_or_default();
    let workers = realms.iter().filter(|realm| realm["type"].as_str().is_some_and(|kind| kind.ends_with("-worker")));
    let asked: Vec<_> = workers.map(|worker| evaluate(bidi, &json!({ "realm": worker["realm"] }), WORKER)).collect();
    // A worker that has ended has nothing at hand.
    drop(join_all(asked).await);
    Ok(())
}

async fn document(
    bidi: &Bidi,
    frame: String,
    realm: String,
    seen: Option<u64>,
    scripts: &[String],
    asking: Asking,
) -> Result<Option<(String, Document)>, BidiError> {
    let how = match asking {
        Asking::Quiet => "quiet",
        Asking::Undrawn => "undrawn",
        Asking::Still => "still",
        Asking::Now => "now",
    };
    let question = format!("window[Symbol.for('holdup')]?.({}, {}, '{how}')", json!(seen), json!(scripts));
    let answer = evaluate(bidi, &json!({ "realm": realm }), &question).await?;
    match (read(&answer), answer["result"]["type"].as_str()) {
        (Some(document), _) => Ok(Some((frame, document))),
        // A document without a count (the browser's own, for an error) waits for nothing.
        (None, Some("undefined")) => Ok(None),
        // One whose page breaks its count may wait for anything.
        (None, _) => Err(BidiError::Refused(format!("a page breaks what counts its waits: {answer}"))),
    }
}

fn evaluate(
    bidi: &Bidi,
    target: &Value,
    script: &str,
) -> impl Future<Output = Result<Value, BidiError>> + Send + use<> {
    let params = json!({ "expression": script, "target": target, "awaitPromise": true });
    bidi.command("script.evaluate", &params)
}

fn read(answer: &Value) -> Option<Document> {
    let said: Value = serde_json::from_str(answer["result"]["value"].as_str()?).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let waits = said["pending"].as_array()?.iter().map(|wait| Wait {
        kind: text(&wait[0]),
        url: as_on_the_wire(&text(&wait[1])),
        place: wait[2].as_str().map(str::to_owned),
    });
    let (realm, has_workers) = (text(&answer["realm"]), said["workers"].as_u64().is_some_and(|count| count > 0));
    Some(Document {
        realm,
        has_workers,
        turn: said["turn"].as_u64()?,
        ready: text(&said["ready"]),
        waits: waits.collect(),
        streams: said["streams"].as_array().into_iter().flatten().filter_map(stream).collect(),
    })
}

/// A stream that is open.
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
        let document = read(&json!({"result": {"type": "string", "value": said.to_string()}})).expect("a document");
        assert_eq!(document.turn, 3);
        assert_eq!(document.waits[0].url, "https://a/");
        assert_eq!(read(&json!({"result": {"type": "undefined"}})), None);
    }
}
