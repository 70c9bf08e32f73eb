//! The path of a flow, from the browser to the upstream and back.

use super::answers::Answer;
use super::body::Source;
use super::connection::Connection;
use super::cut::Cut;
use super::envelope::Envelope;
use super::flow_guard::FlowGuard;
use super::gate::{Gate, Pass, Stream};
use super::stream::Kind;
use super::{content, hop, tunnel, websocket};
use crate::flow::{Content, Fault, FaultStage, Request, Response, StageName, Target};
use crate::journal::Event;
use crate::rules::AbortKind;
use http::header::{self, HeaderValue};
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Serves one request on a connection: as a flow, or as a request to the proxy itself.
///
/// Fails with a [`Cut`] when the flow ends without a response.
pub(super) async fn serve(connection: Arc<Connection>, mut request: hyper::Request<Incoming>) -> Result<Answer, Cut> {
    if connection.refuses(request.headers()) {
        return Ok(connection.ask_for_credential());
    }
    let target = match destination(&connection, &request) {
        Destination::Flow(target) => target,
        Destination::Tunnel(target) => return Ok(open_tunnel(&connection, &mut request, target)),
        Destination::Nowhere(why) => return Ok(refuse(&connection, &why)),
    };
    if connection.shared.answers_favicons.load(Ordering::Relaxed) && is_favicon(&request) {
        return Ok(connection.own_answer(StatusCode::NOT_FOUND, "", None));
    }
    flow(&connection, target, request).await
}

/// Runs one flow. hyper drops the future once it notices that the browser has canceled the request.
async fn flow(connection: &Connection, target: Target, mut request: hyper::Request<Incoming>) -> Result<Answer, Cut> {
    let shared = &connection.shared;
    let upgrade = hop::upgrade(request.headers());
    let client_upgrade = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    let mut request = name(request, target, connection);
    request.upgrade = upgrade;
    let is_head = request.head.method == Method::HEAD;
    let mut guard = FlowGuard::new(shared.journal.next_flow(), Arc::clone(&shared.gate));
    let began = request.head.record();
    shared.journal.write(Event::Began { flow: guard.flow(), request: Arc::clone(&began) });

    let mut response = match shared.gate.request(&guard, &mut request).await {
        Ok(Pass::Abort(kind)) => return connection.abort(guard, kind, &mut request).await,
        // The drop of the guard ends the flow.
        Ok(Pass::Gone) => return Err(Cut(h2::Error::from(h2::Reason::CANCEL))),
        Ok(Pass::Answer(response)) => {
            // On HTTP/1, a client that is still sending would see a reset instead of the response. One that waits for 100
            // is not made to send.
            let awaits_100 = request.head.header("expect").is_some() && !request.body.has_begun();
            if request.head.version != Version::HTTP_2 && !awaits_100 {
                shared.tasks.spawn(std::mem::take(&mut request.body).discard());
            }
            *response
        }
        Ok(Pass::On) => {
            note_sent(&mut guard, &began, &mut request);
            let route = connection.route(&request.head.target);
            match shared.upstreams.send(&mut request, route).await {
                Ok(response) => response,
                Err(fault) => return Ok(connection.fail(guard, fault, is_head)),
            }
        }
        Err(fault) => return Ok(connection.fail(guard, fault, is_head)),
    };
    free_buffers(&shared.gate, &mut request);
    let answered = note_response(&guard, &mut response);
    match shared.gate.response(&guard, &request.head, &mut response).await {
        Ok(Some(AbortKind::Truncate(after))) => response.shaping.cut_after = Some(after),
        Ok(Some(kind)) => return connection.cut(guard, kind, &mut request).await,
        Ok(None) => {}
        Err(fault) => return Ok(connection.fail(guard, fault, is_head)),
    }
    note_changed_response(&guard, &answered, &response.head);
    if let Some(fault) = only_announces(&response) {
        return Ok(connection.fail(guard, fault, is_head));
    }
    if response.head.status == StatusCode::SWITCHING_PROTOCOLS
        && let Some(client) = client_upgrade
    {
        connection.switch_protocols(&guard, &mut request, &mut response, client);
    }
    let parts = connection.parts(&guard, &request, &mut response);
    Ok(connection.deliver(guard, response, is_head, parts))
}

