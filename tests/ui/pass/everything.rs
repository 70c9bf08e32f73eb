use holdup::prelude::*;
use std::time::Duration;

const HOST: &str = "shop.test";

#[mitm_test(timeout = "10s")]
async fn main(mitm: Mitm, mut _client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let (pattern, longer) = ("^/a".to_owned(), Duration::from_secs(1));
    let _ = filter!((url ~ "/search\\?q=a" || url ~ "colou(?:r)?") && !(host == HOST) && port >= 1024);
    let _ = filter!(path ~ {pattern.as_str()} && method != POST && header("x") !~ "y" && cookie("c") contains "d");
    let _ = filter!(response.header("x") == "y" && request.content_type ~ "json" && body ~ "z");
    let _ = filter!(status == 200 || status < 300 && status > 100 && status <= 299);
    let _ = filter!("~u /ajax & ~m POST" || (navigation && !websocket));
    let _ = filter!(status in 200..300 && size in 0..=1024 && request.json("/a/0") == "x" && form("k") ~ "v");
    let _ = filter!(operation == "Cart" && resource == "xhr" && request.headers ~ "(?im)^x-a: b" && client ~ "^127");
    hold!("~u /x & ~m POST").optional().remove();
    hold!(response: "~s ~c 500").optional().remove();
    hold!(response: status == 500,).optional().remove();
    let _ = watch!(path == "/x");
    delay!(path == "/x", 300ms).remove();
    delay!(response: path == "/x", longer).remove();
    delay!(path == "/x", 200ms..400ms).remove();
    delay!(path == "/x", {longer}..=2s).remove();
    abort!(path == "/x", reset).once();
    abort!(path == "/x", truncate(1024)).once();
    abort!(response: path == "/x", { AbortKind::Stall }).once();
    throttle!(path == "/x", 50_000);
    throttle!(request: path == "/x", Profile::SLOW_3G);
    let _ = filter!(elapsed > 300ms && elapsed in 1.5s..=2s && elapsed < {longer} && occurrence == 2);
    replace!(path ~ "^/static/(.*)$", dir(std::env::temp_dir()));
    respond!(path == "/x", (503, format!("no {pattern}")));
    respond!(path == "/x", http::StatusCode::NO_CONTENT);
    rewrite!(content_type ~ "html", "the" => "teh").times(3);
    rewrite!(request: path == "/x", pattern => "b");
    replace!(path == "/x", file!());
    hold!(message: message ~ "x" && direction == "to_client" && opcode != "binary").optional().remove();
    hold!(event: event == "tick" && data contains "x" && id == "7" && path == "/events").optional().remove();
    hold!(chunk: offset >= 1024 && chunk ~ "x" && size < 10).optional().remove();
    let _ = (watch!(message: body ~ "x"), watch!(event: json("/a") == "x"), watch!(chunk: status == 200));
    delay!(event: data == "x", 300ms).remove();
    abort!(message: message == "x", discard).remove();
    abort!(chunk: offset == 3, reset).remove();
    rewrite!(message: message ~ "x", "x" => "y").remove();
    edit!(event: data == "x", async |event| event.set_data("y")).remove();
    mitm.hold::<Request>(filter!(path == "/x")).optional().remove();
    Ok(())
}
