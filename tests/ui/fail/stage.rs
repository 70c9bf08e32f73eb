use holdup::prelude::*;

fn main() {
    let _ = hold!(status == 200);
    let _ = hold!(response.body ~ "x");
    let _ = hold!(answer: path == "/x");
    let _ = replace!(request: path == "/x", "x.js");
}
