//! Attaches to a test that waits for a person.

use super::{Link, run};
use crate::artifacts;
use crate::commands::{Fault, say};
use std::path::Path;
use std::process::ExitCode;
use tokio::net::UnixStream;

/// The files that say where the sockets are, in the folders of the tests below `target/holdup`.
const NOTE: &str = "console";

pub(crate) async fn attach(name: Option<&str>) -> Result<ExitCode, Fault> {
    let folder = artifacts::folder();
    let mut waiting = Vec::new();
    for note in artifacts::named(NOTE) {
        let test = test_of(&note);
        // A socket that nobody listens on is left over.
        if name.is_none_or(|name| test.contains(&name.replace("::", ".")))
            && let Ok(socket) = std::fs::read_to_string(&note)
            && let Ok(stream) = UnixStream::connect(&socket).await
        {
            waiting.push((test, stream));
        }
    }
    match waiting.len() {
        1 => run(Link::new(waiting.remove(0).1)).await,
        0 => Err(format!(
            "no test {}waits (looked in {}). Run it with HOLDUP_PAUSE=1 or HOLDUP_PAUSE=on-failure",
            name.map_or_else(String::new, |name| format!("with {name:?} in its name ")),
            folder.display()
        )
        .into()),
        _ => {
            say("several tests wait; name one: holdup console TEST");
            waiting.iter().for_each(|(test, _)| say(&format!("  {test}")));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn test_of(note: &Path) -> String {
    note.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
}
