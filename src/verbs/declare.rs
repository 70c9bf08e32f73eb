//! The verbs as methods. Each macro expands to the method of the same name.

use super::{Hold, IntoAnswer, Rule, RuleContext, Watch};
use crate::filter::Filter;
use crate::flow::{Place, Stage, StageName, Whole};
use crate::report::misuse;
use crate::rules::{self, AbortKind, Action, Delay, Editable, Local, Profile, RuleSpec};
use once_cell::sync::Lazy;
use std::sync::Arc;

/// Declares rules for flows. A [`Mitm`](crate::Mitm) derefs to it.
///
/// Declaring a rule is synchronous: when the call returns, the rule applies to every later request. Rules apply in the
/// order of declaration, and each sees the changes of earlier ones. After the first rule that responds or aborts, only
/// watches still see the flow at that stage.
///
/// Each method panics at the caller's line if its filter needs something that the stage does not have.
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

    /// Returns the verbs of the running test.
    ///
    /// # Panics
    /// When called outside a test body and outside [`Mitm::scope`](crate::Mitm::scope).
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

    /// Runs a future in which the macros use these verbs.
    pub(crate) fn ambient_in<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        AMBIENT.scope(self, future)
    }

    /// Parks each matching flow at the stage `S`: `mitm.hold::<Response>(filter!(..))`.
    ///
    /// See [`hold!`](crate::hold).
    ///
    /// # Panics
    /// When the filter does not fit the stage, as `status` at the request.
    #[track_caller]
    pub fn hold<S: Stage>(&self, filter: Filter) -> Hold<S> {
        Hold::new(self.0.clone(), self.declare(S::NAME, filter, Action::Hold))
    }

    /// Records each matching flow. See [`watch!`](crate::watch).
    ///
    /// # Panics
    /// When the filter does not fit the stage, as `status` at the request.
    #[track_caller]
    pub fn watch<S: Stage>(&self, filter: Filter) -> Watch<S> {
        Watch::new(Arc::clone(&self.0.gate), self.declare(S::NAME, filter, Action::Watch))
    }

    /// Delays matching flows until at least `by` after they arrive at the stage.
    ///
    /// `by` is a `Duration`, or a range from which each flow's delay is drawn. See [`delay!`](crate::delay).
    ///
    /// # Panics
    /// When the filter does not fit the stage, as `status` at the request.
    #[track_caller]
    pub fn delay<S: Stage>(&self, filter: Filter, by: impl Into<Delay>) -> Rule {
        let by = by.into();
        if by.is_reversed() {
            misuse(&format!("delay! {by} is an empty range: its end comes before its start"));
        }
        self.rule(S::NAME, filter, Action::Delay(by))
    }

    /// Limits the rate at which bodies pass.
    ///
    /// `profile` is a number of bytes per second, or a [`Profile`]. See [`throttle!`](crate::throttle).
    ///
    /// # Panics
    /// When the filter does not fit the stage, as `status` at the request.
    #[track_caller]
    pub fn throttle<S: Whole>(&self, filter: Filter, profile: impl Into<Profile>) -> Rule {
        let profile = profile.into();
        if profile.is_nothing() {
            misuse("throttle! 0 bytes a second: at this rate nothing passes; use `abort!(.., stall)`");
        }
        self.rule(S::NAME, filter, Action::Throttle(profile))
    }

    /// Aborts matching flows. See [`abort!`](crate::abort).
    ///
    /// # Panics
    /// When `kind` does not fit the stage: only messages and events can be discarded, and parts of streams can only be
    /// discarded, reset, closed or stalled.
    #[track_caller]
    pub fn abort<S: Stage>(&self, filter: Filter, kind: AbortKind) -> Rule {
        if let Err(why) = kind.fits(S::NAME) {
            misuse(&format!("abort! {why}"));
        }
        self.rule(S::NAME, filter, Action::Abort(kind))
    }

    /// Responds in the upstream's place. See [`respond!`](crate::respond).
    ///
    /// # Panics
    /// When the filter does not fit the stage, as `status` at the request; also as [`IntoAnswer::into_answer`].
    #[track_caller]
    pub fn respond<S: Whole>(&self, filter: Filter, answer: impl IntoAnswer) -> Rule {
        self.rule(S::NAME, filter, Action::Respond(Arc::new(answer.into_answer())))
    }

    /// Serves a local file with the status and headers of the real response.
    ///
    /// `local` is a file or a folder. The file is read again for each flow. See [`replace!`](crate::replace).
    ///
    /// # Panics
    /// When the file or folder cannot be read now, when a folder is passed as a file or a file as a folder, or when the
    /// filter for a folder has no capture group that names the file.
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
    /// When `pattern` is not a valid regex (the macro checks a literal at compile time), or when `with` refers to a group
    /// that the pattern does not have.
    #[track_caller]
    pub fn rewrite<S: Editable>(&self, filter: Filter, pattern: impl AsRef<str>, with: impl Into<String>) -> Rule {
        let pattern = match regex::Regex::new(pattern.as_ref()) {
            Ok(pattern) => pattern,
            Err(error) => misuse(&format!("rewrite! needs a regex: {error}")),
        };
        let with = with.into();
        if let Some(why) = no_such_group(&pattern, &with) {
            misuse(&format!("rewrite! {why}"));
        }
        self.rule(S::NAME, filter, Action::Rewrite { pattern, with })
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

/// Checks that a filter can be evaluated at a stage; the error explains why not.
fn can_be_asked(filter: &Filter, stage: StageName) -> Result<(), String> {
    if let Some(term) = filter.of_recordings() {
        return Err(format!("`{term}` is known of recorded flows only: a rule sees a flow before its end"));
    }
    let wants = filter.stage();
    match wants {
        StageName::Response if stage == StageName::Request => Err(format!(
            "`{filter}` asks for the response, which the request does not have: write `response: {filter}`"
        )),
        part if part.is_part() && part != stage => {
            Err(format!("`{filter}` asks for a part of the stage {part}: write `{part}: {filter}`"))
        }
        _ if stage.is_part() && filter.wants_whole_answer() => Err(format!(
            "`{filter}` needs the whole response, which is not there at the stage {stage}: `body` alone means the part"
        )),
        _ => Ok(()),
    }
}

/// Returns why a replacement refers to a group that the pattern does not have: `$5` in "$5.00" would be nothing.
fn no_such_group(pattern: &regex::Regex, with: &str) -> Option<String> {
    static REFERENCE: Lazy<regex::Regex> =
        Lazy::new(|| regex::Regex::new(r"\$\$|\$(?:\{([^}]+)\}|([0-9A-Za-z_]+))").expect("a constant"));
    let missing = REFERENCE.captures_iter(with).find_map(|found| {
        let name = found.get(1).or(found.get(2))?.as_str();
        let is_there = match name.parse::<usize>() {
            Ok(number) => number < pattern.captures_len(),
            Err(_) => pattern.capture_names().flatten().any(|known| known == name),
        };
        (!is_there).then(|| (found[0].to_owned(), name.to_owned()))
    });
    let (said, name) = missing?;
    Some(format!(
        "the replacement {with:?} refers to the group `{name}`, which the pattern {:?} does not have: write `${said}` for a \
         dollar sign, or `${{1}}text` for a group with text behind it",
        pattern.as_str()
    ))
}

/// Checks that a replacement can be served; the error explains why not.
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
        (true, false) => Err(format!("{shown:?} is not a folder: write it without `dir(..)`")),
        (true, true) if !filter.has_capture() => Err(format!(
            "needs the name of a file in {shown:?} for each flow: capture it with `path ~` or `url ~`, as in \
             `path ~ \"^/static/(.*)$\"`"
        )),
        _ => Ok(()),
    }
}
