//! Turns: in a conducted test, each command requests its turn before it goes to the driver.

use super::command::Kind;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// A command that requests its turn.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) kind: Kind,
    /// The command in words.
    pub(crate) says: String,
    /// It was tried before, and what it needs did not exist.
    pub(crate) again: bool,
    /// True: now. False: never, because nothing is left to wait for.
    pub(crate) go: oneshot::Sender<bool>,
    /// Resolves once the command has its response.
    pub(crate) done: oneshot::Receiver<()>,
}

/// Where the commands of one session request their turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<Option<Listener>>>);

/// The receiver of the requests.
#[derive(Debug)]
struct Listener {
    turns: mpsc::UnboundedSender<Turn>,
    /// Whether it decides on the order of events, or only delays observations.
    conducts: bool,
}

/// A granted turn. Dropping it signals that the command is done.
#[derive(Debug)]
pub(crate) struct Given(#[expect(dead_code, reason = "dropped, not looked at")] Option<oneshot::Sender<()>>);

impl Turns {
    /// From now on every command requests its turn here, and again if it came too early. Replaces an earlier receiver.
    pub(crate) fn conduct(&self) -> mpsc::UnboundedReceiver<Turn> {
        self.listen(true)
    }

    /// From now on every command requests its turn here, once. Replaces an earlier receiver.
    pub(crate) fn observe(&self) -> mpsc::UnboundedReceiver<Turn> {
        self.listen(false)
    }

    fn listen(&self, conducts: bool) -> mpsc::UnboundedReceiver<Turn> {
        let (sender, turns) = mpsc::unbounded_channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Listener { turns: sender, conducts });
        turns
    }

    pub(crate) fn are_conducted(&self) -> bool {
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listener.as_ref().is_some_and(|listener| listener.conducts)
    }

    /// Requests a turn, in the order of calls. The future returns it, or `None` if nothing is left to wait for.
    pub(crate) fn ask(
        &self,
        kind: Kind,
        says: &str,
        again: bool,
    ) -> impl Future<Output = Option<Given>> + Send + use<> {
        let ((go, gone), (give, done)) = (oneshot::channel(), oneshot::channel());
        let asked = match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(listener) => listener.turns.send(Turn { kind, says: says.to_owned(), again, go, done }).is_ok(),
            None => false,
        };
        async move {
            if !asked {
                return (!again).then_some(Given(None));
            }
            // If the conductor has gone, every first request proceeds.
            gone.await.unwrap_or(!again).then_some(Given(Some(give)))
        }
    }
}
