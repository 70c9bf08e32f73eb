//! Detects the protocol of a client from its first bytes.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Tls,
    Http1,
    /// HTTP/2 without TLS, with prior knowledge.
    Http2,
    /// Any other protocol; its bytes are passed on unchanged.
    Unknown,
}

/// HTTP/2 begins with `PRI `; four bytes distinguish it from any HTTP/1 method.
const ENOUGH: usize = 4;
/// This many blanks before a request are no longer an accident.
const MOST_BLANKS: usize = 1024;
/// Room for the usual first request, so that it is read at once.
pub(super) const USUAL: usize = 512;
/// A longer request line is treated as HTTP, whose error response names the reason.
const LONGEST_LINE: usize = 64 * 1024;

/// Reads into `seen` until the protocol is clear.
///
/// Returns `None` when the client disconnects without sending anything, or reading fails. If the future is dropped, the
/// bytes that were read stay in `seen`.
pub(super) async fn sniff(io: &mut (impl AsyncRead + Unpin), seen: &mut BytesMut) -> Option<Spoken> {
    loop {
        if let Some(spoken) = recognise(seen) {
            return Some(spoken);
        }
        if io.read_buf(seen).await.ok()? == 0 {
            return (!seen.is_empty()).then_some(Spoken::Unknown);
        }
    }
}

fn recognise(seen: &[u8]) -> Option<Spoken> {
    const HANDSHAKE: u8 = 0x16;
    // Empty lines and blanks may precede the first request.
    let is_blank = |byte: &u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t');
    let begin = seen.iter().position(|byte| !is_blank(byte)).unwrap_or(seen.len());
    let seen = if begin < MOST_BLANKS { &seen[begin..] } else { seen };
    match seen {
        [] => None,
        [HANDSHAKE, ..] => Some(Spoken::Tls),
        [first, ..] if !first.is_ascii_alphabetic() => Some(Spoken::Unknown),
        _ if seen.len() >= ENOUGH && seen.starts_with(b"PRI ") => Some(Spoken::Http2),
        _ => match seen.iter().position(|byte| *byte == b'\n') {
            Some(end) if is_request_line(&seen[..end]) => Some(Spoken::Http1),
            Some(_) => Some(Spoken::Unknown),
            None if seen.len() > LONGEST_LINE => Some(Spoken::Http1),
            // Other protocols begin with words and line ends too, so the whole first line is needed.
            None => None,
        },
    }
}

/// Whether a line ends with an HTTP version, whatever else is wrong with it.
fn is_request_line(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.rsplit(|byte| *byte == b' ').next().is_some_and(|version| version.starts_with(b"HTTP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        assert_eq!(recognise(b""), None);
        assert_eq!(recognise(b"GE"), None);
        assert_eq!(recognise(b"GET / HTTP/1.1"), None);
        assert_eq!(recognise(b"GET / HTTP/1.1\r\n"), Some(Spoken::Http1));
        assert_eq!(recognise(b"GET  / HTTP/9\n"), Some(Spoken::Http1));
        for other in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"NICK bob\r\n", b"PING\r\n", b"hi\n", b"EHLO me\r\n"] {
            assert_eq!(recognise(other), Some(Spoken::Unknown), "{other:?}");
        }
        assert_eq!(recognise(b"PRI * HTTP/2.0"), Some(Spoken::Http2));
        assert_eq!(recognise(b"\x16\x03\x01"), Some(Spoken::Tls));
        assert_eq!(recognise(b"\x00"), Some(Spoken::Unknown));
        assert_eq!(recognise(b"\r\n \t"), None);
        assert_eq!(recognise(b"\r\n GET / HTTP/1.1\r\n"), Some(Spoken::Http1));
        assert_eq!(recognise(&[b' '; 2000]), Some(Spoken::Unknown));
    }
}
