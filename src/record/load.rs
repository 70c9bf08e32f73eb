//! Opens a recording, and the files beside it that have its bodies.

use super::played::Played;
use super::read::read;
use bytes::Bytes;
use std::fs;
use std::path::{Component, Path};

/// Reads the flows of a file. The error is why it cannot be replayed, for people.
pub(crate) fn load(path: &Path) -> Result<Vec<Played>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = |name: &str| stays_inside(name).then(|| fs::read(folder.join(name)).ok().map(Bytes::from))?;
    read(&bytes, &file).map_err(|why| format!("{} cannot be replayed: {why}", path.display()))
}

/// Returns whether a name in a recording leads nowhere but into the folder of the recording.
fn stays_inside(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_reads_no_files_elsewhere() {
        for (name, is_inside) in [("a.js", true), ("resources/a.js", true), ("../a.js", false), ("/etc/passwd", false)]
        {
            assert_eq!(stays_inside(name), is_inside, "{name}");
        }
    }
}
