//! When a piece of a recorded stream is sent.

use crate::rules::Piece;
use bytes::Bytes;
use std::time::Duration;

impl Piece {
    /// Waits until this piece is to be sent, and returns its content.
    pub(super) async fn in_time(self) -> Result<Bytes, String> {
        if !self.after.is_zero() {
            pause(self.after).await;
        }
        if let Some(turn) = self.turn {
            turn.await?;
        }
        Ok(self.content)
    }
}

#[expect(clippy::disallowed_methods, reason = "the time is the recorded one")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
