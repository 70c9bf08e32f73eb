//! mitmproxy's expressions, with the results that its own filters gave (`tests/data`), for flows that have passed the
//! proxy. The pure test of the table hands over flows that were made from it.

use bytes::Bytes;
use holdup::prelude::*;
use holdup::{Exchange, Filter};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

/// What differs, as `Filter::from_str` documents: an asset's content type knows no case, and a flow goes to the host and
/// port of its URL. Others of the documented differences are errors.
const DIFFERENT: [&str; 3] = ["!~a", "~dst address", "~dst :22"];

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}

fn headers(of: &Value) -> impl Iterator<Item = (&str, &str)> {
    of.as_array().into_iter().flatten().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
}

/// Serves the responses of the table: a request names its row.
async fn serve(rows: Arc<BTreeMap<String, Value>>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let rows = Arc::clone(&rows);
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let key = format!("{} {}", request.method(), request.uri());
                let response = rows.get(&key).map_or_else(hyper::Response::default, response);
                async move { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn response(row: &Value) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::builder().status(u16::try_from(row["status"].as_u64().unwrap()).unwrap());
    for (name, value) in headers(&row["res_headers"]) {
        response = response.header(name, value);
    }
    let body = text(row, "res_body").as_bytes();
    let body = if row["gzip"] == true {
        let mut coded = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        coded.write_all(body).unwrap();
        coded.finish().unwrap()
    } else {
        body.to_vec()
    };
    response.body(body.into()).unwrap()
}

#[mitm_test]
async fn its_expressions_mean_the_same_for_live_flows(client: Client, mitm: Mitm) -> TestResult {
    let table: Value = serde_json::from_str(include_str!("../data/mitmproxy-filters.json"))?;
    let is_on_the_wire = |row: &&Value| ["error", "replay", "marked", "comment"].iter().all(|mark| row[mark].is_null());
    let rows = table["flows"].as_array().unwrap().iter();
    let rows: Vec<_> = rows.filter(is_on_the_wire).filter(|row| row["status"].is_u64()).cloned().collect();
    let key = |row: &Value| {
        let url = text(row, "url").replace(' ', "%20").parse::<url::Url>().unwrap();
        format!("{} {}", text(row, "method"), &url[url::Position::BeforePath..])
    };
    let address = serve(Arc::new(rows.iter().map(|row| (key(row), row.clone())).collect())).await;
    // Each body is read.
    watch!(request.body ~ "^");
    watch!(response: response.body ~ "^");
    let mut live = Vec::new();
    for row in &rows {
        let url: url::Url = text(row, "url").parse()?;
        mitm.host(url.host_str().unwrap(), address);
        let mut request = client.request(text(row, "method").parse()?, url).body(text(row, "req_body").to_owned());
        for (name, value) in headers(&row["req_headers"]) {
            request = request.header(name, value);
        }
        let before = mitm.exchanges().len();
        request.send().await?.bytes().await?;
        // The client follows the redirection.
        live.push((text(row, "id"), mitm.exchanges().swap_remove(before)));
    }
    let mut wrong = Vec::new();
    for case in table["cases"].as_array().unwrap() {
        let (expression, theirs) = (text(case, "expr"), &case["matches"]);
        let (Ok(filter), Some(theirs)) = (expression.parse::<Filter>(), theirs.as_array()) else { continue };
        let matches = |exchange: &Exchange| filter.matches(&exchange.request, exchange.response.as_deref());
        let ours: Vec<_> = live.iter().filter(|(_, exchange)| matches(exchange)).map(|(id, _)| *id).collect();
        let theirs: Vec<_> = theirs.iter().map(|id| id.as_str().unwrap()).collect();
        let theirs: Vec<_> = live.iter().map(|(id, _)| *id).filter(|id| theirs.contains(id)).collect();
        if (ours != theirs) != DIFFERENT.contains(&expression) {
            wrong.push(format!("{expression}\n  theirs {theirs:?}\n  ours   {ours:?}"));
        }
    }
    assert!(live.len() > 20, "{live:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
