//! Does what a person asks for.

use super::message::{edit_request, edit_response, request_text, response_text};
use super::session::Session;
use super::show;
use crate::filter::Filter;
use crate::flow::{Content, FlowId, Place, StageName};
use crate::journal::{Entry, Event};
use crate::mitm::Mitm;
use crate::proxy::{Heads, Verdict};
use crate::record;
use crate::rules::{AbortKind, Action, RuleSpec};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot;

const RELEASED: &str = "released in the console";
const ABORTED: &str = "aborted in the console";
/// How long a page may take to process what was released, before the next is.
const PROCESSED: Duration = Duration::from_secs(5);
/// How long a body that is edited may take to arrive.
const READ: Duration = Duration::from_secs(20);

/// The hands of one person on one proxy.
#[derive(Debug)]
pub(super) struct Hands {
    mitm: Mitm,
    /// The rules that intercept, and the filter as it was written.
    intercepting: Vec<crate::flow::RuleId>,
    filter: Option<String>,
    is_on: bool,
    /// Changes that are sent when the flow is released.
    edits: BTreeMap<FlowId, Heads>,
    session: Session,
}

type Answer = Result<Value, String>;

impl Hands {
    pub(super) fn new(mitm: Mitm) -> Self {
        let (edits, session) = (BTreeMap::new(), Session::default());
        Self { mitm, intercepting: Vec::new(), filter: None, is_on: true, edits, session }
    }

    pub(super) fn state(&self) -> Value {
        json!({ "intercept": self.filter, "on": self.is_on, "edited": self.edits.keys().map(|id| id.number()).collect::<Vec<_>>() })
    }

    pub(super) async fn act(&mut self, asked: &Value) -> Answer {
        match asked["do"].as_str().unwrap_or_default() {
            "release" => self.release(asked).await,
            "abort" => self.abort(asked),
            "intercept" => self.intercept(asked),
            "show" => self
                .entries(asked)
                .and_then(|entries| show::show(&entries).ok_or_else(|| "the journal no longer has it".to_owned())),
            "edit" => self.edit(asked).await,
            "resend" => self.resend(asked).await,
            "save" => self.save(asked),
            "go_on" => {
                self.mitm.log().go_on();
                Ok(json!(true))
            }
            "state" => Ok(self.state()),
            "test" => Ok(json!(self.session.test(&self.mitm.log().tail(usize::MAX)))),
            other => Err(format!("{other:?} is nothing that can be asked")),
        }
    }

    async fn release(&mut self, asked: &Value) -> Answer {
        let (flows, mut released) = (ids(asked)?, 0);
        for id in &flows {
            // Its client may have left.
            let Some(stage) = self.parked_stage(*id) else { continue };
            released += 1;
            self.session.note(*id, stage, record::Verdict::Release);
            let heads = self.edits.remove(id).unwrap_or_default();
            let from = self.mitm.log().since(u64::MAX).1;
            self.mitm.context().decide(*id, RELEASED, None, Verdict::Release(heads));
            if asked["wait"] == true {
                self.ended(*id, from).await;
            }
        }
        said(released, &flows)
    }

    /// Waits until a flow has ended and the pages have processed it, or until it is held again.
    async fn ended(&self, id: FlowId, from: u64) {
        let waiting = self.mitm.log().until(from, |event| match event {
            Event::Parked { flow, .. } if *flow == id => Some(false),
            Event::Ended { flow, outcome } if *flow == id => Some(outcome.is_delivered()),
            _ => None,
        });
        let has_come = tokio::time::timeout(PROCESSED, waiting).await.unwrap_or(false);
        let pages = &self.mitm.context().pages;
        if has_come && !pages.sessions().is_empty() {
            drop(pages.processed(id, PROCESSED, Place::here()).await);
        }
    }

    fn abort(&mut self, asked: &Value) -> Answer {
        let (flows, mut aborted) = (ids(asked)?, 0);
        for id in &flows {
            let Some(stage) = self.parked_stage(*id) else { continue };
            aborted += 1;
            let kind = if stage.is_part() { AbortKind::Close } else { AbortKind::Reset };
            self.session.note(*id, stage, record::Verdict::Abort);
            self.edits.remove(id);
            self.mitm.context().decide(*id, ABORTED, None, Verdict::Abort(kind));
        }
        said(aborted, &flows)
    }

    fn parked_stage(&self, id: FlowId) -> Option<StageName> {
        let parked = self.mitm.context().parked();
        parked.into_iter().find(|(parked, _)| parked.flow == id).map(|(parked, _)| parked.stage)
    }

