//! HTTP limits on both sides of the proxy.

/// The most bytes of a head. Chromium refuses larger ones itself.
pub(super) const MAX_HEADERS: u32 = 256 * 1024;
/// The most lines of an HTTP/1 head. Browsers limit only bytes, but hyper allocates an entry for each line.
pub(super) const MAX_HEADER_LINES: usize = 4096;
/// The window of a connection: flow control applies to each stream, and the connection as a whole never blocks.
pub(super) const OPEN_WINDOW: u32 = i32::MAX as u32;
