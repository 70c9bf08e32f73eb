//! Valid and invalid ways to declare the length of a body (RFC 9112, sections 6 and 7).

/// Header lines that declare a chunked body, or look as if they did.
pub const CODINGS: [&str; 32] = [
    "transfer-encoding: chunked",
    "Transfer-Encoding:chunked",
    "transfer-encoding:\tchunked",
    "transfer-encoding: chunked ",
    "transfer-encoding: chunKed",
    "transfer-encoding: xchunked",
    "transfer-encoding: chunkedx",
    "transfer-encoding: identity",
    "transfer-encoding: gzip",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: chunked, identity",
    "transfer-encoding: identity, chunked",
    "transfer-encoding: chunked, chunked",
    "transfer-encoding: chunked, gzip",
    "transfer-encoding: , chunked",
    "transfer-encoding: chunked,",
    "transfer-encoding: chunked;a=b",
    "transfer-encoding: \"chunked\"",
    "transfer-encoding: 'chunked'",
    "transfer-encoding: ",
    "transfer-encoding: chunked\r\ntransfer-encoding: identity",
    "transfer-encoding: identity\r\ntransfer-encoding: chunked",
    "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    "transfer-encoding : chunked",
    "transfer-encoding\t: chunked",
    " transfer-encoding: chunked",
    "x: y\r\n transfer-encoding: chunked",
    "transfer-encoding:\r\n chunked",
    "transfer-encoding:\x0bchunked",
    "transfer-encoding: chunked\0",
    "x: y\ntransfer-encoding: chunked",
    "x: y\rtransfer-encoding: chunked",
];

/// Header lines that declare a length, or look as if they did. The body has five bytes.
pub const LENGTHS: [&str; 30] = [
    "content-length: 5",
    "Content-Length:5",
    "content-length:\t5",
    "content-length: 5 ",
    "content-length: 05",
    "content-length: +5",
    "content-length: -5",
    "content-length: 5;",
    "content-length: 5, 5",
    "content-length: 5,6",
    "content-length: 5 5",
    "content-length: 0x5",
    "content-length: 5.0",
    "content-length: 5e0",
    "content-length: five",
    "content-length: ",
    "content-length: 18446744073709551616",
    "content-length: 99999999999999999999",
    "content-length: \u{ff15}",
    "content-length: 5\0",
    "content-length: 5\x0b",
    "content-length: 5\r\ncontent-length: 5",
    "content-length: 5\r\ncontent-length: 6",
    "content-length: 0\r\ncontent-length: 5",
    "content-length : 5",
    " content-length: 5",
    "x: y\r\n content-length: 5",
    "content-length:\r\n 5",
    "x: y\ncontent-length: 5",
    "content_length: 5",
];

/// Chunked bodies, some of which some parsers misread.
pub const CHUNKS: [&str; 24] = [
    "5\r\nhello\r\n0\r\n\r\n",
    "05\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\n\r\n",
    "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
    "5 ;a\r\nhello\r\n0\r\n\r\n",
    "5\t\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5_\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhelloXX\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "\r\n5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\ncontent-length: 9\r\n\r\n",
    "5\r\nhello\r\n0\r\ntransfer-encoding: chunked\r\n\r\n",
    "5\r\nhello\r\n0\r\nhost: evil.test\r\n\r\n",
    "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "5\r\nhello\r\n0\n\n",
];

/// Each line alone, and before and after a valid one of the other kind.
pub fn headers() -> Vec<String> {
    let of = |lines: &[&str], other: &str| -> Vec<String> {
        let all = lines
            .iter()
            .flat_map(|line| [(*line).to_owned(), format!("{line}\r\n{other}"), format!("{other}\r\n{line}")]);
        all.collect()
    };
    [of(&CODINGS, "content-length: 5"), of(&LENGTHS, "transfer-encoding: chunked")].concat()
}
