//! Checks the import table of ARCHITECTURE.md against the code, and that the pure folders are pure.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod modules;

use modules::Modules;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// `crate::X` that is no folder, but an item of the root.
const NO_FOLDERS: [&str; 1] = ["__private"];
const PURE: [&str; 4] = ["flow", "filter", "rules", "schedule"];
/// Names that a pure folder must not use, because they depend on the environment.
const WORLDLY: [&str; 8] = ["tokio", "hyper", "rustls", "Mutex", "RwLock", "Instant::now", "SystemTime", "std::thread"];
const LONGEST_FILE: usize = 350;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All Rust files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn folders() -> BTreeSet<String> {
    let entries = fs::read_dir(source()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The code of a file, without comment lines.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The folders that each folder imports.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for folder in folders() {
        let mut named = BTreeSet::new();
        for file in files(&source().join(&folder)) {
            for after in code(&file).split("crate::").skip(1) {
                let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                assert!(!name.is_empty(), "{}: a list after `crate::` hides what is imported", file.display());
                if name != folder && !NO_FOLDERS.contains(&name.as_str()) {
                    named.insert(name);
                }
            }
        }
        all.insert(folder, named);
    }
    all
}

/// Parses the table in ARCHITECTURE.md: lines like "| `rules` | `filter`, `flow` | .. |".
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(source().join("../ARCHITECTURE.md")).unwrap();
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows =
        text.lines().skip_while(|line| !line.starts_with("| folder")).skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        (quoted(cells[1]).remove(0), quoted(cells[2]).into_iter().collect())
    })
    .collect()
}

#[test]
fn the_import_table_is_true() {
    assert_eq!(imports(), table(), "left: the code; right: ARCHITECTURE.md");
}

#[test]
fn imports_go_one_way() {
    let mut left = imports();
    // Folders without remaining imports are removed; a cycle stays.
    while let Some(leaf) = left.iter().find(|(_, named)| named.iter().all(|name| !left.contains_key(name))) {
        let leaf = leaf.0.clone();
        left.remove(&leaf);
    }
    assert!(left.is_empty(), "these import each other in a circle: {left:?}");
}

#[test]
fn the_pure_folders_know_nothing_of_the_world() {
    for folder in PURE {
        for file in files(&source().join(folder)) {
            let code = code(&file);
            for word in WORLDLY {
                assert!(!code.contains(word), "{} names {word}", file.display());
            }
        }
    }
}

#[test]
fn files_are_short() {
    for file in files(&source()) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines: is it still one thing?", file.display());
    }
}

#[test]
fn no_files_use_each_other() {
    assert_eq!(Modules::of(&source(), &files(&source())).circles(), Vec::<String>::new());
    let macros = source().join("../macros/src");
    assert_eq!(Modules::of(&macros, &files(&macros)).circles(), Vec::<String>::new());
}
