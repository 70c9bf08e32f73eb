//! mitmproxy's patterns (`/filter/regex/replacement`, with any separator), as rules. Pure.

/// Returns the rules that do the same as `--modify-body PATTERN`.
pub(super) fn modify_body(pattern: &str) -> Option<Vec<String>> {
    let (filter, regex, with) = parts(pattern)?;
    // As in Python with DOTALL, a dot matches a line break.
    let dots = if regex.contains('.') { "(?s)" } else { "" };
    let change = format!("{:?} => {:?}", format!("{dots}{regex}"), back_references(with));
    // No rule reads the new text from a file.
    (!with.starts_with('@') && !regex.is_empty()).then(|| rewrite(filter, &change))
}

/// Returns the rules that do the same as `--modify-headers PATTERN`.
pub(super) fn modify_headers(pattern: &str) -> Option<Vec<String>> {
    let (filter, name, value) = parts(pattern)?;
    let with = if value.is_empty() { "none".to_owned() } else { format!("{value:?}") };
    (!value.starts_with('@') && !name.is_empty()).then(|| rewrite(filter, &format!("header({name:?}) => {with}")))
}

/// Rewrites requests and responses, or what the filter says by `~q` or `~s`.
fn rewrite(filter: Option<&str>, change: &str) -> Vec<String> {
    let says = |all: &[&str]| all.iter().any(|what| filter.is_some_and(|filter| filter.contains(what)));
    // What needs a response matches no request.
    let sides: &[&str] = match (says(&["~s", "~c", "~hs", "~bs", "~ts", "!~q", "! ~q"]), says(&["~q"]) && !says(&["|"]))
    {
        (true, _) => &["response"],
        (false, true) => &["request"],
        (false, false) => &["request", "response"],
    };
    let filter = filter.map_or_else(|| "url ~ \"\"".to_owned(), |filter| format!("{filter:?}"));
    sides.iter().map(|side| format!("rewrite!({side}: {filter}, {change})")).collect()
}

/// Returns the rule that does the same as `--map-local PATTERN`. `is_folder` tells what a path is.
pub(super) fn map_local(pattern: &str, is_folder: impl Fn(&str) -> bool) -> Option<String> {
    let (filter, regex, path) = parts(pattern)?;
    match (is_folder(path), filter) {
        (false, _) => Some(format!("replace!({}, {path:?})", with_url(filter, regex))),
        // The rest of the URL is the name of the file, unless the pattern captures it.
        (true, None) if regex.contains('(') => Some(format!("replace!(url ~ {regex:?}, dir({path:?}))")),
        (true, None) => Some(format!("replace!(url ~ {:?}, dir({path:?}))", format!("{regex}/?([^?]*)"))),
        (true, Some(_)) => None,
    }
}

/// Returns the rule that does the same as `--map-remote PATTERN`, if it replaces only the server.
pub(super) fn map_remote(pattern: &str) -> Option<String> {
    let (filter, regex, url) = parts(pattern)?;
    let is_server = |url: &str| {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.trim_end_matches('/').contains('/'))
    };
    let plain = regex.trim_start_matches('^').replace("\\.", ".").replace("\\/", "/");
    let is_same = is_server(&plain) && is_server(url) && plain.ends_with('/') == url.ends_with('/');
    is_same.then(|| format!("redirect!({}, {:?})", with_url(filter, regex), url.trim_end_matches('/')))
}

/// Splits a pattern: its first character separates the parts. The filter may be left out.
fn parts(pattern: &str) -> Option<(Option<&str>, &str, &str)> {
    let separator = pattern.chars().next()?;
    let parts: Vec<_> = pattern[separator.len_utf8()..].splitn(3, separator).collect();
    match parts[..] {
        [regex, with] => Some((None, regex, with)),
        ["", regex, with] => Some((None, regex, with)),
        [filter, regex, with] => Some((Some(filter), regex, with)),
        _ => None,
    }
}

fn with_url(filter: Option<&str>, regex: &str) -> String {
    match filter {
        None => format!("url ~ {regex:?}"),
        // mitmproxy's language takes any quotes.
        Some(filter) => format!("{:?}", format!("({filter}) & ~u '{regex}'")),
    }
}

/// `\1` of Python is `$1`.
fn back_references(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['\\', '$']) {
        let digit = rest[at + 1..].chars().next().filter(char::is_ascii_digit).filter(|_| rest[at..].starts_with('\\'));
        out.push_str(&rest[..at]);
        match digit {
            Some(digit) => out.push_str(&format!("${{{digit}}}")),
            None if rest[at..].starts_with('$') => out.push_str("$$"),
            None => out.push('\\'),
        }
        rest = &rest[at + 1 + digit.map_or(0, char::len_utf8)..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_becomes_a_rule() {
        let body = |pattern| modify_body(pattern).expect(pattern).join(" ");
        assert_eq!(body("/~q/the/teh"), "rewrite!(request: \"~q\", \"the\" => \"teh\")");
        let both = body("|the (.)|$ \\1 teh");
        assert!(both.ends_with("rewrite!(response: url ~ \"\", \"(?s)the (.)\" => \"$$ ${1} teh\")"), "{both}");
        assert_eq!(modify_body("|a|@file"), None);
        let head = |pattern| modify_headers(pattern).expect(pattern).join(" ");
        assert_eq!(head("/~s & ~d a.test/x-a/1"), "rewrite!(response: \"~s & ~d a.test\", header(\"x-a\") => \"1\")");
        assert!(head("/cookie/").starts_with("rewrite!(request: url ~ \"\", header(\"cookie\") => none)"));
        let local = |pattern| map_local(pattern, |path| path.ends_with('/')).expect(pattern);
        assert_eq!(local("|a.test/js|static/"), "replace!(url ~ \"a.test/js/?([^?]*)\", dir(\"static/\"))");
        assert_eq!(local("|~m GET|a\\.js|b.js"), "replace!(\"(~m GET) & ~u 'a\\\\.js'\", \"b.js\")");
    }

    #[test]
    fn another_server_is_a_redirect() {
        let remote = |pattern| map_remote(pattern);
        assert_eq!(
            remote("|^https://a\\.test|https://b.test").as_deref(),
            Some("redirect!(url ~ \"^https://a\\\\.test\", \"https://b.test\")")
        );
        for other in ["|https://a.test/x|https://b.test", "|https://a.test/|https://b.test", "|a|b", "", "|", "|a"] {
            assert_eq!(remote(other), None, "{other}");
        }
    }
}
