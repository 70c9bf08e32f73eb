use holdup::prelude::*;

fn main() {
    let _ = filter!(ulr ~ "/ajax");
    let _ = filter!(colour == "red");
    let _ = filter!(query == "a");
    let _ = filter!(path("x") == "a");
    let _ = filter!(query(q) == "a");
    let _ = filter!(response: path == "a");
    let _ = filter!(request.path == "a");
    let _ = filter!(sideways.body ~ "a");
}