/// Frees the read buffer that the head of a request keeps: the flow may be parked for long.
fn free_buffers(gate: &Gate, request: &mut Envelope<Request>) {
    // Only the request on the wire needs what hyper knew of it.
    request.extensions = http::Extensions::new();
    if gate.may_park_response(&request.head) {
        request.head = request.head.detached();
    }
}

/// A status that a rule has set must be that of a response.
fn only_announces(response: &Envelope<Response>) -> Option<Fault> {
    let status = response.head.status;
    let switches = status == StatusCode::SWITCHING_PROTOCOLS && response.upgrade.is_some();
    (status.is_informational() && !switches).then(|| {
        let status = status.as_u16();
        let what = format!("the status was set to {status}, which only announces a response: those have 200 to 999");
        Fault::new(FaultStage::Rule, what)
    })
}

/// Journals that a request is sent: its head if rules have changed it, and its body once it has passed.
fn note_sent(guard: &mut FlowGuard, before: &Request, request: &mut Envelope<Request>) {
    let (journal, flow, now) = (Arc::clone(&guard.gate().journal), guard.flow(), &request.head);
    let is_same = (&before.method, &before.target, &before.path_and_query, &before.headers)
        == (&now.method, &now.target, &now.path_and_query, &now.headers);
    if !is_same {
        journal.write(Event::ChangedRequest { flow, request: now.record() });
    }
    if !request.body.is_empty() {
        request.capture = Some(guard.capture(StageName::Request));
    }
    journal.write(Event::Sent { flow });
}

/// Journals the head of a response if rules have changed it.
fn note_changed_response(guard: &FlowGuard, before: &Response, now: &Response) {
    if (before.status, &before.headers) != (now.status, &now.headers) {
        guard.gate().journal.write(Event::ChangedResponse { flow: guard.flow(), response: now.record() });
    }
}

/// Journals a response, and what was left out of its head. Returns the record of the head.
fn note_response(guard: &FlowGuard, response: &mut Envelope<Response>) -> Arc<Response> {
    let (journal, flow) = (&guard.gate().journal, guard.flow());
    let record = response.head.record();
    journal.write(Event::Answered { flow, response: Arc::clone(&record) });
    for line in response.dropped.drain(..) {
        journal.write(Event::Dropped { flow, line: line.to_string() });
    }
    record
}

fn stream(guard: &FlowGuard, request: &Envelope<Request>, response: &Envelope<Response>) -> Stream {
    Stream { flow: guard.flow(), request: request.head.record(), response: response.head.record() }
}

/// Whether this is the favicon request that a full Chromium sends to each site by itself; no flag disables it.
fn is_favicon(request: &hyper::Request<Incoming>) -> bool {
    let is_for = |kind: &str| request.headers().get("sec-fetch-dest").is_some_and(|said| said == kind);
    request.uri().path() == "/favicon.ico" && is_for("image")
}

/// Wraps the extensions of a message, since hyper takes an upgrade only from a whole message.
fn carrier(extensions: &mut http::Extensions) -> hyper::Response<()> {
    let mut carrier = hyper::Response::new(());
    *carrier.extensions_mut() = std::mem::take(extensions);
    carrier
}

enum Destination {
    Flow(Target),
    Tunnel(Target),
    Nowhere(String),
}

fn destination(connection: &Connection, request: &hyper::Request<Incoming>) -> Destination {
    if let Some(why) = hop::ambiguity(request.headers()) {
        return Destination::Nowhere(why.to_owned());
    }
    let uri = request.uri();
    let is_origin_form = uri.authority().is_none();
    let host = request.headers().get(header::HOST).filter(|_| is_origin_form);
    if let Some(host) = host.filter(|host| !hop::names_host(host)) {
        return Destination::Nowhere(format!("the host header {host:?} names no host"));
    }
    match &connection.origin {
        Some(origin) if connection.shared.reverse.is_some() && request.method() == Method::CONNECT => {
            Destination::Nowhere(format!("this stands in for {origin}, and is no proxy: open its address as a server"))
        }
        Some(origin) => Destination::Flow(origin.clone()),
        None if request.method() == Method::CONNECT => match Target::of_tunnel(uri) {
            Some(target) => Destination::Tunnel(target),
            None => Destination::Nowhere("CONNECT without host:port".to_owned()),
        },
        None => Target::of(uri).map_or_else(|| Destination::Nowhere(not_a_server(connection)), Destination::Flow),
    }
}

