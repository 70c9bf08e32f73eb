//! The connection to a proxy's console: lines of JSON, described in `src/console/mod.rs` of `holdup`.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines, ReadHalf, WriteHalf};

pub(crate) struct Link<IO> {
    lines: Lines<BufReader<ReadHalf<IO>>>,
    writer: WriteHalf<IO>,
    asked: u64,
    /// What was told before, and not taken yet.
    waiting: VecDeque<Value>,
}

impl<IO: AsyncRead + AsyncWrite> Link<IO> {
    pub(crate) fn new(io: IO) -> Self {
        let (reader, writer) = tokio::io::split(io);
        Self { lines: BufReader::new(reader).lines(), writer, asked: 0, waiting: VecDeque::new() }
    }

    /// Returns what is told next; `None` when the other end has gone. Cancel safe.
    pub(crate) async fn told(&mut self) -> io::Result<Option<Value>> {
        if let Some(told) = self.waiting.pop_front() {
            return Ok(Some(told));
        }
        let line = self.lines.next_line().await?;
        Ok(line.map(|line| serde_json::from_str(&line).unwrap_or_default()))
    }

    /// Puts back what was told.
    pub(crate) fn tell_again(&mut self, told: Vec<Value>) {
        self.waiting.extend(told);
    }

    /// Asks for something, and returns the number that the reply will have.
    pub(crate) async fn ask(&mut self, mut what: Value) -> io::Result<u64> {
        self.asked += 1;
        what["n"] = json!(self.asked);
        self.writer.write_all(format!("{what}\n").as_bytes()).await?;
        self.writer.flush().await?;
        Ok(self.asked)
    }
}
