//! The pace and the cut that rules apply to a body in transit.

use super::body::{BodyError, Source};
use super::capture::Capture;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::fmt;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// How a body is slowed down or cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shaping {
    /// Bytes per second.
    pub(super) rate: Option<NonZeroU64>,
    /// Breaks off after this many bytes.
    pub(super) cut_after: Option<u64>,
}

impl Shaping {
    /// Limits the rate, unless it is lower already.
    pub(super) fn slow_to(&mut self, rate: NonZeroU64) {
        self.rate = Some(self.rate.map_or(rate, |before| before.min(rate)));
    }
}

/// Why a body breaks off.
#[derive(Debug)]
pub(super) enum Broken {
    /// The upstream connection broke off, or reading the file failed.
    Wire(BodyError),
    /// A rule cut the body off.
    Cut(h2::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => error.fmt(f),
            Self::Cut(_) => f.write_str("cut off by a rule"),
        }
    }
}

impl std::error::Error for Broken {
    /// hyper takes the HTTP/2 error code from here.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Wire(error) => error.source(),
            Self::Cut(reason) => Some(reason),
        }
    }
}

/// A body with its shaping.
#[derive(Debug, Default)]
pub(super) struct Shaped {
    source: Source,
    shaping: Shaping,
    /// Receives what is sent.
    capture: Option<Capture>,
    /// The unsent rest of a frame that is split into pieces.
    rest: Bytes,
    /// The time until the next piece may be sent.
    pausing: Option<Pin<Box<Sleep>>>,
}

/// Pieces of a slow body per second.
const BEAT: u64 = 20;

impl Shaped {
    pub(super) fn new(source: Source, shaping: Shaping) -> Self {
        Self { source, shaping, capture: None, rest: Bytes::new(), pausing: None }
    }

    pub(super) fn captured(self, capture: Option<Capture>) -> Self {
        Self { capture, ..self }
    }

    /// The bytes of the current frame that may be sent at once.
    fn size_of_piece(&self) -> usize {
        let paced = self.shaping.rate.map_or(u64::MAX, |rate| (rate.get() / BEAT).max(1));
        let most = paced.min(self.shaping.cut_after.unwrap_or(u64::MAX));
        usize::try_from(most).unwrap_or(usize::MAX).min(self.rest.len())
    }

    fn piece(&mut self) -> Bytes {
        let piece = self.rest.split_to(self.size_of_piece());
        if let Some(left) = &mut self.shaping.cut_after {
            *left -= piece.len() as u64;
        }
        piece
    }

    /// Whether the whole body was returned, and is to be cut off at its end. hyper does not poll again if the length
    /// was declared.
    pub(super) fn is_cut_at_its_end(&self) -> bool {
        self.shaping.cut_after.is_some() && self.rest.is_empty() && self.source.is_end_stream()
    }
}

#[expect(clippy::disallowed_methods, reason = "time is what the rule is about")]
fn pause(time: Duration) -> Sleep {
    tokio::time::sleep(time)
}

impl Shaped {
    fn poll_shaped(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.shaping == Shaping::default() {
            return Pin::new(&mut self.source).poll_frame(cx).map_err(Broken::Wire);
        }
        let cut = || Poll::Ready(Some(Err(Broken::Cut(h2::Reason::INTERNAL_ERROR.into()))));
        if self.shaping.cut_after == Some(0) {
            return cut();
        }
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.source).poll_frame(cx)) {
                None if self.shaping.cut_after.is_some() => return cut(),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(_) if self.shaping.cut_after.is_some() => return cut(),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end.map(|end| end.map_err(Broken::Wire))),
            }
        }
        // A piece is delayed by the time that it takes to send; after the last there is no delay.
        if let Some(rate) = self.shaping.rate {
            let time = Duration::from_secs_f64(self.size_of_piece() as f64 / rate.get() as f64);
            ready!(self.pausing.get_or_insert_with(|| Box::pin(pause(time))).as_mut().poll(cx));
            self.pausing = None;
        }
        Poll::Ready(Some(Ok(Frame::data(self.piece()))))
    }
}

impl Body for Shaped {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let frame = ready!(self.as_mut().poll_shaped(cx));
        if let (Some(capture), Some(Ok(frame))) = (&self.capture, &frame) {
            frame.data_ref().into_iter().for_each(|data| capture.note(data));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.shaping.cut_after.is_none() && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.source.size_hint(), self.rest.len() as u64);
        let mut all = SizeHint::new();
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + rest);
        }
        all.set_lower(hint.lower() + rest);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn whole(text: &'static str, shaping: Shaping) -> Shaped {
        Shaped::new(Source::whole(Bytes::from_static(text.as_bytes())), shaping)
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept() {
        let slow = Shaping { rate: NonZeroU64::new(10), cut_after: None };
        let began = tokio::time::Instant::now();
        let text = whole("0123456789abcdef", slow).collect().await.expect("a body").to_bytes();
        assert_eq!((&text[..], began.elapsed().as_millis()), (&b"0123456789abcdef"[..], 1600));
    }

    #[tokio::test]
    async fn a_body_breaks_off_where_it_should() {
        for (after, gets) in [(0, ""), (3, "012"), (10, "0123456789"), (99, "0123456789")] {
            let mut body = whole("0123456789", Shaping { rate: None, cut_after: Some(after) });
            let mut text = Vec::new();
            let end = loop {
                match body.frame().await {
                    Some(Ok(frame)) => text.extend(frame.into_data().expect("data")),
                    end => break end,
                }
            };
            assert!(matches!(end, Some(Err(Broken::Cut(_)))), "{end:?}");
            assert_eq!(String::from_utf8_lossy(&text), gets);
        }
    }
}
