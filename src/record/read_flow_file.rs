//! Reads flow files of mitmproxy, versions 18 to 21. Pure.

use super::events;
use super::placeholder::readable;
use super::played::{DECODED, Parked, Played, PlayedAnswer, PlayedPart, add, in_order};
use super::tnetstring::Value;
use crate::flow::{Direction, Target, coding};
use bytes::Bytes;
use http::HeaderMap;

/// The versions that have the same keys for what is read here.
const VERSIONS: std::ops::RangeInclusive<i64> = 18..=21;
/// How deeply values may be nested.
const DEPTH: usize = 32;

/// Reads a file. A cut item at its end is left out: mitmproxy writes them one by one.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Played>, String> {
    let (mut flows, mut rest, mut at) = (Vec::new(), bytes, 0);
    while !rest.is_empty() {
        at += 1;
        match parse(rest, DEPTH) {
            Ok((value, after)) => {
                flows.extend(played(&value).map_err(|why| format!("flow {at}: {why}"))?);
                rest = after;
            }
            Err(Broken::Cut) if !flows.is_empty() => break,
            Err(Broken::Cut) => return Err("it is cut in its first flow".to_owned()),
            Err(Broken::Wrong) => return Err(format!("flow {at} is no tnetstring")),
        }
    }
    in_order(&mut flows);
    events::mark_open(&mut flows);
    Ok(flows)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Cut,
    Wrong,
}

/// Parses one value: `<length>:<payload><tag>`. Returns what follows it.
fn parse(bytes: &[u8], depth: usize) -> Result<(Value, &[u8]), Broken> {
    let depth = depth.checked_sub(1).ok_or(Broken::Wrong)?;
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > 12 {
        return Err(if digits == 0 && bytes.is_empty() { Broken::Cut } else { Broken::Wrong });
    }
    let length: usize =
        std::str::from_utf8(&bytes[..digits]).ok().and_then(|text| text.parse().ok()).ok_or(Broken::Wrong)?;
    match bytes.get(digits) {
        None => return Err(Broken::Cut),
        Some(b':') => {}
        Some(_) => return Err(Broken::Wrong),
    }
    let (from, to) = (digits + 1, digits + 1 + length);
    let (Some(payload), Some(tag)) = (bytes.get(from..to), bytes.get(to)) else { return Err(Broken::Cut) };
    Ok((value(*tag, payload, depth)?, &bytes[to + 1..]))
}

fn value(tag: u8, payload: &[u8], depth: usize) -> Result<Value, Broken> {
    let text = || std::str::from_utf8(payload).map_err(|_| Broken::Wrong);
    Ok(match tag {
        b'~' if payload.is_empty() => Value::Null,
        b'!' => Value::Bool(payload == b"true"),
        b'#' => Value::Integer(text()?.parse().map_err(|_| Broken::Wrong)?),
        b'^' => Value::Float(text()?.parse().map_err(|_| Broken::Wrong)?),
        b',' => Value::Bytes(payload.to_vec()),
        b';' => Value::Text(text()?.to_owned()),
        b']' => Value::List(items(payload, depth)?),
        b'}' => {
            let items = items(payload, depth)?;
            let pairs = items.chunks(2).map(|pair| match pair {
                [Value::Text(key), value] => Ok((key.clone(), value.clone())),
                _ => Err(Broken::Wrong),
            });
            Value::Dict(pairs.collect::<Result<_, _>>()?)
        }
        _ => return Err(Broken::Wrong),
    })
}

fn items(mut payload: &[u8], depth: usize) -> Result<Vec<Value>, Broken> {
    let mut items = Vec::new();
    while !payload.is_empty() {
        // Inside of an item nothing may be cut.
        let (item, after) = parse(payload, depth).map_err(|_| Broken::Wrong)?;
        items.push(item);
        payload = after;
    }
    Ok(items)
}

