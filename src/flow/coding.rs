//! Content-encodings: gzip, deflate, brotli, zstd.

use super::{Fault, FaultStage};
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use std::io::Read;

/// Undoes the content-encoding.
///
/// Fails when a coding is unknown, when the data is corrupt, and when it decodes to more than `limit` bytes.
pub(crate) fn decode(headers: &HeaderMap, raw: Bytes, limit: usize) -> Result<Bytes, Fault> {
    let fields = headers.get_all(header::CONTENT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let mut codings: Vec<_> = fields.flat_map(|field| field.split(',')).map(str::trim).collect();
    let mut bytes = raw;
    // Codings are listed in the order in which they were applied.
    while let Some(coding) = codings.pop() {
        bytes = decode_one(coding, bytes, limit)?;
    }
    Ok(bytes)
}

/// Undoes the content-encoding of the start of a body, as far as that can be decoded: for reports.
pub(crate) fn decode_start(headers: &HeaderMap, raw: &[u8], limit: usize) -> Vec<u8> {
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|coding| coding.to_str().ok()).unwrap_or_default();
    let mut out = Vec::new();
    // A decoder that fails at the end of the data has written what came before.
    let mut read = |decoder: &mut dyn Read| drop(decoder.take(limit as u64).read_to_end(&mut out));
    match coding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => out.extend_from_slice(&raw[..raw.len().min(limit)]),
        "gzip" | "x-gzip" => read(&mut flate2::read::MultiGzDecoder::new(raw)),
        "deflate" => read(&mut flate2::read::ZlibDecoder::new(raw)),
        "br" => read(&mut brotli_decompressor::Decompressor::new(raw, 4096)),
        "zstd" => {
            let mut bytes = raw;
            if let Ok(mut decoder) = StreamingDecoder::new(&mut bytes) {
                read(&mut decoder);
            }
        }
        _ => {}
    }
    out
}

fn decode_one(coding: &str, bytes: Bytes, limit: usize) -> Result<Bytes, Fault> {
    let broken = |error: &(dyn std::error::Error + 'static)| {
        Fault::from_error(FaultStage::Rule, &format!("the body is not valid {coding}"), error)
    };
    match coding.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(bytes),
        // No encoder produces empty output, but servers that respond to HEAD or with 304 do send the header.
        _ if bytes.is_empty() => Ok(bytes),
        "gzip" | "x-gzip" => read_up_to(flate2::read::MultiGzDecoder::new(&bytes[..]), limit, &broken),
        "deflate" => read_up_to(flate2::read::ZlibDecoder::new(&bytes[..]), limit, &broken)
            // Some servers send raw deflate data under this name.
            .or_else(|_| read_up_to(flate2::read::DeflateDecoder::new(&bytes[..]), limit, &broken)),
        "br" => read_up_to(brotli_decompressor::Decompressor::new(&bytes[..], 4096), limit, &broken),
        "zstd" => decode_zstd(&bytes, limit, &broken),
        other => Err(Fault::new(FaultStage::Rule, format!("content-encoding {other:?} is not one that can be read"))),
    }
}

/// Decodes all frames in turn, and skips those without data (RFC 8878, section 3).
fn decode_zstd(
    mut bytes: &[u8],
    limit: usize,
    broken: &dyn Fn(&(dyn std::error::Error + 'static)) -> Fault,
) -> Result<Bytes, Fault> {
    let mut out = BytesMut::new();
    while !bytes.is_empty() {
        match StreamingDecoder::new(&mut bytes) {
            Ok(frame) => out.extend_from_slice(&read_up_to(frame, limit - out.len(), broken)?),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                bytes = bytes.get(length as usize..).ok_or_else(|| broken(&FrameDecoderError::FailedToSkipFrame))?;
            }
            Err(error) => return Err(broken(&error)),
        }
    }
    Ok(out.freeze())
}

fn read_up_to(
    decoder: impl Read,
    limit: usize,
    broken: &dyn Fn(&(dyn std::error::Error + 'static)) -> Fault,
) -> Result<Bytes, Fault> {
    let mut out = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut out).map_err(|error| broken(&error))?;
    if out.len() > limit {
        return Err(Fault::new(FaultStage::Rule, format!("a body decodes to more than {limit} bytes")));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use std::io::Write;

    const TEXT: &str = "the cat and the dog; caf\u{e9}";

    fn headers(coding: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_str(coding).expect("ascii"))])
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(text).expect("memory");
        out.finish().expect("memory")
    }

    #[test]
    fn codings_are_undone_last_first() {
        let twice = gzip(&gzip(TEXT.as_bytes()));
        let decoded = decode(&headers("gzip, gzip"), twice.into(), LIMIT).expect("gzip");
        assert_eq!(decoded, TEXT.as_bytes());
    }

    const LIMIT: usize = 1 << 20;

    /// One uncompressed frame for each text.
    fn zstd(texts: &[&str]) -> Vec<u8> {
        let frame = |text: &&str| {
            let level = ruzstd::encoding::CompressionLevel::Uncompressed;
            ruzstd::encoding::compress_to_vec(text.as_bytes(), level)
        };
        texts.iter().flat_map(frame).collect()
    }

    #[test]
    fn all_frames_of_zstd_and_all_members_of_gzip_are_read() {
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let frames = [zstd(&["one "]), skipped.clone(), zstd(&["two ", "three"]), skipped].concat();
        assert_eq!(decode(&headers("zstd"), frames.into(), LIMIT).expect("zstd"), "one two three");
        let members = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decode(&headers("gzip"), members.into(), LIMIT).expect("gzip"), "one two");
        let bomb = zstd(&[&"x".repeat(LIMIT - 1), "xx"]);
        decode(&headers("zstd"), bomb.into(), LIMIT).expect_err("too large");
    }

    #[test]
    fn what_is_cut_or_has_junk_behind_it_is_no_coding() {
        let (gzip, zstd) = (gzip(TEXT.as_bytes()), zstd(&[TEXT]));
        let bodies = [
            ("gzip", [&gzip[..], b"junk"].concat()),
            ("gzip", gzip[..gzip.len() - 9].to_vec()),
            ("zstd", [&zstd[..], b"junk"].concat()),
            ("zstd", zstd[..zstd.len() - 1].to_vec()),
            ("br", b"\x0b\x02".to_vec()),
            ("none", TEXT.as_bytes().to_vec()),
        ];
        for (coding, body) in bodies {
            let decoded = decode(&headers(coding), body.into(), LIMIT);
            assert!(decoded.is_err(), "{coding}: {decoded:?}");
        }
    }

    #[test]
    fn the_start_of_a_body_is_decoded_as_far_as_it_goes() {
        let long = TEXT.repeat(2000);
        let coded = gzip(long.as_bytes());
        let start = decode_start(&headers("gzip"), &coded[..coded.len() / 2], LIMIT);
        assert!(!start.is_empty() && long.as_bytes().starts_with(&start), "{}", start.len());
        assert_eq!(decode_start(&headers("gzip"), &coded, 5), b"the c");
        assert!(decode_start(&headers("none"), b"abc", LIMIT).is_empty());
    }

    #[test]
    fn a_bomb_is_an_error_that_says_the_limit() {
        let bomb = gzip(&vec![0; LIMIT + 1]);
        let fault = decode(&headers("gzip"), bomb.into(), LIMIT).expect_err("too large");
        assert!(fault.to_string().contains("1048576"), "{fault}");
    }
}
