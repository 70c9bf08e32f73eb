use holdup::prelude::*;

fn main() {
    let _ = filter!(url ~ "/ajax(");
    let _ = filter!(url ~ "/search?q=a");
    let _ = filter!(response.status == 200);
    let _ = filter!(status == "200");
    let _ = filter!(path == 7);
    let _ = filter!(path ~ 7);
    let _ = filter!(method == SAVE);
    let _ = filter!(elapsed > 300);
    let _ = filter!(elapsed > "300ms");
    let _ = filter!(elapsed > 3h);
    let _ = filter!(elapsed in 1..2s);
    let _ = filter!(size > 300ms);
    let _ = filter!(status in 1ms..2ms);
    let _ = filter!(occurrence == "2");
}
