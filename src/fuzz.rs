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

/// Checks that a recording is read or refused, and that what is read can be replayed.
pub fn recordings(bytes: &[u8]) {
    crate::record::fuzz(bytes);
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
    fn recordings_hold() {
        let seeds: [&[u8]; 3] = [
            br#"{"log": {"entries": [{"startedDateTime": "2026-11-28T11:45:19.406Z", "time": 14.5, "request": {"method": "GET",
                "url": "ws://a:80/x?q=1#y", "headers": [{"name": "Accept", "value": "text/event-stream"}]}, "response": {"status": 101,
                "headers": {"Set-Cookie": "a=1; expires=Fri, 31-Dec-9999 23:59:59 GMT\nb=2"}, "content": {"size": -1, "text": "eA==",
                "encoding": "base64"}}, "_webSocketMessages": [{"type": "send", "time": 1.5, "opcode": 2, "data": "AAE="}],
                "_holdup": {"outcome": "delivered", "truncated": ["request"], "times": {"request": 1e300, "answer": -1, "end": null},
                "parked": [{"stage": "response", "rule": "hold!(..)", "line": "a.rs:1"}]}}]}}"#,
            br#"{"log": {"entries": [{"request": {"method": "POST", "url": "https://a/%3Cmasked%201%3E", "postData": {"mimeType":
                "application/json", "text": "{\"a\": [1, {}]}", "_file": "b"}}, "response": {"status": 200, "headers": [{"name":
                "content-type", "value": "text/event-stream"}], "content": {"size": NaN, "text": "data: a\n\n: b\r\rid: 1\n"}},
                "timings": {"wait": -1, "send": 5}, "_eventSourceMessages": [{"time": 1e308, "data": "a"}]}]}}"#,
            b"558:7:version;2:21#4:type;4:http;5:error;0:~8:metadata;91:13:holdup.events;6:3:2.5^]13:holdup.parked;44:40:5:s\
              tage;7:request;4:rule;1:r;4:line;1:l;}]}7:request;141:6:method;3:GET,6:scheme;4:http,4:host;7:1.2.3.4;4:port;2\
              :80#4:path;4:/x?a,7:headers;15:11:4:host,1:a,]]7:content;0:,15:timestamp_start;3:1.5^}8:response;125:11:status\
              _code;3:101#7:headers;31:27:16:content-encoding,4:gzip,]]7:content;0:~15:timestamp_start;3:2.0^13:timestamp_en\
              d;1:3#}9:websocket;99:8:messages;84:38:1:1#4:true!2:hi,3:2.5^5:false!5:false!]38:1:2#5:false!1:\0,3:2.6^5:fals\
              e!5:false!]]}}",
        ];
        assert!(seeds.iter().all(|seed| crate::record::is_read(seed)));
        run(5_000, recordings, &seeds);
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
