//! Certificates of upstreams, made by openssl: which are trusted, and what a failed handshake reports.

use crate::support::failure_of;
use crate::support::origin::Origin;
use crate::support::programs::{Pair, Program};
use holdup::prelude::*;

/// Returns the status and the text of the response, which is the failure if there is one.
async fn asked(client: &Client, name: &str) -> TestResult<(u16, String)> {
    let response = client.get(format!("https://{name}/")).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

fn v1() -> Pair {
    let read = |file| std::fs::read_to_string(format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    Pair { certificate: read("v1.pem"), key: read("v1.key") }
}

#[mitm_test]
async fn a_servers_own_certificate_is_trusted_when_the_test_says_so(client: Client, mitm: Mitm) -> TestResult {
    let san = |pair: &[&'static str]| [pair, &["-subj", "/CN=own.test", "-days", "2"]].concat();
    let pairs = [
        ("a CA, as `openssl req -x509` makes it", Pair::openssl(&san(&["-addext", "subjectAltName=DNS:own.test"]))),
        ("without subjectAltName", Pair::openssl(&san(&[]))),
        ("no CA", Pair::new("own.test")),
        ("X.509 version 1", v1()),
    ];
    for (kind, pair) in pairs {
        let server = Program::openssl(&pair, &[]).await;
        mitm.host("own.test", Upstream::tls(server.address));
        let (status, text) = asked(&client, "own.test").await?;
        assert!(status == 502 && text.contains("is not trusted") && text.contains("trust_upstream"), "{kind}: {text}");
        mitm.trust_upstream(&pair.certificate)?;
        let (status, text) = asked(&client, "own.test").await?;
        assert_eq!(status, 200, "{kind}: {text}");
    }
    // The certificate is trusted for its own name only.
    let pair = Pair::openssl(&["-subj", "/CN=other.test", "-addext", "subjectAltName=DNS:other.test"]);
    let server = Program::openssl(&pair, &[]).await;
    mitm.trust_upstream(&pair.certificate)?;
    mitm.host("own.test", Upstream::tls(server.address));
    let (status, text) = asked(&client, "own.test").await?;
    assert!(status == 502 && text.contains("is for another name"), "{text}");
    Ok(())
}

#[mitm_test]
async fn any_certificate_is_good_enough_for_an_insecure_upstream(client: Client, mitm: Mitm) -> TestResult {
    let expired = ["-subj", "/CN=x", "-days", "1", "-not_before", "20200101000000Z", "-not_after", "20200102000000Z"];
    let has_dates = std::process::Command::new("openssl").args(["version"]).output()?;
    let mut pairs = vec![
        ("X.509 version 1", v1(), &[][..]),
        ("another name", Pair::openssl(&["-subj", "/CN=other.test"]), &[]),
        (
            "a key of 1024 bits",
            Pair::openssl(&["-newkey", "rsa:1024", "-subj", "/CN=x"]),
            &["-cipher", "DEFAULT@SECLEVEL=0"],
        ),
        ("signed with SHA-1", Pair::openssl(&["-sha1", "-subj", "/CN=x"]), &["-cipher", "DEFAULT@SECLEVEL=0"]),
        (
            "TLS 1.2",
            Pair::openssl(&["-newkey", "rsa:1024", "-subj", "/CN=x"]),
            &["-tls1_2", "-cipher", "DEFAULT@SECLEVEL=0"],
        ),
    ];
    // Older versions of openssl cannot make an expired certificate.
    if String::from_utf8_lossy(&has_dates.stdout).starts_with("OpenSSL 3.4") {
        pairs.push(("expired", Pair::openssl(&expired), &[]));
    } else {
        let key = rcgen::KeyPair::generate()?;
        let mut params = rcgen::CertificateParams::new(["x.test".to_owned()])?;
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2020, 1, 2));
        let certificate = params.self_signed(&key)?.pem();
        pairs.push(("expired", Pair { certificate, key: key.serialize_pem() }, &[]));
    }
    for (kind, pair, arguments) in pairs {
        let server = Program::openssl(&pair, arguments).await;
        for name in ["strict.test", "any.test"] {
            mitm.host(name, Upstream::tls(server.address));
        }
        mitm.insecure_upstream("any.test");
        let (status, text) = asked(&client, "any.test").await?;
        assert_eq!(status, 200, "{kind}: {text}");
        let (status, text) = asked(&client, "strict.test").await?;
        assert!(status == 502 && text.contains("mitm.insecure_upstream(\"strict.test\")"), "{kind}: {text}");
    }
    Ok(())
}

#[mitm_test]
async fn a_client_certificate_is_given_where_the_server_asks(client: Client, mitm: Mitm) -> TestResult {
    let (server_pair, mine, other) = (Pair::new("wants.test"), Pair::new("me"), Pair::new("somebody"));
    let folder = tempfile::TempDir::new()?;
    let ca = folder.path().join("ca");
    std::fs::write(&ca, &mine.certificate)?;
    let ca = ca.display().to_string();
    mitm.trust_upstream(&server_pair.certificate)?;
    for version in ["-tls1_2", "-tls1_3"] {
        let asks = [version, "-Verify", "1", "-verify_return_error", "-CAfile", &ca];
        let server = Program::openssl(&server_pair, &asks).await;
        mitm.host("wants.test", Upstream::tls(server.address));
        let (status, text) = asked(&client, "wants.test").await?;
        assert!(status == 502 && text.contains("wants a client certificate"), "{version}: {text}");
        assert!(text.contains("Upstream::tls(address).identity(certificate_pem, key_pem)"), "{text}");
        assert!(!text.contains("is not trusted"), "{text}");
        mitm.host("wants.test", Upstream::tls(server.address).identity(&other.certificate, &other.key));
        let (status, text) = asked(&client, "wants.test").await?;
        assert!(status == 502 && text.contains("refuses the client certificate"), "{version}: {text}");
        mitm.host("wants.test", Upstream::tls(server.address).identity(&mine.certificate, &mine.key));
        let (status, text) = asked(&client, "wants.test").await?;
        assert_eq!(status, 200, "{version}: {text}");
    }
    Ok(())
}

#[mitm_test]
async fn a_handshake_that_fails_says_why(client: Client, mitm: Mitm) -> TestResult {
    let pair = Pair::openssl(&["-subj", "/CN=why.test", "-addext", "subjectAltName=DNS:why.test"]);
    mitm.trust_upstream(&pair.certificate)?;
    let cases: [(&[&str], &str); 3] = [
        (&["-tls1_2", "-cipher", "AES128-SHA"], "no cipher suite in common"),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"], "no cipher suite in common"),
        (&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], "no TLS version in common"),
    ];
    for (arguments, why) in cases {
        let server = Program::openssl(&pair, arguments).await;
        mitm.host("why.test", Upstream::tls(server.address));
        let (status, text) = asked(&client, "why.test").await?;
        assert!(status == 502 && text.contains(why) && !text.contains("trust"), "{arguments:?}: {text}");
    }
    let plain = Program::nginx("", &pair, "").await;
    mitm.host("why.test", Upstream::tls(plain.address));
    let (_, text) = asked(&client, "why.test").await?;
    assert!(text.contains("does not speak TLS") && text.contains("mitm.host(\"why.test\", address)"), "{text}");
    let http1 = Program::nginx("ssl", &pair, "").await;
    mitm.host("why.test", Upstream::tls(http1.address).http2_only());
    let (_, text) = asked(&client, "why.test").await?;
    assert!(text.contains("HTTP/2") && text.contains("http2_only"), "{text}");
    Ok(())
}

