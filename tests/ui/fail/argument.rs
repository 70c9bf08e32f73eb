use holdup::prelude::*;

fn main() {
    let _ = hold!(path == "/x", 5);
    let _ = delay!(path == "/x");
    let _ = delay!(path == "/x", 300);
    let _ = abort!(path == "/x", politely);
    let _ = abort!(path == "/x");
    let _ = abort!(path == "/x", stal);
    let _ = abort!(path == "/x", truncate);
    let _ = throttle!(path == "/x");
    let _ = throttle!(path == "/x", 50kb);
    let _ = throttle!(path == "/x", 0);
    let _ = delay!(path == "/x", 200..400ms);
    let _ = redirect!(response: path == "/x", "https://a.test");
    let _ = redirect!(path == "/x", "https://a.test", keep_hosts);
    let _ = edit!(path == "/x", || {});
    let _ = respond!(path == "/x");
    let _ = rewrite!(path == "/x", "the");
    let _ = rewrite!(path == "/x", "th[e" => "teh");
    let _ = replace!(path == "/x");
}
