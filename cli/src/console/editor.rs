//! Lets a person edit a text in the editor of their choice.

use crate::commands::Fault;
use std::env;
use std::io::Write;
use std::process::Command;

/// What an editor left.
pub(super) enum Edited {
    Text(String),
    /// It is not UTF-8: what can be read of it, for another try.
    Broken(String),
}

/// Returns the edited text. The terminal is the editor's meanwhile.
pub(super) fn edit(text: &str) -> Result<Edited, Fault> {
    let editor =
        ["VISUAL", "EDITOR"].into_iter().find_map(|name| env::var(name).ok().filter(|it| !it.trim().is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let mut file = tempfile::Builder::new().prefix("holdup-").suffix(".http").tempfile()?;
    file.write_all(text.as_bytes())?;
    // A command for the shell, as git takes it: it may have options, and blanks in quotes.
    let status = Command::new("/bin/sh").args(["-c", &format!("{editor} \"$@\""), "sh"]).arg(file.path()).status();
    let status = status.map_err(|error| format!("no shell for the editor {editor:?}: {error}"))?;
    match status.code() {
        Some(0) => {}
        Some(126 | 127) => return Err(format!("the editor {editor:?} cannot be started; set EDITOR").into()),
        _ => return Err(format!("the editor {editor:?} failed ({status}): nothing was changed").into()),
    }
    Ok(match String::from_utf8(std::fs::read(file.path())?) {
        Ok(text) => Edited::Text(text),
        Err(broken) => Edited::Broken(String::from_utf8_lossy(broken.as_bytes()).into_owned()),
    })
}
