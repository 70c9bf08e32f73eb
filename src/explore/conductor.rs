//! One execution: waits until the page is quiet, lets the event that the plan selects happen, and repeats.

use super::pool::{Holds, Pool};
use super::scope::Scope;
use super::script_loads::ScriptLoads;
use super::talk::Talk;
use crate::flow::{FlowId, Place, RuleId, StageName};
use crate::page::{Appearance, Look, Moment};
use crate::relay::{Kind, Turn};
use crate::report::Failure;
use crate::rules::{Action, RuleSpec};
use crate::schedule::{Event, Plan, Player, Trace};
use crate::verbs::{Hold, RuleContext};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Timeout for the pages to settle; an execution that exceeds it is doubtful.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long in all servers that go on sending are waited for before the test looks at the page.
const LONGEST_TALK: Duration = Duration::from_secs(2);
/// A test that issues no command for this long waits for something else: for a held flow.
const IDLE: Duration = Duration::from_secs(2);

/// Conducts one execution until [`finish`](Self::finish) is called or this value is dropped.
#[derive(Debug)]
pub(crate) struct Conductor {
    stop: watch::Sender<()>,
    conducting: JoinHandle<ExecutionRecord>,
}

/// The result of one execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExecutionRecord {
    pub(crate) trace: Trace,
    /// Descriptions of the user's actions.
    pub(crate) actions: Vec<String>,
    /// Reasons why the order may not be the intended one.
    pub(crate) doubts: Vec<String>,
    /// Labels of flows that recurred without a user action and were held in the end.
    pub(crate) loops: BTreeSet<String>,
    /// What a reader sees of the pages at the end.
    pub(crate) appearance: Option<Appearance>,
    /// Timers that the pages set again and again, which were not waited for.
    pub(crate) folded: BTreeSet<String>,
    /// The flows by their labels.
    pub(crate) flows: BTreeMap<String, FlowId>,
    /// What the pages looked like after the step at which pictures were to be taken.
    pub(crate) looks: Vec<Look>,
    /// The user went back past the first page, where a test cannot inspect anything.
    pub(crate) left: bool,
}

impl Conductor {
    /// Holds every ordered flow and makes every command of the test wait for its turn. The rules are declared at
    /// `place`.
    ///
    /// `picture_after` is the step after which the pages are looked at.
    pub(crate) fn start(
        context: &RuleContext,
        plan: Plan,
        picture_after: Option<usize>,
        scope: Scope,
        place: Place,
        runtime: &Handle,
    ) -> Self {
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
            let journal = Arc::clone(&context.journal);
            let conduct = Conducting {
                context,
                rules,
                place,
                pool,
                loads,
                ignored,
                player: Player::new(plan),
                picture_after,
                looks: vec![],
                actions: vec![],
                quiet: false,
                talk: Talk::new(journal),
                doubts: vec![],
            };
            conduct.run(turns, stopped).await
        });
        Self { stop, conducting }
    }

    /// Releases everything that is still held, and returns the record of the execution. If the future is dropped, the
    /// flows are released all the same.
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
    /// The rules that hold flows for the explorer, and their line.
    rules: [RuleId; 4],
    place: Place,
    pool: Pool,
    loads: Arc<ScriptLoads>,
    ignored: Vec<crate::filter::Filter>,
    player: Player,
    picture_after: Option<usize>,
    looks: Vec<Look>,
    actions: Vec<String>,
    /// Nothing has happened since the pages were quiet.
    quiet: bool,
    talk: Talk,
    doubts: Vec<String>,
}

