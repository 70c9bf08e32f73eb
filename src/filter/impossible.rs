//! Values that a field never has: a comparison with one of them is a mistake in the test. Pure.
//!
//! `macros/src/check.rs` reports the same mistakes at compile time, where the value is a literal.

use super::{Field, Op};

/// Returns why no flow equals this value, and what to write instead.
pub(super) fn why(field: &Field, op: Op, wanted: &str) -> Option<String> {
    if !matches!(op, Op::Equals | Op::Differs) {
        return None;
    }
    match field {
        Field::Path if wanted.contains('?') => {
            let (path, query) = wanted.split_once('?')?;
            let (key, value) = query.split('&').next()?.split_once('=').unwrap_or((query, ""));
            Some(format!("a path has no query: write `path == {path:?} && query({key:?}) == {value:?}`"))
        }
        Field::Path if !wanted.starts_with('/') && wanted != "*" => {
            Some(format!("a path begins with `/`: write `path == \"/{wanted}\"`"))
        }
        Field::Url if !wanted.contains("://") => Some(format!(
            "a URL is absolute, as in \"https://shop.test/a\": write `path == ..` or `url contains {wanted:?}`"
        )),
        Field::Url if wanted.contains('#') => Some("a browser does not send the fragment of a URL".to_owned()),
        Field::Host if wanted.contains("://") || wanted.contains('/') => {
            Some("a host is a name without scheme and path, as in \"shop.test\"".to_owned())
        }
        Field::Host if wanted.matches(':').count() == 1 => {
            let (host, port) = wanted.split_once(':')?;
            Some(format!("a host has no port: write `host == {host:?} && port == {port}`"))
        }
        Field::Method if wanted.chars().any(char::is_lowercase) => {
            Some(format!("methods are upper case: write `method == {}`", wanted.to_uppercase()))
        }
        Field::Scheme if !matches!(wanted, "http" | "https") => Some("a scheme is \"http\" or \"https\"".to_owned()),
        _ => None,
    }
}

/// Returns why a field of this name never has a value.
pub(super) fn why_name(field: &Field) -> Option<String> {
    match field {
        Field::Json(_, pointer) if !pointer.is_empty() && !pointer.starts_with('/') => {
            Some(format!("`json` takes a JSON pointer (RFC 6901), which begins with `/`: write `json(\"/{pointer}\")`"))
        }
        Field::Header(_, name) if http::HeaderName::try_from(name.as_str()).is_err() => {
            Some(format!("{name:?} cannot be the name of a header"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_is_told_with_what_to_write() {
        for (field, wanted, hint) in [
            (Field::Path, "/a?q=1", "path == \"/a\" && query(\"q\") == \"1\""),
            (Field::Path, "a", "path == \"/a\""),
            (Field::Host, "h:80", "host == \"h\" && port == 80"),
            (Field::Host, "https://h", "without scheme"),
            (Field::Url, "/a", "url contains \"/a\""),
            (Field::Method, "get", "method == GET"),
            (Field::Scheme, "HTTP", "\"http\" or \"https\""),
        ] {
            let said = why(&field, Op::Equals, wanted).expect(wanted);
            assert!(said.contains(hint), "{said}");
            assert_eq!(why(&field, Op::Contains, wanted), None, "{wanted}");
        }
        for (field, wanted) in [
            (Field::Path, "/a"),
            (Field::Path, "*"),
            (Field::Host, "::1"),
            (Field::Url, "http://a/"),
            (Field::Method, "X-A"),
        ] {
            assert_eq!(why(&field, Op::Equals, wanted), None, "{wanted}");
        }
    }
}
