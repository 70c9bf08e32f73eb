//! Reads a recording, whatever its format: the content tells, not the name. Pure.

use super::played::{Files, Played};
use super::{read_flow_file, read_har};

/// Reads the flows of a file. The error is why it cannot be read, for people.
pub(super) fn read(bytes: &[u8], file: Files<'_>) -> Result<Vec<Played>, String> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match start.first() {
        None => Err("it is empty".to_owned()),
        Some(b'{') => read_har::read(bytes, file),
        Some(byte) if byte.is_ascii_digit() => read_flow_file::read(start),
        Some(_) => Err("it is neither a HAR nor a flow file of mitmproxy".to_owned()),
    }
}
