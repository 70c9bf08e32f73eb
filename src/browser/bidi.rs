//! WebDriver BiDi: a second connection to the driver, on which questions go beside the commands of the test.

use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A connection. Dropping it closes the socket; the session lives on.
#[derive(Debug)]
pub(super) struct Bidi {
    outgoing: mpsc::UnboundedSender<Message>,
    waiting: Arc<Mutex<Waiting>>,
    navigating: watch::Receiver<Navigating>,
    _tasks: JoinSet<()>,
}

/// The frames that are on their way to another document, and its URL.
pub(super) type Navigating = BTreeMap<String, String>;

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    /// Nobody is told any more: the socket is closed.
    closed: bool,
    answers: BTreeMap<u64, oneshot::Sender<Result<Value, BidiError>>>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) enum BidiError {
    /// The socket is closed: the session has ended, or the driver has.
    Closed,
    /// The driver refused.
    Refused(String),
}

impl Bidi {
    /// Connects to what a new session calls its `webSocketUrl`.
    pub(super) async fn connect(url: &str) -> Result<Self, String> {
        let failed = |what: &dyn fmt::Display| format!("no BiDi connection to {url}: {what}");
        let address = url::Url::parse(url).map_err(|error| failed(&error))?;
        let host = address.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, address.port_or_known_default().unwrap_or(80))).await;
        let stream = stream.map_err(|error| failed(&error))?;
        let _ = stream.set_nodelay(true);
        let (socket, _) = client_async(url, stream).await.map_err(|error| failed(&error))?;
        let (mut sink, source) = socket.split();
        let (outgoing, mut queue) = mpsc::unbounded_channel();
        let waiting = Arc::<Mutex<Waiting>>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(message) = queue.recv().await {
                if sink.send(message).await.is_err() {
                    return;
                }
            }
        });
        let (navigations, navigating) = watch::channel(Navigating::new());
        tasks.spawn(listen(source, Arc::clone(&waiting), navigations));
        Ok(Self { outgoing, waiting, navigating, _tasks: tasks })
    }

    /// The navigations under way, as far as the browser has told ([`NAVIGATIONS`] must be subscribed to).
    pub(super) fn navigating(&self) -> watch::Receiver<Navigating> {
        self.navigating.clone()
    }

    /// Sends a command; the future is its answer. Commands go out in the order of calls.
    pub(super) fn command(
        &self,
        method: &str,
        params: &Value,
    ) -> impl Future<Output = Result<Value, BidiError>> + Send + use<> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.last += 1;
        let id = waiting.last;
        if !waiting.closed {
            waiting.answers.insert(id, sender);
            let text = json!({"id": id, "method": method, "params": params}).to_string();
            // A writer that has ended drops with the reader, which answers all who wait.
            let _ = self.outgoing.send(Message::text(text));
        }
        drop(waiting);
        async move { answer.await.unwrap_or(Err(BidiError::Closed)) }
    }
}

/// The events that tell of navigations.
pub(super) const NAVIGATIONS: [&str; 8] = [
    "browsingContext.navigationStarted",
    "browsingContext.navigationCommitted",
    "browsingContext.navigationAborted",
    "browsingContext.navigationFailed",
    "browsingContext.domContentLoaded",
    "browsingContext.load",
    "browsingContext.downloadWillBegin",
    "browsingContext.contextDestroyed",
];

/// Notes what an event tells of navigations; true if it does.
fn note(navigating: &mut Navigating, event: &Value) -> bool {
    let (method, params) = (event["method"].as_str().unwrap_or_default(), &event["params"]);
    let (Some(frame), true) = (params["context"].as_str(), NAVIGATIONS.contains(&method)) else { return false };
    match params["url"].as_str() {
        Some(url) if method == NAVIGATIONS[0] => navigating.insert(frame.to_owned(), url.to_owned()),
        _ => navigating.remove(frame),
    };
    true
}

async fn listen(
    mut source: SplitStream<WebSocketStream<TcpStream>>,
    waiting: Arc<Mutex<Waiting>>,
    navigations: watch::Sender<Navigating>,
) {
    while let Some(Ok(message)) = source.next().await {
        let Ok(mut said) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else { continue };
        let Some(id) = said["id"].as_u64() else {
            navigations.send_if_modified(|navigating| note(navigating, &said));
            continue;
        };
        let answer = match said["type"].as_str() {
            Some("error") => Err(BidiError::Refused(format!("{}: {}", said["error"], said["message"]))),
            _ => Ok(said["result"].take()),
        };
        let asker = waiting.lock().unwrap_or_else(PoisonError::into_inner).answers.remove(&id);
        // Whoever asked may have given up.
        let _ = asker.map(|asker| asker.send(answer));
    }
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.closed = true;
    waiting.answers.clear();
}

impl fmt::Display for BidiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the browser's session has ended"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}
