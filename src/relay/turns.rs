//! Whose turn it is: where somebody conducts a test, each command asks before it goes to the driver.

use super::command::Kind;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// A command that asks for its turn.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) kind: Kind,
    /// In words.
    pub(crate) says: String,
    /// It was tried, and what it needs is not there.
    pub(crate) again: bool,
    /// True: now. False: never, for there is nothing left to wait for.
    pub(crate) go: oneshot::Sender<bool>,
    /// Resolves once the command has been answered.
    pub(crate) done: oneshot::Receiver<()>,
}

/// Where the commands of one session ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<Option<Listener>>>);

/// Who gives the turns.
#[derive(Debug)]
struct Listener {
    turns: mpsc::UnboundedSender<Turn>,
    /// Whether it decides on the order of what happens, or only has looks wait.
    conducts: bool,
}

/// A turn that was given. Dropping it says that the command is done.
#[derive(Debug)]
pub(crate) struct Given(#[expect(dead_code, reason = "dropped, not looked at")] Option<oneshot::Sender<()>>);

impl Turns {
    /// From now on every command asks here, and again if it came too early.
    pub(crate) fn conduct(&self) -> mpsc::UnboundedReceiver<Turn> {
        self.listen(true)
    }

    /// From now on every command asks here, once.
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

    /// Asks; the future gives the turn, or none if there is nothing left to wait for. Commands stand in the order of calls.
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
            // A conductor that has left lets everything go.
            gone.await.unwrap_or(!again).then_some(Given(Some(give)))
        }
    }
}
