//! HTTP/1 heads as on the wire, before hyper parses them: what browsers tolerate, and what is refused. Pure.

use bytes::{BufMut, BytesMut};

/// A line that was left out of a response head, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    line: String,
    why: &'static str,
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.line, self.why)
    }
}

/// Returns the offset behind a head, where its body begins.
pub(super) fn end_of(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\n') {
        let next = from + at + 1;
        match bytes[next..] {
            [b'\n', ..] => return Some(next + 1),
            [b'\r', b'\n', ..] => return Some(next + 2),
            _ => from = next,
        }
    }
    None
}

/// Removes the invalid lines that browsers ignore too from a response head.
///
/// Returns the rest and the removed lines, or `None` if there are none. Lines that two parsers could understand
/// differently stay, and are refused: lengths and transfer codings, folded lines, a blank before the colon, NUL and CR
/// in a value.
pub(super) fn without_bad_lines(head: &[u8]) -> Option<(BytesMut, Vec<Dropped>)> {
    let is_bad = |line: &[u8]| problem(trimmed(line)).is_some_and(|problem| problem.is_forgiven(trimmed(line)));
    if !lines(head).skip(1).any(is_bad) {
        return None;
    }
    let (mut kept, mut dropped) = (BytesMut::with_capacity(head.len()), Vec::new());
    for (number, line) in lines(head).enumerate() {
        match problem(trimmed(line)) {
            Some(problem) if number > 0 && problem.is_forgiven(trimmed(line)) => {
                dropped.push(Dropped { line: shown(line), why: problem.says() });
            }
            _ => kept.put_slice(line),
        }
    }
    Some((kept, dropped))
}

/// Whether a response head is informational (103 and the like), so that the final one follows.
pub(super) fn is_informational(head: &[u8]) -> bool {
    let status = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    status.first() == Some(&b'1') && !status.starts_with(b"101")
}

/// Whether a response head switches protocols (101).
pub(super) fn is_upgrade(head: &[u8]) -> bool {
    head.split(|byte| *byte == b' ').nth(1).is_some_and(|status| status.starts_with(b"101"))
}

/// Returns why a response head is invalid, as far as its lines show.
pub(super) fn answer_refusal(head: &[u8]) -> Option<String> {
    let first = lines(head).next().map(trimmed)?;
    let status = first.strip_prefix(b"HTTP/1.1 ").or_else(|| first.strip_prefix(b"HTTP/1.0 "));
    let is_status =
        |status: &[u8]| status.len() >= 3 && status[..3].iter().all(u8::is_ascii_digit) && status[0] != b'0';
    if !status.is_some_and(is_status) || first.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Some(format!("the status line {:?} is not HTTP/1.1 or HTTP/1.0, a status and a text", shown(first)));
    }
    let bad = |line: &[u8]| {
        problem(trimmed(line)).map(|problem| format!("the header line {:?} {}", shown(line), problem.says()))
    };
    lines(head).skip(1).find_map(bad)
}

/// Returns why a request head is invalid, as far as its lines show.
pub(super) fn refusal(head: &[u8]) -> Option<String> {
    let mut lines = lines(&head[..end_of(head).unwrap_or(head.len())]).filter(|line| !trimmed(line).is_empty());
    let first = lines.next()?;
    if let Some(why) = problem_of_request_line(trimmed(first)) {
        return Some(format!("the request line {:?} {why}", shown(first)));
    }
    lines.find_map(|line| {
        let bad_length = || has_bad_length(line).then_some("has a length that is not a number");
        let why = problem(trimmed(line)).map(Problem::says).or_else(bad_length)?;
        Some(format!("the header line {:?} {why}", shown(line)))
    })
}

fn has_bad_length(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line).to_ascii_lowercase();
    match text.split_once(':') {
        Some(("content-length", value)) => {
            let value = value.trim();
            value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

fn problem_of_request_line(line: &[u8]) -> Option<&'static str> {
    let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
    match words[..] {
        [method, ..] if method.is_empty() || !method.iter().copied().all(is_token) => {
            Some("does not begin with a method")
        }
        [_, _, version] if !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") => {
            Some("does not end with HTTP/1.1 or HTTP/1.0")
        }
        [_, target, _] if target.iter().any(|byte| b"\"<>".contains(byte) || byte.is_ascii_control()) => {
            Some("has a character in its URL that must be percent-encoded")
        }
        [_, _, _] => None,
        _ => Some("is not a method, a URL and a version with one blank between them"),
    }
}

/// A defect of a header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Folded,
    NoColon,
    BlankBeforeColon,
    Name,
    Nul,
    Cr,
    Control,
}

