//! How much of the recorded time a replay takes. Pure.

use super::played::Played;
use std::time::Duration;

/// When a replay answers: see [`Replay::timing`](crate::Replay::timing).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Timing {
    /// At once.
    #[default]
    None,
    /// As long after the request, or after the part before, as in the recording.
    Recorded,
    /// That time, multiplied: `Scaled(0.1)` is ten times as fast.
    Scaled(f64),
}

impl Timing {
    /// Returns how long after a request its answer comes.
    pub(super) fn until_answer(self, flow: &Played) -> Duration {
        let head = flow.answer.as_ref().and_then(|answer| answer.at);
        self.between(flow.began, if flow.is_stream() { head } else { flow.ended.or(head) })
    }

    /// Returns how long to wait between two recorded times.
    pub(super) fn between(self, from: Option<f64>, to: Option<f64>) -> Duration {
        let factor = match self {
            Self::None => return Duration::ZERO,
            Self::Recorded => 1.0,
            Self::Scaled(factor) => factor,
        };
        let seconds = from.zip(to).map_or(0.0, |(from, to)| (to - from) * factor);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_scaled_and_never_negative() {
        let between = |timing: Timing, to: f64| timing.between(Some(1.0), Some(to));
        assert_eq!(between(Timing::None, 3.0), Duration::ZERO);
        assert_eq!(between(Timing::Recorded, 3.0), Duration::from_secs(2));
        assert_eq!(between(Timing::Scaled(0.5), 3.0), Duration::from_secs(1));
        for (timing, to) in [(Timing::Recorded, 0.0), (Timing::Scaled(-1.0), 3.0), (Timing::Scaled(f64::NAN), 3.0)] {
            assert_eq!(between(timing, to), Duration::ZERO);
        }
        assert_eq!(Timing::Recorded.between(None, Some(1.0)), Duration::ZERO);
    }
}
