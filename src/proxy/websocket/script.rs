//! Plays the server's side of a recorded WebSocket.

use crate::flow::Direction;
use crate::rules::Piece;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Sends the server's messages, each after the client messages that came before it, and then keeps the socket open until
/// the client closes it.
pub(super) async fn play(io: impl AsyncRead + AsyncWrite + Unpin, pieces: Vec<Piece>) {
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    for piece in pieces {
        if piece.direction == Direction::ToServer {
            if !has_received(&mut socket).await {
                return;
            }
            continue;
        }
        let is_text = piece.is_text;
        // The replay reports a turn that does not come.
        let Ok(content) = piece.in_time().await else { break };
        let message = match String::from_utf8(content.to_vec()) {
            Ok(text) if is_text => Message::text(text),
            _ => Message::binary(content),
        };
        if socket.send(message).await.is_err() {
            return;
        }
    }
    while let Some(Ok(_)) = socket.next().await {}
}

/// Waits for a message of the client. Returns false if it has closed the socket.
async fn has_received<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> bool {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(_) | Message::Binary(_))) => return true,
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return false,
        }
    }
}
