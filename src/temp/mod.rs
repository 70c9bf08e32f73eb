//! Files and folders in the temporary folder. What a killed process leaves there is removed by the next process.
//!
//! The owner holds a lock, which the kernel releases however the process ends. Process ids do not work: containers may
//! share the folder and not the ids.

use std::fs::{self, DirEntry, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;
use tempfile::NamedTempFile;

/// The prefix of every name: `holdup-driver-` and some random letters. What a person calls `holdup-notes` is not ours.
const PREFIX: &str = "holdup-";
/// How many random letters a name has.
const RANDOM: usize = 12;
const KINDS: [&str; 4] = ["ca-", "console-", "driver-", "test-"];
const SUFFIXES: [&str; 2] = [".pem", ""];

/// Younger entries may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// Creates a file that only this user can access. It is removed when it is dropped.
pub(crate) fn file(what: &str, suffix: &str) -> io::Result<NamedTempFile> {
    sweep_once();
    let name = format!("{PREFIX}{what}-");
    let file = tempfile::Builder::new().prefix(&name).suffix(suffix).rand_bytes(RANDOM).tempfile()?;
    file.as_file().lock_shared()?;
    Ok(file)
}

/// Creates a folder that only this user can access. The caller removes it.
pub(crate) fn folder(what: &str) -> io::Result<Folder> {
    sweep_once();
    let (name, private) = (format!("{PREFIX}{what}-"), Permissions::from_mode(0o700));
    let folder = tempfile::Builder::new().prefix(&name).rand_bytes(RANDOM).permissions(private).tempdir()?;
    let lock = File::open(folder.path())?;
    lock.lock_shared()?;
    Ok(Folder { path: folder.keep(), _lock: lock })
}

/// A folder that no other process sweeps as long as this value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    _lock: File,
}

fn sweep_once() {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| {
        // If the folder cannot be listed, there is nothing to remove.
        let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
        entries.filter(is_ours).for_each(|entry| remove(&entry));
    });
}

fn is_ours(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let age = entry.metadata().and_then(|of| of.modified()).ok().and_then(|at| at.elapsed().ok());
    name.to_str().is_some_and(is_our_name) && age.is_some_and(|age| age > YOUNG)
}

fn is_our_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let Some(rest) = KINDS.iter().find_map(|kind| rest.strip_prefix(kind)) else { return false };
    let random = SUFFIXES.iter().find_map(|suffix| rest.strip_suffix(suffix));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Removes an entry that is not locked. One that cannot be removed belongs to another user.
fn remove(entry: &DirEntry) {
    let Ok(file) = File::open(entry.path()) else { return };
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return;
    }
    let _ = match entry.file_type() {
        Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
        _ => fs::remove_file(entry.path()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds the entry in the temporary folder.
    fn entry(path: &std::path::Path) -> DirEntry {
        let mut entries = fs::read_dir(std::env::temp_dir()).expect("a folder").flatten();
        entries.find(|entry| entry.path() == path).expect("the entry")
    }

    #[test]
    fn what_a_person_names_like_the_program_stays() {
        for name in ["holdup-notes", "holdup-driver-log.txt", "holdup-debug", "holdup-ca-my.pem", "holdup-1a2B3c.http"]
        {
            assert!(!is_our_name(name), "{name}");
        }
    }

    #[test]
    fn what_somebody_holds_stays_and_what_nobody_holds_goes() {
        let (file, folder) = (file("test", ".pem").expect("a file"), folder("test").expect("a folder"));
        let mode = fs::metadata(&folder.path).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(!is_ours(&entry(file.path())), "it is young");
        for path in [file.path(), &folder.path] {
            assert!(path.file_name().and_then(|name| name.to_str()).is_some_and(is_our_name), "{}", path.display());
        }
        let (path, kept) = (folder.path.clone(), file.path().to_owned());
        for path in [&path, &kept] {
            remove(&entry(path));
            assert!(path.exists(), "{} is held", path.display());
        }
        drop(folder);
        // As a killed process leaves it.
        let (unlocked, _) = file.keep().expect("a file");
        drop(unlocked);
        for path in [&path, &kept] {
            remove(&entry(path));
            assert!(!path.exists(), "{} is held by nobody", path.display());
        }
    }
}
