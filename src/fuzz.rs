//! Entry points of the fuzzers. Each function takes any bytes, and panics if a property does not hold.
//!
//! `fuzz/` has a target for each, to run manually for long; the tests below run each for a bounded number of rounds,
//! with the same bytes in every run.

pub use crate::proxy::fuzz::{content_codings, event_streams, heads, websockets};

use crate::filter::Filter;
use crate::sanitize::{escape, sanitize};
use crate::schedule::Plan;

/// Checks that a mitmproxy filter is parsed or refused, and prints as non-empty text.
pub fn filters(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(filter) = text.parse::<Filter>() {
        let printed = filter.to_string();
        assert!(!printed.is_empty(), "{text:?}");
    }
}

/// Checks that a schedule is parsed or refused, and prints as text that parses to the same.
pub fn schedules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(plan) = text.parse::<Plan>() {
        let printed = plan.to_string();
        assert_eq!(printed.parse::<Plan>().map(|again| again.to_string()), Ok(printed));
    }
}

/// Checks that sanitized text has no control characters except line breaks and tabs, and that escaping it again
/// changes nothing.
pub fn texts(bytes: &[u8]) {
    let once = sanitize(&String::from_utf8_lossy(bytes));
    assert!(once.chars().all(|char| !char.is_control() || char == '\n' || char == '\t'), "{once:?}");
    assert_eq!(escape(&once), once);
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    /// Changes bytes as fuzzers do: some are flipped, inserted, removed, repeated, or come from another seed.
    fn mutated(numbers: &mut Rng, seeds: &[&[u8]]) -> Vec<u8> {
        let mut bytes = seeds[numbers.usize(..seeds.len())].to_vec();
        for _ in 0..numbers.usize(..8) {
            let at = numbers.usize(..bytes.len() + 1);
            let end = (at + numbers.usize(..16)).min(bytes.len());
            match numbers.usize(..5) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.insert(at, numbers.u8(..)),
                2 => bytes[at..end].iter_mut().for_each(|byte| *byte ^= 1 << numbers.usize(..8)),
                3 => {
                    let piece = bytes[at..end].repeat(1 + numbers.usize(..20));
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let other = seeds[numbers.usize(..seeds.len())];
                    let from = numbers.usize(..other.len() + 1);
                    bytes.splice(at..end, other[from..].iter().copied());
                }
            }
        }
        bytes
    }

    fn run(rounds: usize, target: fn(&[u8]), seeds: &[&[u8]]) {
        let mut numbers = Rng::with_seed(1);
        for _ in 0..rounds {
            target(&mutated(&mut numbers, seeds));
        }
    }

    #[test]
    fn filters_hold() {
        run(
            5_000,
            filters,
            &[b"~u /ajax & !(~m POST | ~bq \"a b\") ~c 404", b"!~q ~h 'x: y' \\", b"((~d a))|~t \"[\" & ~all"],
        );
    }

    #[test]
    fn schedules_hold() {
        run(
            20_000,
            schedules,
            &[b"h1;ff;r:GET /a?q=b#1 > a2, q:POST /s~12ab#1 > r:GET /a#2", b"h1;af", b"h1;la;a1 > a2"],
        );
    }

    #[test]
    fn texts_hold() {
        let seeds: [&[u8]; 4] = [
            b"https://u:p@h/?token=a&code=b#sid=c \x1b[2J {\"password\": \"x\\\"y\", \"token\": 17}",
            b"authorization: Bearer abc.def \xe2\x80\xae eyJhbGciOi.eyJzdWIi.sig-1 query(\"token\") == \"a\"",
            b"a=<masked 1>&password=<masked 2> {\\\"token\\\":\\\"x\\\"}",
            b"cookie: a=b; sid=c\r\nx-api-key: d",
        ];
        run(10_000, texts, &seeds);
    }

    #[test]
    fn event_streams_hold() {
        run(
            10_000,
            event_streams,
            &[b"\x03data: a\n\nevent: b\r\ndata:c\rid\n\n:x\n\nretry: 5\n\n", b"\x01\xef\xbb\xbfdata\n\n\r\r\n"],
        );
    }

    #[test]
    fn websockets_hold() {
        let seeds: [&[u8]; 4] = [
            b"\x02\x81\x05hello\x01\x03abc\x80\x00",
            b"\x03\x82\x85abcd\x01\x02\x03\x04\x05\x89\x00\x88\x02\x03\xe8",
            b"\x05\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00",
            b"\x01\x81\x7e\x00\x03abc\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x02ab",
        ];
        run(20_000, websockets, &seeds);
    }

    #[test]
    fn content_codings_hold() {
        let seeds: [&[u8]; 5] = [
            b"\x00\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00",
            b"\x01\x78\x9c\x4b\x04\x00\x00\x62\x00\x62",
            b"\x02\x0b\x00\x80\x61\x03",
            b"\x03\x28\xb5\x2f\xfd\x04\x00\x09\x00\x00\x61\x00\x00\x00\x00",
            b"\x04\x28\xb5\x2f\xfd\x50\x2a\x4d\x18\x00\x00\x00\x00",
        ];
        run(2_000, content_codings, &seeds);
    }

    #[test]
    fn heads_hold() {
        let seeds: [&[u8]; 2] = [
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nno colon\r\n folded\r\nx : y\r\ntransfer-encoding: chunked\r\n\r\nab",
            b"GET http://a/ HTTP/1.1\r\nhost: a\nconnection: host\r\n\r\n",
        ];
        run(20_000, heads, &seeds);
    }
}