/// The result of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stepped {
    Delivered,
    /// The action is next.
    Acts,
    /// No event was possible.
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
                // It waits for a person, or its body has ended and its pages are looked at.
                Err(_) if self.context.journal.is_paused() || self.context.journal.is_over() => {}
                // The test waits for something that only a held flow can bring.
                Err(_) => {
                    self.quiet = false;
                    self.step(None).await;
                }
            }
        }
        let (appearance, left, folded) = match self.context.pages.sessions().first() {
            Some(pages) => {
                let looking = async { tokio::join!(pages.appearance(), pages.has_left(), pages.folded()) };
                tokio::time::timeout(PATIENCE, looking).await.unwrap_or_default()
            }
            None => (None, false, vec![]),
        };
        let (loops, flows) = (self.pool.loops(), self.pool.labels());
        let folded = folded.into_iter().collect();
        self.rules.into_iter().for_each(|rule| self.context.remove(rule));
        self.pool.close().await;
        let Self { player, actions, doubts, looks, .. } = self;
        ExecutionRecord { trace: player.trace, actions, doubts, loops, appearance, folded, flows, looks, left }
    }

    /// Gives a command its turn, and waits until the command has ended.
    async fn take(&mut self, turn: Turn, stopped: &mut watch::Receiver<()>) {
        let Turn { kind, says, again, go, done } = turn;
        let goes = match (kind, again) {
            (Kind::Session, _) => true,
            (Kind::Question, _) => {
                self.become_quiet().await;
                !self.pool.enabled().is_empty() || self.talk.goes_on().await || self.may_change().await
            }
            // The next response may bring what the command looks for.
            (_, true) => {
                self.quiet = false;
                self.step(None).await == Stepped::Delivered
            }
            (Kind::Precondition, false) => {
                self.become_quiet().await;
                true
            }
            (Kind::Observation, false) => {
                self.deliver_all().await;
                true
            }
            (Kind::Action, false) => {
                self.actions.push(says);
                while self.step(Some(Event::Act(self.actions.len()))).await == Stepped::Delivered {}
                true
            }
        };
        // Finding an element changes nothing.
        self.quiet &= matches!(kind, Kind::Precondition | Kind::Question);
        // Fails only if the client has given up.
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
            // The page is quiet and the command has not ended: it waits for a held flow.
            self.step(None).await;
        }
    }

    /// Lets everything happen that the page waits for, and what servers still send to it.
    async fn deliver_all(&mut self) {
        let until = self.context.journal.now() + LONGEST_TALK;
        loop {
            while self.step(None).await == Stepped::Delivered {}
            if self.context.journal.now() >= until || !self.talk.goes_on().await {
                return;
            }
            self.quiet = false;
        }
    }

    /// Lets the next event happen. `action`, if given, is one of the candidates.
    async fn step(&mut self, action: Option<Event>) -> Stepped {
        self.become_quiet().await;
        // What may overtake the parts that are here must be here, too.
        while self.pool.has_unordered_part() && self.talk.goes_on().await {
            self.become_quiet().await;
        }
        if self.picture_after.is_some_and(|after| self.player.trace.steps.len() > after) {
            self.picture_after = None;
            self.looks = self.context.pages.looks(Moment::Parting).await;
        }
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

    /// Waits until nothing is open except flows that are held here and complete.
    async fn become_quiet(&mut self) {
        // No flow yet: nothing has been opened in the window.
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
            if self.talk.has_waited_for_reply().await {
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
            // Some flows are parked while their bodies are still arriving.
            if tokio::time::timeout(PATIENCE, self.pool.changed()).await.is_err() {
                self.doubt(&Failure::bare("the body of a held response does not end"));
                self.quiet = true;
                return;
            }
        }
    }

    /// Returns whether a page may still change although nothing is held: a stream is open, or a long timer is pending.
    async fn may_change(&self) -> bool {
        for pages in self.context.pages.sessions() {
            if pages.may_change().await {
                return true;
            }
        }
        false
    }

    /// Returns whether a parked flow has no name yet.
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

/// Returns whether the command or the test ends within [`IDLE`]. Otherwise the command counts as waiting.
async fn is_over(done: &mut oneshot::Receiver<()>, stopped: &mut watch::Receiver<()>) -> bool {
    let over = async {
        tokio::select! {
            _ = done => {}
            _ = stopped.changed() => {}
        }
    };
    tokio::time::timeout(IDLE, over).await.is_ok()
}
