//! Pauses a test for a person: its browser stays open and its deadline stands still until it is told to go on.

use crate::flow::Place;
use crate::journal::{Event, Journal};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

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
    journal.write(Event::Paused { place });
    say(&format!("{why}\n  at {place}\n  {}\n", how_to_go_on(enter)));
    wait(resumed, enter).await;
    journal.write(Event::Resumed);
    Ok(())
}

fn how_to_go_on(enter: bool) -> String {
    let signal = format!("`kill -USR1 {}`", std::process::id());
    if enter { format!("press Enter, or {signal}, to go on") } else { format!("{signal} goes on") }
}

async fn wait(mut resumed: Signal, enter: bool) {
    let (sender, pressed) = oneshot::channel();
    if enter {
        // If the signal comes first, the thread waits until the process ends.
        std::thread::spawn(move || {
            if io::stdin().read_line(&mut String::new()).is_ok() {
                // Without a receiver, the test goes on already.
                let _ = sender.send(());
            }
        });
        tokio::select! {
            _ = resumed.recv() => {}
            Ok(()) = pressed => {}
        }
    } else {
        resumed.recv().await;
    }
}

/// Writes to the terminal if there is one, else to stderr: a harness keeps what a test prints until it ends.
fn say(text: &str) {
    let terminal = OpenOptions::new().write(true).open("/dev/tty");
    // A write fails only if nobody reads.
    let _ = match terminal {
        Ok(mut terminal) => terminal.write_all(text.as_bytes()),
        Err(_) => io::stderr().write_all(text.as_bytes()),
    };
}
