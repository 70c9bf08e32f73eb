//! Values that compare by size: numbers and times. Times are compared in microseconds.

use super::Field;
use std::ops::RangeInclusive;
use std::time::Duration;

impl Field {
    /// Parses one of the field's values as a number.
    pub(super) fn number(&self, text: &str) -> Option<i64> {
        match self {
            Self::Elapsed => micros(text),
            _ => text.parse().ok(),
        }
    }

    /// Parses `a..b` or `a..=b`.
    pub(super) fn range(&self, text: &str) -> Option<RangeInclusive<i64>> {
        let (from, to) = text.split_once("..")?;
        let from = self.number(from.trim())?;
        Some(match to.strip_prefix('=') {
            Some(to) => from..=self.number(to.trim())?,
            None => from..=self.number(to.trim())?.checked_sub(1)?,
        })
    }

    /// Returns what the field's values look like, for an error.
    pub(super) fn example(&self) -> &'static str {
        if *self == Self::Elapsed { "time: `300ms`, `2s`" } else { "number" }
    }
}

/// Parses `300ms`, `2s`, and every other format in which a `Duration` prints itself.
fn micros(text: &str) -> Option<i64> {
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(at);
    let scale = match unit {
        "s" => 1e6,
        "ms" => 1e3,
        "\u{b5}s" | "us" => 1.0,
        "ns" => 1e-3,
        _ => return None,
    };
    let micros = number.parse::<f64>().ok()? * scale;
    // The limit is more than a century, and values below it are exact.
    (micros < 4e15).then_some(micros.round() as i64)
}

/// Formats a time as a filter writes it.
pub(crate) fn time(time: Duration) -> String {
    let micros = time.as_micros() as f64;
    match time.as_micros() {
        0..1_000 => format!("{micros}us"),
        1_000..1_000_000 => format!("{}ms", micros / 1e3),
        _ => format!("{}s", micros / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_printed() {
        for (text, us) in [("300ms", 300_000), ("2s", 2_000_000), ("1.5s", 1_500_000), ("0ns", 0)] {
            assert_eq!(micros(text), Some(us), "{text}");
        }
        assert_eq!(time(Duration::from_millis(1500)), "1.5s");
        for us in [0, 1, 999, 1000, 123_456, 59_999_999] {
            assert_eq!(micros(&time(Duration::from_micros(us))), i64::try_from(us).ok());
        }
        for none in ["300", "ms", "3 ms", "-1s", "3min"] {
            assert_eq!(micros(none), None, "{none}");
        }
    }
}
