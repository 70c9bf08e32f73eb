//! Flows as mitmproxy's flow files have them: version 21, which mitmproxy 11 to 13 read. Pure.

use super::placeholder::masked_url;
use super::recorded::{Kept, Recorded, RecordedPart, masked, masked_body, masked_headers};
use super::tnetstring::{Value, dict};
use crate::flow::{Direction, Opcode, Outcome, Part, Response};
use http::header::HeaderMap;
use http::{StatusCode, Version};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const VERSION: i64 = 21;

/// Returns one flow as an item of the file. `started` is the time at which the journal began.
pub(crate) fn item(flow: &Recorded, started: SystemTime) -> Vec<u8> {
    let at = |time: Duration| (started + time).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let is_socket = flow.response.as_ref().is_some_and(|response| response.status() == StatusCode::SWITCHING_PROTOCOLS);
    let value = dict(vec![
        ("version", Value::Integer(VERSION)),
        ("type", "http".into()),
        ("id", Value::Text(id(flow, started))),
        ("error", error(flow, &at)),
        ("client_conn", client(flow, &at)),
        ("server_conn", server(flow, &at)),
        ("intercepted", false.into()),
        ("is_replay", Value::Null),
        ("marked", if flow.outcome.as_ref().is_some_and(is_failure) { ":red_circle:" } else { "" }.into()),
        ("metadata", metadata(flow, &at)),
        ("comment", comment(flow).as_str().into()),
        ("timestamp_created", at(flow.began).into()),
        ("backup", Value::Null),
        ("request", request(flow, &at)),
        ("response", flow.response.as_ref().map_or(Value::Null, |head| response(flow, head, &at))),
        ("websocket", if is_socket { socket(flow, &at) } else { Value::Null }),
    ]);
    let mut out = Vec::new();
    value.write(&mut out);
    out
}

fn is_failure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(_))
}

/// An id in the form of a UUID, which is the same for the same flow of the same journal.
fn id(flow: &Recorded, started: SystemTime) -> String {
    let nanos = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let number = flow.id.number();
    format!("{:08x}-{:04x}-4000-8000-{number:012x}", (nanos >> 16) as u32, nanos as u16)
}

fn error(flow: &Recorded, at: &impl Fn(Duration) -> f64) -> Value {
    match (&flow.outcome, flow.ended) {
        (Some(outcome), Some(ended)) if !outcome.is_delivered() => {
            dict(vec![("msg", masked(&outcome.to_string()).as_str().into()), ("timestamp", at(ended).into())])
        }
        _ => Value::Null,
    }
}

