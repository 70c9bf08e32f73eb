//! Pauses a test for a person: its browser stays open and its deadline stands still until it is told to go on.

use crate::flow::Place;
use crate::journal::{Event, Journal};
use once_cell::sync::Lazy;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Waits until a person presses Enter, or until the process gets SIGUSR1. Says how, past the capture of test harnesses.
///
/// Fails in a CI job, where nobody would do either.
pub(crate) async fn pause(journal: &Journal, place: Place, why: &str) -> Result<(), String> {
    if std::env::var("CI").is_ok_and(|said| !matches!(&*said, "" | "0" | "false")) {
        return Err("a pause needs a person, and this is a CI job (`CI` is set)".to_owned());
    }
    let resumed =
        signal(SignalKind::user_defined1()).map_err(|error| format!("SIGUSR1 cannot be received: {error}"))?;
    let enter = io::stdin().is_terminal();
    let mut told = std::pin::pin!(journal.told_to_go_on());
    // From here on nothing that a console says is missed.
    told.as_mut().enable();
    journal.write(Event::Paused { place });
    // Written too if the future is dropped.
    let _resumes = Resumes(journal);
    say(&format!("{why}\n  at {place}\n  {}\n", how_to_go_on(enter)));
    tokio::select! {
        () = wait(resumed, enter) => {}
        () = told => {}
    }
    Ok(())
}

struct Resumes<'a>(&'a Journal);

impl Drop for Resumes<'_> {
    fn drop(&mut self) {
        self.0.write(Event::Resumed);
    }
}

fn how_to_go_on(enter: bool) -> String {
    let signal = format!("`kill -USR1 {}`", std::process::id());
    if enter { format!("press Enter, or {signal}, to go on") } else { format!("{signal} goes on") }
}

async fn wait(mut resumed: Signal, enter: bool) {
    if !enter {
        resumed.recv().await;
        return;
    }
    let mut pressed = enters();
    tokio::select! {
        _ = resumed.recv() => {}
        // Fails if the input has ended; then only the signal is left.
        Ok(()) = pressed.changed() => {}
    }
}

/// Changes with each line that a person enters. One thread of the process reads them, for all tests that are paused.
fn enters() -> watch::Receiver<()> {
    static LINES: Lazy<watch::Sender<()>> = Lazy::new(|| {
        let lines = watch::Sender::new(());
        let entered = lines.clone();
        std::thread::spawn(move || {
            while io::stdin().read_line(&mut String::new()).is_ok_and(|read| read > 0) {
                entered.send_replace(());
            }
        });
        lines
    });
    LINES.subscribe()
}

/// Writes to the terminal if there is one, else to stderr: a harness keeps what a test prints until it ends.
pub(crate) fn say(text: &str) {
    let terminal = OpenOptions::new().write(true).open("/dev/tty");
    // A write fails only if nobody reads.
    let _ = match terminal {
        Ok(mut terminal) => terminal.write_all(text.as_bytes()),
        Err(_) => io::stderr().write_all(text.as_bytes()),
    };
}
