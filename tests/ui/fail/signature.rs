use holdup::prelude::*;

#[mitm_test]
fn not_async(_mitm: Mitm) {}

#[mitm_test]
async fn generic<T: Fixture>(_t: T) {}

#[mitm_test]
async fn borrowed(_mitm: &Mitm) {}

#[mitm_test(patience = "5s")]
async fn unknown_option(_mitm: Mitm) {}

#[mitm_test(timeout = "soon")]
async fn bad_timeout(_mitm: Mitm) {}

#[mitm_test]
struct NoFunction;

fn main() {}