fn not_a_server(connection: &Connection) -> String {
    let address = connection.shared.address;
    format!("this is a Holdup proxy, not a web server: use http://{address} as the proxy of a client")
}

/// Returns the request as the browser means it, independent of its form on the wire.
fn name(request: hyper::Request<Incoming>, target: Target, connection: &Connection) -> Envelope<Request> {
    let (parts, body) = request.into_parts();
    let path_and_query = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    // The host of an absolute URL has precedence over the header (RFC 9112, section 3.2.2). A request without either
    // (HTTP/1.0) goes to the target of CONNECT or of the TLS handshake.
    let names_host = parts.headers.contains_key(header::HOST) && parts.uri.authority().is_none();
    let mut headers = if connection.shared.reverse.is_some() {
        // The client names this proxy.
        host_first(&parts.headers, None, &target)
    } else if parts.version == Version::HTTP_2 || !names_host {
        host_first(&parts.headers, parts.uri.authority(), &target)
    } else {
        hop::of_request(&parts.headers)
    };
    hop::join_cookies(&mut headers);
    hop::unite_lengths(&mut headers);
    let (method, version, content) = (parts.method, parts.version, Content::Streaming);
    let client = connection.client;
    let head = Request { method, target, path_and_query, version, headers, content, client };
    let mut request = Envelope::new(head, Source::stream(body));
    request.extensions = parts.extensions;
    request.limit = connection.shared.gate.body_limit();
    request
}

/// Puts `host` first: HTTP/2 has none, and HTTP/1 upstreams expect it there.
fn host_first(headers: &HeaderMap, authority: Option<&Authority>, target: &Target) -> HeaderMap {
    let said = authority.map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default().to_owned());
    let host = said.unwrap_or_else(|| target.authority());
    let mut on = HeaderMap::with_capacity(headers.len() + 1);
    if let Ok(host) = HeaderValue::try_from(host) {
        on.insert(header::HOST, host);
    }
    for (name, value) in &hop::of_request(headers) {
        if name != header::HOST {
            on.append(name, value.clone());
        }
    }
    on
}

fn open_tunnel(connection: &Connection, request: &mut hyper::Request<Incoming>, target: Target) -> Answer {
    connection.connected(request, target);
    connection.own_answer(StatusCode::OK, "", None)
}

fn refuse(connection: &Connection, why: &str) -> Answer {
    connection.shared.trouble(Fault::new(FaultStage::Client, why));
    connection.own_answer(StatusCode::BAD_REQUEST, why, None)
}

impl Connection {
    /// Relays the upgraded protocol between both ends, in a task of the proxy.
    fn switch_protocols(
        &self,
        guard: &FlowGuard,
        request: &mut Envelope<Request>,
        response: &mut Envelope<Response>,
        client: OnUpgrade,
    ) {
        let Some(upgrade) = response.upgrade.take().or(request.upgrade.take()) else { return };
        let real = hyper::upgrade::on(carrier(&mut response.extensions));
        let shared = Arc::clone(&self.shared);
        if upgrade.is_to_websocket() {
            let stream = stream(guard, request, response);
            let upstream = response.script.take().map_or(websocket::Upstream::Real(real), websocket::Upstream::Script);
            self.shared.tasks.spawn(websocket::relay(shared, stream, client, upstream, Arc::clone(&self.reset)));
        } else {
            self.shared.tasks.spawn(tunnel::upgraded(shared, client, real));
        }
        hop::keep_upgrade(&mut response.head.headers, &upgrade);
    }

    /// Returns the kind and stream of a response that is sent part by part.
    fn parts(
        &self,
        guard: &FlowGuard,
        request: &Envelope<Request>,
        response: &mut Envelope<Response>,
    ) -> Option<(Kind, Stream)> {
        let kind = Kind::of(&self.shared.gate, &request.head, &response.head);
        if let Some(permit) = response.permit.take().filter(|_| kind.is_some() || response.is_endless()) {
            // A long-lived response would keep other requests waiting for its connection.
            permit.give_back();
        }
        if self.shared.revalidates.load(Ordering::Relaxed) {
            content::forget_pinned(&request.head, &mut response.head.headers);
        }
        kind.map(|kind| (kind, stream(guard, request, response)))
    }
}
