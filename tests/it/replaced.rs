//! Effects of replacements and rewrites, folders, and bodies that cannot be changed.

use crate::support::failure_of;
use crate::support::origin::Origin;
use holdup::prelude::*;
use std::path::Path;

const TEXT: &str = "the cat and the dog";

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> TestResult {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder"))?;
    std::fs::write(path, text)?;
    Ok(())
}

#[mitm_test]
async fn a_replacement_tells_what_it_did(client: Client, _origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    write(folder.path(), "local.txt", "the cat\nand a bird")?;
    let fix = replace!(path == "/text", folder.path().join("local.txt"));
    for coding in ["", "gzip", "br", "zstd"] {
        let url = format!("https://origin.test/text?{coding}");
        client.get(&url).send().await?;
        let applied = fix.assert_applied()?;
        assert_eq!(applied.upstream().expect("it was read"), TEXT, "{coding}");
        assert_eq!(applied.served().expect("it was read"), "the cat\nand a bird");
        let diff = applied.diff();
        assert!(diff.starts_with(&format!("--- {url} (upstream)\n+++ (served)\n")), "{diff}");
        assert!(diff.contains("-the cat and the dog\n") && diff.contains("+the cat\n+and a bird\n"), "{diff}");
        assert_eq!(fix.upstream_sha256()?, sha256(TEXT));
    }
    let typo = rewrite!(path == "/text", "bird" => "fish");
    client.get("https://origin.test/text").send().await?;
    let diff = typo.assert_applied()?.diff();
    assert!(
        diff.contains("-and a bird\n") && diff.contains("+and a fish\n"),
        "an earlier rule is its upstream: {diff}"
    );
    let same = rewrite!(path == "/text", "nothing" => "else");
    client.get("https://origin.test/text").send().await?;
    let diff = same.assert_applied()?.diff();
    assert!(diff.contains("nothing has changed: upstream sends the same 18 bytes"), "{diff}");
    let quiet = watch!(path == "/text").hits();
    assert_eq!(quiet, 0);
    Ok(())
}

#[mitm_test]
async fn a_folder_is_mapped(client: Client, _origin: Origin) -> TestResult {
    let dist = tempfile::tempdir()?;
    write(dist.path(), "a/app.js", "local")?;
    write(dist.path(), "index.html", "<p>local")?;
    write(dist.path().parent().expect("tmp"), "outside-of-dist", "secret")?;
    let fix = replace!(path ~ "^/static/(.*)$", dir(dist.path()));
    let text = async |path: &str| client.get(format!("https://origin.test{path}")).send().await?.text().await;
    assert_eq!(text("/static/a/app.js?v=1").await?, "local");
    assert_eq!(text("/static/").await?, "<p>local");
    assert_eq!(fix.hits(), 2);
    for passes in ["/static/none.js", "/static/a", "/static/%2e%2e/outside-of-dist", "/other"] {
        assert!(text(passes).await?.starts_with("this is /"), "{passes}");
    }
    assert_eq!(fix.hits(), 2, "what is not in the folder passes");
    let unused = replace!(path ~ "^/other/(.*)$", dir(dist.path()));
    assert!(text("/other/none.js").await?.starts_with("this is /"));
    let failure = unused.assert_applied().expect_err("no such file").to_string();
    assert!(failure.contains(&format!("there is no file {}/none.js", dist.path().display())), "{failure}");
    unused.remove();
    // A file that production does not have yet.
    write(dist.path(), "new.js", "new")?;
    let answer = client.get("https://origin.test/static/new.js?status=404").send().await?;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str()?),
        (200, "text/javascript; charset=utf-8")
    );
    assert_eq!(answer.text().await?, "new");
    Ok(())
}

#[mitm_test]
async fn a_file_may_change_and_be_empty(client: Client, _origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    write(folder.path(), "local", "one")?;
    replace!(path == "/", folder.path().join("local"));
    for text in ["one", "two, longer", ""] {
        write(folder.path(), "local", text)?;
        let answer = client.get("https://origin.test/").send().await?;
        assert_eq!(answer.headers()["content-length"].to_str()?, text.len().to_string());
        assert_eq!(answer.text().await?, text);
    }
    Ok(())
}

#[mitm_test]
async fn trailers_stay_behind_a_body_that_is_changed(mitm: Mitm) -> TestResult {
    let (origin, pem) = Origin::tls("trailers.test", &["h2"]).await;
    mitm.trust_upstream(&pem)?;
    mitm.host("trailers.test", Upstream::tls(origin.address));
    for rewritten in [false, true] {
        if rewritten {
            rewrite!(path == "/trailers", "the" => "teh");
        }
        let tls = crate::support::raw::tunnel(&mitm, "trailers.test", &["h2"]).await;
        let (mut sender, connection) = hyper::client::conn::http2::handshake(
            hyper_util::rt::TokioExecutor::new(),
            hyper_util::rt::TokioIo::new(tls),
        )
        .await?;
        let connection = tokio::spawn(connection);
        let request =
            http::Request::get("https://trailers.test/trailers").body(http_body_util::Empty::<bytes::Bytes>::new())?;
        let body = http_body_util::BodyExt::collect(sender.send_request(request).await?.into_body()).await?;
        let trailers = body.trailers().cloned().expect("trailers");
        assert_eq!(trailers["grpc-status"], "0");
        assert_eq!(trailers.contains_key("digest"), !rewritten, "of the old bytes");
        assert_eq!(body.to_bytes(), if rewritten { "teh cat" } else { "the cat" });
        connection.abort();
    }
    Ok(())
}

