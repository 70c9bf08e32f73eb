//! WebDriver BiDi: a second connection to the driver, on which questions go beside the commands of the test.

use crate::journal::Journal;
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
    commands: Commands,
    navigating: watch::Receiver<Navigating>,
    _tasks: JoinSet<()>,
}

/// The way in for commands.
#[derive(Clone, Debug)]
struct Commands {
    outgoing: mpsc::UnboundedSender<Message>,
    waiting: Arc<Mutex<Waiting>>,
}

/// What the proxy wants to hear from its browser.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: &'static str,
    pub(crate) password: String,
    /// Tells the proxy's challenges from those of servers.
    pub(crate) journal: Arc<Journal>,
}

impl Login {
    fn answer(&self, request: &Value) -> Value {
        let url = request["url"].as_str().unwrap_or_default();
        let url = as_on_the_wire(url);
        let exchanges = self.journal.exchanges();
        let last = exchanges.iter().rev().find(|exchange| exchange.request.url() == url);
        // The browser does not say who asks. A server that does has been heard by the proxy before.
        let by_server = last.and_then(|last| last.response.as_ref()).is_some_and(|answer| answer.status() == 401);
        if by_server {
            return json!({ "request": request["request"], "action": "default" });
        }
        let credentials = json!({ "type": "password", "username": self.user, "password": self.password });
        json!({ "request": request["request"], "action": "provideCredentials", "credentials": credentials })
    }
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
    /// A login is given to the proxy when it asks for one.
    pub(super) async fn connect(url: &str, login: Option<Login>) -> Result<Self, String> {
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
        let (asked, challenges) = mpsc::unbounded_channel();
        tasks.spawn(listen(source, Arc::clone(&waiting), navigations, asked));
        let bidi = Self { commands: Commands { outgoing, waiting }, navigating, _tasks: tasks };
        match login {
            None => Ok(bidi),
            Some(login) => bidi.log_in(login, challenges).await.map_err(|error| failed(&error)),
        }
    }

    /// Answers the proxy's challenges, and no others.
    async fn log_in(mut self, login: Login, mut asked: mpsc::UnboundedReceiver<Value>) -> Result<Self, BidiError> {
        self.command("session.subscribe", &json!({ "events": [CHALLENGE] })).await?;
        self.command("network.addIntercept", &json!({ "phases": ["authRequired"] })).await?;
        let commands = self.commands.clone();
        self._tasks.spawn(async move {
            while let Some(challenge) = asked.recv().await {
                drop(commands.send("network.continueWithAuth", &login.answer(&challenge["request"])));
            }
        });
        Ok(self)
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
        self.commands.send(method, params)
    }
}

impl Commands {
    fn send(&self, method: &str, params: &Value) -> impl Future<Output = Result<Value, BidiError>> + Send + use<> {
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

/// Somebody asks who is there.
const CHALLENGE: &str = "network.authRequired";

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

/// A URL as the proxy sees it: no fragment, and sockets are asked for by HTTP.
pub(super) fn as_on_the_wire(url: &str) -> String {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    match url.strip_prefix("ws") {
        Some(rest) if rest.starts_with(':') || rest.starts_with("s:") => format!("http{rest}"),
        _ => url.to_owned(),
    }
}

async fn listen(
    mut source: SplitStream<WebSocketStream<TcpStream>>,
    waiting: Arc<Mutex<Waiting>>,
    navigations: watch::Sender<Navigating>,
    asked: mpsc::UnboundedSender<Value>,
) {
    while let Some(Ok(message)) = source.next().await {
        let Ok(mut said) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else { continue };
        let Some(id) = said["id"].as_u64() else {
            if said["method"] == CHALLENGE {
                // Without a login nobody listens, and nothing is subscribed to.
                let _ = asked.send(said["params"].take());
            } else {
                navigations.send_if_modified(|navigating| note(navigating, &said));
            }
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

#[cfg(test)]
mod tests {
    use super::as_on_the_wire;

    #[test]
    fn urls_are_compared_as_the_proxy_sees_them() {
        assert_eq!(as_on_the_wire("wss://a.test/s#x"), "https://a.test/s");
        assert_eq!(as_on_the_wire("ws://a.test/s"), "http://a.test/s");
        assert_eq!(as_on_the_wire("wsx://a.test/s"), "wsx://a.test/s");
        assert_eq!(as_on_the_wire("https://a.test/s?q#x"), "https://a.test/s?q");
    }
}
