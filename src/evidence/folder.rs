//! Where the files of a test are.

use crate::crypto::sha256;
use std::env;
use std::path::{Path, PathBuf};

/// The longest name of a folder, in bytes. File systems allow 255.
const LONGEST: usize = 120;

/// Returns the folder of all evidence: `HOLDUP_ARTIFACTS`, or `holdup` in the target folder of this build.
pub(super) fn root() -> PathBuf {
    if let Some(said) = env::var_os("HOLDUP_ARTIFACTS").filter(|said| !said.is_empty()) {
        return PathBuf::from(said);
    }
    // Cargo marks its target folders with this file.
    let exe = env::current_exe().unwrap_or_default();
    let target = exe.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(|| PathBuf::from("target"), Path::to_owned).join("holdup")
}

/// Returns the folders of a test below the root: that of its package, and its own.
pub(super) fn of_test(test: &str) -> (String, String) {
    let (first, _) = test.split_once("::").unwrap_or(("", test));
    let package = env::var("CARGO_PKG_NAME").ok().filter(|name| !name.is_empty());
    let package = package.unwrap_or_else(|| if first.is_empty() { "tests".to_owned() } else { first.to_owned() });
    (as_name(&package), as_name(test))
}

/// Returns the file that says where a console can attach to a test.
pub(crate) fn console_note(test: &str) -> PathBuf {
    let (package, test) = of_test(test);
    root().join(package).join(test).join("console")
}

/// Returns a text as the name of a file: `a::b` is `a.b`, and what is too long ends with a digest. No character is one that
/// a shell, an archive or a CI server treats in its own way.
fn as_name(text: &str) -> String {
    let mut name: String = text
        .replace("::", ".")
        .chars()
        .map(|char| if char.is_alphanumeric() || matches!(char, '_' | '-' | '.') { char } else { '_' })
        .collect();
    let is_bad = name.is_empty() || name.starts_with('.');
    if is_bad {
        name.insert(0, '_');
    }
    if name.len() > LONGEST || name != text.replace("::", ".") {
        let end = (0..=LONGEST.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        name.truncate(end);
        name += "-";
        sha256(text.as_bytes())[..4].iter().for_each(|byte| name += &format!("{byte:02x}"));
    }
    name
}

/// Returns a path for people: without the folders above the target folder.
pub(super) fn shown(path: &Path) -> String {
    let root = root();
    let above = root.parent().and_then(Path::parent).filter(|_| env::var_os("HOLDUP_ARTIFACTS").is_none());
    let path = above.and_then(|above| path.strip_prefix(above).ok()).unwrap_or(path);
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_of_files() {
        assert_eq!(as_name("it::sockets::a_race"), "it.sockets.a_race");
        let long = as_name(&"ä".repeat(300));
        assert!(long.len() <= LONGEST + 9, "{long}");
        assert_ne!(as_name("a/b"), as_name("a:b"));
        for hostile in ["../../etc/passwd", "", "..", "a\0b", "a\nb", "con|in"] {
            let name = as_name(hostile);
            assert!(!name.starts_with('.') && !name.contains(['/', '\0', '\n', '|', ':']), "{name}");
        }
    }
}
