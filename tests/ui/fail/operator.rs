use holdup::prelude::*;

fn main() {
    let _ = filter!(path = "/ajax");
    let _ = filter!(path < "/ajax");
    let _ = filter!(path "/ajax");
    let _ = filter!(path);
    let _ = filter!(path == "/a" & method == "GET");
    let _ = filter!(path == "/a" path == "/b");
    let _ = filter!(path ==);
    let _ = filter!();
    let _ = filter!("~u /ajax");
}
