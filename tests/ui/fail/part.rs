use holdup::prelude::*;

fn main() {
    let _ = hold!(message == "x");
    let _ = hold!(event: message == "x");
    let _ = hold!(message: direction == "up");
    let _ = hold!(chunk: response.body ~ "x");
    let _ = hold!(chunk: offset == "3");
    throttle!(event: data == "x", 50_000);
    respond!(message: message == "x", 503);
    abort!(message: message == "x", truncate(3));
    abort!(chunk: offset == 3, discard);
    abort!(path == "/x", discard);
    edit!(chunk: offset == 3, |chunk| ());
    rewrite!(message: message == "x", header("x") => "y");
    redirect!(event: data == "x", "https://x.test");
}
