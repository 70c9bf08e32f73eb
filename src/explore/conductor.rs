//! One execution: waits until the page is quiet, lets happen what the plan picks, and so on.

use super::pool::{Holds, Pool};
use super::scope::Scope;
use super::script_loads::ScriptLoads;
use crate::flow::{FlowId, Place, RuleId, StageName};
use crate::journal::Live;
use crate::relay::{Kind, Turn};
use crate::report::Failure;
use crate::rules::{Action, RuleSpec};
use crate::schedule::{Event, Plan, Player, Trace};
use crate::verbs::{Hold, RuleContext};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// A page that does not settle in this time is not one that can be explored.
const PATIENCE: Duration = Duration::from_secs(5);
/// A server that was spoken to by a socket may answer, or may not: nobody can know. One that does is waited for so long.
const REPLY: Duration = Duration::from_millis(250);
/// A test that neither acts nor looks for this long waits for something else than a command: for what is held.
const IDLE: Duration = Duration::from_secs(2);

/// Conducts one execution, until it is told to [finish](Self::finish).
#[derive(Debug)]
pub(crate) struct Conductor {
    stop: watch::Sender<()>,
    conducting: JoinHandle<ExecutionRecord>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExecutionRecord {
    pub(crate) trace: Trace,
    /// What the user's actions were.
    pub(crate) actions: Vec<String>,
    /// Why the order is not all that was meant, if so.
    pub(crate) doubts: Vec<String>,
    /// What came back by itself again and again, and was held at last.
    pub(crate) loops: BTreeSet<String>,
    /// What the pages looked like in the end.
    pub(crate) looks: Option<u64>,
    /// The user has gone back beyond the first page, where no test can look at anything.
    pub(crate) left: bool,
}

impl Conductor {
    /// From now on every ordered flow is held, and every command of the test asks for its turn. The rules stand at `place`.
    pub(crate) fn start(context: &RuleContext, plan: Plan, scope: Scope, place: Place, runtime: &Handle) -> Self {
        let hold = |stage, filter| {
            let since = context.journal.now();
            context.register(RuleSpec { stage, filter, action: Action::Hold, place, since, name: Some("the explorer") })
        };
        let (requests, answers) =
            (hold(StageName::Request, scope.requests()), hold(StageName::Response, scope.answers()));
        let (messages, events) = (hold(StageName::Message, scope.messages()), hold(StageName::Event, scope.events()));
        let rules = [requests.id, answers.id, messages.id, events.id];
        let holds = Holds {
            requests: Hold::new(context.clone(), requests),
            answers: Hold::new(context.clone(), answers),
            messages: Hold::new(context.clone(), messages),
            events: Hold::new(context.clone(), events),
        };
        let turns = context.pages.turns().conduct();
        let (stop, stopped) = watch::channel(());
        let (context, ignored) = (context.clone(), scope.ignored.clone());
        let conducting = runtime.spawn(async move {
            let loads = Arc::new(ScriptLoads::new(Arc::clone(&context.journal)));
            let pool = Pool::new(scope, holds, Arc::clone(&loads), place);
            let conduct = Conducting {
                context,
                rules,
                place,
                pool,
                loads,
                ignored,
                player: Player::new(plan),
                actions: vec![],
                quiet: false,
                live: Live::default(),
                unanswered: BTreeSet::new(),
                doubts: vec![],
            };
            conduct.run(turns, stopped).await
        });
        Self { stop, conducting }
    }

    /// Lets go whatever is still held.
    pub(crate) async fn finish(self) -> ExecutionRecord {
        drop(self.stop);
        self.conducting.await.unwrap_or_else(|error| ExecutionRecord {
            doubts: vec![format!("the conductor ended early: {error}")],
            ..ExecutionRecord::default()
        })
    }
}

/// The state of one execution.
struct Conducting {
    context: RuleContext,
    /// Those that hold for it, and their line.
    rules: [RuleId; 4],
    place: Place,
    pool: Pool,
    loads: Arc<ScriptLoads>,
    ignored: Vec<crate::filter::Filter>,
    player: Player,
    actions: Vec<String>,
    /// Nothing has happened since the pages were quiet.
    quiet: bool,
    live: Live,
    /// Messages to which no answer is expected any more.
    unanswered: BTreeSet<FlowId>,
    doubts: Vec<String>,
}

/// What a step has brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stepped {
    Delivered,
    /// It is the action's turn.
    Acts,
    /// There was nothing that could happen.
    Idle,
}

impl Conducting {
    async fn run(
        mut self,
        mut turns: mpsc::UnboundedReceiver<Turn>,
        mut stopped: watch::Receiver<()>,
    ) -> ExecutionRecord {
        loop {
            let turn = tokio::select! {
                _ = stopped.changed() => break,
                turn = tokio::time::timeout(IDLE, turns.recv()) => turn,
            };
            match turn {
                Ok(Some(turn)) => self.take(turn, &mut stopped).await,
                Ok(None) => break,
                // The test waits for something, and all that can come is what is held.
                Err(_) => {
                    self.quiet = false;
                    self.step(None).await;
                }
            }
        }
        let (looks, left) = match self.context.pages.sessions().first() {
            Some(pages) => {
                let looking = async { tokio::join!(pages.fingerprint(), pages.has_left()) };
                tokio::time::timeout(PATIENCE, looking).await.unwrap_or_default()
            }
            None => (None, false),
        };
        let loops = self.pool.loops();
        // What is still parked goes on, and nothing is held any more.
        self.rules.into_iter().for_each(|rule| self.context.remove(rule));
        self.pool.close().await;
        ExecutionRecord { trace: self.player.trace, actions: self.actions, doubts: self.doubts, loops, looks, left }
    }