impl Problem {
    fn says(self) -> &'static str {
        match self {
            Self::Folded => "is folded: it continues the line before it",
            Self::NoColon => "has no colon",
            Self::BlankBeforeColon => "has a blank before its colon",
            Self::Name => "has an invalid name",
            Self::Nul => "has a NUL byte in its value",
            Self::Cr => "has a CR in its value",
            Self::Control => "has a control byte in its value",
        }
    }

    /// Whether the line can be left out of a response.
    fn is_forgiven(self, line: &[u8]) -> bool {
        matches!(self, Self::NoColon | Self::Name | Self::Control) && !is_framing(line)
    }
}

fn problem(line: &[u8]) -> Option<Problem> {
    if matches!(line, [b' ' | b'\t', ..]) {
        return Some(Problem::Folded);
    }
    if line.is_empty() {
        return None;
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Some(Problem::NoColon) };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    match name.last() {
        Some(b' ' | b'\t') => Some(Problem::BlankBeforeColon),
        None => Some(Problem::Name),
        _ if !name.iter().copied().all(is_token) => Some(Problem::Name),
        _ if !value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') => None,
        _ if value.contains(&0) => Some(Problem::Nul),
        _ if value.contains(&b'\r') => Some(Problem::Cr),
        _ => Some(Problem::Control),
    }
}

/// Whether a line may declare the length of a message.
fn is_framing(line: &[u8]) -> bool {
    [&b"content-length"[..], b"transfer-encoding"]
        .iter()
        .any(|name| line.len() >= name.len() && line[..name.len()].eq_ignore_ascii_case(name))
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || b"!#$%&'*+.^_`|~".contains(&byte)
}

/// Returns the lines, including their line ends.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|byte| *byte == b'\n')
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Returns a line for display, shortened to 80 characters.
fn shown(line: &[u8]) -> String {
    const ENOUGH: usize = 80;
    let text = String::from_utf8_lossy(trimmed(line));
    if text.chars().count() <= ENOUGH {
        text.into_owned()
    } else {
        text.chars().take(ENOUGH).chain(['\u{2026}']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_its_empty_line() {
        for (bytes, end) in [
            (&b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody"[..], Some(25)),
            (b"HTTP/1.1 200 OK\na: b\n\nbody", Some(22)),
            (b"HTTP/1.1 200 OK\r\na: b\r\n", None),
            (b"", None),
        ] {
            assert_eq!(end_of(bytes), end, "{bytes:?}");
        }
    }

    #[test]
    fn only_lines_that_can_be_read_in_no_way_are_left_out() {
        for (line, is_dropped) in [
            (&b"x: 1"[..], false),
            (b"nothing here", true),
            (b"my header: 1", true),
            (b": 1", true),
            (b"x(y): 1", true),
            (b"caf\xe9: 1", true),
            (b"x: a\x01b", true),
            (b"x: a\x7fb", true),
            (b"x: a\tb", false),
            (b"x: caf\xe9", false),
            (b"x : 1", false),
            (b"x: a\0b", false),
            (b"x: a\rb: c", false),
            (b"content-length 5", false),
            (b"Transfer-Encoding: chunked\x0b", false),
            (b" folded", false),
        ] {
            let head = [b"HTTP/1.1 200 OK\r\na: b\r\n", line, b"\r\nc: d\r\n\r\n"].concat();
            let without = without_bad_lines(&head);
            assert_eq!(without.is_some(), is_dropped, "{line:?}");
            if let Some((kept, dropped)) = without {
                assert_eq!(kept, "HTTP/1.1 200 OK\r\na: b\r\nc: d\r\n\r\n");
                assert_eq!(dropped.len(), 1);
            }
        }
    }

    #[test]
    fn a_refusal_names_the_line() {
        for (head, says) in [
            ("GET / HTTP/1.1\r\nx : 1\r\n\r\n", "the header line \"x : 1\" has a blank before its colon"),
            ("GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n", "the header line \"no colon\" has no colon"),
            (
                "GET / HTTP/1.1\r\nx: a\r\n b\r\n\r\n",
                "the header line \" b\" is folded: it continues the line before it",
            ),
            ("GET  / HTTP/1.1\r\n\r\n", "the request line \"GET  / HTTP/1.1\" is not a method, a URL and a version"),
            ("GE(T / HTTP/1.1\r\n\r\n", "the request line \"GE(T / HTTP/1.1\" does not begin with a method"),
            ("GET / HTTP/1.2\r\n\r\n", "the request line \"GET / HTTP/1.2\" does not end with HTTP/1.1"),
            ("GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", "the header line \"content-length: -1\" has a length"),
        ] {
            let said = refusal(head.as_bytes()).unwrap_or_default();
            assert!(said.starts_with(says), "{head:?}: {said}");
        }
        assert_eq!(refusal(b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n"), None);
    }
}