/// Its TLS is its own, so the client trusts the server, and not this proxy.
#[mitm_test]
async fn a_host_is_passed_through(mitm: Mitm) -> TestResult {
    let (origin, pem) = Origin::tls("pinned.test", &["http/1.1"]).await;
    mitm.host("pinned.test", origin.address);
    mitm.host("other.test", origin.address);
    mitm.pass_through("pinned.test");
    let proxy = reqwest::Proxy::all(mitm.proxy_url())?;
    let pem = reqwest::tls::Certificate::from_pem(pem.as_bytes())?;
    let client = reqwest::Client::builder().proxy(proxy).tls_certs_only([pem]).build()?;
    assert_eq!(client.get("https://pinned.test/text").send().await?.status(), 200);
    assert!(client.get("https://other.test/text").send().await.is_err(), "this one the proxy answers itself");
    assert!(mitm.exchanges().is_empty());
    Ok(())
}

#[mitm_test]
async fn a_host_has_the_certificate_that_the_test_gives(mitm: Mitm, client: Client, _origin: Origin) -> TestResult {
    let pair = Pair::new("origin.test");
    mitm.certificate("origin.test", &pair.certificate, &pair.key);
    let proxy = reqwest::Proxy::all(mitm.proxy_url())?;
    let pem = reqwest::tls::Certificate::from_pem(pair.certificate.as_bytes())?;
    let trusting = reqwest::Client::builder().proxy(proxy).tls_certs_only([pem]).build()?;
    assert_eq!(trusting.get("https://origin.test/text").send().await?.status(), 200);
    assert!(client.get("https://origin.test/text").send().await.is_err(), "it trusts the CA");
    assert_eq!(mitm.exchanges().len(), 1);
    Ok(())
}

#[test]
fn a_certificate_that_cannot_be_used_says_why() {
    fn used(name: &str, certificate: &str, key: &str) -> String {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mitm = runtime.block_on(Mitm::start()).unwrap();
        failure_of(std::panic::AssertUnwindSafe(|| mitm.certificate(name, certificate, key)))
    }
    let (one, other) = (Pair::new("a.test"), Pair::new("a.test"));
    for (name, certificate, key, why) in [
        ("https://a.test", &one.certificate, &one.key, "is not a host name"),
        ("a.test", &one.key, &one.key, "no CERTIFICATE"),
        ("a.test", &one.certificate, &one.certificate, "no private key"),
        ("a.test", &one.certificate, &other.key, "cannot be used"),
    ] {
        let said = used(name, certificate, key);
        assert!(said.contains(why), "{said}");
    }
}

#[mitm_test]
async fn only_the_hosts_that_are_named_are_looked_into(mitm: Mitm, client: Client) -> TestResult {
    let (origin, pem) = Origin::tls("pinned.test", &["http/1.1"]).await;
    mitm.host("*", origin.address);
    mitm.intercept_only("*.shop.test");
    mitm.intercept_only("shop.test");
    mitm.pass_through("pay.shop.test");
    let proxy = reqwest::Proxy::all(mitm.proxy_url())?;
    let pem = reqwest::tls::Certificate::from_pem(pem.as_bytes())?;
    let pinning = reqwest::Client::builder().proxy(proxy).tls_certs_only([pem]).build()?;
    assert_eq!(pinning.get("https://pinned.test/text").send().await?.status(), 200);
    assert!(client.get("https://pay.shop.test/text").send().await.is_err(), "its certificate is not this proxy's");
    assert!(mitm.exchanges().is_empty());
    mitm.host("*", Upstream::tls(origin.address));
    mitm.insecure_upstream("*");
    for host in ["shop.test", "api.shop.test"] {
        assert_eq!(client.get(format!("https://{host}/text")).send().await?.status(), 200, "{host}");
    }
    assert_eq!(mitm.exchanges().len(), 2);
    Ok(())
}
