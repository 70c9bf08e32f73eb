//! Owns the terminal: draws when something has changed, and does what the keys say.

use super::draw::{Theme, draw};
use super::editor::{self, Edited};
use super::keys::press;
use super::link::Link;
use super::model::{Effect, Model, Screen, Then};
use crate::commands::Fault;
use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{Event, EventStream, KeyEventKind};
use futures_util::StreamExt;
use ratatui::DefaultTerminal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::env;
use std::io::stdout;
use std::process::{Command, ExitCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{SignalKind, signal};

/// SIGTSTP: what a shell sends to suspend.
const TSTP: i32 = if cfg!(any(target_os = "macos", target_os = "freebsd")) { 18 } else { 20 };

/// Runs the console until the person leaves, or the other end does.
pub(crate) async fn run(link: Link<impl AsyncRead + AsyncWrite>) -> Result<ExitCode, Fault> {
    // Restores the terminal when the program panics.
    let mut terminal = ratatui::try_init()?;
    let mut console = Console { link, model: Model::default(), waiting: BTreeMap::new(), theme: theme(), broken: None };
    let done = console.run(&mut terminal).await;
    ratatui::restore();
    let is_over = console.model.is_over;
    done?;
    if is_over && let Some(test) = &console.model.test {
        crate::commands::say(&format!("the test {test} has ended"));
    }
    Ok(ExitCode::SUCCESS)
}

/// See <https://no-color.org>.
fn theme() -> Theme {
    Theme { has_color: env::var_os("NO_COLOR").is_none_or(|said| said.is_empty()) }
}

struct Console<IO> {
    link: Link<IO>,
    model: Model,
    /// What is done with the replies.
    waiting: BTreeMap<u64, Then>,
    theme: Theme,
    /// A text that could not be sent, and its flow.
    broken: Option<(String, String)>,
}

impl<IO: AsyncRead + AsyncWrite> Console<IO> {
    async fn run(&mut self, terminal: &mut DefaultTerminal) -> Result<(), Fault> {
        let mut events = Some(EventStream::new());
        let (mut ended, mut hung_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        let mut stopped = signal(SignalKind::from_raw(TSTP))?;
        loop {
            terminal.draw(|frame| draw(frame, &mut self.model, &self.theme))?;
            tokio::select! {
                told = self.link.told() => match told? {
                    Some(told) => self.take(told, terminal, &mut events).await?,
                    None => {
                        self.model.is_over = true;
                        return Ok(());
                    }
                },
                event = next(&mut events) => match event {
                    Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                        for effect in press(&mut self.model, key) {
                            match effect {
                                Effect::Quit => return Ok(()),
                                Effect::Suspend => self.suspend(terminal, &mut events)?,
                                Effect::Ask(what, then) => self.ask(what, then).await?,
                            }
                        }
                    }
                    Some(Ok(_)) => {}
                    // The terminal is gone.
                    Some(Err(_)) | None => return Ok(()),
                },
                _ = ended.recv() => return Ok(()),
                _ = hung_up.recv() => return Ok(()),
                _ = stopped.recv() => self.suspend(terminal, &mut events)?,
            }
        }
    }

    async fn ask(&mut self, what: Value, then: Then) -> Result<(), Fault> {
        let number = self.link.ask(what).await?;
        self.waiting.insert(number, then);
        Ok(())
    }

    async fn take(
        &mut self,
        told: Value,
        terminal: &mut DefaultTerminal,
        events: &mut Option<EventStream>,
    ) -> Result<(), Fault> {
        let Some(then) = told["n"].as_u64().and_then(|number| self.waiting.remove(&number)) else {
            self.model.take(&told);
            return self.show_again(&told).await;
        };
        if let Some(why) = told["error"].as_str() {
            self.model.notice = Some(why.to_owned());
            match then {
                Then::Edited(flow, text) => {
                    self.model.notice = Some(format!("{why} (`e` opens it again as you left it)"));
                    self.broken = Some((flow, text));
                }
                Then::Typed(prompt, text, _) if self.model.prompt.is_none() => self.model.prompt = Some((prompt, text)),
                _ => {}
            }
            return Ok(());
        }
        match then {
            Then::Edited(..) => self.model.notice = Some("changed: `a` releases it so".to_owned()),
            Then::Say(words) | Then::Typed(_, _, words) => self.model.notice = Some(words.to_owned()),
            Then::Show(id) if self.model.selected == Some(id) => {
                self.model.shown = Some(told["ok"].clone());
                if told["ok"]["unread"] == true {
                    self.ask(json!({ "do": "show", "flows": [id], "read": true }), Then::Show(id)).await?;
                }
            }
            Then::Show(_) => {}
            Then::Copy => {
                let filter = told["ok"].as_str().unwrap_or_default();
                // Most terminals take it; the notice is for the others.
                crossterm::execute!(stdout(), CopyToClipboard::to_clipboard_from(filter))?;
                self.model.notice = Some(format!("copied: {filter}"));
            }
            Then::Write(path) => {
                self.model.notice = Some(match write_new(&path, told["ok"].as_str().unwrap_or_default()) {
                    Ok(()) => format!("the test is in {path}"),
                    Err(why) => why,
                });
            }
            Then::Edit(flow) => {
                let text = told["ok"].as_str().unwrap_or_default();
                let offered = self.broken.take().filter(|(of, _)| *of == flow).map(|(_, text)| text);
                let offered = offered.unwrap_or_else(|| text.to_owned());
                let edited = Self::beside(terminal, events, || editor::edit(&offered))?;
                self.send_edited(flow, text, edited).await?;
            }
        }
        Ok(())
    }

    async fn send_edited(&mut self, flow: String, text: &str, edited: Result<Edited, Fault>) -> Result<(), Fault> {
        match edited {
            Ok(Edited::Text(edited)) => {
                // Editors end the last line.
                let whole = edited.strip_suffix('\n').filter(|_| !text.ends_with('\n'));
                let edited = whole.map(str::to_owned).unwrap_or(edited);
                if edited == text {
                    self.model.notice = Some("nothing was changed".to_owned());
                    return Ok(());
                }
                let what = json!({ "do": "edit", "flows": [flow], "text": edited });
                self.ask(what, Then::Edited(flow, edited)).await?;
            }
            Ok(Edited::Broken(text)) => {
                self.model.notice = Some("the text is not UTF-8 (`e` opens what can be read of it)".to_owned());
                self.broken = Some((flow, text));
            }
            Err(error) => self.model.notice = Some(error.to_string()),
        }
        Ok(())
    }

    /// Asks for the flow on the screen again when something has happened to it.
    async fn show_again(&mut self, told: &Value) -> Result<(), Fault> {
        let Some(id) = self.model.selected.filter(|_| self.model.screen == Screen::Flow) else { return Ok(()) };
        let is_told = told["rows"].as_array().is_some_and(|rows| rows.iter().any(|row| row["id"] == id));
        if is_told && !self.waiting.values().any(|then| *then == Then::Show(id)) {
            self.ask(json!({ "do": "show", "flows": [id] }), Then::Show(id)).await?;
        }
        Ok(())
    }

    /// Gives the terminal to something else for a while.
    fn beside<T>(
        terminal: &mut DefaultTerminal,
        events: &mut Option<EventStream>,
        run: impl FnOnce() -> T,
    ) -> Result<T, Fault> {
        terminal.show_cursor()?;
        ratatui::restore();
        // Its thread would read what is typed for the other program. Dropped before there is another: the thread of the old
        // one has a lock until it knows.
        drop(events.take());
        let done = run();
        *terminal = ratatui::try_init()?;
        *events = Some(EventStream::new());
        Ok(done)
    }

    /// Stops this process, as the key does elsewhere, until the shell lets it go on.
    fn suspend(&mut self, terminal: &mut DefaultTerminal, events: &mut Option<EventStream>) -> Result<(), Fault> {
        let this = std::process::id().to_string();
        // The one that cannot be caught.
        let stopped = Self::beside(terminal, events, || Command::new("kill").args(["-STOP", &this]).status())?;
        if let Err(error) = stopped {
            self.model.notice = Some(format!("cannot stop: {error}"));
        }
        Ok(())
    }
}

async fn next(events: &mut Option<EventStream>) -> Option<std::io::Result<Event>> {
    events.as_mut()?.next().await
}

/// Writes a file that does not exist yet.
fn write_new(path: &str, text: &str) -> Result<(), String> {
    use std::io::Write;
    let path = std::path::Path::new(path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut file = std::fs::File::create_new(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => format!("{} is there already: name another file", path.display()),
        _ => format!("{}: {error}", path.display()),
    })?;
    file.write_all(text.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))
}
