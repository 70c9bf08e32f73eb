//! Local files in place of what an upstream sends. Pure: determines which file a flow maps to, not whether it exists.

use crate::filter::{Filter, View};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// What [`replace!`](crate::replace) serves: a file, or a folder from [`dir()`](crate::dir()).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Local(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    File(PathBuf),
    Folder(PathBuf),
}

impl Local {
    pub(crate) fn folder(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Folder(path.into()))
    }

    /// Returns whether this is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.0, Kind::Folder(_))
    }

    pub(crate) fn path(&self) -> &Path {
        let (Kind::File(path) | Kind::Folder(path)) = &self.0;
        path
    }

    /// Returns the file for one flow. In a folder, the filter's first capture group names it; `None` if the name leads
    /// out of the folder.
    pub(crate) fn file(&self, filter: &Filter, view: &View<'_>) -> Option<PathBuf> {
        match &self.0 {
            Kind::File(path) => Some(path.clone()),
            Kind::Folder(folder) => inside(folder, &filter.capture(view)?),
        }
    }
}

fn inside(folder: &Path, captured: &str) -> Option<PathBuf> {
    let asked = captured.split(['?', '#']).next().unwrap_or_default();
    let decoded = percent_decode_str(asked).decode_utf8().ok()?;
    let mut path = folder.to_owned();
    for part in Path::new(decoded.trim_start_matches('/')).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    if decoded.is_empty() || decoded.ends_with('/') {
        path.push("index.html");
    }
    Some(path)
}

impl<P: Into<PathBuf>> From<P> for Local {
    fn from(path: P) -> Self {
        Self(Kind::File(path.into()))
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().display().to_string();
        match self.0 {
            Kind::File(_) => write!(f, "{path:?}"),
            Kind::Folder(_) => write!(f, "dir({path:?})"),
        }
    }
}

/// The type of a body that is text: a browser displays it instead of downloading it.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// Returns the media type of common files of a page; a browser guesses the others.
pub(crate) fn media_type(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()? {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" => TEXT,
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_names_a_file_in_the_folder_and_none_outside() {
        let dist = |asked: &str| inside(Path::new("dist"), asked).map(|path| path.display().to_string());
        assert_eq!(dist("app.js").as_deref(), Some("dist/app.js"));
        assert_eq!(dist("/a/b%20c.css?v=1").as_deref(), Some("dist/a/b c.css"));
        assert_eq!(dist("").as_deref(), Some("dist/index.html"));
        assert_eq!(dist("docs/").as_deref(), Some("dist/docs/index.html"));
        for outside in ["../secret", "a/../../secret", "%2e%2e/secret", "%ff"] {
            assert_eq!(dist(outside), None, "{outside}");
        }
    }
}
