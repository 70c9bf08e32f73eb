//! One connection of a console.

use super::act::Hands;
use super::rows::Rows;
use crate::journal::Event;
use crate::mitm::Mitm;
use crate::sanitize::sanitize_line;
use serde_json::{Value, json};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

/// How many lines of the journal a console gets at first.
const LINES: usize = 500;

/// What all consoles of one proxy share: the person's session goes on when they attach again.
#[derive(Clone, Debug)]
pub struct Console {
    mitm: Mitm,
    name: Option<Arc<str>>,
    hands: Arc<Mutex<Hands>>,
}

impl Console {
    /// `name` is that of the test.
    #[must_use]
    pub fn new(mitm: &Mitm, name: Option<&str>) -> Self {
        Self { mitm: mitm.clone(), name: name.map(Arc::from), hands: Arc::new(Mutex::new(Hands::new(mitm.clone()))) }
    }
}

/// Serves one console until it leaves.
///
/// # Errors
/// When the connection breaks.
pub async fn serve(console: Console, io: impl AsyncRead + AsyncWrite + Send) -> io::Result<()> {
    let (reader, writer) = tokio::io::split(io);
    let writer = Mutex::new(writer);
    let hello = json!({ "hello": { "proxy": console.mitm.address().to_string(), "test": console.name.as_deref() } });
    send(&mut *writer.lock().await, &hello).await?;
    tokio::select! {
        // What was written to the journal before a question is told before its answer.
        biased;
        told = tell(&console, &writer) => told,
        asked = answer(&console, reader, &writer) => asked,
    }
}

async fn send(writer: &mut (impl AsyncWrite + Unpin), value: &Value) -> io::Result<()> {
    writer.write_all(format!("{value}\n").as_bytes()).await?;
    writer.flush().await
}

/// Tells what happens.
async fn tell(console: &Console, writer: &Mutex<impl AsyncWrite + Unpin>) -> io::Result<()> {
    let (mut rows, mut next, mut is_first, mut state) = (Rows::default(), 0, true, Value::Null);
    let mut pauses = 0_i32;
    let journal = console.mitm.log();
    loop {
        let mut written = pin!(journal.written());
        // From here on no entry is missed.
        written.as_mut().enable();
        // Held until all is told: no answer comes in between.
        let mut to = writer.lock().await;
        let (entries, after) = journal.since(next);
        next = after;
        entries.iter().for_each(|entry| rows.note(entry));
        let before = pauses;
        for entry in &entries {
            match entry.event {
                Event::Paused { .. } => pauses += 1,
                Event::Resumed => pauses -= 1,
                _ => {}
            }
        }
        if (before > 0) != (pauses > 0) {
            send(&mut *to, &json!({ "paused": pauses > 0 })).await?;
        }
        let changed = rows.take_changed();
        if !changed.is_empty() || is_first {
            send(&mut *to, &json!({ "rows": changed })).await?;
        }
        let skipped = if is_first { entries.len().saturating_sub(LINES) } else { 0 };
        let told = entries.iter().skip(skipped).filter(|entry| !entry.event.is_detail());
        let lines: Vec<_> = told
            .map(|it| format!("{:>9.1} ms  {}", it.at.as_secs_f64() * 1e3, sanitize_line(&it.event.to_string())))
            .collect();
        if !lines.is_empty() {
            send(&mut *to, &json!({ "lines": lines })).await?;
        }
        // Somebody may be acting, and then tells the state himself.
        if let Ok(hands) = console.hands.try_lock()
            && state != hands.state()
        {
            state = hands.state();
            drop(hands);
            send(&mut *to, &json!({ "state": state })).await?;
        }
        drop(to);
        is_first = false;
        written.await;
    }
}

/// Answers what is asked, one after another.
async fn answer(
    console: &Console,
    reader: impl AsyncRead + Unpin,
    writer: &Mutex<impl AsyncWrite + Unpin>,
) -> io::Result<()> {
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        let asked: Value = serde_json::from_str(&line).unwrap_or_default();
        let mut hands = console.hands.lock().await;
        let answered = hands.act(&asked).await;
        let state = hands.state();
        drop(hands);
        let reply = match answered {
            Ok(ok) => json!({ "n": asked["n"], "ok": ok }),
            Err(why) => json!({ "n": asked["n"], "error": why }),
        };
        let mut to = writer.lock().await;
        send(&mut *to, &reply).await?;
        send(&mut *to, &json!({ "state": state })).await?;
    }
    Ok(())
}
