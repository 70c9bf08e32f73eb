//! One connection of a console.

use super::rows::Rows;
use super::session::Session;
use super::view::{Bodies, is_shown};
use crate::journal::{Entry, Event};
use crate::mitm::Mitm;
use crate::sanitize::sanitize_line;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

/// How many flows are told at once.
const ROWS: usize = 250;
/// How many lines of the journal a console gets at first.
const LINES: usize = 500;

/// What all consoles of one proxy share: the person's session goes on when they attach again.
#[derive(Clone, Debug)]
pub struct Console {
    mitm: Mitm,
    name: Option<Arc<str>>,
    session: Arc<Session>,
}

impl Console {
    /// `name` is that of the test.
    #[must_use]
    pub fn new(mitm: &Mitm, name: Option<&str>) -> Self {
        Self { mitm: mitm.clone(), name: name.map(Arc::from), session: Arc::new(Session::new(mitm.clone())) }
    }

    /// The last console has left.
    pub(super) fn left(&self) {
        self.session.left(paused(&self.mitm.log().tail(usize::MAX)) > 0);
    }
}

/// Counts the pauses of a test that have not ended in these entries.
fn paused(entries: &[Entry]) -> i32 {
    let count = |entry: &Entry| match entry.event {
        Event::Paused { .. } => 1,
        Event::Resumed => -1,
        _ => 0,
    };
    entries.iter().map(count).sum()
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
    let (mut pauses, mut viewed) = (0_i32, 0);
    let journal = console.mitm.log();
    loop {
        let mut written = pin!(journal.written());
        let mut viewing = pin!(console.session.viewing.notified());
        // From here on no entry is missed.
        written.as_mut().enable();
        viewing.as_mut().enable();
        // Held until all is told: no answer comes in between.
        let mut to = writer.lock().await;
        let (entries, after) = journal.since(next);
        next = after;
        entries.iter().for_each(|entry| rows.note(entry));
        let before = pauses;
        pauses += paused(&entries);
        if (before > 0) != (pauses > 0) {
            send(&mut *to, &json!({ "paused": pauses > 0 })).await?;
        }
        let (seen, view) = console.session.view();
        if std::mem::replace(&mut viewed, seen) != seen {
            rows.all_have_changed();
        }
        let bodies = Bodies::of(journal);
        let changed = rows.take_changed(|row| view.as_ref().is_none_or(|view| is_shown(view, row, &bodies)));
        tell_rows(&mut *to, &changed, is_first).await?;
        let skipped = if is_first { entries.len().saturating_sub(LINES) } else { 0 };
        let told = entries.iter().skip(skipped).filter(|entry| !entry.event.is_detail());
        let (lines, flows): (Vec<_>, Vec<_>) = told.map(line).unzip();
        if !lines.is_empty() {
            send(&mut *to, &json!({ "lines": lines, "flows": flows })).await?;
        }
        let now = console.session.told();
        if state != now {
            state = now;
            send(&mut *to, &json!({ "state": state })).await?;
        }
        drop(to);
        is_first = false;
        tokio::select! {
            () = written => {}
            () = viewing => {}
        }
    }
}

/// Returns an entry as a line, and the flow that it is about.
fn line(entry: &Entry) -> (String, Option<u64>) {
    let line = format!("{:>9.1} ms  {}", entry.at.as_secs_f64() * 1e3, sanitize_line(&entry.event.to_string()));
    (line, entry.event.flow().map(|flow| flow.whole().number()))
}

/// Tells rows in pieces: a console shows the first of many while the others are told.
async fn tell_rows(to: &mut (impl AsyncWrite + Unpin), changed: &[Value], is_first: bool) -> io::Result<()> {
    if is_first && changed.is_empty() {
        send(to, &json!({ "rows": [] })).await?;
    }
    for rows in changed.chunks(ROWS) {
        send(to, &json!({ "rows": rows })).await?;
    }
    Ok(())
}

/// Answers what is asked. It begins in the order of the questions; what takes time does not keep the others.
async fn answer(
    console: &Console,
    reader: impl AsyncRead + Unpin,
    writer: &Mutex<impl AsyncWrite + Unpin>,
) -> io::Result<()> {
    let (mut lines, mut acting) = (BufReader::new(reader).lines(), FuturesUnordered::new());
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => acting.push(act(&console.session, line)),
                None => {
                    // What was asked is done, as far as it needs no wait.
                    while let Some(Some(_)) = acting.next().now_or_never() {}
                    return Ok(());
                }
            },
            Some(reply) = acting.next() => {
                let mut to = writer.lock().await;
                send(&mut *to, &reply).await?;
                send(&mut *to, &json!({ "state": console.session.told() })).await?;
            }
        }
    }
}

async fn act(session: &Session, line: String) -> Value {
    let asked: Value = serde_json::from_str(&line).unwrap_or_default();
    match session.act(&asked).await {
        Ok(ok) => json!({ "n": asked["n"], "ok": ok }),
        Err(why) => json!({ "n": asked["n"], "error": why }),
    }
}
