//! Macros that provide arguments too.

use holdup::prelude::*;

#[mitm_test]
#[test_case::test_case(1)]
async fn of_test_case(_n: u32) {}

#[mitm_test]
#[rstest::rstest]
#[case(1)]
async fn of_rstest(#[case] _n: u32) {}

#[mitm_test]
async fn of_test_case_above(_n: u32) {}

// As `#[serial]` leaves it.
#[mitm_test]
async fn of_serial_above() {
    serial_test::local_async_serial_core(vec![""], None, || async { drop(mitm) }).await
}

#[mitm_test]
async fn of_serial_above_with_a_result() -> TestResult {
    serial_test::local_async_serial_core_with_return(vec![""], None, || async { drop(mitm) }).await
}

fn main() {}
