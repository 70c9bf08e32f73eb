//! A client of a console: what a person does there, in the protocol that the program `holdup` speaks.

use holdup::__private::{Console, serve_console};
use holdup::{Mitm, TestResult};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

/// A console, as the program `holdup` speaks to it.
pub struct ConsoleClient {
    told: Lines<BufReader<ReadHalf<DuplexStream>>>,
    asking: WriteHalf<DuplexStream>,
    asked: u64,
}

impl ConsoleClient {
    pub fn on(mitm: &Mitm) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        tokio::spawn(serve_console(Console::new(mitm, None), far));
        let (reader, asking) = tokio::io::split(near);
        Self { told: BufReader::new(reader).lines(), asking, asked: 0 }
    }

    /// Returns what is told next.
    pub async fn told(&mut self) -> TestResult<Value> {
        Ok(serde_json::from_str(&self.told.next_line().await?.ok_or("the console has gone")?)?)
    }

    /// Asks, and returns the number of the reply.
    pub async fn begin(&mut self, mut what: Value) -> TestResult<u64> {
        self.asked += 1;
        what["n"] = self.asked.into();
        self.asking.write_all(format!("{what}\n").as_bytes()).await?;
        Ok(self.asked)
    }

    /// Asks, and returns the reply.
    pub async fn ask(&mut self, what: Value) -> TestResult<Value> {
        self.begin(what).await?;
        loop {
            let told = self.told().await?;
            if told["n"] == self.asked {
                return told.get("ok").cloned().ok_or_else(|| told["error"].to_string().into());
            }
        }
    }

    /// Waits until a flow is held for the first time, and returns its id.
    pub async fn held(&mut self, path: &str) -> TestResult<Value> {
        loop {
            let told = self.told().await?;
            let row = told["rows"].as_array().into_iter().flatten().find(|row| row["path"] == path);
            if let Some(parked) = row.and_then(|row| row["parked"][0]["id"].as_str()) {
                return Ok(parked.into());
            }
        }
    }
}
