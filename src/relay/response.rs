//! Responses of the driver, and those in its place.

use super::command;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Returns whether a command came before the page was ready for it.
pub(super) fn is_early(response: &Response<Bytes>) -> bool {
    !response.status().is_success()
        && serde_json::from_slice(response.body()).is_ok_and(|said| command::is_early(&said))
}

/// Leaves windows out of a list.
pub(super) fn without(response: Response<Bytes>, windows: &BTreeSet<String>) -> Response<Bytes> {
    let said: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let Some(all) = said["value"].as_array() else { return response };
    let own: Vec<_> = all.iter().filter(|window| !window.as_str().is_some_and(|it| windows.contains(it))).collect();
    json_response(&json!({ "value": own }))
}

/// Returns the error response for what a browser refuses, by BiDi's error if WebDriver has it too.
pub(super) fn refusal(why: &str) -> Response<Bytes> {
    const BAD: [&str; 2] = ["invalid argument", "invalid cookie domain"];
    match why.split_once(": ") {
        Some((error, message)) if BAD.contains(&error) => error_response(StatusCode::BAD_REQUEST, error, message),
        Some((error @ "unable to set cookie", message)) => {
            error_response(StatusCode::INTERNAL_SERVER_ERROR, error, message)
        }
        _ => unknown_error(why),
    }
}

/// Returns an error response for a WebDriver client.
pub(super) fn unknown_error(message: &str) -> Response<Bytes> {
    error_response(StatusCode::INTERNAL_SERVER_ERROR, "unknown error", message)
}

pub(super) fn error_response(status: StatusCode, error: &str, message: &str) -> Response<Bytes> {
    let body = json!({"value": {"error": error, "message": message, "stacktrace": ""}});
    let mut response = json_response(&body);
    *response.status_mut() = status;
    response
}

pub(super) fn json_response(body: &Value) -> Response<Bytes> {
    json_bytes(Bytes::from(body.to_string()))
}

pub(super) fn json_bytes(body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
