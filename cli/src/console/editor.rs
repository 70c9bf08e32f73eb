//! Lets a person edit a text in the editor of their choice.

use crate::commands::Fault;
use std::env;
use std::io::Write;
use std::process::Command;

/// Returns the edited text. The terminal is the editor's meanwhile.
pub(super) fn edit(text: &str) -> Result<String, Fault> {
    let editor =
        ["VISUAL", "EDITOR"].into_iter().find_map(|name| env::var(name).ok().filter(|it| !it.trim().is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let mut file = tempfile::Builder::new().prefix("holdup-").suffix(".http").tempfile()?;
    file.write_all(text.as_bytes())?;
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Command::new(program).args(words).arg(file.path()).status();
    let status = status.map_err(|error| format!("the editor {program:?} cannot be started: {error}; set EDITOR"))?;
    if !status.success() {
        return Err(format!("the editor {program:?} failed ({status}): nothing was changed").into());
    }
    Ok(std::fs::read_to_string(file.path())?)
}
