//! Commands that a driver carries out for the session, and that must be about the user context of the test instead.

use super::command;
use super::response::{error_response, json_response, unknown_error, without};
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
    /// The window that the test began with.
    pub(crate) window: String,
    /// Whether the driver's commands about cookies are about the session's own context (geckodriver).
    pub(crate) cookies_by_inspector: bool,
}

impl UserContext {
    /// Returns whether a command is for the test's session.
    pub(super) fn is_about(&self, path: &str) -> bool {
        path.strip_prefix("/session/").and_then(|rest| rest.split('/').next()) == Some(&self.session)
    }

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
        if let Some(command) = command::about_cookies(method.as_str(), &path)
            && self.cookies_by_inspector
        {
            return self.about_cookies(command, &path, &said(), send).await;
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

impl UserContext {
    /// Carries out a command about cookies, of the document that the session is in.
    async fn about_cookies<S>(
        &self,
        (method, name): (&str, Option<&str>),
        path: &str,
        said: &Value,
        send: impl FnOnce(Request<Bytes>) -> S,
    ) -> Result<Response<Bytes>, String>
    where
        S: Future<Output = Result<Response<Bytes>, String>>,
    {
        let session = path.split("/cookie").next().unwrap_or_default();
        let where_is_it = json!({ "script": "return document.URL", "args": [] }).to_string();
        let asked = Request::post(format!("{session}/execute/sync")).body(Bytes::from(where_is_it));
        let answer = send(asked.map_err(|error| error.to_string())?).await?;
        let at: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let document = at["value"].as_str().and_then(|url| Url::parse(url).ok());
        // A dialog is open, or the window has been closed.
        let Some(document) = document else { return Ok(answer) };
        let asked = match method {
            "POST" => CookieCommand::Set(&said["cookie"]),
            "DELETE" => CookieCommand::Delete(name),
            _ => CookieCommand::Get,
        };
        let done = self.inspector.cookies(&self.id, &document, asked).await;
        let Some(name) = name.filter(|_| method == "GET") else { return Ok(told(done, "cookies")) };
        Ok(match done {
            Ok(all) => match all.as_array().into_iter().flatten().find(|cookie| cookie["name"] == name) {
                Some(cookie) => json_response(&json!({ "value": cookie })),
                None => error_response(StatusCode::NOT_FOUND, "no such cookie", name),
            },
            Err(fault) => unknown_error(&format!("cookies: {fault}")),
        })
    }
}

fn told(done: Result<Value, Fault>, what: &str) -> Response<Bytes> {
    match done {
        Ok(value) => json_response(&json!({ "value": value })),
        Err(fault) => unknown_error(&format!("{what}: {fault}")),
    }
}
