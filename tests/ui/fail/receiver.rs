use holdup::prelude::*;

struct Suite;

impl Suite {
    #[mitm_test]
    async fn method(&self) {}
}

fn main() {}
