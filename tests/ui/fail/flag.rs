//! Flags, ranges and resources that cannot be meant.
use holdup::prelude::*;

#[mitm_test]
async fn too_early(_mitm: Mitm) {
    hold!(asset && path ~ "x").remove();
    hold!(failed).remove();
}

fn main() {
    let _ = filter!(assset);
    let _ = filter!(resource == "scirpt");
    let _ = filter!(status == 200..300);
    let _ = filter!(status in 300..200);
    let _ = filter!(path in 1..2);
    let _ = filter!(status in 200);
}
