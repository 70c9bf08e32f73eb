//! Checks that macros expand for every input, to code or to a compile error.

use fastrand::Rng;
use proc_macro2::TokenStream;

const WRITTEN: [&str; 12] = [
    r#"path == "/a" && (method == POST || !header("x") ~ "^b")"#,
    r#"response: status in 200..300 && body contains {text}"#,
    r#"message: direction == "to_client" && occurrence == 2"#,
    r#"url ~ "/ajax", 300ms..400ms"#,
    r#"host == "a.test", (200, "text")"#,
    r#"request: path == "/a", header("x") => "y""#,
    r#"response: F, |response| response.set_body("x")"#,
    r#"url ~ "/a", "the" => "teh""#,
    r#"path == "/a", file("b"), dir("c")"#,
    r#"elapsed > 300ms && port != 443 && size > 1kb"#,
    "json(\"/a\") == none && !websocket, \"slow 3g\"",
    "chunk: offset == 10 && { x } == 5s..",
];

/// Returns the words of valid input in another order.
fn mixed(numbers: &mut Rng) -> String {
    let mut words: Vec<&str> = WRITTEN[numbers.usize(..WRITTEN.len())].split_inclusive([' ', '(', ')', '"']).collect();
    for _ in 0..numbers.usize(..6) {
        let other: Vec<_> = WRITTEN[numbers.usize(..WRITTEN.len())].split_inclusive([' ', '(', ')', '"']).collect();
        let (at, word) = (numbers.usize(..words.len() + 1), other[numbers.usize(..other.len())]);
        match numbers.usize(..3) {
            0 if at < words.len() => drop(words.remove(at)),
            1 => words.insert(at.min(words.len()), word),
            _ => words.truncate(at.max(1)),
        }
    }
    words.concat()
}

#[test]
fn whatever_is_written_expands() {
    let verbs = [
        crate::verb::filter,
        crate::verb::hold,
        crate::verb::watch,
        crate::verb::delay,
        crate::verb::throttle,
        crate::verb::abort,
        crate::verb::respond,
        crate::verb::replace,
        crate::verb::rewrite,
        crate::verb::redirect,
        crate::verb::edit,
    ];
    let (mut numbers, mut read) = (Rng::with_seed(1), 0);
    for _ in 0..20_000 {
        // Text that is no token stream never reaches a macro.
        let Ok(tokens) = mixed(&mut numbers).parse::<TokenStream>() else { continue };
        let verb = verbs[numbers.usize(..verbs.len())];
        assert!(!verb(tokens).is_empty());
        read += 1;
    }
    assert!(read > 1_000, "only {read} were tokens");
}

#[test]
fn what_is_too_deep_is_an_error() {
    for deep in ["!".repeat(50_000) + "path", "(".repeat(1_000) + &")".repeat(1_000)] {
        let said = crate::verb::filter(deep.parse().expect("tokens")).to_string();
        assert!(said.contains("200"), "{}", &said[..said.len().min(300)]);
    }
}
