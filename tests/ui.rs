//! Compiler output for filters and verbs: errors point at the user's own tokens, and a printed filter parses again.
#![allow(missing_docs, clippy::unwrap_used)]

use holdup::__private::{Field, Filter, Flag, Op, Side, term};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::path::Path;

#[test]
fn mistakes_are_told_when_the_test_is_compiled() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fail/*.rs");
    cases.pass("tests/ui/pass/*.rs");
    cases.pass(printed_filters());
}

/// A program that contains random filters as printed, and asserts that they parse to the same trees.
fn printed_filters() -> std::path::PathBuf {
    let (mut runner, filters) = (TestRunner::deterministic(), filters());
    let mut lines = String::new();
    for _ in 0..150 {
        let filter = filters.new_tree(&mut runner).unwrap().current();
        let tree = format!("{filter:?}");
        lines += &format!("    assert_eq!(format!(\"{{:?}}\", holdup::filter!({filter})), {tree:?});\n");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("printed_filters.rs");
    std::fs::write(&file, format!("fn main() {{\n{lines}}}\n")).unwrap();
    file
}

fn filters() -> impl Strategy<Value = Filter> {
    let flags = prop::sample::select(Flag::ALL.to_vec()).prop_map(Filter::Flag);
    let leaf = prop_oneof![4 => texts(), 2 => numbers(), 1 => times(), 1 => flags];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn sides() -> impl Strategy<Value = Side> {
    prop::sample::select(vec![Side::Either, Side::Request, Side::Response])
}

fn texts() -> impl Strategy<Value = Filter> {
    let key = || "[a-zA-Z0-9/\"\\\\ -]{1,6}";
    let fields = prop_oneof![
        prop::sample::select(vec![
            Field::Url,
            Field::Scheme,
            Field::Host,
            Field::Path,
            Field::Method,
            Field::Operation,
            Field::Client,
            Field::Server,
            Field::Marker,
            Field::Comment,
        ]),
        key().prop_map(Field::Query),
        key().prop_map(Field::Cookie),
        key().prop_map(Field::Form),
        (sides(), "[a-zA-Z0-9-]{1,6}").prop_map(|(side, name)| Field::Header(side, name)),
        (sides(), key()).prop_map(|(side, pointer)| Field::Json(side, format!("/{pointer}"))),
        sides().prop_map(Field::Body),
        sides().prop_map(Field::Headers),
        sides().prop_map(Field::ContentType),
    ];
    let ops = vec![Op::Matches, Op::MatchesNot, Op::Equals, Op::Differs, Op::Contains];
    (fields, prop::sample::select(ops), "\\PC{0,8}|[ -~\n\t]{0,12}").prop_map(|(field, op, text)| {
        let is_regex = matches!(op, Op::Matches | Op::MatchesNot);
        term(field.clone(), op, &if is_regex { regex::escape(&text) } else { possible(&field, text) })
    })
}

/// A value that the field can have.
fn possible(field: &Field, text: String) -> String {
    match field {
        Field::Path => format!("/{}", text.replace('?', "")),
        Field::Url => format!("http://a/{}", text.replace('#', "")),
        Field::Host => text.replace(['/', ':'], ""),
        Field::Method => text.to_uppercase().replace(char::is_lowercase, ""),
        Field::Scheme => "https".to_owned(),
        _ => text,
    }
}

fn numbers() -> impl Strategy<Value = Filter> {
    let fields = prop_oneof![
        prop::sample::select(vec![Field::Port, Field::Status, Field::Occurrence]),
        sides().prop_map(Field::Size),
    ];
    (fields, sized(), 1..60_000_i64, 1..1000_i64, any::<bool>()).prop_map(|(field, op, number, more, closed)| {
        let dots = if closed { "..=" } else { ".." };
        match op {
            Op::In => term(field, op, &format!("{number}{dots}{}", number + more)),
            _ => term(field, op, &number),
        }
    })
}

fn times() -> impl Strategy<Value = Filter> {
    let time = |micros| holdup::__private::time(std::time::Duration::from_micros(micros));
    (sized(), 0..5_000_000_u64, 1..1000_u64).prop_map(move |(op, from, more)| match op {
        Op::In => term(Field::Elapsed, op, &format!("{}..{}", time(from), time(from + more))),
        _ => term(Field::Elapsed, op, &time(from)),
    })
}

fn sized() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![Op::Equals, Op::Differs, Op::Less, Op::AtMost, Op::Greater, Op::AtLeast, Op::In])
}
