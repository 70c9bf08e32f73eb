use holdup::prelude::*;

fn main() {
    let _ = hold!(path == "/x", 5);
    let _ = delay!(path == "/x");
    let _ = delay!(path == "/x", 300);
    let _ = abort!(path == "/x", politely);
    let _ = abort!(path == "/x");
    let _ = respond!(path == "/x");
    let _ = rewrite!(path == "/x", "the");
    let _ = rewrite!(path == "/x", "th[e" => "teh");
    let _ = replace!(path == "/x");
}
