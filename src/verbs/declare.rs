//! The verbs without the macros: each is what the macro of its name expands to.

use super::{Hold, IntoAnswer, Rule, RuleContext, Watch};
use crate::filter::Filter;
use crate::flow::{Place, Stage, StageName, Whole};
use crate::report::misuse;
use crate::rules::{self, AbortKind, Action, Delay, Editable, Local, Profile, RuleSpec};
use std::sync::Arc;

/// Everything that a test can do to flows. A [`Mitm`](crate::Mitm) derefs to it.
///
/// Declaring a rule is synchronous: when the call returns, no later request slips by. Rules apply in the order of
/// declaration, each seeing what earlier ones made; the first that answers or aborts ends the walk of that stage (a watch
/// sees the flow all the same).
#[derive(Clone, Debug)]
pub struct Verbs(RuleContext);

tokio::task_local! {
    static AMBIENT: Verbs;
}

impl Verbs {
    pub(crate) fn new(context: RuleContext) -> Self {
        Self(context)
    }

    pub(super) fn context(&self) -> &RuleContext {
        &self.0
    }

    /// Those of the running test.
    #[track_caller]
    #[doc(hidden)]
    #[must_use]
    pub fn ambient(verb: &str) -> Self {
        match AMBIENT.try_with(Self::clone) {
            Ok(verbs) => verbs,
            Err(_) => misuse(&format!(
                "{verb} finds no Mitm here: it works in the body of a #[mitm_test]. In a spawned task, wrap the task in \
                 `mitm.scope(async move {{ .. }})`; elsewhere use the method of the same name, as in \
                 `mitm.hold::<Request>(filter!(..))`"
            )),
        }
    }

    /// Runs a future in which the macros mean these.
    pub(crate) fn ambient_in<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        AMBIENT.scope(self, future)
    }

    /// Parks each flow that matches, at the stage `S`: `mitm.hold::<Response>(filter!(..))`. See [`hold!`](crate::hold).
    #[track_caller]
    pub fn hold<S: Stage>(&self, filter: Filter) -> Hold<S> {
        Hold::new(self.0.clone(), self.declare(S::NAME, filter, Action::Hold))
    }

    /// Remembers each flow that matches. See [`watch!`](crate::watch).
    #[track_caller]
    pub fn watch<S: Stage>(&self, filter: Filter) -> Watch<S> {
        Watch::new(Arc::clone(&self.0.gate), self.declare(S::NAME, filter, Action::Watch))
    }

    /// Lets go on no earlier than `by` after arrival at the stage: a `Duration`, or a range of them. See
    /// [`delay!`](crate::delay).
    #[track_caller]
    pub fn delay<S: Stage>(&self, filter: Filter, by: impl Into<Delay>) -> Rule {
        self.rule(S::NAME, filter, Action::Delay(by.into()))
    }

    /// Lets bodies pass slowly: so many bytes a second, or a [`Profile`]. See [`throttle!`](crate::throttle).
    #[track_caller]
    pub fn throttle<S: Whole>(&self, filter: Filter, profile: impl Into<Profile>) -> Rule {
        self.rule(S::NAME, filter, Action::Throttle(profile.into()))
    }

    /// Cuts off. See [`abort!`](crate::abort).
    ///
    /// # Panics
    /// When this way of cutting off does not fit the stage: a part of a stream can be discarded, and all others cannot.
    #[track_caller]
    pub fn abort<S: Stage>(&self, filter: Filter, kind: AbortKind) -> Rule {
        if let Err(why) = kind.fits(S::NAME) {
            misuse(&format!("abort! {why}"));
        }
        self.rule(S::NAME, filter, Action::Abort(kind))
    }

    /// Answers in the upstream's place. See [`respond!`](crate::respond).
    #[track_caller]
    pub fn respond<S: Whole>(&self, filter: Filter, answer: impl IntoAnswer) -> Rule {
        self.rule(S::NAME, filter, Action::Respond(Arc::new(answer.into_answer())))
    }

    /// Serves a local file, or one of a folder, under the real answer's head. See [`replace!`](crate::replace).
    ///
    /// # Panics
    /// When the file cannot be read now (it is read anew for each flow), or a folder's filter does not say which file a flow
    /// means.
    #[track_caller]
    pub fn replace(&self, filter: Filter, local: impl Into<Local>) -> Rule {
        let local = local.into();
        if let Err(why) = can_be_served(&filter, &local) {
            misuse(&format!("replace! {why}"));
        }
        self.rule(StageName::Response, filter, Action::Replace(local))
    }

    /// Rewrites the decoded text of bodies. See [`rewrite!`](crate::rewrite).
    ///
    /// # Panics
    /// When the pattern is no regex. The macro checks a literal when the test is compiled.
    #[track_caller]
    pub fn rewrite<S: Editable>(&self, filter: Filter, pattern: &str, with: impl Into<String>) -> Rule {
        let pattern = match regex::Regex::new(pattern) {
            Ok(pattern) => pattern,
            Err(error) => misuse(&format!("rewrite! needs a regex: {error}")),
        };
        self.rule(S::NAME, filter, Action::Rewrite { pattern, with: with.into() })
    }

    #[track_caller]
    pub(super) fn rule(&self, stage: StageName, filter: Filter, action: Action) -> Rule {
        Rule::new(Arc::clone(&self.0.gate), self.declare(stage, filter, action))
    }

    #[track_caller]
    fn declare(&self, stage: StageName, filter: Filter, action: Action) -> Arc<rules::Rule> {
        if let Err(why) = can_be_asked(&filter, stage) {
            misuse(&why);
        }
        let since = self.0.journal.now();
        self.0.register(RuleSpec { stage, filter, action, place: Place::here(), since, name: None })
    }
}

/// Why a filter cannot be asked at a stage, if so.
fn can_be_asked(filter: &Filter, stage: StageName) -> Result<(), String> {
    let wants = filter.stage();
    match wants {
        StageName::Response if stage == StageName::Request => Err(format!(
            "`{filter}` asks for the response, which the request does not have: write `response: {filter}`"
        )),
        part if part.is_part() && part != stage => {
            Err(format!("`{filter}` asks for a part of the stage {part}: write `{part}: {filter}`"))
        }
        _ if stage.is_part() && filter.wants_whole_answer() => Err(format!(
            "`{filter}` asks for the whole answer, which is not there at the stage {stage}: `body` alone means the part"
        )),
        _ => Ok(()),
    }
}

/// Why a replacement cannot be served, if so.
fn can_be_served(filter: &Filter, local: &Local) -> Result<(), String> {
    let shown = local.path().display().to_string();
    let is_folder = match std::fs::metadata(local.path()) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) => {
            let from = std::env::current_dir().map_or_else(|_| "?".to_owned(), |folder| folder.display().to_string());
            return Err(format!("cannot read {shown:?} (from {from}): {error}"));
        }
    };
    match (local.is_folder(), is_folder) {
        (false, true) => Err(format!("cannot serve the folder {shown:?} as one file: write `dir({shown:?})`")),
        (true, false) => Err(format!("{shown:?} is no folder: write it without `dir(..)`")),
        (true, true) if !filter.has_capture() => Err(format!(
            "does not know which file of {shown:?} a flow means: let `path ~` or `url ~` capture it, as in \
             `path ~ \"^/static/(.*)$\"`"
        )),
        _ => Ok(()),
    }
}
