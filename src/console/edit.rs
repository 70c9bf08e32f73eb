//! Held messages that a person edits.

use super::change::{request_code, response_code};
use super::message::{edit_request, edit_response, request_text, response_text};
use super::session::{Answer, Session, flow};
use crate::flow::{Content, FlowId, Request, Response, StageName};
use crate::journal::Event;
use crate::proxy::Heads;
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a body that is edited may take to arrive.
const READ: Duration = Duration::from_secs(20);

impl Session {
    /// Returns the held message as a text, or takes the edited text back.
    pub(super) async fn edit(&self, asked: &Value) -> Answer {
        let id = flow(asked)?;
        let Some(text) = asked["text"].as_str() else { return self.edit_text(id).await.map(Value::from) };
        let (mut request, response) = self.held(id)?;
        let (came_request, came_response) = self.came(id)?;
        let mut heads = Heads::default();
        let body = self.body(id).await?;
        let (stage, code) = if let Some(mut response) = response {
            fill(&mut response.content, &body);
            edit_response(&mut response, text)?;
            let code = came_response.map(|came| response_code(&came, &response)).unwrap_or_default();
            heads.response = Some(Box::new(response));
            (StageName::Response, code)
        } else {
            fill(&mut request.content, &body);
            edit_request(&mut request, text)?;
            let code = request_code(&came_request, &request);
            heads.request = Some(Box::new(request));
            (StageName::Request, code)
        };
        let mut state = self.state();
        if self.parked_stage(id) != Some(stage) {
            return Err(format!("{id} is not held any more: it went on as it was"));
        }
        state.edits.insert(id, heads);
        state.code.insert((id, stage), code);
        drop(state);
        Ok(self.told())
    }

    /// Returns the held message as a text.
    pub(super) async fn edit_text(&self, id: FlowId) -> Result<String, String> {
        let (request, response) = self.held(id)?;
        let body = self.body(id).await?;
        Ok(match &response {
            Some(response) => response_text(response, Some(response.body().unwrap_or(&body))),
            None => request_text(&request, Some(request.body().unwrap_or(&body))),
        })
    }

    /// Returns the held messages as they came.
    fn came(&self, id: FlowId) -> Result<(Request, Option<Response>), String> {
        self.mitm.context().peek(id).ok_or_else(|| format!("{id} is not held, or the test has taken it"))
    }

    /// Returns the held messages as they were edited.
    fn held(&self, id: FlowId) -> Result<(Request, Option<Response>), String> {
        let (mut request, mut response) = self.came(id)?;
        if let Some(heads) = self.state().edits.get(&id) {
            request = heads.request.as_deref().cloned().unwrap_or(request);
            response = heads.response.as_deref().cloned().or(response);
        }
        Ok((request, response))
    }

    async fn body(&self, id: FlowId) -> Result<Bytes, String> {
        let (reply, answer) = oneshot::channel();
        let from = self.mitm.log().since(u64::MAX).1;
        self.mitm.context().read_body(id, reply);
        let decided = self.mitm.log().until(from, |event| match event {
            Event::Decided { flow, .. } | Event::Ended { flow, .. } => (*flow == id).then_some(()),
            _ => None,
        });
        tokio::select! {
            answered = tokio::time::timeout(READ, answer) => match answered {
                Ok(Ok(body)) => body.map_err(|fault| fault.to_string()),
                Ok(Err(_)) => Err(format!("{id} is not held")),
                Err(_) => Err(format!("the body of {id} did not arrive within {READ:?}")),
            },
            // Reading ends with this, so a verdict does not wait for a body that takes its time.
            () = decided => Err(format!("{id} is not held any more")),
        }
    }
}

/// Adds the body of a held message, unless it is known.
fn fill(content: &mut Content, body: &Bytes) {
    if content.bytes().is_none() {
        *content = Content::Read(body.clone());
    }
}
