//! Writes the files of a test: all of them or none, whatever other tests and processes write at the same time.

use super::files::{File, files};
use super::folder::{of_test, root, shown};
use super::index::{Listed, index};
use super::record::Evidence;
use crate::sanitize::sanitize_line;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file from which the index is made.
const LISTED: &str = "evidence.json";
/// A folder that is younger may be in the hands of another process.
const YOUNG: Duration = Duration::from_secs(60);
/// How often a step is tried again that another process has interfered with.
const TRIES: usize = 50;

/// Where the evidence of a test is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// The page, for people.
    pub(crate) shown: String,
    /// The page, absolute.
    pub(crate) page: PathBuf,
}

/// Writes the evidence of a test, in place of what an earlier run has left. Fails without leaving anything behind.
pub(crate) fn write(evidence: &Evidence) -> Result<Bundle, String> {
    let root = root();
    let (package, test) = of_test(&evidence.test);
    let folder = root.join(&package).join(&test);
    let failed = |error: io::Error| format!("the evidence could not be written to {}: {error}", shown(&folder));
    let mut files = files(evidence);
    files.push((LISTED.to_owned(), listed(evidence).to_json().into_bytes()));
    put(&root.join(&package), &test, &files).map_err(failed)?;
    write_index(&root).map_err(failed)?;
    let page = folder.join("timeline.html");
    Ok(Bundle { shown: shown(&page), page: std::path::absolute(&page).unwrap_or(page) })
}

fn listed(evidence: &Evidence) -> Listed {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // nextest starts a process for each test; cargo, for each binary.
    let run =
        std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| format!("process {}", std::os::unix::process::parent_id()));
    Listed {
        at: now.as_secs(),
        run,
        test: sanitize_line(&evidence.test),
        verdict: sanitize_line(&evidence.verdict()),
        failed: evidence.failure.is_some(),
        folder: String::new(),
    }
}

/// Writes files into a new folder, and puts it in the place of the old one.
fn put(parent: &Path, name: &str, files: &[File]) -> io::Result<()> {
    fs::create_dir_all(parent)?;
    sweep(parent, name);
    let new = tempfile::Builder::new().prefix(&format!(".{name}.")).tempdir_in(parent)?;
    for (file, content) in files {
        fs::write(new.path().join(file), content)?;
    }
    make_readable(new.path())?;
    let to = parent.join(name);
    for _ in 0..TRIES {
        let old = tempfile::Builder::new().prefix(&format!(".{name}.")).tempdir_in(parent)?;
        // There may be none, or another process may have taken it.
        let _ = fs::rename(&to, old.path().join("old"));
        if fs::rename(new.path(), &to).is_ok() {
            // It is no longer at its temporary name.
            let _ = new.keep();
            return Ok(());
        }
    }
    Err(io::Error::other("another process writes the evidence of the same test"))
}

/// Temporary folders are private; these files are to be served.
fn make_readable(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

/// Removes what killed processes have left of this test.
fn sweep(parent: &Path, name: &str) {
    let prefix = format!(".{name}.");
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|of| of.modified()).ok().and_then(|at| at.elapsed().ok());
        let is_old = age.is_some_and(|age| age > YOUNG);
        if is_old && entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
            // What cannot be removed stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Writes the index. Whoever writes it last has seen all tests: if there are others after it was written, it is written
/// again.
fn write_index(root: &Path) -> io::Result<()> {
    let mut tests = read_listed(root);
    for _ in 0..TRIES {
        let file = tempfile::Builder::new().prefix(".index.").permissions(readable()).tempfile_in(root)?;
        fs::write(file.path(), index(&tests))?;
        file.persist(root.join("index.html")).map_err(|error| error.error)?;
        let now = read_listed(root);
        if now == tests {
            break;
        }
        tests = now;
    }
    Ok(())
}

fn readable() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o644)
}

fn read_listed(root: &Path) -> Vec<Listed> {
    let folders = |of: &Path| {
        let entries = fs::read_dir(of).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| !name.starts_with('.')).collect::<Vec<_>>()
    };
    let mut tests = Vec::new();
    for package in folders(root) {
        for test in folders(&root.join(&package)) {
            let folder = format!("{package}/{test}");
            let text = fs::read_to_string(root.join(&folder).join(LISTED));
            tests.extend(text.ok().and_then(|text| Listed::from_json(&text, folder)));
        }
    }
    tests.sort();
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_writes_at_the_same_time_the_files_are_those_of_one() {
        let root = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for writer in 0..4_u8 {
                let root = root.path();
                scope.spawn(move || {
                    for _ in 0..20 {
                        let files = ["a", "b"].map(|name| (name.to_owned(), vec![writer; 1000]));
                        put(root, "test", &files).expect("written");
                    }
                });
            }
        });
        let read = |name: &str| fs::read(root.path().join("test").join(name)).expect(name);
        assert!(read("a") == read("b") && read("a").len() == 1000);
        assert_eq!(fs::read_dir(root.path()).expect("a folder").count(), 1, "no temporary folder is left");
    }

    #[test]
    fn the_index_has_all_tests_whoever_writes_last() {
        let root = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for writer in 0..6 {
                let root = root.path();
                scope.spawn(move || {
                    let (test, folder) = (format!("test {writer}"), String::new());
                    let listed =
                        Listed { at: 1, run: "1".to_owned(), test, verdict: String::new(), failed: true, folder };
                    let files = [(LISTED.to_owned(), listed.to_json().into_bytes())];
                    put(&root.join("package"), &format!("test{writer}"), &files).expect("written");
                    write_index(root).expect("written");
                });
            }
        });
        let index = fs::read_to_string(root.path().join("index.html")).expect("an index");
        assert!((0..6).all(|writer| index.contains(&format!("test {writer}"))), "{index}");
    }
}
