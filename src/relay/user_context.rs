//! Commands that a driver carries out for the session, and that must be about the user context of the test instead.

use super::command;
use super::response::{json_response, unknown_error, without};
use crate::inspector::{Fault, Inspector};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// A test's user context in a browser that serves many tests.
#[derive(Clone, Debug)]
pub(crate) struct UserContext {
    /// The browser's connection.
    pub(crate) inspector: Arc<Inspector>,
    pub(crate) id: String,
    /// The window that the test began with.
    pub(crate) window: String,
}

impl UserContext {
    /// Carries out a command, by `send` if the driver can do that. `window` is the one that the test has switched to.
    pub(super) async fn carry_out<S>(
        &self,
        request: Request<Bytes>,
        window: Option<String>,
        send: impl FnOnce(Request<Bytes>) -> S,
    ) -> Result<Response<Bytes>, String>
    where
        S: Future<Output = Result<Response<Bytes>, String>>,
    {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let said = || serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
        if method == Method::POST && path.ends_with("/window/new") {
            // The driver would open it in the context of the session.
            let opened = self.inspector.open_in(&self.id).await;
            return Ok(told(opened.map(|handle| json!({ "handle": handle, "type": "tab" })), "no new window"));
        }
        if method == Method::POST && path.ends_with("/permissions") {
            let window = window.as_ref().unwrap_or(&self.window);
            let set = self.inspector.set_permission(&self.id, window, &said()).await;
            return Ok(told(set.map(|()| Value::Null), "the permission was not set"));
        }
        let response = send(request).await?;
        if !command::lists_windows(method.as_str(), &path) {
            return Ok(response);
        }
        Ok(match self.inspector.windows_of_others(&self.id).await {
            Ok(others) => without(response, &others),
            Err(fault) => unknown_error(&format!("the windows of the test are not known: {fault}")),
        })
    }
}

fn told(done: Result<Value, Fault>, what: &str) -> Response<Bytes> {
    match done {
        Ok(value) => json_response(&json!({ "value": value })),
        Err(fault) => unknown_error(&format!("{what}: {fault}")),
    }
}
