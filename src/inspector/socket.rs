//! Numbered commands, replies and events: JSON over a WebSocket, which both BiDi and DevTools use.

use super::Fault;
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// A connection. Dropping it closes the socket but not the browser's session.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) commands: Commands,
    pub(super) tasks: JoinSet<()>,
}

/// Sends commands over the connection.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    outgoing: mpsc::UnboundedSender<Message>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    /// The socket is closed: no reply can arrive.
    closed: bool,
    answers: BTreeMap<u64, Asker>,
}

/// Receiver of a reply, and the DevTools session that was sent the command.
#[derive(Debug)]
struct Asker {
    session: Option<String>,
    answer: oneshot::Sender<Result<Value, Fault>>,
}

/// Connects. `hear` is called with each event.
pub(super) async fn connect(url: &str, hear: impl FnMut(&Commands, Value) + Send + 'static) -> Result<Socket, String> {
    let failed = |what: &dyn fmt::Display| format!("no connection to {url}: {what}");
    let address = url::Url::parse(url).map_err(|error| failed(&error))?;
    let host = address.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, address.port_or_known_default().unwrap_or(80))).await;
    let stream = stream.map_err(|error| failed(&error))?;
    let _ = stream.set_nodelay(true);
    // A page's console messages are reported in full length.
    let unlimited = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let connecting = client_async_with_config(url, stream, Some(unlimited));
    let (socket, _) = connecting.await.map_err(|error| failed(&error))?;
    let (mut sink, source) = socket.split();
    let (outgoing, mut queue) = mpsc::unbounded_channel();
    let commands = Commands { outgoing, waiting: Arc::default() };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Some(message) = queue.recv().await {
            if sink.send(message).await.is_err() {
                return;
            }
        }
    });
    tasks.spawn(listen(source, commands.clone(), hear));
    Ok(Socket { commands, tasks })
}

impl Commands {
    /// Sends a command at once and returns a future of its reply. Commands are sent in the order of calls. Dropping the
    /// future discards the reply.
    pub(super) fn send(
        &self,
        method: &str,
        params: &Value,
    ) -> impl Future<Output = Result<Value, Fault>> + Send + use<> {
        self.send_to(None, method, params)
    }

    /// Like `send`, to a session of DevTools.
    pub(super) fn send_to(
        &self,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> impl Future<Output = Result<Value, Fault>> + Send + use<> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.last += 1;
        let id = waiting.last;
        if !waiting.closed {
            waiting.answers.insert(id, Asker { session: session.map(str::to_owned), answer: sender });
            let mut command = json!({"id": id, "method": method, "params": params});
            if let Some(session) = session {
                command["sessionId"] = json!(session);
            }
            // A writer that fails ends with the reader, which fails all pending commands.
            let _ = self.outgoing.send(Message::text(command.to_string()));
        }
        drop(waiting);
        async move { answer.await.unwrap_or(Err(Fault::Closed)) }
    }

    /// Fails the pending commands of a DevTools session that has ended: it sends no replies.
    pub(super) fn give_up(&self, session: &str) {
        let mut waiting = self.waiting();
        let ended: Vec<_> =
            waiting.answers.extract_if(.., |_, asker| asker.session.as_deref() == Some(session)).collect();
        drop(waiting);
        for (_, asker) in ended {
            let _ = asker.answer.send(Err(Fault::Refused("its window has closed".to_owned())));
        }
    }

    fn answer(&self, id: u64, said: &mut Value) {
        let error = &said["error"];
        let answer = match (error["message"].as_str(), error.as_str()) {
            (Some(devtools), _) => Err(Fault::Refused(devtools.to_owned())),
            (None, Some(bidi)) => {
                let message = said["message"].as_str().unwrap_or_default();
                Err(Fault::Refused(format!("{bidi}: {message}")))
            }
            (None, None) => Ok(said["result"].take()),
        };
        let asker = self.waiting().answers.remove(&id);
        // The caller may have dropped its future.
        let _ = asker.map(|asker| asker.answer.send(answer));
    }

    fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.answers.clear();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Each change is one insertion or removal, so a panic leaves the state valid.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(
    mut source: SplitStream<WebSocketStream<TcpStream>>,
    commands: Commands,
    mut hear: impl FnMut(&Commands, Value) + Send,
) {
    while let Some(Ok(message)) = source.next().await {
        let Ok(mut said) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else { continue };
        match said["id"].as_u64() {
            Some(id) => commands.answer(id, &mut said),
            None => hear(&commands, said),
        }
    }
    commands.close();
}
