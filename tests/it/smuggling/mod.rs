//! Messages that two parsers could read differently: whatever arrives, on either side and in either protocol, the proxy
//! forwards only messages that can be read in one way, and no client receives another's response.
//!
//! The tables are multiplied; each test asserts its number of rows.

mod framing;
mod http1;
mod http2;
mod strict;
