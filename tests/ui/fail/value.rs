use holdup::prelude::*;

fn main() {
    let _ = filter!(url ~ "/ajax(");
    let _ = filter!(url ~ "/search?q=a");
    let _ = filter!(response.status == 200);
    let _ = filter!(status == "200");
    let _ = filter!(path == 7);
    let _ = filter!(path ~ 7);
    let _ = filter!(method == SAVE);
}