    /// Sets what is intercepted: at the request, and again at the response, unless the filter is of one of them.
    fn intercept(&mut self, asked: &Value) -> Answer {
        if let Some(text) = asked["filter"].as_str() {
            let filter = text.trim();
            if !filter.is_empty() {
                let parsed: Filter = filter.parse().map_err(|error| format!("{error}"))?;
                if let Some(term) = parsed.of_recordings() {
                    return Err(format!("`{term}` is known of recorded flows only"));
                }
            }
            self.filter = (!filter.is_empty()).then(|| filter.to_owned());
        }
        if let Some(is_on) = asked["on"].as_bool() {
            self.is_on = is_on;
        }
        for rule in self.intercepting.drain(..) {
            // What is held stays held.
            self.mitm.context().close(rule);
        }
        if let Some(filter) = self.filter.as_ref().filter(|_| self.is_on)
            && let Ok(filter) = filter.parse::<Filter>()
        {
            let stages = match filter.stage() {
                StageName::Request => vec![StageName::Request, StageName::Response],
                stage => vec![stage],
            };
            for stage in stages {
                let (context, place) = (self.mitm.context(), Place::TERMINAL);
                let (filter, since) = (filter.clone(), context.journal.now());
                let spec = RuleSpec { stage, filter, action: Action::Hold, place, since, name: None };
                let rule = context.register(spec).id;
                context.set_optional(rule);
                self.intercepting.push(rule);
            }
        }
        Ok(self.state())
    }

    /// Returns the held message as a text, or takes the edited text back.
    async fn edit(&mut self, asked: &Value) -> Answer {
        let id = *ids(asked)?.first().ok_or("which flow?")?;
        let (mut request, mut response) =
            self.mitm.context().peek(id).ok_or_else(|| format!("{id} is not held, or the test has taken it"))?;
        if let Some(heads) = self.edits.get(&id) {
            request = heads.request.as_deref().cloned().unwrap_or(request);
            response = heads.response.as_deref().cloned().or(response);
        }
        let Some(text) = asked["text"].as_str() else {
            let body = self.body(id).await?;
            return Ok(json!(match &response {
                Some(response) => response_text(response, Some(response.body().unwrap_or(&body))),
                None => request_text(&request, Some(request.body().unwrap_or(&body))),
            }));
        };
        let mut heads = Heads::default();
        if let Some(mut response) = response {
            self.fill(id, &mut response.content).await?;
            edit_response(&mut response, text)?;
            heads.response = Some(Box::new(response));
        } else {
            self.fill(id, &mut request.content).await?;
            edit_request(&mut request, text)?;
            heads.request = Some(Box::new(request));
        }
        self.edits.insert(id, heads);
        Ok(self.state())
    }

    /// Reads the body of a held message, unless it is known.
    async fn fill(&self, id: FlowId, content: &mut Content) -> Result<(), String> {
        if content.bytes().is_none() {
            *content = Content::Read(self.body(id).await?);
        }
        Ok(())
    }

    async fn body(&self, id: FlowId) -> Result<bytes::Bytes, String> {
        let (reply, answer) = oneshot::channel();
        self.mitm.context().read_body(id, reply);
        match tokio::time::timeout(READ, answer).await {
            Ok(Ok(body)) => body.map_err(|fault| fault.to_string()),
            Ok(Err(_)) => Err(format!("{id} is not held")),
            Err(_) => Err(format!("the body of {id} did not arrive within {READ:?}")),
        }
    }

    async fn resend(&self, asked: &Value) -> Answer {
        let mut sent = 0;
        for id in ids(asked)? {
            let exchange =
                self.mitm.log().exchange(id.whole()).ok_or_else(|| format!("the journal no longer has {id}"))?;
            let resend = self.mitm.resend(&exchange);
            // Its answer comes as a flow; it may be held, so nobody waits for it here.
            tokio::spawn(async move { drop(resend.await) });
            sent += 1;
        }
        Ok(json!(sent))
    }

    fn save(&self, asked: &Value) -> Answer {
        let path = asked["path"].as_str().filter(|path| !path.is_empty()).ok_or("into which file?")?;
        if std::path::Path::new(path).exists() {
            return Err(format!("{path} is there already: name another file"));
        }
        self.mitm.save(path).map_err(|failure| failure.to_string().lines().next().unwrap_or_default().to_owned())?;
        Ok(json!(path))
    }

    fn entries(&self, asked: &Value) -> Result<Vec<Entry>, String> {
        let id = *ids(asked)?.first().ok_or("which flow?")?;
        let mut entries = self.mitm.log().tail(usize::MAX);
        entries.retain(|entry| entry.event.flow().is_some_and(|flow| flow.whole() == id.whole()));
        Ok(entries)
    }
}

/// Tells how many of the flows a verdict has reached.
fn said(reached: usize, flows: &[FlowId]) -> Answer {
    match flows.len() - reached {
        0 => Ok(json!(reached)),
        left => Err(format!("{left} of {} are not held any more; the others have their verdict", flows.len())),
    }
}

/// Flows and parts: 3, or "#3.2".
fn ids(asked: &Value) -> Result<Vec<FlowId>, String> {
    let ids = asked["flows"].as_array().ok_or("which flows?")?;
    ids.iter().map(|id| flow_id(id).ok_or_else(|| format!("{id} is no flow"))).collect()
}

fn flow_id(told: &Value) -> Option<FlowId> {
    if let Some(number) = told.as_u64() {
        return Some(FlowId::new(number));
    }
    let text = told.as_str()?.strip_prefix('#')?;
    let (flow, part) = text.split_once('.').unwrap_or((text, "0"));
    Some(FlowId::new(flow.parse().ok()?).part(part.parse().ok()?))
}
