//! Orders in which the tests of a module have failed, kept in `tests/holdup-regressions/<module>.txt`: they are executed
//! before any other. (proptest keeps its failing inputs in the same way.)
//!
//! A line is `cc TEST SCHEDULE # SENTENCE, DATE`. Lines are sorted, so that merges work.

use super::settings;
use crate::fixture::TestSpec;
use crate::report::Failure;
use crate::schedule::Plan;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder, below that of the package.
const FOLDER: &str = "tests/holdup-regressions";
const HEAD: &str =
    "# Orders in which tests have failed. Holdup executes them before it explores; keep this file in the repository.";
/// The file of a test's module.
#[derive(Debug)]
pub(super) struct Corpus {
    package: PathBuf,
    file: PathBuf,
    test: &'static str,
}

/// An order of the file.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) plan: Plan,
    /// The file and the line, for people.
    pub(super) place: String,
}

impl Corpus {
    /// Returns the file of a test, unless `HOLDUP_CORPUS` turns that off.
    pub(super) fn of(spec: &TestSpec) -> Option<Self> {
        let (module, test) = spec.name.rsplit_once("::").unwrap_or(("tests", spec.name));
        let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
        let file = Path::new(FOLDER).join(format!("{}.txt", module.replace("::", ".")));
        settings::remembers().then_some(Self { package, file, test })
    }

    /// Returns the orders that are kept of the test. Fails if a line of it cannot be read.
    pub(super) fn orders(&self) -> Result<Vec<Remembered>, Failure> {
        let text = match fs::read_to_string(self.package.join(&self.file)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::bare(format!("{}: {error}", self.file.display()))),
        };
        let mut orders = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let Some((test, rest)) = line.strip_prefix("cc ").and_then(|line| line.split_once(' ')) else { continue };
            if test != self.test {
                continue;
            }
            let place = format!("{}:{}", self.file.display(), at + 1);
            let schedule = rest.split(" # ").next().unwrap_or(rest);
            let plan = schedule.parse().map_err(|why| {
                Failure::bare(format!("{place} cannot be read: {why}")).help("remove the line, or mend its schedule")
            })?;
            orders.push(Remembered { plan, place });
        }
        Ok(orders)
    }

    /// Keeps an order. Returns what to tell about it: in a CI job nothing is written.
    pub(super) fn remember(&self, plan: &Plan, sentence: &str, date: &str) -> String {
        let (file, line) = (self.file.display(), format!("cc {} {plan} # {sentence}, {date}", self.test));
        if settings::is_ci() {
            return format!("to execute it first from now on, add this line to {file}: {line}");
        }
        match self.add(&line) {
            Ok(()) => {
                format!("in {file}, whose orders are executed first from now on (HOLDUP_CORPUS=0 turns that off)")
            }
            Err(error) => format!("not kept: {file} cannot be written: {error}"),
        }
    }

    fn add(&self, line: &str) -> io::Result<()> {
        let file = self.package.join(&self.file);
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // Other tests, and other processes, may add theirs now. The lock ends with the process that has it.
        let lock = fs::File::open(folder)?;
        lock.lock()?;
        let before = fs::read_to_string(&file).unwrap_or_default();
        // The comment of a line does not distinguish it.
        let of = |line: &str| line.split(" # ").next().unwrap_or_default().to_owned();
        if before.lines().any(|known| of(known) == of(line)) {
            return Ok(());
        }
        let (orders, comments): (Vec<_>, Vec<_>) = before.lines().partition(|known| known.starts_with("cc "));
        let orders: BTreeSet<_> = orders.into_iter().chain([line]).collect();
        let comments = if before.is_empty() { vec![HEAD] } else { comments };
        let text: String = comments.into_iter().chain(orders).map(|line| format!("{line}\n")).collect();
        let new = tempfile::Builder::new().prefix(".holdup-").permissions(readable()).tempfile_in(folder)?;
        fs::write(new.path(), text)?;
        new.persist(&file).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Temporary files are private; this one belongs to the repository.
fn readable() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o644)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(package: &Path, test: &'static str) -> Corpus {
        Corpus { package: package.to_owned(), file: Path::new(FOLDER).join("shop.txt"), test }
    }

    #[test]
    fn what_is_kept_is_read_and_kept_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let plan: Plan = "h1;ff;r:GET /a?q=x#1 > a2".parse().expect("a schedule");
        let tests = ["b", "a", "c"];
        std::thread::scope(|scope| {
            for test in tests {
                let (folder, plan) = (folder.path(), &plan);
                scope.spawn(move || {
                    (0..3).for_each(|_| {
                        corpus(folder, test).add(&format!("cc {test} {plan} # why, today")).expect("kept");
                    });
                });
            }
        });
        for test in tests {
            let orders = corpus(folder.path(), test).orders().expect("readable");
            assert_eq!((orders.len(), &orders[0].plan), (1, &plan));
        }
        let text = fs::read_to_string(folder.path().join(FOLDER).join("shop.txt")).expect("a file");
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("cc ")).collect();
        assert!(lines.is_sorted() && text.starts_with("# "), "{text}");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        corpus(folder.path(), "a").add("cc a h9;xx # why").expect("kept");
        assert!(corpus(folder.path(), "b").orders().expect("not its line").is_empty());
        let why = corpus(folder.path(), "a").orders().expect_err("unreadable").to_string();
        assert!(why.contains("tests/holdup-regressions/shop.txt:2 cannot be read"), "{why}");
    }
}
