//! Messages that two readers could understand in two ways: whatever comes in, on whatever side and in whatever protocol, what
//! goes on can be understood in one way only, and nobody gets what was meant for another.
//!
//! The tables have kinds, and are multiplied: see how many rows each test counts.

mod framing;
mod http1;
mod http2;
mod strict;
