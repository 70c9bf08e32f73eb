//! Limits of HTTP on both sides of the proxy.

/// The most bytes of a head. Chromium itself refuses more.
pub(super) const MAX_HEADERS: u32 = 256 * 1024;
/// The most lines of a head on HTTP/1. Browsers limit bytes only; the library sets aside a place for each line.
pub(super) const MAX_HEADER_LINES: usize = 4096;
/// Flow control is by stream; the connection as a whole never blocks.
pub(super) const OPEN_WINDOW: u32 = i32::MAX as u32;