#[test]
fn a_file_that_goes_away_is_told() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        let folder = tempfile::tempdir()?;
        write(folder.path(), "local", "one")?;
        replace!(path == "/", folder.path().join("local"));
        drop(folder);
        assert_eq!(client.get("https://origin.test/").send().await?.status(), 502);
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("a rule could not be applied") && text.contains("cannot read"), "{text}");
}

#[test]
fn a_folder_wants_to_know_which_file() {
    #[mitm_test]
    async fn no_group(_mitm: Mitm) -> TestResult {
        replace!(path ~ "^/static/", dir("src"));
        Ok(())
    }
    #[mitm_test]
    async fn no_dir(_mitm: Mitm) -> TestResult {
        replace!(path == "/", "src");
        Ok(())
    }
    #[mitm_test]
    async fn no_folder(_mitm: Mitm) -> TestResult {
        replace!(path ~ "^/(.*)$", dir("Cargo.toml"));
        Ok(())
    }
    let tests: [(fn(), &str); 3] = [
        (no_group, "needs the name of a file in \"src\" for each flow"),
        (no_dir, "cannot serve the folder \"src\" as one file: write `dir(\"src\")`"),
        (no_folder, "\"Cargo.toml\" is not a folder"),
    ];
    for (test, says) in tests {
        let text = failure_of(test);
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn a_body_past_the_limit_names_rule_flow_and_limit() {
    #[mitm_test]
    async fn reads(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
        mitm.limit_bodies(1000);
        rewrite!(path == "/bytes", "a" => "b");
        assert_eq!(client.get("https://origin.test/bytes?1000").send().await?.status(), 200);
        assert_eq!(client.get("https://origin.test/bytes?1001").send().await?.status(), 502);
        Ok(())
    }
    #[mitm_test]
    async fn grows(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
        mitm.limit_bodies(25);
        rewrite!(path == "/text", "the" => "a longer word");
        assert_eq!(client.get("https://origin.test/text").send().await?.status(), 502);
        Ok(())
    }
    let text = failure_of(reads);
    for part in
        ["#2", "more than 1000 bytes", "in rewrite!(path == \"/bytes\", \"a\" => \"b\")", "of tests/it/replaced.rs:"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let text = failure_of(grows);
    assert!(text.contains("a rewritten body has 39 bytes, more than the limit of 25"), "{text}");
}

#[test]
fn a_body_that_is_not_what_its_head_says_is_told() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        rewrite!(path ~ "^/", "the" => "teh");
        for (path, coding, body) in [
            ("/wrong", "gzip", &b"no gzip at all"[..]),
            ("/truncated", "gzip", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b]),
            ("/unknown", "rot13", b"gur png"),
        ] {
            let answer =
                http::Response::builder().header("content-encoding", coding).header("content-type", "text/html");
            respond!(path == { path }, answer.body(body).unwrap());
            assert_eq!(client.get(format!("https://origin.test{path}")).send().await?.status(), 502, "{path}");
        }
        // An unknown charset is guessed, as browsers do.
        let answer = http::Response::builder().header("content-type", "text/html; charset=x-nobody");
        respond!(path == "/charset", answer.body("the cat").unwrap());
        assert_eq!(client.get("https://origin.test/charset").send().await?.text().await?, "teh cat");
        Ok(())
    }
    let text = failure_of(body);
    for part in ["the body is not valid gzip", "content-encoding \"rot13\" is not one that can be read"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_heavy_regex_is_refused_at_its_line() {
    #[mitm_test]
    async fn body(_mitm: Mitm) -> TestResult {
        let heavy = format!("{}{{1000}}", r"\w{1000}");
        rewrite!(path == "/", heavy => "x");
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("rewrite! needs a regex: Compiled regex exceeds size limit"), "{text}");
}

/// The file is streamed, not held in memory, and is complete.
#[mitm_test]
async fn a_file_of_any_size_is_served(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    let content: Vec<u8> = (0..40_u32 << 18).flat_map(u32::to_le_bytes).collect();
    write(folder.path(), "film.mp4", &content)?;
    mitm.limit_bodies(1_000);
    let fix = replace!(path == "/text", folder.path().join("film.mp4"));
    for scheme in ["http", "https"] {
        let answer = client.get(format!("{scheme}://origin.test/text")).send().await?;
        assert_eq!(answer.content_length(), Some(content.len() as u64));
        assert!(answer.bytes().await? == content);
    }
    let applied = fix.assert_applied()?;
    assert_eq!((applied.upstream().map(|_| ()), applied.served()), (Some(()), None));
    assert!(applied.diff().contains("became a file of more than a mebibyte"), "{}", applied.diff());
    // When the client leaves in the middle, the file is not read further.
    let mut answer = client.get("https://origin.test/text").send().await?;
    answer.chunk().await?;
    drop(answer);
    while mitm.exchanges()[2].outcome.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(mitm.exchanges()[2].outcome, Some(Outcome::ClientGone));
    Ok(())
}