impl Value {
    fn get(&self, key: &str) -> &Self {
        match self {
            Self::Dict(pairs) => pairs.iter().find(|(known, _)| known == key).map_or(&Self::Null, |(_, value)| value),
            _ => &Self::Null,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    fn text(&self) -> String {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    fn time(&self) -> Option<f64> {
        match self {
            Self::Float(at) => Some(*at),
            other => other.integer().map(|at| at as f64),
        }
    }

    fn items(&self) -> impl Iterator<Item = &Self> {
        match self {
            Self::List(items) => items.iter(),
            _ => [].iter(),
        }
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// Returns the flow, or nothing if it is of another kind (TCP, UDP, DNS).
fn played(flow: &Value) -> Result<Option<Played>, String> {
    let version = flow.get("version").integer().ok_or("it has no version")?;
    if !VERSIONS.contains(&version) {
        return Err(format!(
            "it has version {version} of the format, and 18 to 21 can be read: `mitmdump -nr OLD -w NEW` converts it"
        ));
    }
    if flow.get("type").text() != "http" {
        return Ok(None);
    }
    let (request, response) = (flow.get("request"), flow.get("response"));
    let headers = headers(request.get("headers"));
    let answer = response.get("status_code").integer().map(|status| answer(status, response));
    let said = flow.get("error").get("msg").text().to_ascii_lowercase();
    // mitmproxy says "Client disconnected." and "stream reset by client (CANCEL)".
    let is_left = said.starts_with("client ") || said.contains("by client");
    let ended = response.get("timestamp_end").time().or_else(|| flow.get("error").get("timestamp").time());
    let mut played = Played {
        method: request.get("method").text(),
        url: url(request, &headers),
        request_body: content(request, &headers),
        request_headers: headers,
        answer,
        was_left: false,
        began: request.get("timestamp_start").time(),
        ended,
        is_exact: true,
        parts: messages(flow.get("websocket")),
        has_cut_parts: matches!(flow.get("metadata").get("holdup.cut_parts"), Value::Bool(true)),
        parked: parked(flow.get("metadata")),
    };
    played.end(is_left, matches!(flow.get("error"), Value::Null));
    let times: Vec<_> = flow.get("metadata").get("holdup.events").items().filter_map(Value::time).collect();
    events::cut(&mut played, &times);
    Ok(Some(played))
}

fn messages(socket: &Value) -> Vec<PlayedPart> {
    let message = |message: &Value| {
        let Value::List(fields) = message else { return None };
        let [kind, from_client, content, at, dropped, ..] = fields.as_slice() else { return None };
        let is_from_client = matches!(from_client, Value::Bool(true));
        let direction = if is_from_client { Direction::ToServer } else { Direction::ToClient };
        let content = Bytes::copy_from_slice(content.bytes()?);
        let is_there = is_from_client || matches!(dropped, Value::Bool(false));
        is_there.then_some(PlayedPart { at: at.time(), direction, is_text: kind.integer() != Some(2), content })
    };
    socket.get("messages").items().filter_map(message).collect()
}

/// Returns the rules that have parked a flow, with their lines.
fn parked(metadata: &Value) -> Vec<Parked> {
    let text = |parked: &Value, key: &str| parked.get(key).text();
    let parked = |it: &Value| Parked { stage: text(it, "stage"), rule: text(it, "rule"), line: text(it, "line") };
    metadata.get("holdup.parked").items().map(parked).collect()
}

fn url(request: &Value, headers: &HeaderMap) -> String {
    let (scheme, host, port) =
        (request.get("scheme").text(), request.get("host").text(), request.get("port").integer());
    let is_tls = scheme == "https";
    let usual = if is_tls { 443 } else { 80 };
    let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(usual);
    // A transparent proxy knows only the address; the client has said the name.
    let said = headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let said = said.filter(|_| host.parse::<std::net::IpAddr>().is_ok()).filter(|said| !said.is_empty());
    let authority = said.unwrap_or_else(|| Target::new(is_tls, &host, port).authority());
    format!("{scheme}://{authority}{}", readable(&request.get("path").text()))
}

fn answer(status: i64, response: &Value) -> PlayedAnswer {
    let mut headers = headers(response.get("headers"));
    let body = content(response, &headers);
    if body.is_some() {
        headers.remove(http::header::CONTENT_ENCODING);
    }
    let at = response.get("timestamp_start").time();
    PlayedAnswer { status: u16::try_from(status).unwrap_or(0), headers, body, at, stays_open: false }
}

fn headers(value: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Value::List(pairs) = value else { return headers };
    for pair in pairs {
        if let Value::List(pair) = pair
            && let [name, value] = pair.as_slice()
            && let (Some(name), Some(value)) = (name.bytes(), value.bytes())
        {
            add(&mut headers, name, value);
        }
    }
    headers
}

/// Returns the content with its coding undone; `None` if it was not kept, or cannot be decoded.
fn content(message: &Value, headers: &HeaderMap) -> Option<Bytes> {
    let raw = Bytes::copy_from_slice(message.get("content").bytes()?);
    coding::decode(headers, raw, DECODED).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_of_another_version_names_the_remedy() {
        let why = read(b"14:7:version;1:7#}").expect_err("too old");
        assert!(why.contains("version 7") && why.contains("mitmdump -nr"), "{why}");
    }

    #[test]
    fn what_is_cut_or_wrong_is_an_error() {
        for (bytes, why) in [
            (&b"12"[..], "cut"),
            (b"x", "no tnetstring"),
            (b"5:ab", "cut"),
            (b"1:a?", "no tnetstring"),
            (b"99999999999999:", "no tnetstring"),
        ] {
            let said = read(bytes).expect_err("broken");
            assert!(said.contains(why), "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&bytes));
            drop(super::super::read_har::read(&bytes, &|_| None));
        }
    }
}
