//! Throttling profiles with the names that browsers use, and delays drawn from a range. Pure.

use crate::flow::RuleId;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

/// The speed of a connection, for [`throttle!`](crate::throttle).
///
/// Made from a number of bytes per second, or one of the presets of Chrome's and Firefox's developer tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    latency: Duration,
    down: u64,
    up: u64,
    name: Option<&'static str>,
}

macro_rules! profiles {
    ($($(#[$doc:meta])* $name:ident: $down:expr, $up:expr, $latency:expr;)*) => {
        impl Profile {
            $($(#[$doc])*
            pub const $name: Self = Self {
                latency: Duration::from_micros($latency),
                down: $down / 8,
                up: $up / 8,
                name: Some(stringify!($name)),
            };)*

            /// All presets.
            #[doc(hidden)]
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

// Bits per second down and up, and microseconds.
profiles! {
    /// Chrome's "Slow 3G", now "3G": 400 kbit/s both ways, 2 s of latency.
    SLOW_3G: 400_000, 400_000, 2_000_000;
    /// Chrome's "Fast 3G", now "Slow 4G": 1.44 Mbit/s down, 675 kbit/s up, 562.5 ms.
    FAST_3G: 1_440_000, 675_000, 562_500;
    /// Chrome's "Slow 4G", once "Fast 3G".
    SLOW_4G: 1_440_000, 675_000, 562_500;
    /// Chrome's "Fast 4G": 8.1 Mbit/s down, 1.35 Mbit/s up, 165 ms.
    FAST_4G: 8_100_000, 1_350_000, 165_000;
    /// Firefox's "GPRS": 50 kbit/s down, 20 kbit/s up, 500 ms.
    GPRS: 50_000, 20_000, 500_000;
    /// Firefox's "Regular 2G": 250 kbit/s down, 50 kbit/s up, 300 ms.
    REGULAR_2G: 250_000, 50_000, 300_000;
    /// Firefox's "Good 2G": 450 kbit/s down, 150 kbit/s up, 150 ms.
    GOOD_2G: 450_000, 150_000, 150_000;
    /// Firefox's "Regular 3G": 750 kbit/s down, 250 kbit/s up, 100 ms.
    REGULAR_3G: 750_000, 250_000, 100_000;
    /// Firefox's "Good 3G": 1.5 Mbit/s down, 750 kbit/s up, 40 ms.
    GOOD_3G: 1_500_000, 750_000, 40_000;
    /// Firefox's "Regular 4G / LTE": 4 Mbit/s down, 3 Mbit/s up, 20 ms.
    REGULAR_4G: 4_000_000, 3_000_000, 20_000;
    /// Firefox's "DSL": 2 Mbit/s down, 1 Mbit/s up, 5 ms.
    DSL: 2_000_000, 1_000_000, 5_000;
    /// Firefox's "Wi-Fi": 30 Mbit/s down, 15 Mbit/s up, 2 ms.
    WIFI: 30_000_000, 15_000_000, 2_000;
}

impl Profile {
    /// Creates a profile from bytes per second down and up, and a latency.
    ///
    /// `throttle!` refuses a rate of 0.
    #[must_use]
    pub const fn new(down: u64, up: u64, latency: Duration) -> Self {
        Self { latency, down, up, name: None }
    }

    /// Returns the minimum time that each request or response takes.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.latency
    }

    /// Returns whether nothing would pass in a direction.
    pub(crate) fn is_nothing(&self) -> bool {
        self.down == 0 || self.up == 0
    }

    /// Bytes per second of responses; at least 1, so that bodies always end.
    pub(crate) fn down(&self) -> NonZeroU64 {
        NonZeroU64::new(self.down).unwrap_or(NonZeroU64::MIN)
    }

    /// Bytes per second of requests.
    pub(crate) fn up(&self) -> NonZeroU64 {
        NonZeroU64::new(self.up).unwrap_or(NonZeroU64::MIN)
    }
}

/// Bytes per second in both directions, without latency.
impl From<u64> for Profile {
    fn from(rate: u64) -> Self {
        Self::new(rate, rate, Duration::ZERO)
    }
}

impl From<u32> for Profile {
    fn from(rate: u32) -> Self {
        u64::from(rate).into()
    }
}

/// As a test writes it.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "Profile::{name}"),
            None if self.latency.is_zero() && self.up == self.down => write!(f, "{}", self.down),
            None => write!(f, "Profile::new({}, {}, {:?})", self.down, self.up, self.latency),
        }
    }
}

/// How long [`delay!`](crate::delay) delays a flow: a `Duration`, or a range of them.
///
/// From a range, the delay of each flow is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delay {
    from: Duration,
    to: Duration,
}

impl Delay {
    /// Returns whether the range ends before it starts.
    pub(crate) fn is_reversed(self) -> bool {
        self.to < self.from
    }

    /// Returns whether the delay is drawn.
    pub(crate) fn is_range(self) -> bool {
        self.from < self.to
    }

    /// Returns the delay of one flow: the same for the same seed, rule, and number of the match.
    pub(crate) fn draw(self, seed: u64, rule: RuleId, hit: u64) -> Duration {
        let Some(span) = self.to.checked_sub(self.from).filter(|span| !span.is_zero()) else { return self.from };
        let drawn = mix(mix(mix(seed) ^ rule.0) ^ hit);
        // The upper half of the product is uniform over the span.
        let nanos = (u128::from(drawn) * (span.as_nanos() + 1)) >> 64;
        self.from + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The finalizer of SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl From<Duration> for Delay {
    fn from(by: Duration) -> Self {
        Self { from: by, to: by }
    }
}

/// A delay is not exact to the nanosecond, so whether the end is included does not matter.
impl From<Range<Duration>> for Delay {
    fn from(Range { start, end }: Range<Duration>) -> Self {
        Self { from: start, to: end }
    }
}

impl From<RangeInclusive<Duration>> for Delay {
    fn from(range: RangeInclusive<Duration>) -> Self {
        Self { from: *range.start(), to: *range.end() }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from != self.to {
            true => write!(f, "{:?}..{:?}", self.from, self.to),
            false => write!(f, "{:?}", self.from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_drawn_from_all_of_its_range_and_the_same_again() {
        let ms = Duration::from_millis;
        let delay = Delay::from(ms(200)..ms(400));
        let drawn: Vec<_> = (0..1000).map(|hit| delay.draw(7, RuleId(3), hit)).collect();
        assert!(drawn.iter().all(|by| (ms(200)..=ms(400)).contains(by)));
        let (least, most) = (drawn.iter().min().expect("some"), drawn.iter().max().expect("some"));
        assert!(*least < ms(205) && *most > ms(395), "{least:?} {most:?}");
        assert_eq!(drawn, (0..1000).map(|hit| delay.draw(7, RuleId(3), hit)).collect::<Vec<_>>());
        assert_ne!(delay.draw(7, RuleId(3), 0), delay.draw(8, RuleId(3), 0));
        assert_ne!(delay.draw(7, RuleId(3), 0), delay.draw(7, RuleId(4), 0));
        assert_eq!(Delay::from(ms(5)).draw(7, RuleId(3), 0), ms(5));
        assert_eq!(Delay::from(ms(5)..=ms(5)).draw(7, RuleId(3), 0), ms(5));
    }

    #[test]
    fn presets_are_printed_by_name() {
        assert_eq!(Profile::SLOW_3G.to_string(), "Profile::SLOW_3G");
        assert_eq!(Profile::from(50_000_u64).to_string(), "50000");
        assert_eq!(Profile::SLOW_3G.down().get(), 50_000);
    }
}
