//! Which module uses which, by the paths in its file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The path of a module: `["proxy", "gate", "walk"]`.
type Module = Vec<String>;

/// The modules of a crate, and the paths in each.
pub struct Modules(BTreeMap<Module, Vec<Used>>);

/// A path in a module.
struct Used {
    path: Vec<String>,
    /// Whether the module re-exports the path.
    is_reexport: bool,
}

impl Modules {
    pub fn of(source: &Path, files: &[std::path::PathBuf]) -> Self {
        let module = |file: &Path| -> Module {
            let inside = file.strip_prefix(source).unwrap().with_extension("");
            let mut module: Module = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            module
        };
        Self(files.iter().map(|file| (module(file), used(&fs::read_to_string(file).unwrap()))).collect())
    }

    /// The modules that form a cycle. A module may use its descendants, which are its parts.
    pub fn circles(&self) -> Vec<String> {
        let edges: BTreeMap<_, _> = self.0.keys().map(|module| (module, self.uses(module))).collect();
        let reaches = |from: &Module, to: &Module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(at) = next.pop() {
                for used in edges.get(at).into_iter().flatten() {
                    if used == to {
                        return true;
                    }
                    if seen.insert(used.clone()) {
                        next.push(used);
                    }
                }
            }
            false
        };
        self.0.keys().filter(|module| reaches(module, module)).map(|module| module.join("::")).collect()
    }

    fn uses(&self, module: &Module) -> BTreeSet<Module> {
        let used = self.0[module].iter().filter_map(|used| self.resolve(module, &used.path, 0));
        // The root names everything, and a re-export of a descendant is no dependency.
        used.filter(|used| !module.is_empty() && !used.is_empty() && !used.starts_with(module)).collect()
    }

    /// The module that defines what a path names, through re-exports.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let absolute = self.absolute(from, path)?;
        let length = (0..=absolute.len()).rev().find(|length| self.0.contains_key(&absolute[..*length]))?;
        let (module, name) = (absolute[..length].to_vec(), absolute.get(length));
        let reexport = |used: &&Used| used.is_reexport && used.path.last() == name;
        let through = self.0[&module].iter().find(reexport).filter(|_| depth < 5 && name.is_some());
        let further = through.and_then(|used| self.resolve(&module, &used.path, depth + 1));
        Some(further.unwrap_or(module))
    }

    /// The path from the root; `None` for a path outside the crate.
    fn absolute(&self, from: &Module, path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|part| *part == "super").count();
        let child = || [from.clone(), path[..1].to_vec()].concat();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([from, &path[1..]].concat()),
            "super" if supers <= from.len() => Some([&from[..from.len() - supers], &path[supers..]].concat()),
            _ if self.0.contains_key(&child()) => Some([from, path].concat()),
            _ => None,
        }
    }
}

/// The paths in a file, without comments and unit tests.
fn used(text: &str) -> Vec<Used> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |all, line| all + line + "\n");
    let renames = regex::Regex::new(r"\s+as\s+\w+").unwrap();
    let mut all = Vec::new();
    let mut rest = String::new();
    for statement in code.split_inclusive(';') {
        let (before, import) = match statement.rsplit_once("use ") {
            Some((before, import)) if import.ends_with(';') && is_import(before) => (before, import),
            _ => {
                rest += statement;
                continue;
            }
        };
        let is_reexport = before.rsplit('\n').next().unwrap_or_default().trim_start().starts_with("pub");
        let tree: String = renames.replace_all(import.trim_end_matches(';'), "").split_whitespace().collect();
        all.extend(leaves(&tree).into_iter().map(|path| Used { path, is_reexport }));
        rest += before;
    }
    let words = rest.split(|char: char| !(char.is_alphanumeric() || char == '_' || char == ':'));
    let paths = words.filter(|word| word.contains("::")).map(split);
    all.extend(paths.map(|path| Used { path, is_reexport: false }));
    all
}

/// Whether the text before `use` is the start of a line, or a visibility.
fn is_import(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    line.is_empty() || line == "pub" || (line.starts_with("pub(") && line.ends_with(')'))
}

/// Expands `a::{b, c::d}` to `a::b` and `a::c::d`.
fn leaves(tree: &str) -> Vec<Vec<String>> {
    let Some((before, inside)) = tree.split_once('{') else { return vec![split(tree)] };
    let inside = inside.strip_suffix('}').unwrap_or(inside);
    let (mut depth, mut all, mut from) = (0, Vec::new(), 0);
    for (at, char) in inside.char_indices().chain([(inside.len(), ',')]) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                all.extend(leaves(&inside[from..at]));
                from = at + 1;
            }
            _ => {}
        }
    }
    let before = split(before);
    all.into_iter().filter(|path| !path.is_empty()).map(|path| [before.clone(), path].concat()).collect()
}

fn split(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
