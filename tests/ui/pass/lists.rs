use holdup::prelude::*;

const QUERY: &str = "QUERY";

#[mitm_test]
async fn main() {
    let state = "open";
    for filter in [
        filter!(status in [200, 201, 404]),
        filter!(method in [GET, HEAD, QUERY]),
        filter!(!(path in ["/a", "/b"]) && json("/done") == true),
        filter!(json("/n") == 5 || json("/x") == null || json("/s") == {state}),
    ] {
        println!("{filter}");
    }
    assert_eq!(filter!(status in [200, 201]).to_string(), "status == 200 || status == 201");
    hold!(method == QUERY).optional();
}
