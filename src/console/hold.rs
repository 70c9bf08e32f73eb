//! What a person intercepts.

use super::session::{Answer, Session, State, flow};
use crate::filter::{Field, Filter, Op, Term};
use crate::flow::{Place, RuleId, StageName};
use crate::proxy::Verdict;
use crate::record::RELEASED;
use crate::rules::{Action, RuleSpec};
use serde_json::Value;

impl Session {
    /// Sets what is intercepted: at the request, and again at the response, unless the filter is of one of them.
    pub(super) fn intercept(&self, asked: &Value) -> Answer {
        let mut state = self.state();
        if let Some(text) = asked["filter"].as_str() {
            let filter = text.trim();
            if !filter.is_empty() {
                let parsed: Filter = filter.parse().map_err(|error| format!("{error}"))?;
                if let Some(term) = parsed.of_recordings() {
                    return Err(format!("`{term}` is known of recorded flows only"));
                }
            }
            state.filter = (!filter.is_empty()).then(|| filter.to_owned());
        }
        if let Some(is_on) = asked["on"].as_bool() {
            state.is_off = !is_on;
        }
        self.declare(&mut state);
        drop(state);
        Ok(self.told())
    }

    /// Declares the rules that intercept, instead of those before.
    fn declare(&self, state: &mut State) {
        for rule in state.intercepting.drain(..) {
            // What is held stays held.
            self.mitm.context().close(rule);
        }
        if let Some(filter) = state.filter.as_ref().filter(|_| !state.is_off)
            && let Ok(filter) = filter.parse::<Filter>()
        {
            let stages = match filter.stage() {
                StageName::Request => vec![StageName::Request, StageName::Response],
                stage => vec![stage],
            };
            state.intercepting = stages.into_iter().map(|stage| self.hold(stage, filter.clone())).collect();
        }
    }

    fn hold(&self, stage: StageName, filter: Filter) -> RuleId {
        let (context, place) = (self.mitm.context(), Place::TERMINAL);
        let spec = RuleSpec { stage, filter, action: Action::Hold, place, since: context.journal.now(), name: None };
        let rule = context.register(spec).id;
        context.set_optional(rule);
        rule
    }

    /// Holds the messages and events of this flow, and of others to the same place, one by one; or no longer.
    pub(super) fn hold_parts(&self, asked: &Value) -> Answer {
        let id = flow(asked)?.whole();
        let mut state = self.state();
        if let Some(rules) = state.parts.remove(&id) {
            rules.into_iter().for_each(|rule| self.mitm.context().close(rule));
        } else {
            let exchange = self.mitm.log().exchange(id).ok_or_else(|| format!("the journal no longer has {id}"))?;
            let is = |field, value: &str| Term::written(field, Op::Equals, value).map(Filter::Term);
            let request = &exchange.request;
            let filter = Filter::All(vec![is(Field::Host, &request.target().host)?, is(Field::Path, request.path())?]);
            let rules = [StageName::Message, StageName::Event].map(|stage| self.hold(stage, filter.clone()));
            state.parts.insert(id, rules.to_vec());
        }
        drop(state);
        Ok(self.told())
    }

    /// The last console has left: nothing more is held for it. What is held stays so while the test is paused, for whoever
    /// attaches next, and else goes on.
    pub(super) fn left(&self, is_paused: bool) {
        let mut state = self.state();
        state.is_off = true;
        self.declare(&mut state);
        let parts = std::mem::take(&mut state.parts);
        parts.into_values().flatten().for_each(|rule| self.mitm.context().close(rule));
        if is_paused {
            return;
        }
        for (parked, _) in self.mitm.context().parked().into_iter().filter(|(_, rule)| rule.place == Place::TERMINAL) {
            let heads = state.edits.remove(&parked.flow).unwrap_or_default();
            self.mitm.context().decide(parked.flow, RELEASED, None, Verdict::Release(heads));
        }
    }
}
