//! Commands that a driver carries out for the session, and that must be about the user context of the test instead.

use super::command;
use super::response::{error_response, json_response, refusal, without};
use crate::inspector::{CookieCommand, Fault, Inspector};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use url::Url;

/// A test's user context in a browser that serves many tests.
#[derive(Clone, Debug)]
pub(crate) struct UserContext {
    /// The browser's connection.
    pub(crate) inspector: Arc<Inspector>,
    pub(crate) id: String,
    /// The session of that browser. Other clients may have others here.
    pub(crate) session: String,
    /// Whether the driver's commands about cookies are about the session's own context (geckodriver).
    pub(crate) cookies_by_inspector: bool,
}

impl UserContext {
    /// Returns whether a command is for the test's session.
    pub(super) fn is_about(&self, path: &str) -> bool {
        path.strip_prefix("/session/").and_then(|rest| rest.split('/').next()) == Some(&self.session)
    }

    /// Carries out a command, by `send` if the driver can do that.
    pub(super) async fn carry_out<S>(
        &self,
        request: Request<Bytes>,
        send: impl FnOnce(Request<Bytes>) -> S,
    ) -> Result<Response<Bytes>, String>
    where
        S: Future<Output = Result<Response<Bytes>, String>>,
    {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let said = || serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
        if method == Method::POST && path.ends_with("/window/new") {
            return Ok(self.opened(said()["type"].as_str()).await);
        }
        let is_permission = method == Method::POST && path.ends_with("/permissions");
        let cookie = command::about_cookies(method.as_str(), &path).filter(|_| self.cookies_by_inspector);
        if is_permission || cookie.is_some() {
            // In a page, or in one of its frames.
            let answer = send(command::execute(&self.session, "return document.URL")?).await?;
            let at: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            // If a dialog is open, or the window has been closed, there is no document.
            let Some(document) = at["value"].as_str().and_then(|url| Url::parse(url).ok()) else { return Ok(answer) };
            return Ok(match cookie {
                Some((method, name)) => self.about_cookies(method, name.as_deref(), &document, &said()).await,
                None => told(self.inspector.set_permission(&self.id, &document, &said()).await.map(|()| Value::Null)),
            });
        }
        let response = send(request).await?;
        if !command::lists_windows(method.as_str(), &path) {
            return Ok(response);
        }
        Ok(match self.inspector.windows_of_others(&self.id).await {
            Ok(others) => without(response, &others),
            Err(fault) => refusal(&fault.to_string()),
        })
    }

    /// Opens a window: the driver would open it in the context of the session.
    async fn opened(&self, wanted: Option<&str>) -> Response<Bytes> {
        let kind = wanted.filter(|kind| *kind == "window").unwrap_or("tab");
        let opened = self.inspector.open_in(&self.id, kind).await;
        told(opened.map(|handle| json!({ "handle": handle, "type": kind })))
    }

    async fn about_cookies(&self, method: &str, name: Option<&str>, document: &Url, said: &Value) -> Response<Bytes> {
        let asked = match method {
            "POST" => CookieCommand::Set(&said["cookie"]),
            "DELETE" => CookieCommand::Delete(name),
            _ => CookieCommand::Get,
        };
        let done = self.inspector.cookies(&self.id, document, asked).await;
        let (Some(name), Ok(all), "GET") = (name, &done, method) else { return told(done) };
        match all.as_array().into_iter().flatten().find(|cookie| cookie["name"] == name) {
            Some(cookie) => json_response(&json!({ "value": cookie })),
            None => error_response(StatusCode::NOT_FOUND, "no such cookie", name),
        }
    }
}

fn told(done: Result<Value, Fault>) -> Response<Bytes> {
    match done {
        Ok(value) => json_response(&json!({ "value": value })),
        Err(fault) => refusal(&fault.to_string()),
    }
}