    /// Gives a command its turn, when that has come.
    async fn take(&mut self, turn: Turn, stopped: &mut watch::Receiver<()>) {
        let Turn { kind, says, again, go, done } = turn;
        let goes = match (kind, again) {
            (Kind::Session, _) => true,
            // What it looks for may come with the next answer.
            (_, true) => {
                self.quiet = false;
                self.step(None).await == Stepped::Delivered
            }
            (Kind::Precondition, false) => {
                self.become_quiet().await;
                true
            }
            (Kind::Observation, false) => {
                while self.step(None).await == Stepped::Delivered {}
                true
            }
            (Kind::Action, false) => {
                self.actions.push(says);
                while self.step(Some(Event::Act(self.actions.len()))).await == Stepped::Delivered {}
                true
            }
        };
        // What looks for an element changes nothing.
        self.quiet &= kind == Kind::Precondition;
        // A client that has given up hears nothing.
        let _ = go.send(goes);
        let mut done = done;
        loop {
            if is_over(&mut done, stopped).await {
                return;
            }
            self.quiet = false;
            self.become_quiet().await;
            if is_over(&mut done, stopped).await {
                return;
            }
            // The page is quiet, and the command does not end: it waits for what is held.
            self.step(None).await;
        }
    }

    /// Lets the next event happen; an action is one of those that can, if there is one.
    async fn step(&mut self, action: Option<Event>) -> Stepped {
        self.become_quiet().await;
        let mut enabled = self.pool.enabled();
        enabled.extend(action);
        if enabled.is_empty() {
            return Stepped::Idle;
        }
        let event = enabled[self.player.pick(&enabled)].clone();
        let Some(parked) = self.pool.take(&event) else {
            self.pool.acted();
            return Stepped::Acts;
        };
        self.quiet = false;
        parked.release(self.place);
        Stepped::Delivered
    }

    /// Waits until nothing is open but what is held here, whole.
    async fn become_quiet(&mut self) {
        // A window in which nothing was opened yet.
        self.quiet |= !self.context.journal.has_flows();
        while !self.quiet || self.has_news() {
            let mut asked = Vec::new();
            for pages in self.context.pages.sessions() {
                match pages.quiet(&self.ignored, PATIENCE, self.place).await {
                    Ok(urls) => asked.extend(urls),
                    Err(failure) => self.doubt(&failure),
                }
            }
            if let Some(host) = self.first_host() {
                self.pool.set_app(host);
            }
            if self.has_waited_for_reply().await {
                continue;
            }
            let here = self.pool.flows();
            let parked = self.context.parked();
            let mut mine = parked.iter().filter(|(_, rule)| self.rules.contains(&rule.id));
            if mine.all(|(parked, _)| here.contains(&parked.flow)) {
                self.pool.name(&asked);
                self.loads.end();
                self.quiet = true;
                return;
            }
            // Some are parked, and their bodies still come.
            if tokio::time::timeout(PATIENCE, self.pool.changed()).await.is_err() {
                self.doubt(&Failure::bare("an answer that is held does not come to its end"));
                self.quiet = true;
                return;
            }
        }
    }

    /// Whether pages had spoken to servers that had not answered yet. They have had the time.
    async fn has_waited_for_reply(&mut self) -> bool {
        let (journal, mut had_to_wait) = (Arc::clone(&self.context.journal), false);
        let replies = async {
            loop {
                let mut written = pin!(journal.written());
                // From here on nothing is missed.
                written.as_mut().enable();
                self.live.follow(&journal);
                if self.live.streams().unanswered().all(|message| self.unanswered.contains(&message)) {
                    return;
                }
                had_to_wait = true;
                written.await;
            }
        };
        if tokio::time::timeout(REPLY, replies).await.is_err() {
            self.unanswered.extend(self.live.streams().unanswered());
        }
        had_to_wait
    }

    /// Whether a flow was parked that has no name yet.
    fn has_news(&self) -> bool {
        let (named, parked) = (self.pool.named(), self.context.parked());
        parked.iter().any(|(parked, rule)| self.rules.contains(&rule.id) && !named.contains(&parked.flow))
    }

    fn first_host(&self) -> Option<String> {
        let exchanges = self.context.journal.exchanges();
        let mut navigations = exchanges.iter().filter(|exchange| exchange.request.is_navigation());
        navigations.next().map(|exchange| exchange.request.target().host.clone())
    }

    fn doubt(&mut self, failure: &Failure) {
        let text = failure.to_string();
        if !self.doubts.contains(&text) {
            self.doubts.push(text);
        }
    }
}

/// Whether a command, or the test, ends before it is to be seen as one that waits.
async fn is_over(done: &mut oneshot::Receiver<()>, stopped: &mut watch::Receiver<()>) -> bool {
    let over = async {
        tokio::select! {
            _ = done => {}
            _ = stopped.changed() => {}
        }
    };
    tokio::time::timeout(IDLE, over).await.is_ok()
}
