//! Opens a recording, and the files beside it that have its bodies.

use super::played::Played;
use super::read::read;
use bytes::Bytes;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Component, Path};
use zip::ZipArchive;

/// What every archive begins with.
const ZIP: &[u8] = b"PK";
/// The most bytes of one file in an archive.
const UNZIPPED: u64 = 256 * 1024 * 1024;

/// Reads the flows of a file. The error is why it cannot be replayed, for people.
pub(crate) fn load(path: &Path) -> Result<Vec<Played>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    if bytes.starts_with(ZIP) {
        return unzip(bytes).map_err(|why| format!("{} cannot be replayed: {why}", path.display()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = |name: &str| stays_inside(name).then(|| fs::read(folder.join(name)).ok().map(Bytes::from))?;
    read(&bytes, &file).map_err(|why| format!("{} cannot be replayed: {why}", path.display()))
}

/// Reads the HAR in an archive, as Playwright writes it, with its bodies beside it.
fn unzip(bytes: Vec<u8>) -> Result<Vec<Played>, String> {
    let broken = |error: &dyn std::fmt::Display| format!("it is an archive that cannot be read: {error}");
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let har = archive.file_names().filter_map(Result::ok).find(|name| name.ends_with(".har")).map(Cow::into_owned);
    let har = har.ok_or("it is an archive without a HAR")?;
    let folder = har.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let archive = RefCell::new(archive);
    let file = |name: &str| content(&mut archive.borrow_mut(), &format!("{folder}{name}")).ok().map(Bytes::from);
    let bytes = content(&mut archive.borrow_mut(), &har).map_err(|error| broken(&error))?;
    read(&bytes, &file)
}

fn content(archive: &mut ZipArchive<Cursor<Vec<u8>>>, name: &str) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    // One byte more, to know that there is more.
    archive.by_name(name)?.take(UNZIPPED + 1).read_to_end(&mut content)?;
    if content.len() as u64 > UNZIPPED {
        return Err(io::Error::other(format!("{name} has more than {UNZIPPED} bytes")));
    }
    Ok(content)
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
