use holdup::prelude::*;

struct Shop;

#[mitm_test]
async fn main(_shop: Shop) {}
