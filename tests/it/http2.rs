//! HTTP/2 on both sides: each stream is parked, reset and given trailers without blocking the others.

use crate::support::raw;
use bytes::Bytes;
use h2::{Reason, SendStream};
use holdup::prelude::*;
use http::{HeaderMap, Response as Answer};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const BIG: usize = 10 * 1024 * 1024;

/// An upstream that speaks HTTP/2 frames: `https://h2.test`.
struct Upstream2;

impl Fixture for Upstream2 {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(["h2.test".to_owned()])?.self_signed(&key)?;
        cx.mitm().trust_upstream(&certificate.pem())?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        cx.mitm().host("h2.test", Upstream::tls(listener.local_addr()?));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                    while let Some(Ok((request, answer))) = connection.accept().await {
                        if request.uri().path() == "/last" {
                            connection.graceful_shutdown();
                        }
                        tokio::spawn(serve(request, answer));
                    }
                });
            }
        });
        Ok(Self)
    }
}

async fn serve(request: http::Request<h2::RecvStream>, mut answer: h2::server::SendResponse<Bytes>) {
    let head = |status: u16| Answer::builder().status(status).header("content-type", "application/grpc-web+proto");
    match request.uri().path() {
        "/reset" => answer.send_reset(Reason::ENHANCE_YOUR_CALM),
        "/half" => {
            let mut body = answer.send_response(head(200).body(()).unwrap(), false).unwrap();
            body.send_data("half".into(), false).unwrap();
            // A server that fails in the middle of a response.
            tokio::task::yield_now().await;
            body.send_reset(Reason::INTERNAL_ERROR);
        }
        "/rpc" => {
            let mut body = answer.send_response(head(200).body(()).unwrap(), false).unwrap();
            body.send_data("message".into(), false).unwrap();
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "7".parse().unwrap())]);
            body.send_trailers(trailers).unwrap();
        }
        "/big" => {
            let body = answer.send_response(head(200).body(()).unwrap(), false).unwrap();
            send(body, BIG).await;
        }
        "/count" => {
            let mut body = request.into_body();
            let mut count = 0;
            while let Some(Ok(data)) = body.data().await {
                count += data.len();
                body.flow_control().release_capacity(data.len()).unwrap();
            }
            let mut body = answer.send_response(head(200).body(()).unwrap(), false).unwrap();
            body.send_data(count.to_string().into(), true).unwrap();
        }
        path => {
            let text = format!("this is {path}");
            let mut body = answer.send_response(head(200).body(()).unwrap(), false).unwrap();
            body.send_data(text.into(), true).unwrap();
        }
    }
}

/// Sends `left` bytes, as the flow control window allows.
async fn send(mut body: SendStream<Bytes>, mut left: usize) {
    while left > 0 {
        body.reserve_capacity(left.min(64 * 1024));
        let Some(Ok(size)) = std::future::poll_fn(|cx| body.poll_capacity(cx)).await else { return };
        let size = size.min(left);
        left -= size;
        body.send_data(Bytes::from(vec![0; size]), left == 0).unwrap();
    }
}

/// A client with the default windows of the specification: 65,535 bytes.
async fn connect(mitm: &Mitm) -> h2::client::SendRequest<Bytes> {
    let stream = raw::tunnel(mitm, "h2.test", &["h2"]).await;
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

fn get(path: &str) -> http::Request<()> {
    http::Request::get(format!("https://h2.test{path}")).version(http::Version::HTTP_2).body(()).unwrap()
}

async fn ask(client: &mut h2::client::SendRequest<Bytes>, path: &str) -> Result<Answer<h2::RecvStream>, h2::Error> {
    client.send_request(get(path), true)?.0.await
}

/// Reads a body to its end and releases the flow control windows.
async fn read(body: &mut h2::RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        all.extend_from_slice(&data);
    }
    Ok(all)
}

#[mitm_test]
async fn a_big_answer_is_parked_and_released_and_its_siblings_go_on(mitm: Mitm, _origin: Upstream2) -> TestResult {
    let hold = hold!(response: path == "/big");
    let mut client = connect(&mitm).await;
    let (big, _) = client.send_request(get("/big"), true)?;
    let held = hold.next().await?;
    for _ in 0..100 {
        let mut answer = ask(&mut client, "/small").await?;
        assert_eq!(read(answer.body_mut()).await?, b"this is /small");
    }
    let delivery = held.release();
    let mut answer = big.await?;
    assert_eq!(read(answer.body_mut()).await?.len(), BIG);
    assert!(delivery.await?.is_delivered());
    Ok(())
}

#[mitm_test]
async fn a_big_upload_is_parked_and_released(mitm: Mitm, _origin: Upstream2) -> TestResult {
    let hold = hold!(path == "/count");
    let mut client = connect(&mitm).await;
    let request = http::Request::post("https://h2.test/count").version(http::Version::HTTP_2).body(())?;
    let (answer, body) = client.send_request(request, false)?;
    let sending = tokio::spawn(send(body, BIG));
    let held = hold.next().await?;
    let mut other = ask(&mut client, "/small").await?;
    assert_eq!(read(other.body_mut()).await?, b"this is /small");
    drop(held.release());
    assert_eq!(read(answer.await?.body_mut()).await?, BIG.to_string().as_bytes());
    sending.await?;
    Ok(())
}

#[mitm_test]
async fn resets_pass_and_the_connection_lives_on(mitm: Mitm, _origin: Upstream2) -> TestResult {
    let mut client = connect(&mitm).await;
    // A stream that the upstream resets before its response becomes a 502 with the reason.
    let mut failed = ask(&mut client, "/reset").await?;
    assert_eq!(failed.status(), 502);
    assert!(String::from_utf8(read(failed.body_mut()).await?)?.contains("excessive load"));
    // A reset in the middle of the response is passed on to the client.
    let mut half = ask(&mut client, "/half").await?;
    assert!(read(half.body_mut()).await.unwrap_err().is_reset());
    // A reset by the client is passed on to the upstream, and ends the flow.
    let hold = hold!(path == "/left");
    let (answer, mut stream) = client.send_request(get("/left"), false)?;
    let held = hold.next().await?;
    stream.send_reset(Reason::CANCEL);
    held.cancelled().await?;
    assert!(answer.await.is_err());
    assert_eq!(ask(&mut client, "/after").await?.status(), 200);
    Ok(())
}

#[mitm_test]
async fn trailers_of_grpc_pass_also_of_a_held_flow(mitm: Mitm, _origin: Upstream2) -> TestResult {
    let hold = hold!(response: content_type ~ "grpc" && occurrence == 1);
    let mut client = connect(&mitm).await;
    let (held, _) = client.send_request(get("/rpc"), true)?;
    drop(hold.next().await?.release());
    for mut answer in [held.await?, ask(&mut client, "/rpc").await?] {
        assert_eq!(read(answer.body_mut()).await?, b"message");
        assert_eq!(answer.body_mut().trailers().await?.unwrap()["grpc-status"], "7");
    }
    Ok(())
}

#[mitm_test]
async fn an_upstream_that_says_goaway_is_survived(mitm: Mitm, _origin: Upstream2) -> TestResult {
    let mut client = connect(&mitm).await;
    for path in ["/one", "/last", "/two", "/last", "/three"] {
        let mut answer = ask(&mut client, path).await?;
        assert_eq!(read(answer.body_mut()).await?, format!("this is {path}").as_bytes());
    }
    Ok(())
}