/// What a person reads in mitmproxy's list.
fn comment(flow: &Recorded) -> String {
    let one = |parked: &super::recorded::ParkedTime| {
        let time = parked.to.map(|to| format!(" for {:.0?}", to.saturating_sub(parked.from))).unwrap_or_default();
        format!("parked at its {}{time} by {} ({})", parked.stage, masked(&parked.rule), parked.place)
    };
    flow.parked.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn metadata(flow: &Recorded, at: &impl Fn(Duration) -> f64) -> Value {
    let number = |number: usize| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let mut pairs = vec![("holdup.id", flow.id.to_string().as_str().into())];
    pairs.extend(flow.delivered.map(|order| ("holdup.order", number(order))));
    let parked = flow.parked.iter().map(|parked| {
        let ms = |time: Duration| Value::Float(time.as_secs_f64() * 1e3);
        dict(vec![
            ("stage", parked.stage.to_string().as_str().into()),
            ("from_ms", ms(parked.from)),
            ("to_ms", parked.to.map_or(Value::Null, ms)),
            ("rule", masked(&parked.rule).as_str().into()),
            ("line", parked.place.to_string().as_str().into()),
        ])
    });
    let parked: Vec<_> = parked.collect();
    if !parked.is_empty() {
        pairs.push(("holdup.parked", Value::List(parked)));
    }
    let events = flow.parts.iter().filter(|part| matches!(*part.part, Part::Event(_)) && part.is_delivered);
    let events: Vec<_> = events.map(|event| Value::Float(at(event.at))).collect();
    if !events.is_empty() {
        pairs.push(("holdup.events", Value::List(events)));
    }
    if flow.parts.iter().any(|part| !part.is_whole()) {
        pairs.push(("holdup.cut_parts", true.into()));
    }
    for (key, body) in [("holdup.request_size", &flow.request_body), ("holdup.response_size", &flow.response_body)] {
        // What is cut is not in the file.
        pairs.extend(body.as_ref().filter(|body| !body.is_whole()).map(|body| (key, Value::Integer(body.size as i64))));
    }
    dict(pairs)
}

fn address(host: &str, port: u16) -> Value {
    Value::List(vec![host.into(), Value::Integer(port.into())])
}

fn connection(flow: &Recorded, is_tls: bool, at: &impl Fn(Duration) -> f64) -> Vec<(&'static str, Value)> {
    vec![
        ("transport_protocol", "tcp".into()),
        ("error", Value::Null),
        ("tls", is_tls.into()),
        ("certificate_list", Value::List(vec![])),
        ("alpn", Value::Null),
        ("alpn_offers", Value::List(vec![])),
        ("cipher", Value::Null),
        ("cipher_list", Value::List(vec![])),
        ("tls_version", Value::Null),
        ("sni", Some(flow.request.target().host.as_str()).filter(|_| is_tls).into()),
        ("timestamp_end", flow.ended.map(at).into()),
        ("timestamp_tls_setup", Value::Null),
    ]
}

fn client(flow: &Recorded, at: &impl Fn(Duration) -> f64) -> Value {
    let is_tls = flow.request.target().scheme() == "https";
    let mut pairs = connection(flow, is_tls, at);
    let (host, port) =
        flow.request.client.map_or_else(|| ("127.0.0.1".to_owned(), 0), |it| (it.ip().to_string(), it.port()));
    pairs.extend([
        ("peername", address(&host, port)),
        ("sockname", address("127.0.0.1", 0)),
        ("id", format!("client {}", flow.id).as_str().into()),
        ("timestamp_start", at(flow.began).into()),
        ("mitmcert", Value::Null),
        ("proxy_mode", "regular".into()),
    ]);
    dict(pairs)
}

fn server(flow: &Recorded, at: &impl Fn(Duration) -> f64) -> Value {
    let target = flow.request.target();
    let mut pairs = connection(flow, target.scheme() == "https", at);
    let name = address(&target.host, target.port);
    pairs.extend([
        ("peername", flow.sent.map(|_| name.clone()).into()),
        ("sockname", Value::Null),
        ("id", format!("server {}", flow.id).as_str().into()),
        ("timestamp_start", flow.sent.map(at).into()),
        ("address", name),
        ("timestamp_tcp_setup", flow.sent.map(at).into()),
        ("via", Value::Null),
    ]);
    dict(pairs)
}

fn version(version: Version) -> Value {
    Value::from(match version {
        Version::HTTP_10 => &b"HTTP/1.0"[..],
        Version::HTTP_2 => b"HTTP/2.0",
        _ => b"HTTP/1.1",
    })
}

/// Headers and content; a body that was not kept whole is null.
fn message(headers: &HeaderMap, body: Option<&Kept>, is_streamed: bool) -> Vec<(&'static str, Value)> {
    let (headers, content) = match body {
        Some(body) if body.is_whole() => match masked_body(headers, &body.start) {
            Some((headers, bytes)) => (headers, Value::Bytes(bytes.to_vec())),
            None => (headers.clone(), Value::Null),
        },
        Some(_) => (headers.clone(), Value::Null),
        None => (headers.clone(), if is_streamed { Value::Null } else { Value::Bytes(vec![]) }),
    };
    let pair = |(name, value): (http::HeaderName, http::HeaderValue)| {
        Value::List(vec![name.as_str().as_bytes().into(), value.as_bytes().into()])
    };
    let headers = masked_headers(&headers).into_iter().map(pair).collect();
    vec![("headers", Value::List(headers)), ("content", content), ("trailers", Value::Null)]
}

fn request(flow: &Recorded, at: &impl Fn(Duration) -> f64) -> Value {
    let (head, target) = (&flow.request, flow.request.target());
    let mut pairs = message(head.headers(), flow.request_body.as_ref(), flow.lacks_request_body());
    pairs.extend([
        ("http_version", version(head.version())),
        ("timestamp_start", at(flow.began).into()),
        ("timestamp_end", at(flow.sent.unwrap_or(flow.began)).into()),
        ("host", target.host.as_str().into()),
        ("port", Value::Integer(target.port.into())),
        ("method", head.method().as_str().as_bytes().into()),
        ("scheme", target.scheme().as_bytes().into()),
        ("authority", Value::Bytes(vec![])),
        ("path", masked_url(&head.path_and_query).as_bytes().into()),
    ]);
    dict(pairs)
}

fn response(flow: &Recorded, head: &Response, at: &impl Fn(Duration) -> f64) -> Value {
    let is_streamed = !flow.parts.is_empty();
    let mut pairs = message(head.headers(), flow.response_body.as_ref(), is_streamed);
    let answered = flow.answered.unwrap_or(flow.began);
    pairs.extend([
        ("http_version", version(head.version())),
        ("timestamp_start", at(answered).into()),
        ("timestamp_end", at(flow.ended.unwrap_or(answered)).into()),
        ("status_code", Value::Integer(head.status().as_u16().into())),
        ("reason", head.status().canonical_reason().unwrap_or_default().as_bytes().into()),
    ]);
    dict(pairs)
}

fn socket(flow: &Recorded, at: &impl Fn(Duration) -> f64) -> Value {
    let message = |RecordedPart { at: time, part, is_delivered, .. }: &RecordedPart| {
        let Part::Message(message) = &**part else { return None };
        let content = match message.opcode() {
            Opcode::Text => masked(&message.text()).into_bytes(),
            Opcode::Binary => message.payload().to_vec(),
        };
        let kind = if message.opcode() == Opcode::Text { 1 } else { 2 };
        Some(Value::List(vec![
            Value::Integer(kind),
            (message.direction() == Direction::ToServer).into(),
            Value::Bytes(content),
            at(*time).into(),
            (!is_delivered).into(),
            false.into(),
        ]))
    };
    dict(vec![
        ("messages", Value::List(flow.parts.iter().filter_map(message).collect())),
        ("closed_by_client", Value::Null),
        ("close_code", Value::Null),
        ("close_reason", Value::Null),
        ("timestamp_end", flow.closed.map(at).into()),
    ])
}
