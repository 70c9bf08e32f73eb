//! Mistakes that the compiler tells, on the user's own tokens.
#![allow(missing_docs)]

#[test]
fn mistakes_are_told_when_the_test_is_compiled() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fail/*.rs");
    cases.pass("tests/ui/pass/*.rs");
}
